"""How Rackbeat's API is asked: resources and their addresses, headers, requests. All pure.

Paths and names are the reference's, as far as it shows them; the names inside the answers of
layouts, fields, employees, locations and shipments follow the pattern of the others (assumed).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any, Literal
from urllib.parse import quote

from pydantic import SecretStr

from shared.failures import AuthFailed, Unmappable
from shared.http import ACCEPT_ENCODING
from shared.words import System

Record = dict[str, Any]
Parameter = str | int | bool

_PRODUCT = f"Varebro/{version('varebro')}"


def encoded(number: str) -> str:
    """A number as part of an address: encoded twice, as Rackbeat demands for / ? + and blanks."""
    return quote(quote(number, safe=""), safe="")


@dataclass(frozen=True)
class Resource:
    """One kind of record.

    Attributes:
        path: its place below the base address.
        singular: the name one record is wrapped in; also the first part of its webhooks' events.
        plural: the name a list is wrapped in.
    """

    path: str
    singular: str
    plural: str

    @property
    def title(self) -> str:
        """What people call it."""
        return self.singular.replace("_", " ")

    def address(self, number: str | int | None = None, suffix: str = "") -> str:
        """The path of the list, of one record, or of something below either.

        Args:
            suffix: what follows, such as "/drafts" or "/book".

        Raises:
            Unmappable: no address can carry that number.
        """
        if number is None:
            return f"/{self.path}{suffix}"
        text = str(number)
        if text in {"", ".", ".."}:
            raise Unmappable(
                f"Rackbeat cannot be asked for the {self.title} with the number '{text}': web "
                "addresses give such a number another meaning. Give the record another number",
                system=System.RACKBEAT,
            )
        return f"/{self.path}/{encoded(text)}{suffix}"


@dataclass(frozen=True)
class Request:
    """One call.

    Attributes:
        path: below the base address, encoded.
        what: the call in words that follow "when asked to", such as "read product 1045".
    """

    method: Literal["GET", "POST", "PUT", "DELETE"]
    path: str
    what: str
    params: Mapping[str, Parameter] = field(default_factory=dict)
    payload: Mapping[str, Any] | None = field(default=None, repr=False)

    @property
    def writes(self) -> bool:
        return self.method != "GET"

    @property
    def repeatable(self) -> bool:
        """Whether carrying it out twice is the same as once. Rackbeat's POST never is (assumed)."""
        return self.method != "POST"


@dataclass(frozen=True)
class Answer:
    """What came back: the status, the whole body, and the header Retry-After."""

    status: int
    body: bytes = field(default=b"", repr=False)
    retry_after: str | None = None


@dataclass(frozen=True)
class Page:
    """One page of a list; `pages` counts them all at the page size the vendor chose."""

    records: list[Record]
    page: int
    pages: int
    total: int | None


@dataclass(frozen=True)
class Webhook:
    """A subscription. Rackbeat shows the token when it is made, and never again."""

    id: int
    event: str
    url: str
    token: SecretStr | None
    is_active: bool = True


def headers(api_key: str, contact: str | None = None) -> dict[str, str]:
    """The headers of every call; name and contact are a courtesy Rackbeat's own client shows too.

    Raises:
        AuthFailed: the key holds characters that no key has, so that it cannot even be sent.
        ValueError: the contact cannot stand in a header.
    """
    if not api_key or not (api_key.isascii() and api_key.isprintable()) or " " in api_key:
        raise AuthFailed(
            "the stored Rackbeat API key is empty or holds characters that no key has, such as a "
            "blank or a line break. Copy it again from Rackbeat (Company settings > API) and store "
            "it with `varebro connection credentials`",
            system=System.RACKBEAT,
        )
    common = {
        "Authorization": f"Bearer {api_key}",
        "Accept": "application/json",
        "Accept-Encoding": ACCEPT_ENCODING,
        "User-Agent": _PRODUCT,
        "Consumer-Name": "Varebro",
    }
    if contact is None:
        return common
    if not (contact.isascii() and contact.isprintable()):
        raise ValueError("the contact address may hold plain letters, digits and signs only")
    return common | {"User-Agent": f"{_PRODUCT} ({contact})", "Consumer-Contact": contact}


ACCOUNT = Resource("self", "user_account", "user_accounts")
CUSTOMERS = Resource("customers", "customer", "customers")
CUSTOMER_GROUPS = Resource("customer-groups", "customer_group", "customer_groups")
SUPPLIERS = Resource("suppliers", "supplier", "suppliers")
SUPPLIER_GROUPS = Resource("supplier-groups", "supplier_group", "supplier_groups")
PRODUCT_GROUPS = Resource("product-groups", "product_group", "product_groups")
PRODUCTS = Resource("products", "product", "products")
LOTS = Resource("lots", "lot", "lots")
ITEMS = Resource("items", "item", "items")
UNITS = Resource("units", "unit", "units")
PAYMENT_TERMS = Resource("payment-terms", "payment_term", "payment_terms")
LOCATIONS = Resource("locations", "location", "locations")
LAYOUTS = Resource("layouts", "layout", "layouts")
EMPLOYEES = Resource("employees", "employee", "employees")
ORDERS = Resource("orders", "order", "orders")
ORDER_SHIPMENTS = Resource("order-shipments", "order_shipment", "order_shipments")
CUSTOMER_INVOICES = Resource("customer-invoices", "customer_invoice", "customer_invoices")
INVENTORY_MOVEMENTS = Resource("inventory-movements", "inventory_movement", "inventory_movements")
INVENTORY_ADJUSTMENTS = Resource(
    "inventory-adjustments", "inventory_regulation", "inventory_regulations"
)
FIELDS = Resource("fields", "field", "fields")
WEBHOOKS = Resource("webhooks", "webhook", "webhooks")

# Supplier invoices are not in this table: this integration never touches them.
RESOURCES = (
    CUSTOMERS,
    CUSTOMER_GROUPS,
    SUPPLIERS,
    SUPPLIER_GROUPS,
    PRODUCT_GROUPS,
    PRODUCTS,
    LOTS,
    ITEMS,
    UNITS,
    PAYMENT_TERMS,
    LOCATIONS,
    LAYOUTS,
    EMPLOYEES,
    ORDERS,
    ORDER_SHIPMENTS,
    CUSTOMER_INVOICES,
    INVENTORY_MOVEMENTS,
    INVENTORY_ADJUSTMENTS,
    FIELDS,
    WEBHOOKS,
)
