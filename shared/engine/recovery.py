"""What earlier tries have left behind: writes of ours whose answer never came."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy.orm import Session, sessionmaker

from shared import idempotency
from shared.clock import Clock
from shared.engine.clients import Clients
from shared.engine.writing import Writer
from shared.entity import Seen
from shared.failures import DependencyParked, Transient
from shared.journal.decide import Wait
from shared.kind import Context, Kind, Record, Side
from shared.links import counterpart, see, seen
from shared.settings import Settings
from shared.tables import Change, IdempotencyKey, Link
from shared.words import Direction, State


def fields_of(side: Side[Any], record: Record | None, settings: Settings) -> Seen:
    """The fields of a record; none where there is no such record."""
    return {} if record is None else side.parse(record, Context(settings)).seen()


@dataclass
class Recovery:
    """Finds out what became of them, before anything is compared or written again.

    Attributes:
        settle: how long the vendor may take to carry out a write that it has not answered.
    """

    change: Change
    kind: Kind[Any]
    settings: Settings
    clients: Clients
    sessions: sessionmaker[Session]
    clock: Clock
    settle: timedelta
    writer: Writer

    def __post_init__(self) -> None:
        self.direction = Direction(self.change.direction)

    # -- updates --------------------------------------------------------------------------------

    def catch_up(self, link: Link | None) -> None:
        """Let the link know what our unanswered updates have done to either record.

        Otherwise the next comparison would take them for edits that somebody made.

        Args:
            link: None where the record is not linked; one that is not stored yet is only told.

        Raises:
            Transient: it is too early to tell.
        """
        other = None if link is None else counterpart(link, self.direction.source)
        with self.sessions() as session:
            unanswered = idempotency.unanswered_updates(session, self.change, other)
        for into in (self.direction, self.direction.reverse):
            self._catch_up(link, into, [key for key in unanswered if key.direction == into.value])

    def _catch_up(
        self, link: Link | None, into: Direction, unanswered: Sequence[IdempotencyKey]
    ) -> None:
        if not unanswered:
            return
        # An update always names the record it is for.
        current = self._current(into, unanswered[-1].target_key or "")
        carried_out = {key.id: key.target_seen == current for key in unanswered}
        if not carried_out[unanswered[-1].id]:
            self._time_is_up(unanswered[-1], f"was updated in {into.target.title}")
        if link is not None:
            for key in unanswered:
                self._take_note(link, into, key, current)
            if link.id is not None:
                self.writer.recognise(link, carried_out)

    def _current(self, into: Direction, target_key: str) -> Seen:
        side, client = self.kind.side(into.target), self.clients.of(into.target)
        return fields_of(side, side.read(client, target_key), self.settings)

    def _take_note(self, link: Link, into: Direction, key: IdempotencyKey, current: Seen) -> None:
        """Field by field, as somebody may have edited another one since: where the target is as
        the update leaves it, both sides agreed."""
        if key.source_seen is None or key.target_seen is None:
            return
        done = {n: value for n, value in key.target_seen.items() if current.get(n, ...) == value}
        agreed = {name: key.source_seen[name] for name in done.keys() & key.source_seen.keys()}
        now = self.clock()
        see(link, into.target, seen(link, into.target) | done, now)
        see(link, into.source, seen(link, into.source) | agreed, now)

    # -- creations ------------------------------------------------------------------------------

    def earlier_creation(self) -> IdempotencyKey | None:
        """The creation of the record that was tried before, if any."""
        with self.sessions() as session:
            return idempotency.earlier_creation(session, self.change)

    def absence_is_proven(self, earlier: IdempotencyKey) -> None:
        """An earlier creation left no trace so far.

        Raises:
            Transient: it is too early to tell.
        """
        self._time_is_up(earlier, f"was created in {self.direction.target.title}")

    def is_not_our_own_writing(
        self, *, made_of: str | None = None, after: IdempotencyKey | None = None
    ) -> None:
        """The record may have been made by us a moment ago, not yet linked.

        Args:
            made_of: the key of the record it would have been made of; None if that is not known.
            after: the creation of the record's counterpart by us; while it is unanswered, what was
                found is taken to be its work.

        Raises:
            Wait: it may; the change that made it has to end first.
            DependencyParked: it may, and that change is parked.
        """
        if made_of is not None and idempotency.is_unanswered(after):
            return
        with self.sessions() as session:
            creators = idempotency.unanswered_creators(
                session,
                self.change.connection_id,
                self.kind.name,
                into=self.direction.reverse,
                record_key=self.change.key,
                made_of=made_of,
            )
        source, target = self.direction.source.title, self.direction.target.title
        if creators - {State.PARKED}:
            raise Wait(f"A record is just being created in {source}; this may be it.", seconds=2)
        if creators and made_of is not None:
            raise DependencyParked(
                f"This may be the record that was created in {source} from {self.kind.title} "
                f"{made_of} in {target}. That one is parked: once it has been transferred, this "
                "one follows by itself."
            )

    # -- both -----------------------------------------------------------------------------------

    def _time_is_up(self, write: IdempotencyKey, when: str) -> None:
        proven_at = write.started_at + self.settle
        if self.clock() < proven_at:
            raise Transient(
                f"No answer came when {self.kind.title} {when}. It is looked for once more before "
                "anything is sent again.",
                retry_at=proven_at,
            )
