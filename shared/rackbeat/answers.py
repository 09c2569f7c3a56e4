"""What Rackbeat's answers mean: a status is judged, an envelope opened. All pure.

The shape of error bodies, Retry-After, and JSON in an HTTP 404 are assumed: nothing depends on
their being there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from httpx import codes
from pydantic import SecretStr

from shared.failures import (
    AuthFailed,
    Failure,
    Limited,
    Outage,
    OutcomeUnknown,
    Rejected,
    Transient,
    is_silent,
)
from shared.masking import masked
from shared.rackbeat.numbers import decode
from shared.rackbeat.protocol import Answer, Page, Record, Request, Resource, Webhook
from shared.words import System

PAUSE_WITHOUT_ADVICE = timedelta(seconds=60)  # the quota is counted by the minute
# They pass by themselves; nothing was wrong with what was asked.
_PASSING = (codes.REQUEST_TIMEOUT, codes.LOCKED, codes.TOO_EARLY)
_LONGEST_ADVICE = timedelta(days=1)  # more is a mistake, and would stop a connection for good
_MOST_PAGES = 100_000
_LONGEST_QUOTE = 500  # characters of the vendor's own words kept in a message


@dataclass(frozen=True)
class Verdict:
    """What an unsuccessful try means.

    Attributes:
        failure: what to raise when no further try is made; OutcomeUnknown where the vendor may
            have carried the write out all the same.
        again: whether another try within seconds is safe, and may help.
        wait: seconds the vendor asked for before that.
    """

    failure: Failure
    again: bool = False
    wait: float | None = None


def retry_after(value: str | None, now: datetime) -> float | None:
    """The seconds a Retry-After header asks for, whether it gives seconds or a time.

    None when it is absent or makes no sense; never less than 0, never more than a day.
    """
    if value is None:
        return None
    text = value.strip()
    longest = _LONGEST_ADVICE.total_seconds()
    if text.isascii() and text.isdecimal():
        return min(float(text), longest)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:  # how the library reads "-0000": UTC, place unknown
        moment = moment.replace(tzinfo=UTC)
    return min(max((moment - now).total_seconds(), 0.0), longest)


def judge(
    request: Request, answer: Answer, *, now: datetime, secrets: Sequence[SecretStr] = ()
) -> Verdict | None:
    """What the answer's status means; None for success (200, 201, 204, or 206 of a list).

    Args:
        secrets: what the request carried; a refusal that quotes them is told without.
    """
    status = answer.status
    if codes.is_success(status):
        return None
    asked = f"HTTP {status} when asked to {request.what}"
    wait = retry_after(answer.retry_after, now)
    match status:
        case codes.UNAUTHORIZED | codes.FORBIDDEN:
            return Verdict(_not_allowed(request, status))
        case codes.TOO_MANY_REQUESTS:
            return _limited(asked, wait, now)
        case codes.SERVICE_UNAVAILABLE if wait is not None:
            # Turned away with a time to come back: certainly not carried out.
            return Verdict(_down(asked), again=True, wait=wait)
        case codes.BAD_GATEWAY | codes.SERVICE_UNAVAILABLE | codes.GATEWAY_TIMEOUT:
            return _maybe_done(request, _down(asked), again=True)
        case _ if codes.is_client_error(status) and status not in _PASSING:
            return Verdict(_refused(request, answer, secrets))
        case _ if codes.is_redirect(status):
            return _maybe_done(request, _elsewhere(f"a redirect, never followed: {asked}"))
    return _maybe_done(request, Transient(f"Rackbeat failed: {asked}", system=System.RACKBEAT))


def unanswered(request: Request, reason: str, *, sent: bool, silent: bool = False) -> Verdict:
    """What a call without a whole answer means.

    Args:
        reason: in the words of the network.
        sent: whether anything of the request may have reached Rackbeat.
        silent: it ran into its time limit.
    """
    if not sent:
        message = f"Rackbeat cannot be reached to {request.what}: {reason}"
        return Verdict(Outage(message, system=System.RACKBEAT), again=True)
    message = f"Rackbeat did not answer when asked to {request.what}: {reason}"
    failure = Transient(message, system=System.RACKBEAT, silent=silent)
    return _maybe_done(request, failure, again=True)


def unusable(request: Request, why: str) -> Transient:
    """The failure for a success that cannot be read; after a write, nobody knows what it did."""
    message = f"Rackbeat's answer to the call to {request.what} cannot be used: {why}"
    return (OutcomeUnknown if request.writes else Transient)(message, system=System.RACKBEAT)


def _maybe_done(request: Request, failure: Failure, *, again: bool = False) -> Verdict:
    if not request.writes:
        return Verdict(failure, again=again)
    unknown = OutcomeUnknown(
        f"{failure.message}. It may have been carried out all the same; that is looked up before "
        "anything is sent again",
        system=System.RACKBEAT,
        silent=is_silent(failure),
    )
    return Verdict(unknown, again=again and request.repeatable)


def _not_allowed(request: Request, status: int) -> AuthFailed:
    problem = (
        "Rackbeat does not accept the API key"
        if status == codes.UNAUTHORIZED
        else f"Rackbeat does not allow this API key to {request.what}"
    )
    return AuthFailed(
        f"{problem} (HTTP {status}). Make a key in Rackbeat (Company settings > API) and store it "
        "with `varebro connection credentials`",
        system=System.RACKBEAT,
    )


def _limited(asked: str, wait: float | None, now: datetime) -> Verdict:
    pause = PAUSE_WITHOUT_ADVICE if wait is None else timedelta(seconds=wait)
    failure = Limited(
        f"Rackbeat's quota of calls is used up ({asked}); work goes on by itself",
        retry_at=now + pause,
        system=System.RACKBEAT,
    )
    return Verdict(failure, again=True, wait=wait)


def _down(asked: str) -> Outage:
    return Outage(f"Rackbeat is down: {asked}", system=System.RACKBEAT)


def _elsewhere(answer: str) -> Outage:
    return Outage(
        f"something other than Rackbeat's API answers at its address: {answer}. If this lasts, "
        "check the address the connection was made with",
        system=System.RACKBEAT,
    )


def _is_api(body: bytes) -> bool:
    """Whether a 404 comes from the API, and not from some web page: absence must be certain."""
    return not body or isinstance(_decoded_or_none(body), dict)


def _refused(request: Request, answer: Answer, secrets: Sequence[SecretStr]) -> Rejected | Outage:
    if answer.status == codes.NOT_FOUND and not _is_api(answer.body):
        return _elsewhere(f"HTTP 404 and no JSON when asked to {request.what}")
    body = _decoded_or_none(answer.body)
    said = body if isinstance(body, dict) else {}
    fields = {
        masked(name, secrets): [masked(text, secrets) for text in texts]
        for name, texts in _messages(said.get("errors")).items()
    }
    own_words = said.get("message")
    parts = [masked(own_words.strip(), secrets)] if isinstance(own_words, str) else []
    parts += [f"{name}: {' '.join(texts)}" for name, texts in fields.items()]
    quote = "; ".join(filter(None, parts))[:_LONGEST_QUOTE] or "it gave no reason"
    return Rejected(
        f"Rackbeat refused to {request.what} (HTTP {answer.status}): {quote}",
        system=System.RACKBEAT,
        status=answer.status,
        fields=fields,
    )


def _messages(errors: object) -> dict[str, list[str]]:
    """Laravel's `errors` (assumed): texts, or one text, by field."""
    if not isinstance(errors, dict):
        return {}
    return {
        name: [str(text) for text in (texts if isinstance(texts, list) else [texts])]
        for name, texts in errors.items()
    }


