"""What 24SevenOffice's SOAP services are called, and what their answers mean.

Pure functions. Facts are the vendor documentation's, where not marked as assumed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum, auto
from http import HTTPStatus

from shared.clock import in_utc
from shared.failures import AuthFailed, Failure, Limited, Outage, Rejected, Transient
from shared.words import System

DEFAULT_BASE_URL = "https://api.24sevenoffice.com"
SESSION_COOKIE = "ASP.NET_SessionId"
# What a cookie can carry: visible characters, but for those that have a meaning there (RFC 6265).
COOKIE_VALUE = re.compile(r"[!#-+\--:<-\[\]-~]+")
# An order in one of these is immutable.
INVOICED = ("Invoiced", "InvoicedCashAccount", "InvoicedPack")
MAX_ORDER_IDS = 1000  # in one GetInvoices
MAX_SAVED_AT_ONCE = 100  # assumed
BURST_PAUSE = timedelta(seconds=1)  # about 25 requests a second are tolerated
_LONGEST_ADVICE = timedelta(hours=1)  # the longest quota is by the hour
LOGIN_PAUSE = timedelta(minutes=1)  # assumed: how long a throttled login has to wait


class Service(Enum):
    """A service and its path under the base URL."""

    AUTHENTICATE = "/authenticate/v001/authenticate.asmx"
    COMPANY = "/CRM/Company/V001/CompanyService.asmx"
    PRODUCT = "/Logistics/Product/V001/ProductService.asmx"
    INVOICE = "/Economy/InvoiceOrder/V001/InvoiceService.asmx"
    CLIENT = "/Client/V001/ClientService.asmx"


@dataclass(frozen=True)
class Save:
    """A saving operation: the argument its items go in, and the property that is their number."""

    argument: str
    key: str


SAVES: Mapping[str, Save] = {
    "SaveCompanies": Save("companies", "Id"),
    "SaveProducts": Save("products", "Id"),
    "SaveCategories": Save("categories", "Id"),
    "SaveInvoices": Save("invoices", "OrderId"),
    "UpdateInvoices": Save("invoices", "OrderId"),
}


class SessionLost(Exception):
    """The session has lost its login; the call was refused, so it may be repeated."""


class Meaning(Enum):
    """What a fault's text, or an item's exception, tells."""

    SESSION_LOST = auto()
    IDENTITY_BLOCKED = auto()
    QUARANTINE = auto()
    LOGINS_THROTTLED = auto()
    BUSY = auto()
    REFUSED = auto()


# The first four begin as the vendor's own texts do, the throttled login's being assumed; the
# others are what ASP.NET and SQL Server say of a passing trouble and of an unreadable request.
MEANINGS: tuple[tuple[re.Pattern[str], Meaning], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), meaning)
    for pattern, meaning in (
        (r"client is not authenticated on this identity", Meaning.SESSION_LOST),
        (r"provided identityid is blocked", Meaning.IDENTITY_BLOCKED),
        (r"limit exceeded by|quarantine ends", Meaning.QUARANTINE),
        (r"too many logins|login.*throttl", Meaning.LOGINS_THROTTLED),
        (r"time-?out|timed out|deadlock|try again|temporarily", Meaning.BUSY),
        (r"unable to read request|error in (the )?xml document", Meaning.REFUSED),
        (r"input string was not in a correct format", Meaning.REFUSED),
    )
)

_NOISE = re.compile(
    r"^(System\.[\w.]+Exception:\s*|Server was unable to (process|read) request\.\s*(--->)?\s*)+"
)
_STACK_TRACE = re.compile(r"\s*\r?\n\s+at .*", re.DOTALL)
_LONGEST_MESSAGE = 500
_COUNT = re.compile("[0-9]{1,15}")
_QUARANTINE_END = re.compile(r"quarantine ends (?:at )?(.+?)\.?\s*$", re.IGNORECASE)
_TIME_FORMATS = (
    "%d.%m.%Y %H:%M:%S",
    "%d/%m/%Y %H:%M:%S",
    "%m/%d/%Y %I:%M:%S %p",
    "%d.%m.%Y %H:%M",
)


def meaning_of(text: str, *, sender: bool = True) -> Meaning:
    """What a text tells; one that is not known refuses the record if the sender is at fault.

    Args:
        sender: the request is what is wrong: an item's exception, or a fault with code Client.
            Faults with code Server are transport and authentication errors, so that an unknown
            one is taken for a passing trouble.
    """
    for pattern, meaning in MEANINGS:
        if pattern.search(text):
            return meaning
    return Meaning.REFUSED if sender else Meaning.BUSY


def failure_of(text: str, *, now: datetime, sender: bool = True) -> Failure | SessionLost:
    """The failure that a fault's text or an item's exception stands for."""
    words = plain_words(text)
    match meaning_of(text, sender=sender):
        case Meaning.SESSION_LOST:
            return SessionLost()
        case Meaning.IDENTITY_BLOCKED:
            return AuthFailed(
                "24SevenOffice has blocked this user's access to the chosen client. Open the "
                "access in 24SevenOffice, or choose another identity with `varebro connection "
                "credentials`.",
                system=System.TFSO,
            )
        case Meaning.QUARANTINE:
            return Limited(
                f"24SevenOffice's hourly quota is used up: {words}",
                retry_at=quarantine_end(text, now),
                system=System.TFSO,
            )
        case Meaning.LOGINS_THROTTLED:
            return Limited(
                f"24SevenOffice takes no more logins for the moment: {words}",
                retry_at=now + LOGIN_PAUSE,
                system=System.TFSO,
            )
        case Meaning.BUSY:
            return Transient(f"24SevenOffice could not do it now: {words}", system=System.TFSO)
        case Meaning.REFUSED:
            return Rejected(f"24SevenOffice refused: {words}", system=System.TFSO)


def plain_words(text: str) -> str:
    """A fault's text without ASP.NET's wrapping and stack trace."""
    return _NOISE.sub("", _STACK_TRACE.sub("", text)).strip()[:_LONGEST_MESSAGE] or "no reason"


def quarantine_end(text: str, now: datetime) -> datetime:
    """When a quarantine is over.

    The quota is by the hour, so a time that is past or more than an hour away has been misread
    (its format and zone are not documented): then it is the next full hour.
    """
    found = _QUARANTINE_END.search(text)
    end = _parsed_time(found[1]) if found else None
    if end is not None and now < end <= now + timedelta(hours=1):
        return end
    return now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)


def _parsed_time(text: str) -> datetime | None:
    """A time in ISO or one of .NET's usual formats; without a zone it is taken for UTC."""
    parsed: datetime | None = None
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        for time_format in _TIME_FORMATS:
            try:
                parsed = datetime.strptime(text, time_format).replace(tzinfo=UTC)
                break
            except ValueError:
                continue
    return None if parsed is None else in_utc(parsed)


