"""The vocabulary: one word per concept, in code, tables, pages, logs and documents alike."""

from __future__ import annotations

from enum import StrEnum


class System(StrEnum):
    """One of the two systems a connection pairs."""

    RACKBEAT = "rackbeat"
    TFSO = "24so"

    @property
    def other(self) -> System:
        return System.TFSO if self is System.RACKBEAT else System.RACKBEAT

    @property
    def title(self) -> str:  # type: ignore[override]  # a name for people, not str.title()
        return "Rackbeat" if self is System.RACKBEAT else "24SevenOffice"


class Direction(StrEnum):
    """From which system to which a change travels."""

    RACKBEAT_TO_24SO = "rackbeat_to_24so"
    TFSO_TO_RACKBEAT = "24so_to_rackbeat"

    @property
    def source(self) -> System:
        return System.RACKBEAT if self is Direction.RACKBEAT_TO_24SO else System.TFSO

    @property
    def target(self) -> System:
        return self.source.other

    @property
    def reverse(self) -> Direction:
        return Direction.away_from(self.target)

    @classmethod
    def away_from(cls, source: System) -> Direction:
        return cls.RACKBEAT_TO_24SO if source is System.RACKBEAT else cls.TFSO_TO_RACKBEAT


class Origin(StrEnum):
    """Where records of a kind are made, and so in which direction they travel."""

    RACKBEAT = "rackbeat"
    TFSO = "24so"
    BOTH = "both"
    OFF = "off"

    def lets(self, direction: Direction) -> bool:
        """Whether this origin sends changes in that direction."""
        return self is Origin.BOTH or self.value == direction.source.value


class State(StrEnum):
    """Where a change is on its way."""

    PENDING = "pending"  # waits for its turn, which comes at due_at
    RUNNING = "running"  # claimed by one worker
    WAITING = "waiting"  # another record has to be transferred first
    PARKED = "parked"  # needs a person, or an edit of the source record
    DONE = "done"


class Outcome(StrEnum):
    """What became of a change that is done."""

    CREATED = "created"
    UPDATED = "updated"
    MATCHED = "matched"  # an existing record was recognised and linked, nothing written
    UNCHANGED = "unchanged"
    SKIPPED = "skipped"  # the settings, or the record itself, say it is not transferred
    SUPERSEDED = "superseded"  # a later change of the same record does the work


class Cause(StrEnum):
    """What triggered a change."""

    WEBHOOK = "webhook"
    POLL = "poll"
    RESYNC = "resync"
    INITIAL = "initial"
    DEPENDENCY = "dependency"
    RECONCILE = "reconcile"


class FailureClass(StrEnum):
    """Decides what the engine does next with a change that failed."""

    TRANSIENT = "transient"
    LIMITED = "limited"
    OUTAGE = "outage"
    REJECTED = "rejected"
    UNMAPPABLE = "unmappable"
    DEPENDENCY = "dependency"
    AUTH = "auth"
    BUG = "bug"
