"""Writing once: the idempotency key before the call, the outcome and the link after it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol

from sqlalchemy.orm import Session, sessionmaker

from shared import idempotency
from shared.clock import Clock
from shared.engine.pairs import see_that_they_are_free
from shared.entity import Reference, Seen, differences
from shared.failures import Failure, OutcomeUnknown
from shared.journal.claims import still_ours
from shared.journal.decide import Wait
from shared.kind import Payload, Written
from shared.links import counterpart, find_link, forget_number_before, make_link, see, seen
from shared.points import Point, Reached
from shared.tables import Change, Link
from shared.words import Direction, Outcome, System

# A call leaves at most so long after its key was stored: by the key's time others judge whether it
# can still arrive.
SOON = timedelta(seconds=10)


class ClaimLost(Exception):
    """The claim expired while we worked: another worker has the record now. We write nothing."""


@dataclass(frozen=True)
class Result:
    """What became of a transfer.

    Attributes:
        source_seen, target_seen: the fields both sides now agree on, None to leave the link as is.
        reverse: the other side's version is to be brought here (it won a conflict).
    """

    outcome: Outcome
    target_key: str | None = None
    message: str | None = None
    source_seen: Seen | None = None
    target_seen: Seen | None = None
    reverse: bool = False


@dataclass(frozen=True)
class Write:
    """One intended write.

    Attributes:
        source_seen: the source's fields that are written.
        before, after: the target's fields as they are and as they will be.
        send: makes the call.
        fields_of: the target's fields as they are after that; where not given, those written.
    """

    operation: str
    payload: Payload
    target_key: str | None
    source_seen: Seen
    before: Seen
    after: Seen
    send: Callable[[], Written]
    fields_of: Callable[[Written], Seen] | None = None

    @property
    def outcome(self) -> Outcome:
        return Outcome.CREATED if self.operation == idempotency.CREATE else Outcome.UPDATED


class Writer(Protocol):
    """What a transfer does with its writes and its result.

    Attributes:
        moved: what at Rackbeat is to be transferred anew once something has been written.
    """

    moved: Sequence[Reference]

    def write_once(self, write: Write) -> None:
        """Send a write, and store what became of it."""

    def store(self, result: Result) -> None:
        """Store a result for which nothing needed to be written."""

    def recognise(self, link: Link, writes: Mapping[int, bool]) -> None:
        """Store what a link knows now, and which earlier writes were carried out."""


@dataclass
class JournalWriter:
    """Writes for real.

    Attributes:
        store_result: ends the change, in the transaction that stores the link and the outcome.
        notes: remarks for the journal.
        request, response: for the journal, once something has been sent.
    """

    change: Change
    sessions: sessionmaker[Session]
    clock: Clock
    reached: Reached
    store_result: Callable[[Session, Change, Result], None]
    notes: list[str] = field(default_factory=list)
    moved: Sequence[Reference] = ()
    request: Payload | None = None
    response: Any = None

    def __post_init__(self) -> None:
        self.started_at = self.clock()

    def write_once(self, write: Write) -> None:
        self.reached(Point.BEFORE_KEY)
        with self.sessions.begin() as session:
            self._claim_holds(session)
            if write.operation == idempotency.CREATE:
                self._is_not_linked_meanwhile(session)
            elif write.target_key is not None:
                self._is_still_its_counterpart(session, write.target_key)
            started_at = self.clock()
            key_id = idempotency.start(
                session,
                self.change,
                write.operation,
                request_fingerprint=idempotency.fingerprint(write.payload),
                target_key=write.target_key,
                source_seen=write.source_seen,
                target_seen=write.after,
                now=started_at,
            ).id
        self.reached(Point.AFTER_KEY)
        if self.clock() > started_at + SOON:
            raise Wait("The worker stood still before anything was sent.", seconds=1)
        self.request = write.payload
        try:
            written = write.send()
        except OutcomeUnknown:
            raise  # the key stays started: the next try looks the record up first
        except Failure:
            with self.sessions.begin() as session:
                now = self.clock()
                idempotency.finish(session, key_id, idempotency.FAILED, target_key=None, now=now)
            raise
        self.response = {"key": written.key}
        self.reached(Point.AFTER_CALL)
        target_seen = write.after if write.fields_of is None else write.fields_of(written)
        self._end(
            Result(
                write.outcome,
                written.key,
                source_seen=write.source_seen,
                target_seen=target_seen,
            ),
            written=True,
        )
        self.reached(Point.AFTER_COMMIT)

    def store(self, result: Result) -> None:
        self._end(result, written=False)

    def _end(self, result: Result, *, written: bool) -> None:
        with self.sessions.begin() as session:
            stored = self._claim_holds(session)
            if result.target_key is not None and result.source_seen is not None and not written:
                self._is_still_its_counterpart(session, result.target_key)
            if result.target_key is not None and result.source_seen is not None:
                self._store_link(session, result.target_key, result.source_seen, result)
                idempotency.close_started(
                    session, self.change, target_key=result.target_key, now=self.clock()
                )
            self.store_result(session, stored, result)
            self.reached(Point.BEFORE_COMMIT)

    def recognise(self, link: Link, writes: Mapping[int, bool]) -> None:
        now = self.clock()
        with self.sessions.begin() as session:
            self._claim_holds(session)
            stored = session.get_one(Link, link.id, with_for_update=True)
            for system in System:
                see(stored, system, seen(link, system), now)
            for key_id, carried_out in writes.items():
                state = idempotency.SUCCEEDED if carried_out else idempotency.FAILED
                idempotency.finish(session, key_id, state, target_key=None, now=now)

    def _store_link(
        self, session: Session, target_key: str, source_seen: Seen, result: Result
    ) -> None:
        now = self.clock()
        direction = Direction(self.change.direction)
        link = self._link(session, lock=True)
        if link is None:
            link = make_link(
                self.change.connection_id,
                self.change.kind,
                source=direction.source,
                source_key=self.change.key,
                target_key=target_key,
                now=now,
            )
            session.add(link)
        see(link, direction.source, source_seen, now)
        if result.target_seen is not None:
            see(link, direction.target, result.target_seen, now)
        if direction.source is System.RACKBEAT and source_seen and not result.reverse:
            forget_number_before(link)

    def _is_not_linked_meanwhile(self, session: Session) -> None:
        """See that the change that travels the other way has not found the record's counterpart
        since this one looked for it."""
        if self._link(session) is not None:
            raise Wait("It has been linked while it was looked for.", seconds=1)

    def _is_still_its_counterpart(self, session: Session, target_key: str) -> None:
        """See that nobody has linked the record, or the one that was found for it, to a third since
        that was found: what is written onto it would be lost, or written onto another one's."""
        link = self._link(session)
        if link is None:
            see_that_they_are_free(session, self.change, target_key)
        elif counterpart(link, Direction(self.change.direction).source) != target_key:
            raise Wait("Its link has been changed while it was looked at.", seconds=1)

    def _link(self, session: Session, *, lock: bool = False) -> Link | None:
        """The record's link as it is stored now."""
        change, source = self.change, Direction(self.change.direction).source
        return find_link(session, change.connection_id, change.kind, source, change.key, lock=lock)

    def _claim_holds(self, session: Session) -> Change:
        stored = still_ours(session, self.change, now=self.clock())
        if stored is None:
            raise ClaimLost
        return stored


@dataclass
class PreviewWriter:
    """Writes nothing; remembers what would have been done."""

    outcome: Outcome | None = None
    target_key: str | None = None
    message: str | None = None
    notes: list[str] = field(default_factory=list)
    moved: Sequence[Reference] = ()
    fields: dict[str, tuple[Any, Any]] = field(default_factory=dict)

    def write_once(self, write: Write) -> None:
        self.outcome = write.outcome
        self.target_key = write.target_key
        self.fields = differences(write.before, write.after)

    def store(self, result: Result) -> None:
        self.outcome = result.outcome
        self.target_key = result.target_key
        self.message = result.message

    def recognise(self, link: Link, writes: Mapping[int, bool]) -> None:
        """Nothing is stored."""
