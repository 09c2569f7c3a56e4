"""One SOAP call over HTTP: sent within the limits, tried again where that is safe, understood."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, NoReturn

import httpx
from pydantic import SecretStr

from shared.clock import Clock
from shared.failures import Failure, Limited, Outage, OutcomeUnknown, Transient, is_silent
from shared.http import (
    ACCEPT_ENCODING,
    NOT_SENT,
    UnusableBody,
    new_http,
    read_bounded,
    why_not_sent,
)
from shared.limits import Limiter
from shared.masking import masked
from shared.retrying import RetryableHere, RetryPolicy, with_retries
from shared.tfso.description import Description, SoapFault, Unreadable, Unusable, description
from shared.tfso.protocol import (
    SESSION_COOKIE,
    Refusal,
    Service,
    SessionLost,
    failure_of,
    quota_of,
    refusal_of,
)
from shared.tfso.values import read
from shared.words import System

LARGEST_ANSWER = 32 * 1024 * 1024  # bytes, unpacked
LONGEST_ANSWER = timedelta(minutes=2)  # from its first byte to its last

# At DEBUG it logs the headers of answers, and with them session ids.
logging.getLogger("httpcore").setLevel(logging.INFO)


class NoAnswer(Exception):
    """A call was sent, and it is not known what became of it.

    Attributes:
        failure: what this is to a call that may be made again.
        again: whether another try within seconds may help.
    """

    def __init__(self, failure: Failure, *, again: bool = True) -> None:
        super().__init__(failure.message)
        self.failure = failure
        self.again = again


@dataclass(frozen=True)
class _Answer:
    status: int
    headers: Mapping[str, str]
    content: bytes


def without_cookies(base_url: str, timeout: httpx.Timeout) -> httpx.Client:
    """An HTTP client that keeps no cookies: each call brings the session it is made in."""
    return new_http(
        base_url,
        cookies=CookieJar(policy=DefaultCookiePolicy(allowed_domains=[])),
        follow_redirects=False,
        headers={"Accept-Encoding": ACCEPT_ENCODING},
        timeout=timeout,
    )


class Exchange:
    """Makes calls to the services below one base URL."""

    def __init__(
        self,
        base_url: str,
        *,
        http: httpx.Client,
        limiter: Limiter,
        policy: RetryPolicy,
        now: Clock,
        sleep: Callable[[float], None] = time.sleep,
        secrets: Sequence[SecretStr] = (),
    ) -> None:
        """Nothing is sent yet.

        Args:
            secrets: what calls may carry, and no message may.
        """
        self._base_url = base_url
        self._secrets = tuple(secrets)
        self._http = http
        self._limiter = limiter
        self._policy = policy
        self._now = now
        self._sleep = sleep

    def send(
        self,
        service: Service,
        operation: str,
        payload: Mapping[str, Any],
        *,
        session: SecretStr | None = None,
        idempotent: bool = True,
        writes: bool = False,
    ) -> Any:
        """What the operation returns, as `read` gives it.

        Args:
            payload: the operation's arguments, as `write` gives them.
            idempotent: making the call twice does no harm.
            writes: it changes something, perhaps after we have given up waiting.

        Raises:
            SessionLost: the call was refused because the session is not logged in.
            OutcomeUnknown: a write may have been carried out, or may still be.
            Failure: see TfsoClient.
        """
        doubts: list[NoAnswer] = []

        def once() -> Any:
            try:
                return self._once(service, operation, payload, session)
            except NoAnswer as lost:
                doubts.append(lost)
                _give_up(lost, again=idempotent)

        try:
            return with_retries(once, policy=self._policy, sleep=self._sleep)
        except (Limited, Outage, Transient) as failure:
            if not (writes and doubts):
                raise
            # That a later try did not get through does not settle what became of an earlier one.
            raise OutcomeUnknown(
                f"It is not known whether 24SevenOffice carried out {operation}: {doubts[-1]}",
                system=System.TFSO,
                retry_at=failure.retry_at if isinstance(failure, Limited) else None,
                silent=is_silent(failure),
            ) from None

    def masked(self, text: str, session: SecretStr | None) -> str:
        """The vendor's words without our secrets: they may quote the call."""
        return masked(text, self._secrets if session is None else (*self._secrets, session))

    def _once(
        self,
        service: Service,
        operation: str,
        payload: Mapping[str, Any],
        session: SecretStr | None,
    ) -> Any:
        address = self._base_url + service.value
        described = self._description(f"{address}?WSDL")
        headers, body = described.encode(operation, payload)
        if session is not None:
            headers["Cookie"] = f"{SESSION_COOKIE}={session.get_secret_value()}"
        answer = self._request("POST", address, operation, headers, body)
        return self._understood(described, service, operation, answer, session)

    def _description(self, url: str) -> Description:
        try:
            return description(url, self._fetch)
        except Unusable as error:
            raise Outage(
                f"24SevenOffice's description of its service cannot be used: {error}.",
                system=System.TFSO,
            ) from None
        except NoAnswer as lost:
            _give_up(lost)

    def _fetch(self, url: str) -> bytes:
        return self._request("GET", url, "the service's description").content

    def _request(
        self,
        method: str,
        url: str,
        what: str,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> _Answer:
        self._limiter.acquire()
        try:
            with self._http.stream(method, url, headers=headers, content=body) as response:
                content = _content_of(response, what)
        except NOT_SENT as error:
            why = why_not_sent(url, error)
            raise RetryableHere(
                Outage(f"24SevenOffice cannot be reached: {why}.", system=System.TFSO)
            ) from None
        except httpx.TimeoutException:
            raise _no_answer(f"24SevenOffice did not answer {what} in time.", silent=True) from None
        except httpx.RequestError as error:
            raise _no_answer(
                f"The connection broke before 24SevenOffice had answered {what} "
                f"({type(error).__name__})."
            ) from None
        remaining, reset_at = quota_of(response.headers)
        if remaining is not None or reset_at is not None:
            self._limiter.learn(remaining=remaining, reset_at=reset_at)
        if refusal := refusal_of(response.status_code, response.headers, self._now()):
            _raise_refusal(refusal)
        return _Answer(response.status_code, response.headers, content)

    def _understood(
        self,
        described: Description,
        service: Service,
        operation: str,
        answer: _Answer,
        session: SecretStr | None,
    ) -> Any:
        try:
            return read(described.decode(operation, answer.status, answer.content))
        except Unreadable as error:
            raise _no_answer(f"24SevenOffice's answer to {operation} is broken: {error}.") from None
        except SoapFault as fault:
            # Authenticate may tell wrong credentials by a fault, of whichever code (reference).
            sender = fault.sender or service is Service.AUTHENTICATE
            text = self.masked(fault.text, session)
            failure = failure_of(text, now=self._now(), sender=sender)
        if isinstance(failure, Limited) and service is not Service.AUTHENTICATE:
            # In quarantine is the address, with all connections behind it.
            self._limiter.learn(remaining=0, reset_at=failure.retry_at)
        if isinstance(failure, Transient):
            raise NoAnswer(failure, again=False)
        raise failure


def _content_of(response: httpx.Response, what: str) -> bytes:
    try:
        return read_bounded(
            response,
            largest=LARGEST_ANSWER,
            begins=b"<",
            longest=LONGEST_ANSWER,
            clock=time.monotonic,
        )
    except UnusableBody as error:
        raise _no_answer(
            f"24SevenOffice's answer to {what} is not used: {error}.", again=False
        ) from None


def _no_answer(message: str, *, again: bool = True, silent: bool = False) -> NoAnswer:
    return NoAnswer(Transient(message, system=System.TFSO, silent=silent), again=again)


def _raise_refusal(refusal: Refusal) -> NoReturn:
    if refusal.carried_out:
        raise NoAnswer(refusal.failure, again=refusal.again)
    if refusal.again:
        raise RetryableHere(refusal.failure, wait=refusal.wait)
    raise refusal.failure


def _give_up(lost: NoAnswer, *, again: bool = True) -> NoReturn:
    """For this time: the failure, to be tried again here where that may help."""
    if lost.again and again:
        raise RetryableHere(lost.failure) from None
    raise lost.failure from None


__all__ = ["LARGEST_ANSWER", "Exchange", "SessionLost", "without_cookies"]
