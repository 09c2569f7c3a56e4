"""What to do with a change that failed. Pure: a failure in, a decision out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.exc import OperationalError

from shared.failures import (
    AuthFailed,
    DependencyParked,
    Failure,
    Limited,
    Outage,
    Rejected,
    Transient,
    Unmappable,
)
from shared.words import FailureClass, System

FIRST_WAIT = timedelta(seconds=5)
LONGEST_WAIT = timedelta(hours=1)
# A vendor that is down is looked at at least so often, so that its return is soon noticed. A login
# that was refused is repeated less often: too many of them lock a user out.
MOST_BETWEEN_PROBES = timedelta(minutes=2)
BETWEEN_LOGINS = timedelta(minutes=15)
_AT_LEAST = timedelta(seconds=1)
# A failure that should pass by itself, and has not for so many tries (about three days).
MOST_TRANSIENT_ATTEMPTS = 80
# An unexpected exception may be a passing oddity once, not three times.
MOST_BUG_ATTEMPTS = 3


@dataclass(frozen=True)
class Retry:
    """Try again at that time."""

    at: datetime
    counts: bool = True


@dataclass(frozen=True)
class Park:
    """Leave it until a person, or an edit of the source record, asks for it."""


@dataclass(frozen=True)
class PauseVendor:
    """Make no calls to that vendor for this connection until then, or, after an outage or a refused
    login, until a probe has been answered; no attempt is counted.

    Attributes:
        bulk_only: only bulk work pauses, because only its share of the quota is used up.
    """

    system: System
    until: datetime
    bulk_only: bool = False


Decision = Retry | Park | PauseVendor


class Wait(Exception):
    """Not a failure: the record has to wait a moment, and no attempt is counted."""

    def __init__(self, message: str, *, seconds: float) -> None:
        super().__init__(message)
        self.message = message
        self.seconds = seconds


def decide(failure: BaseException, *, attempts: int, now: datetime) -> Decision:
    """What the engine does next.

    Args:
        attempts: tries of this change so far that count, this one included.
    """
    match failure:
        case Wait():
            return Retry(now + timedelta(seconds=failure.seconds), counts=False)
        case Limited(system=None):
            return Retry(_soon(failure.retry_at, now), counts=False)
        case Limited(system=System() as system):
            until = _soon(failure.retry_at, now)
            return PauseVendor(system, until, bulk_only=failure.bulk_only)
        case Outage(system=System() as system) | AuthFailed(system=System() as system):
            return PauseVendor(system, next_probe(failure, 1, now))
        case Outage() | AuthFailed():
            return Retry(now + MOST_BETWEEN_PROBES, counts=False)
        case Rejected() | Unmappable() | DependencyParked():
            return Park()
        case _:
            return _again(failure, attempts, now)


def _again(failure: BaseException, attempts: int, now: datetime) -> Decision:
    expected = class_of(failure) is not FailureClass.BUG
    if attempts >= (MOST_TRANSIENT_ATTEMPTS if expected else MOST_BUG_ATTEMPTS):
        return Park()
    if isinstance(failure, Transient) and failure.retry_at is not None:
        return Retry(_soon(failure.retry_at, now))
    return Retry(now + backoff(attempts))


def next_probe(failure: Failure, probes: int, now: datetime) -> datetime:
    """When to look again whether a vendor is back that was away for so many looks already."""
    match failure:
        case AuthFailed():
            return now + BETWEEN_LOGINS
        case Limited():
            return _soon(failure.retry_at, now)
        case _:
            return now + backoff(probes, longest=MOST_BETWEEN_PROBES)


def _soon(asked_for: datetime, now: datetime) -> datetime:
    """The time asked for, unless it has passed, or a clock or a header is far out."""
    return min(max(asked_for, now + _AT_LEAST), now + LONGEST_WAIT)


def backoff(attempts: int, longest: timedelta = LONGEST_WAIT) -> timedelta:
    """5 s, 10 s, 20 s ... up to the longest wait."""
    doublings = min(max(attempts - 1, 0), 20)
    return min(timedelta(seconds=FIRST_WAIT.total_seconds() * 2**doublings), longest)


def class_of(failure: BaseException) -> FailureClass:
    """The failure class shown to people; what we did not expect is a bug."""
    match failure:
        case Failure():
            return failure.failure_class
        case Wait() | OperationalError():
            return FailureClass.TRANSIENT
        case _:
            return FailureClass.BUG


def explain(failure: BaseException) -> str:
    """The message for the journal; of a bug only its type, as its text may hold anything."""
    if isinstance(failure, Failure | Wait):
        return failure.message
    if isinstance(failure, OperationalError):
        return "The database could not be reached, or was too busy. It is tried again by itself."
    return (
        f"An unexpected error ({type(failure).__name__}) stopped the transfer. This is a fault in "
        "Varebro: report it with the trace in the worker's log."
    )