def _decoded_or_none(body: bytes) -> Any:
    try:
        return decode(body)
    except ValueError:
        return None


def object_of(request: Request, answer: Answer) -> Record:
    """The answer's JSON object.

    Raises:
        Transient: it is something else (OutcomeUnknown after a write).
    """
    try:
        body = decode(answer.body)
    except ValueError as error:
        raise unusable(request, f"it is not JSON ({error})") from None
    if not isinstance(body, dict):
        raise unusable(request, f"a JSON object was expected, not {_kind(body)}")
    return body


def record_of(request: Request, resource: Resource, answer: Answer) -> Record:
    """The record in the answer's envelope.

    Raises:
        Transient: there is none (OutcomeUnknown after a write).
    """
    body = object_of(request, answer)
    record = body.get(resource.singular)
    if not isinstance(record, dict):
        raise unusable(request, f"it holds no '{resource.singular}' but {_names(body)}")
    return record


def result_of(request: Request, resource: Resource, answer: Answer) -> Record:
    """What an action answered: the record where it sends one, else its own object, or nothing.

    Raises:
        OutcomeUnknown: it is no JSON object.
    """
    if not answer.body:
        return {}
    body = object_of(request, answer)
    record = body.get(resource.singular)
    return record if isinstance(record, dict) else body


def page_of(request: Request, resource: Resource, answer: Answer) -> Page:
    """The records of one page and the number of pages.

    Raises:
        Transient: the answer is not a list's.
    """
    body = object_of(request, answer)
    records = body.get(resource.plural)
    if not isinstance(records, list) or not all(isinstance(each, dict) for each in records):
        raise unusable(request, f"it holds no list of '{resource.plural}' but {_names(body)}")
    pages = _whole(body.get("pages"))
    if pages is None:
        if answer.status == codes.PARTIAL_CONTENT:
            raise unusable(request, "it says that there are more pages, but not how many")
        pages = 1
    if pages > _MOST_PAGES:
        raise unusable(request, f"it promises more than {_MOST_PAGES} pages")
    return Page(records, _whole(body.get("page")) or 1, pages, _whole(body.get("total")))


def webhook_of(request: Request, record: Record) -> Webhook:
    """A subscription from its record.

    Raises:
        Transient: the record has no id (OutcomeUnknown after a write).
    """
    number, token = _whole(record.get("id")), record.get("token")
    if number is None:
        raise unusable(request, "the webhook has no id")
    return Webhook(
        number,
        str(record.get("event", "")),
        str(record.get("url", "")),
        SecretStr(token) if isinstance(token, str) and token else None,
        record.get("is_active") != 0,
    )


def _whole(value: object) -> int | None:
    """A whole number, also written as text: the types vary between descriptions."""
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,18}", value):
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _kind(value: object) -> str:
    return "nothing" if value is None else f"a {type(value).__name__}"


def _names(body: Mapping[str, object]) -> str:
    return ", ".join(f"'{name}'" for name in list(body)[:10]) or "nothing"
