"""A client for one 24SevenOffice client (company): thin calls around `protocol` and `values`."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from types import TracebackType
from typing import Any, Self

import httpx
from pydantic import SecretStr

from shared.clock import Clock, utc_now
from shared.failures import AuthFailed, Failure, OutcomeUnknown, Rejected, Transient
from shared.http import checked_base_url
from shared.limits import Limiter
from shared.pages import remembered
from shared.retrying import RetryPolicy
from shared.tfso import values
from shared.tfso.exchange import Exchange, without_cookies
from shared.tfso.login import Identity, Login, TfsoCredentials
from shared.tfso.protocol import (
    INVOICED,
    MAX_SAVED_AT_ONCE,
    SAVES,
    Meaning,
    Service,
    SessionLost,
    failure_of,
    meaning_of,
)
from shared.tfso.sessions import SessionStore, in_session
from shared.words import System

Record = dict[str, Any]
_TIMEOUT = httpx.Timeout(60.0, connect=5.0)
_POLICY = RetryPolicy()


@dataclass(frozen=True)
class SyncPage:
    """A page of GetCompanySyncList. Pages count from 1 (assumed); `pages` is how many there are."""

    records: list[Record]
    page: int
    pages: int
    total: int


class TfsoClient:
    """Reads and writes one client's records, in the one session all workers share.

    A lost session is renewed once per call, and the call, which was refused, made again. What may
    pass within seconds is tried again, a write only where that cannot double it. All methods raise:

        Outage: 24SevenOffice cannot be reached, or is down.
        Limited: a quota is used up.
        AuthFailed: the credentials are wrong, or do not lead into the chosen client.
        Rejected: 24SevenOffice refused the call; with its reason.
        Transient: a read got no usable answer, or the vendor failed.
        OutcomeUnknown: a write may have been carried out, or may still be.
    """

    def __init__(
        self,
        base_url: str,
        credentials: TfsoCredentials,
        *,
        sessions: SessionStore,
        limiter: Limiter,
        policy: RetryPolicy = _POLICY,
        timeout: httpx.Timeout = _TIMEOUT,
        now: Clock = utc_now,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Nothing is sent yet.

        Args:
            base_url: protocol.DEFAULT_BASE_URL, or a sandbox on this machine.

        Raises:
            ValueError: credentials must not be sent to that address.
        """
        self._http = without_cookies(checked_base_url(base_url, System.TFSO), timeout)
        self._exchange = Exchange(
            checked_base_url(base_url, System.TFSO),
            http=self._http,
            limiter=limiter,
            policy=policy,
            now=now,
            sleep=sleep,
            secrets=(credentials.password, credentials.application_id),
        )
        self._login = Login(self._exchange, credentials, now=now)
        self._sessions = sessions
        self._now = now

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections to 24SevenOffice; the session lives on in its store."""
        self._http.close()

    def call(
        self,
        service: Service,
        operation: str,
        *,
        idempotent: bool = True,
        writes: bool = False,
        **arguments: Any,
    ) -> Any:
        """What any operation returns, as `values.read` gives it.

        Args:
            idempotent: making the call twice does no harm.
            writes: it changes something.
            arguments: as `values.write` takes them.

        Raises:
            ValueError: an argument holds what must not be sent; see `values.write`.
        """
        payload = values.write(arguments)

        def attempt(session: SecretStr) -> Any:
            answer = self._exchange.send(
                service,
                operation,
                payload,
                session=session,
                idempotent=idempotent,
                writes=writes,
            )
            if _all_lost_the_session(answer):
                raise SessionLost
            return answer

        return in_session(self._sessions, self._login.open_session, attempt)

    # -- who we are -----------------------------------------------------------------------------

    def identities(self) -> list[Identity]:
        """The clients the credentials open; works before one is chosen."""
        return self._login.identities()

    def current_identity(self) -> Identity:
        """The client the session is logged in to."""
        return Identity.read(self.call(Service.AUTHENTICATE, "GetIdentity") or {})

    def check_access(self) -> None:
        """Make the cheapest call there is, to see whether 24SevenOffice lets us in."""
        self.current_identity()

    def check(self) -> Identity:
        """Test the credentials, also where a session still lives; the client they write into.

        Raises:
            AuthFailed: they open none, or not the chosen one.
        """
        found = self.identities()
        if not any(self._login.is_chosen(identity) for identity in found):
            raise AuthFailed(
                "The user has no access to the chosen 24SevenOffice client, or none is chosen. "
                "It has access to: " + ", ".join(identity.client_name for identity in found),
                system=System.TFSO,
            )
        return self.current_identity()

    # -- reading --------------------------------------------------------------------------------

    def get_companies(self, search: Mapping[str, Any], properties: Sequence[str]) -> list[Record]:
        """Customers and suppliers. Only the properties named are known in what comes back."""
        found = self._listed(
            Service.COMPANY, "GetCompanies", searchParams=search, returnProperties=properties
        )
        return [values.with_defaults(r, values.COMPANY_DEFAULTS, properties) for r in found]

    def get_products(self, search: Mapping[str, Any], properties: Sequence[str]) -> list[Record]:
        """Products. Only the properties named are known in what comes back."""
        return self._listed(
            Service.PRODUCT, "GetProducts", searchParams=search, returnProperties=properties
        )

    def get_categories(self, properties: Sequence[str]) -> list[Record]:
        """All product categories."""
        return self._listed(Service.PRODUCT, "GetCategories", returnProperties=properties)

    def get_invoices(
        self,
        search: Mapping[str, Any],
        invoice_properties: Sequence[str],
        row_properties: Sequence[str],
    ) -> list[Record]:
        """Orders and invoices, at most protocol.MAX_ORDER_IDS OrderIds at a time."""
        found = self._listed(
            Service.INVOICE,
            "GetInvoices",
            searchParams=search,
            invoiceReturnProperties=invoice_properties,
            rowReturnProperties=row_properties,
        )
        return [values.order_with_defaults(r, invoice_properties, row_properties) for r in found]

    def get_currencies(self) -> list[Record]:
        """The currencies of the client."""
        return self._listed(Service.CLIENT, "GetCurrencyList")

    def get_vat_types(self) -> list[Record]:
        """The VAT codes of the client, with their rates."""
        return self._listed(Service.CLIENT, "GetVatTypeList")

    def get_order_sync_list(self, changed_after: datetime) -> list[int]:
        """The OrderIds of all orders changed after a time."""
        search = {"ChangedAfter": changed_after, "RegisteredAfter": values.UNSET_TIME}
        found = self._remembered(Service.INVOICE, "GetOrderSyncList", syncParams=search) or ()
        return [number for number in found if number is not None]

    def company_sync_list(
        self, page: int = 1, *, active: bool | None = None, changed_after: datetime | None = None
    ) -> SyncPage:
        """A page of all companies' CompanyId, ExternalId, DateChanged, DateRegistered, Active.

        Args:
            active: whether to list those in use, or those deleted; None for both (assumed).
        """
        search = {"Page": page, "Active": active, "ChangedAfter": changed_after}
        answer = self._remembered(
            Service.COMPANY, "GetCompanySyncList", syncSearchParameters=search
        )
        found: Record = answer or {}
        return SyncPage(
            records=found.get("Items", []),
            page=found.get("CurrentPage", page),
            pages=found.get("TotalPages", 0),
            total=found.get("TotalItems", 0),
        )

    def _listed(self, service: Service, operation: str, **arguments: Any) -> list[Record]:
        return _records(self._remembered(service, operation, **arguments))

    def _remembered(self, service: Service, operation: str, **arguments: Any) -> Any:
        """What a list answers, without failures in its records."""

        def ask() -> Any:
            answer = self.call(service, operation, **arguments)
            for record in answer if isinstance(answer, list) else ():
                if isinstance(record, dict) and (failure := self._failure_in(record)):
                    raise failure
            return answer

        return remembered({"operation": operation, "arguments": arguments}, ask)

    # -- writing --------------------------------------------------------------------------------

    def save(
        self,
        service: Service,
        operation: str,
        items: Sequence[Mapping[str, Any]],
        *,
        idempotent: bool | None = None,
    ) -> list[Record | Failure]:
        """Create or update records: for each item, in order, the saved record or its failure.

        Args:
            operation: one of protocol.SAVES.
            items: at most protocol.MAX_SAVED_AT_ONCE; with their number they are updated.
            idempotent: None to find out: it is, when it only updates, adds no order rows and
                invoices nothing, for what is invoiced refuses the second time.
        """
        if len(items) > MAX_SAVED_AT_ONCE:
            raise ValueError(f"{operation}: {len(items)} items, over {MAX_SAVED_AT_ONCE}")
        save = SAVES[operation]
        if idempotent is None:
            idempotent = all(_only_updates(item, save.key) for item in items)
        arguments = {save.argument: items}
        answer = self.call(service, operation, idempotent=idempotent, writes=True, **arguments)
        records = _records(answer)
        if len(records) != len(items):
            raise OutcomeUnknown(
                f"24SevenOffice answered {operation} of {len(items)} records with {len(records)}.",
                system=System.TFSO,
            )
        return [self._outcome_in(record) for record in records]

    def set_stock(self, product_id: int, quantity: Decimal) -> None:
        """Set the quantity in stock of one product.

        Raises:
            Rejected: the vendor says it did not.
        """
        done = self.call(
            Service.PRODUCT,
            "SetStockQuantity",
            writes=True,
            productId=product_id,
            stockQuantity=quantity,
        )
        if done is not True:
            raise Rejected(
                f"24SevenOffice did not set the stock of product {product_id} and gave no reason.",
                system=System.TFSO,
            )

    def _outcome_in(self, record: Record) -> Record | Failure:
        failure = self._failure_in(record)
        if failure is None:
            return record
        if isinstance(failure, Transient):
            return OutcomeUnknown(failure.message, system=System.TFSO)
        return failure

    def _failure_in(self, record: Record) -> Failure | None:
        if "APIException" not in record:
            return None
        reason = self._exchange.masked(_reason(record), self._sessions.current())
        failure = failure_of(reason, now=self._now())
        if isinstance(failure, SessionLost):
            return Transient("24SevenOffice lost the session on the way.", system=System.TFSO)
        return failure


def _records(answer: Any) -> list[Record]:
    """The records of a list; one of which nothing is said keeps its place."""
    return [record or {} for record in answer or ()]


def _reason(record: Record) -> str:
    exception = record["APIException"]
    return str(exception.get("Message") or exception.get("Type") or "")


def _all_lost_the_session(answer: Any) -> bool:
    """Whether the call was refused item by item for want of a session (assumed to be possible)."""
    return (
        isinstance(answer, list)
        and bool(answer)
        and all(
            isinstance(item, dict)
            and "APIException" in item
            and meaning_of(_reason(item)) is Meaning.SESSION_LOST
            for item in answer
        )
    )


def _only_updates(item: Mapping[str, Any], key: str) -> bool:
    return (
        item.get(key) is not None
        and not item.get("ExplicitlySpecifyNewCompanyId")
        and item.get("OrderStatus") not in INVOICED
        and all(row.get("RowId") is not None for row in item.get("InvoiceRows") or ())
    )
