"""A client for one Rackbeat account: thin input and output around what `protocol` describes and
`answers` understands."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from types import TracebackType
from typing import Any, Literal, Self

import httpx
from pydantic import SecretStr

from shared.clock import Clock, utc_now
from shared.failures import Limited, Outage, OutcomeUnknown, Rejected
from shared.http import (
    NOT_SENT,
    UnusableBody,
    checked_base_url,
    new_http,
    read_bounded,
    why_not_sent,
)
from shared.limits import Limiter
from shared.pages import remembered
from shared.rackbeat import answers
from shared.rackbeat.numbers import encode
from shared.rackbeat.protocol import (
    ACCOUNT,
    LOCATIONS,
    WEBHOOKS,
    Answer,
    Page,
    Parameter,
    Record,
    Request,
    Resource,
    Webhook,
    encoded,
    headers,
)
from shared.retrying import RetryableHere, RetryPolicy, with_retries
from shared.words import System

LARGEST_ANSWER = 16 * 1024 * 1024  # bytes, unpacked
LONGEST_ANSWER = timedelta(seconds=60)  # from its first byte to its last
PAGE_SIZE = 100  # the most that one integrator ever got
_TIMEOUT = httpx.Timeout(30.0, connect=5.0)
_POLICY = RetryPolicy()


class RackbeatClient:
    """Reads and writes the records of the account that the API key belongs to.

    Every call takes a slot of the limiter first. What may pass within seconds is tried again, a
    write only where that cannot double it. All methods raise:

        Outage: Rackbeat cannot be reached, or is down.
        Limited: the quota of calls is used up.
        AuthFailed: the API key is not accepted, or not for this.
        Rejected: Rackbeat refused the call; with its reasons.
        Transient: a read got no usable answer, or the vendor failed.
        OutcomeUnknown: a write may have been carried out.
    """

    def __init__(
        self,
        base_url: str,
        api_key: SecretStr,
        *,
        limiter: Limiter,
        http: httpx.Client | None = None,
        policy: RetryPolicy = _POLICY,
        contact: str | None = None,
        silent: bool = False,
        now: Clock = utc_now,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Nothing is sent yet.

        Args:
            base_url: https://app.rackbeat.com/api, or a sandbox on this machine.
            http: used instead of a client of its own, and not closed by `close`.
            contact: the e-mail address shown to Rackbeat with every call.
            silent: writes trigger no webhooks, at us or at anybody else.

        Raises:
            ValueError: an API key must not be sent to that address.
        """
        self._base_url = checked_base_url(base_url, System.RACKBEAT)
        self._api_key = api_key
        self._contact = contact
        self._silent = silent
        self._limiter = limiter
        self._policy = policy
        self._now = now
        self._sleep = sleep
        self._own_http: httpx.Client | None = None
        if http is None:
            http = new_http(self._base_url)
            self._own_http = http
        self._http = http

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
        """Close the connections to Rackbeat."""
        if self._own_http is not None:
            self._own_http.close()

    # -- reading --------------------------------------------------------------------------------

    def account(self) -> Record:
        """The account the key belongs to: its id and company_name."""
        request = Request("GET", ACCOUNT.address(), "name the account")
        return answers.record_of(request, ACCOUNT, self._answer(request))

    def check_access(self) -> None:
        """Make the cheapest call there is, to see whether Rackbeat lets us in."""
        self.account()

    def get(self, resource: Resource, number: str | int) -> Record | None:
        """One record; None when there is none of that number."""
        request = Request("GET", resource.address(number), f"read {resource.title} {number}")
        answer = self._answer_where_found(request)
        return None if answer is None else answers.record_of(request, resource, answer)

    def stock_at(self, location: int, item: str) -> Record | None:
        """The quantities of an item at one location; None where Rackbeat has no such location.

        Not in a wrapping of their own, by the early published description.
        """
        address = LOCATIONS.address(location, f"/get-stock/{encoded(item)}")
        request = Request("GET", address, f"read the stock of item {item} at location {location}")
        answer = self._answer_where_found(request)
        return None if answer is None else answers.object_of(request, answer)

    def page(
        self, resource: Resource, page: int = 1, limit: int = PAGE_SIZE, **params: Parameter
    ) -> Page:
        """One page of a list.

        Args:
            limit: records wanted; Rackbeat may give fewer, and counts its pages accordingly.
            params: filters and order; names with brackets are given as **{"simple_filter[x]": y}.
        """
        return self._list(resource, {"page": page, "limit": limit, **params})

    def listing(
        self,
        resource: Resource,
        params: Mapping[str, Parameter] | None = None,
        fields: str | None = None,
    ) -> Iterator[Record]:
        """All records of a list, its pages read as they are needed.

        Args:
            fields: only these, such as "number,lines(id,quantity)".
        """
        chosen: dict[str, Parameter] = {"limit": PAGE_SIZE, **(params or {})}
        if fields is not None:
            chosen["fields"] = fields
        number, pages = 1, 1
        while number <= pages:
            answer = self._list(resource, {"page": number, **chosen})
            if not answer.records:
                return
            yield from answer.records
            number, pages = number + 1, answer.pages

    def _list(self, resource: Resource, params: Mapping[str, Parameter]) -> Page:
        what = f"list the {resource.title} records"
        request = Request("GET", resource.address(), what, params=params)

        def ask() -> dict[str, Any]:
            return vars(answers.page_of(request, resource, self._answer(request)))

        return Page(**remembered({"path": request.path, "params": dict(params)}, ask))

    # -- writing --------------------------------------------------------------------------------

    def create(
        self, resource: Resource, payload: Mapping[str, Any], *, path_suffix: str = ""
    ) -> Record:
        """The record made; not repeated once it may have been sent.

        Args:
            path_suffix: where it is made, such as "/drafts".
        """
        name = f"{resource.title} {payload.get('number', '')}".rstrip()
        request = Request(
            "POST", resource.address(suffix=path_suffix), f"create {name}", payload=payload
        )
        return answers.record_of(request, resource, self._answer(request))

    def update(self, resource: Resource, number: str | int, payload: Mapping[str, Any]) -> Record:
        """The record after the change."""
        request = Request(
            "PUT",
            resource.address(number),
            f"update {resource.title} {number}",
            payload=payload,
        )
        return answers.record_of(request, resource, self._answer(request))

    def action(
        self,
        resource: Resource,
        number: str | int,
        action: str,
        *,
        method: Literal["POST", "PUT"] = "POST",
        params: Mapping[str, Parameter] | None = None,
        payload: Mapping[str, Any] | None = None,
    ) -> Record:
        """What a call below a record answers, such as "book" or "lines/12": the record itself, the
        action's own object, or {} for an empty answer."""
        request = Request(
            method,
            resource.address(number, f"/{action}"),
            f"do '{action}' with {resource.title} {number}",
            params=params or {},
            payload=payload,
        )
        return answers.result_of(request, resource, self._answer(request))

    def delete(self, resource: Resource, number: str | int) -> None:
        """Delete a record; one that is already gone is no failure."""
        request = Request("DELETE", resource.address(number), f"delete {resource.title} {number}")
        self._answer_where_found(request)

    # -- webhooks -------------------------------------------------------------------------------

    def register_webhook(self, event: str, url: str) -> Webhook:
        """Subscribe to an event. The same event and address again change the subscription there
        is, whose token is then not shown."""
        request = Request(
            "POST",
            WEBHOOKS.address(),
            f"announce {event} by webhook",
            payload={"event": event, "url": url, "is_active": True},
        )
        record = answers.record_of(request, WEBHOOKS, self._answer(request))
        return answers.webhook_of(request, record)

    def webhooks(self) -> list[Webhook]:
        """All subscriptions, without their tokens."""
        request = Request("GET", WEBHOOKS.address(), "list the webhooks")
        return [answers.webhook_of(request, record) for record in self.listing(WEBHOOKS)]

    def delete_webhook(self, webhook_id: int) -> None:
        """End a subscription; one that is already gone is no failure."""
        self.delete(WEBHOOKS, webhook_id)

    # -- one call -------------------------------------------------------------------------------

    def _answer_where_found(self, request: Request) -> Answer | None:
        """The answer; None where there is no such record."""
        try:
            return self._answer(request)
        except Rejected as refusal:
            if refusal.status == httpx.codes.NOT_FOUND:
                return None
            raise

    def _answer(self, request: Request) -> Answer:
        """The answer of a call that went well, tried again as often as is safe."""
        doubts: list[OutcomeUnknown] = []

        def attempt() -> Answer:
            self._limiter.acquire()
            result = self._exchange(request)
            if isinstance(result, Answer):
                return result
            failure = result.failure
            if isinstance(failure, OutcomeUnknown):
                doubts.append(failure)
            if isinstance(failure, Limited) and (result.wait or 0) > self._policy.max_wait:
                # A shorter pause is sat out here; this one concerns all workers.
                self._limiter.learn(remaining=0, reset_at=failure.retry_at)
            if result.again:
                raise RetryableHere(failure, wait=result.wait)
            raise failure

        try:
            return with_retries(attempt, policy=self._policy, sleep=self._sleep)
        except (Limited, Outage) as failure:
            if not doubts:
                raise
            # That a later try did not get through does not settle what became of an earlier one.
            retry_at = failure.retry_at if isinstance(failure, Limited) else None
            raise OutcomeUnknown(
                doubts[-1].message, system=failure.system, retry_at=retry_at
            ) from failure

    def _exchange(self, request: Request) -> Answer | answers.Verdict:
        """Send a request once."""
        api_key = self._api_key.get_secret_value()
        sent = headers(api_key, self._contact)
        content = None
        params = dict(request.params)
        if self._silent and request.writes:
            params["suppress_webhooks"] = "true"
        if request.payload is not None:
            sent["Content-Type"] = "application/json"
            content = encode(request.payload).encode()
        try:
            with self._http.stream(
                request.method,
                self._base_url + request.path,
                params=params,
                headers=sent,
                content=content,
                timeout=_TIMEOUT,
                follow_redirects=False,
            ) as response:
                body = self._body(request, response)
        except httpx.RequestError as error:
            if isinstance(error, NOT_SENT):
                why = why_not_sent(self._base_url, error)
                return answers.unanswered(request, why, sent=False)
            silent = isinstance(error, httpx.TimeoutException)
            return answers.unanswered(request, _reason(error), sent=True, silent=silent)
        answer = Answer(response.status_code, body, response.headers.get("Retry-After"))
        return answers.judge(request, answer, now=self._now(), secrets=(self._api_key,)) or answer

    def _body(self, request: Request, response: httpx.Response) -> bytes:
        try:
            return read_bounded(
                response,
                largest=LARGEST_ANSWER,
                begins=b"[{,",
                longest=LONGEST_ANSWER,
                clock=lambda: self._now().timestamp(),
            )
        except UnusableBody as error:
            raise answers.unusable(request, str(error)) from None


def _reason(error: httpx.RequestError) -> str:
    """The network's own words; not those about our request, which quote it."""
    name = type(error).__name__
    return name if isinstance(error, httpx.LocalProtocolError) else str(error) or name