@dataclass(frozen=True)
class Refusal:
    """What an HTTP status alone tells.

    Attributes:
        failure: what is raised when the call is not made again, or not successfully.
        carried_out: whether the call may have been, in spite of the status.
        again: whether another try within seconds may help.
        wait: seconds the vendor asked for.
    """

    failure: Failure
    carried_out: bool = False
    again: bool = False
    wait: float | None = None


def refusal_of(status: int, headers: Mapping[str, str], now: datetime) -> Refusal | None:
    """What is wrong by the status; None when the body tells (200, and 500 with its fault)."""
    match status:
        case HTTPStatus.OK | HTTPStatus.INTERNAL_SERVER_ERROR:
            return None
        case HTTPStatus.TOO_MANY_REQUESTS:
            wait = _retry_after(headers)
            limited = Limited(
                "24SevenOffice asks for fewer requests a second.",
                retry_at=now + timedelta(seconds=wait),
                system=System.TFSO,
            )
            return Refusal(limited, again=True, wait=wait)
        case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
            return Refusal(
                AuthFailed(
                    f"24SevenOffice denies access (HTTP {status}). Check the user's rights and "
                    "whether calls from this address are allowed.",
                    system=System.TFSO,
                )
            )
        case HTTPStatus.BAD_GATEWAY | HTTPStatus.SERVICE_UNAVAILABLE | HTTPStatus.GATEWAY_TIMEOUT:
            return Refusal(
                Outage(f"24SevenOffice is out of order (HTTP {status}).", system=System.TFSO),
                carried_out=status != HTTPStatus.SERVICE_UNAVAILABLE,
                again=True,
            )
        case _ if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
            return Refusal(
                Outage(
                    "Something other than 24SevenOffice's services answers at their address: a "
                    f"redirect (HTTP {status}), which is never followed. If this lasts, check the "
                    "address the connection was made with.",
                    system=System.TFSO,
                ),
                carried_out=True,
            )
        case _:
            return Refusal(
                Transient(
                    f"24SevenOffice answered with the unexpected HTTP status {status}.",
                    system=System.TFSO,
                ),
                carried_out=status > HTTPStatus.INTERNAL_SERVER_ERROR,
            )


def _retry_after(headers: Mapping[str, str]) -> float:
    seconds = _count(headers.get("Retry-After", ""))
    if seconds is None:
        return BURST_PAUSE.total_seconds()
    return float(min(seconds, _LONGEST_ADVICE.total_seconds()))


def quota_of(headers: Mapping[str, str]) -> tuple[int | None, datetime | None]:
    """What an answer's headers tell: requests left in this hour, and when the hour is over."""
    return _count(headers.get("APILimitRemaining", "")), _parsed_time(
        headers.get("APILimitReset", "")
    )


def _count(text: str) -> int | None:
    """A whole number of a length that makes sense."""
    return int(text) if _COUNT.fullmatch(text) else None
