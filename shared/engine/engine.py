"""Claims a change, lets it be transferred, and settles what came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import uuid4

import structlog
from sqlalchemy import bindparam, select
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionFree
from sqlalchemy.orm import Session, sessionmaker

from shared.clock import Clock
from shared.connections import connection_called
from shared.engine.begun import TransferIfWanted
from shared.engine.clients import Clients
from shared.engine.foresight import Foresight
from shared.engine.references import Missing
from shared.engine.transfer import AnyKind, Transfer
from shared.engine.writing import ClaimLost, JournalWriter, PreviewWriter, Result, Writer
from shared.entity import Reference
from shared.failures import Transient, Unmappable
from shared.journal import claims, pauses, settle, turns
from shared.journal.decide import Wait, class_of, decide, explain
from shared.journal.record import News, WakeUp, open_or_running, record
from shared.journal.turns import Lane
from shared.links import counterpart, find_link, see, seen
from shared.points import Reached, pass_by
from shared.settings import SettingsError, SettingsTooNewError, load_settings
from shared.tables import Change, Connection, Json, Link
from shared.traces import log_failure
from shared.words import Cause, Direction, Outcome, State

log = structlog.get_logger()


@dataclass
class Engine:
    """Everything a transfer needs, given from outside.

    Attributes:
        clients: makes both vendors' clients for a connection; its second argument says whether
            the work is bulk work, which may use only a share of the vendors' quota.
        enqueue: sends wake-up messages. It may fail or lose them: the sweep finds what is due.
        reached: called at named points around each write.
        too_long: raised from outside in a transfer that takes too long.
        keep_requests: whether the journal keeps what was sent and what was answered.
    """

    sessions: sessionmaker[Session]
    kinds: Mapping[str, AnyKind]
    clients: Callable[[int, bool], Clients]
    clock: Clock
    enqueue: Callable[[Sequence[WakeUp]], None]
    claim_for: timedelta
    settle_for: timedelta
    reached: Reached = pass_by
    too_long: type[Exception] = TimeoutError
    keep_requests: bool = True

    # -- triggers -------------------------------------------------------------------------------

    def announce(
        self,
        connection_id: int,
        news: Sequence[News],
        *,
        also: Callable[[Session], None] | None = None,
    ) -> list[int]:
        """Record changes, commit, then wake the workers. Ids of the changes.

        Args:
            also: what has to be stored in the same transaction, such as a cursor's new position.
        """
        now = self.clock()
        with self.sessions.begin() as session:
            ids = record(session, connection_id, news, now=now)
            if also is not None:
                also(session)
            # The rest, and bulk work, stays in the journal until it is its turn.
            lanes = {(item.kind, False) for item in news}
            messages = self._next_in(session, lanes, connection_id)
        self.enqueue(messages)
        return ids

    def by_hand(self, slug: str, kind: str, direction: Direction, key: str) -> None:
        """Transfer one record now because somebody asks for it, whatever the journal says."""
        with self.sessions() as session:
            connection_id = connection_called(session, slug).id
        item = News(kind, direction, key, Cause.RESYNC, forced=True)
        with self.sessions.begin() as session:
            (change_id,) = record(session, connection_id, [item], now=self.clock())
        self.process(change_id)

    # -- one change -----------------------------------------------------------------------------

    def process(self, change_id: int) -> None:
        """Take one change as far as it goes. Nothing happens where it is not due or not free."""
        started_at = self.clock()
        with self.sessions.begin() as session:
            change = claims.claim(
                session,
                change_id,
                token=str(uuid4()),
                now=started_at,
                until=started_at + self.claim_for,
            )
            if change is None:
                return
            # This one's message has made room for the next.
            lane = (change.kind, change.bulk)
            messages = self._next_in(session, {lane}, change.connection_id)
            settings = _settings_of(session, change)
        self.enqueue(messages)
        with structlog.contextvars.bound_contextvars(
            change=change.id, kind=change.kind, direction=change.direction, key=change.key
        ):
            self._work(change, settings)

    def _work(self, change: Change, settings: Json) -> None:
        messages: list[WakeUp] = []
        writer = JournalWriter(
            change=change,
            sessions=self.sessions,
            clock=self.clock,
            reached=self.reached,
            store_result=lambda session, stored, result: messages.extend(
                self._finish(session, stored, writer, result)
            ),
        )
        try:
            self._transfer(change, settings, writer, writer.notes).run()
        except ClaimLost:
            log.warning("claim lost")
        except Missing as missing:
            messages = self._wait_for(change, missing.reference)
        except Exception as failure:  # noqa: BLE001 - a record's bug must stop only that record
            self._failed(writer, self.understood(failure))
        self.enqueue(messages)

    def understood(self, failure: Exception) -> Exception:
        """What an exception from outside our own code means for the work it ended."""
        match failure:
            case IntegrityError():
                # Another change linked the same record in this moment; look again, it is there now.
                return Wait("Another change got there first.", seconds=1)
            case OperationalError() | NoConnectionFree():
                return Transient("The database did not answer.")
            case SettingsTooNewError():
                return Transient(str(failure))
            case SettingsError():
                return Unmappable(f"The connection's settings do not hold together: {failure}")
            case _ if isinstance(failure, self.too_long):
                return Transient("The transfer took too long and was interrupted.")
            case _:
                return failure

    def foresight(self) -> Foresight:
        """For the previews of many changes, what would become of the records they need."""
        return Foresight(self.preview)

    def preview(self, change: Change, foresight: Foresight) -> PreviewWriter:
        """What would become of a change that is not in the journal; nothing is written.

        Raises:
            Failure: it could not be transferred.
        """
        writer = PreviewWriter()
        with self.sessions() as session:
            settings = _settings_of(session, change)
        transfer = self._transfer(change, settings, writer, writer.notes)
        transfer.foresight = foresight
        transfer.run()
        return writer

    def _transfer(
        self, change: Change, settings: Json, writer: Writer, notes: list[str]
    ) -> Transfer:
        return TransferIfWanted(
            change=change,
            kind=self.kinds[change.kind],
            settings=load_settings(settings),
            clients=self.clients(change.connection_id, change.bulk),
            sessions=self.sessions,
            clock=self.clock,
            settle=self.settle_for,
            writer=writer,
            notes=notes,
        )

    def _finish(
        self, session: Session, stored: Change, writer: JournalWriter, result: Result
    ) -> list[WakeUp]:
        now = self.clock()
        due = settle.finish(
            session,
            stored,
            result.outcome,
            target_key=result.target_key,
            message=result.message,
            notes=writer.notes,
            now=now,
        )
        self._tell_same_record(session, stored, result)
        news = [*self._news_from(stored, result), *self._moved(session, writer, result)]
        record(session, stored.connection_id, news, now=now)
        due |= {(item.kind, item.bulk) for item in news}
        self._note_attempt(session, stored, writer)
        log.info("transferred", outcome=result.outcome.value, target_key=result.target_key)
        return self._next_in(session, due, stored.connection_id)

    def _next_in(self, session: Session, lanes: set[Lane], connection_id: int) -> list[WakeUp]:
        return turns.take_due(session, lanes, now=self.clock(), connection_id=connection_id)

    def _tell_same_record(self, session: Session, change: Change, result: Result) -> None:
        """What we wrote is no edit, for another kind's link to the same record either."""
        target = Direction(change.direction).target
        if result.target_key is None or result.target_seen is None:
            return
        for kind in self.kinds[change.kind].same_record:
            link = find_link(
                session, change.connection_id, kind, target, result.target_key, lock=True
            )
            if link is not None:
                known = seen(link, target)
                written = {n: value for n, value in result.target_seen.items() if n in known}
                see(link, target, known | written, self.clock())

    def _news_from(self, change: Change, result: Result) -> Iterator[News]:
        """What a result gives rise to: the winner of a conflict, or the stock of a new product."""
        direction = Direction(change.direction)
        if result.target_key is None:
            return
        if result.reverse:
            yield News(change.kind, direction.reverse, result.target_key, Cause.RECONCILE)
        if result.outcome in (Outcome.CREATED, Outcome.MATCHED):
            # Only the same way: what was copied to a system that is still empty has no stock there,
            # and must not empty the other one.
            for follower in self.kinds[change.kind].followed_by:
                if direction in self.kinds[follower].directions:
                    yield News(follower, direction, change.key, Cause.DEPENDENCY, bulk=change.bulk)

    def _moved(self, session: Session, writer: JournalWriter, result: Result) -> Iterator[News]:
        """What does not stay as it is in 24SevenOffice after something has been written, or is
        found to have been: the answer was lost."""
        if result.outcome not in {Outcome.CREATED, Outcome.UPDATED, Outcome.MATCHED}:
            return
        change, forth = writer.change, Direction.RACKBEAT_TO_24SO
        for moved in writer.moved:
            link = find_link(session, change.connection_id, moved.kind, forth.source, moved.key)
            if link is not None:
                cause = Cause.DEPENDENCY
                yield News(moved.kind, forth, moved.key, cause, bulk=change.bulk, forced=True)

    def _failed(self, writer: JournalWriter, failure: Exception) -> None:
        now = self.clock()
        change = writer.change
        with self.sessions.begin() as session:
            stored = claims.still_ours(session, change, now=now)
            if stored is None:
                return
            behind = self._behind(session, stored, failure)
            if behind is not None and behind.updated_at > writer.started_at:
                failure = Wait("What it depends on has just been transferred.", seconds=1)
            decision = decide(
                failure,
                attempts=stored.attempts + 1,
                now=now,
            )
            settle.apply(
                session,
                stored,
                decision,
                failure_class=class_of(failure),
                message=explain(failure),
                now=now,
            )
            if behind is not None and stored.state == State.PARKED.value:
                target = Direction(change.direction).target
                stored.blocked_kind, stored.blocked_key = behind.kind, counterpart(behind, target)
            pauses.pause_after(session, change.connection_id, failure, now=now)
            stored.notes = list(writer.notes)
            self._note_attempt(session, stored, writer)
        log_failure(log, "not transferred", failure, decision=type(decision).__name__)

    def _behind(self, session: Session, change: Change, failure: Exception) -> Link | None:
        """The link of the record that a change may only have to wait for, locked: its transfer ends
        either before, which is then known, or after, and finds what it has to wake."""
        if not isinstance(failure, Unmappable) or failure.until is None:
            return None
        (kind, key), target = failure.until, Direction(change.direction).target
        return find_link(session, change.connection_id, kind, target, key, lock=True)

    def _note_attempt(self, session: Session, stored: Change, writer: JournalWriter) -> None:
        settle.note_attempt(
            session,
            stored,
            started_at=writer.started_at,
            now=self.clock(),
            request=writer.request if self.keep_requests else None,
            response=writer.response if self.keep_requests else None,
        )

    def _wait_for(self, change: Change, reference: Reference) -> list[WakeUp]:
        """Let the change wait for another record, and see to it that that one is transferred."""
        now = self.clock()
        direction = Direction(change.direction)
        item = News(reference.kind, direction, reference.key, Cause.DEPENDENCY, bulk=change.bulk)
        with self.sessions.begin() as session:
            stored = claims.still_ours(session, change, now=now)
            if stored is None:
                return []
            other = open_or_running(
                session, change.connection_id, reference.kind, direction, reference.key
            )
            parked = next((c for c in other if c.state == State.PARKED.value), None)
            settle.wait_for(session, stored, kind=reference.kind, key=reference.key, now=now)
            if parked is not None and stored.state == State.WAITING.value:
                settle.park_for(stored, parked)
            if not other:
                record(session, change.connection_id, [item], now=now)
            lanes = {(item.kind, item.bulk)}
            if not change.bulk:
                lanes |= turns.hurry(session, other)
            return self._next_in(session, lanes, change.connection_id)


def _settings_of(session: Session, change: Change) -> Json:
    """As they are stored with the change's connection."""
    return session.scalars(_SETTINGS, {"connection_id": change.connection_id}).one()


_SETTINGS = select(Connection.settings).where(Connection.id == bindparam("connection_id"))
