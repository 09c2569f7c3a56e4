"""Everything that can keep a record from being transferred: one exception per thing to do about it.

The message of each is written for the person who keeps the books: what happened, to which
record, why, and what to do. It never holds a secret.
"""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from shared.words import FailureClass, System


class Failure(Exception):
    """Base of all expected failures.

    Attributes:
        failure_class: what the engine does next.
        system: the vendor that failed, where one did.
    """

    failure_class: ClassVar[FailureClass]

    def __init__(self, message: str, *, system: System | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.system = system


class Transient(Failure):
    """Goes away by itself: the same call will work later. Retried with backoff.

    Raised for reads, and for writes that certainly were not carried out.

    Attributes:
        retry_at: when the vendor asked us to come back.
        silent: the vendor took the call and let it run into its time limit, as one does that is
            down behind its front door.
    """

    failure_class = FailureClass.TRANSIENT

    def __init__(
        self,
        message: str,
        *,
        system: System | None = None,
        retry_at: datetime | None = None,
        silent: bool = False,
    ) -> None:
        super().__init__(message, system=system)
        self.retry_at = retry_at
        self.silent = silent


def is_silent(failure: BaseException) -> bool:
    """Whether a vendor took the call and let it run into its time limit."""
    return isinstance(failure, Transient) and failure.silent


class OutcomeUnknown(Transient):
    """A write was sent and no answer came: it may or may not have been carried out.

    The engine looks the record up at the target before it writes again.
    """


class Limited(Failure):
    """The vendor's quota is used up. Work pauses until retry_at; no attempt is counted.

    Attributes:
        bulk_only: only the share of the quota that bulk work may use is used up.
    """

    failure_class = FailureClass.LIMITED

    def __init__(
        self,
        message: str,
        *,
        retry_at: datetime,
        system: System | None = None,
        bulk_only: bool = False,
    ) -> None:
        super().__init__(message, system=system)
        self.retry_at = retry_at
        self.bulk_only = bulk_only


class Outage(Failure):
    """The vendor cannot be reached or answers 5xx to everything. Work pauses, nothing is parked."""

    failure_class = FailureClass.OUTAGE


class Rejected(Failure):
    """The vendor refused this record. Parked with the vendor's own words.

    Attributes:
        status: the HTTP status, where there was one.
        fields: the vendor's messages by field name.
    """

    failure_class = FailureClass.REJECTED

    def __init__(
        self,
        message: str,
        *,
        system: System | None = None,
        status: int | None = None,
        fields: dict[str, list[str]] | None = None,
    ) -> None:
        super().__init__(message, system=system)
        self.status = status
        self.fields = fields or {}


class Unmappable(Failure):
    """The record or the settings do not allow the transfer. Parked; the message says which.

    Attributes:
        until: kind, and key at the target, of a record that may only be behind: once that has been
            transferred, this one is tried again by itself.
    """

    failure_class = FailureClass.UNMAPPABLE

    def __init__(
        self,
        message: str,
        *,
        system: System | None = None,
        until: tuple[str, str] | None = None,
    ) -> None:
        super().__init__(message, system=system)
        self.until = until


class DependencyParked(Failure):
    """A record this one needs is itself parked. Taken up again when that one is transferred."""

    failure_class = FailureClass.DEPENDENCY


class AuthFailed(Failure):
    """The vendor does not accept the credentials or the identity. The connection is paused."""

    failure_class = FailureClass.AUTH
