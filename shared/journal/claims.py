"""Claiming a change: at most one worker acts on one record at a time, and not for ever."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import takewhile

from sqlalchemy import ColumnElement, bindparam, exists, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, aliased

from shared.journal.pauses import is_paused
from shared.journal.record import OPEN
from shared.links import counterpart, find_link
from shared.tables import Attempt, Change, Connection, Link
from shared.words import Direction, FailureClass, Outcome, State

# How soon a change looks again when another one of the same record is being worked on.
BUSY = timedelta(seconds=2)

# A record that has stopped so many workers is taken to be the reason.
MOST_CRASHES = 5
_STOPPED = "The worker that transferred this record stopped; it is tried again."

# Made once, as every transfer asks them, and every sweep.
_DUE = select(Change).where(
    Change.id == bindparam("change_id"),
    Change.state == State.PENDING.value,
    Change.due_at <= bindparam("now"),
)
_DUE_LOCKED = _DUE.with_for_update(skip_locked=True).execution_options(populate_existing=True)
_CONNECTION_STATE = select(Connection.state).where(Connection.id == bindparam("connection_id"))
_OURS = (
    select(Change.id)
    .where(
        Change.id == bindparam("change_id"),
        Change.state == State.RUNNING.value,
        Change.claim == bindparam("token"),
        Change.claim_expires_at > bindparam("now"),
    )
    .with_for_update()
)
_DEAD = (
    select(Change)
    .where(Change.state == State.RUNNING.value, Change.claim_expires_at <= bindparam("now"))
    .with_for_update(skip_locked=True)
)


def claim(
    session: Session, change_id: int, *, token: str, now: datetime, until: datetime
) -> Change | None:
    """Take a due change for this worker; the caller commits. None when there is nothing to do.

    The record's link is locked while we look, so that the two directions of one pair of records
    exclude each other as well. It is locked before the change: whoever ends a change of the same
    record holds the link, and may then want to wake this one.
    """
    due = {"change_id": change_id, "now": now}
    wanted = session.scalar(_DUE, due)
    if wanted is None or not _connection_is_active(session, wanted):
        return None
    link = _lock_link(session, wanted)
    change = session.scalar(_DUE_LOCKED, due)
    if change is None:
        return None
    change.enqueued_at = None  # the message that woke us is used up, whatever comes of it
    if is_paused(session, change.connection_id, bulk=change.bulk, now=now):
        return None
    if _busy(session, change, link):
        change.due_at = now + BUSY
        return None
    try:
        with session.begin_nested():
            change.state = State.RUNNING.value
            change.claim = token
            change.claim_expires_at = until
            session.flush()
    except IntegrityError:  # another worker claimed the same record in this moment
        return None
    return change


def _connection_is_active(session: Session, change: Change) -> bool:
    state = session.scalar(_CONNECTION_STATE, {"connection_id": change.connection_id})
    return state == "active"


def _lock_link(session: Session, change: Change) -> Link | None:
    source = Direction(change.direction).source
    return find_link(session, change.connection_id, change.kind, source, change.key, lock=True)


def _busy(session: Session, change: Change, link: Link | None) -> bool:
    direction = Direction(change.direction)
    same = _is_record(change.connection_id, change.kind, direction, change.key)
    if link is not None:
        other = counterpart(link, direction.source)
        reverse = _is_record(change.connection_id, change.kind, direction.reverse, other)
        same = or_(same, reverse)
    running = exists().where(same, Change.state == State.RUNNING.value)
    return bool(session.scalar(select(running)))


def _is_record(
    connection_id: int, kind: str, direction: Direction, key: str
) -> ColumnElement[bool]:
    return (
        (Change.connection_id == connection_id)
        & (Change.kind == kind)
        & (Change.direction == direction.value)
        & (Change.key == key)
    )


def still_ours(session: Session, change_id: int, *, token: str, now: datetime) -> bool:
    """Whether the claim holds; locks the change, so that it cannot expire until the commit."""
    ours = {"change_id": change_id, "token": token, "now": now}
    return session.scalar(_OURS, ours) is not None


def expire_claims(session: Session, *, now: datetime) -> int:
    """Give back what dead workers had claimed; how many there were."""
    dead = session.scalars(_DEAD, {"now": now}).all()
    for change in dead:
        change.attempts += 1
        session.add(_lost_try(change, now))
        if _crashes_in_a_row(session, change) < MOST_CRASHES:
            change.failure_class = FailureClass.TRANSIENT.value
            change.message = _STOPPED
            reopen(session, change, State.PENDING, due_at=now)
        else:
            change.failure_class = FailureClass.BUG.value
            change.message = (
                f"{MOST_CRASHES} workers have stopped while they transferred this record. It is "
                "kept back so that it cannot stop more. Look into the workers' logs, then retry it."
            )
            reopen(session, change, State.PARKED, due_at=now)
    return len(dead)


def _lost_try(change: Change, now: datetime) -> Attempt:
    """When it began is not known any more; it was due then."""
    return Attempt(
        change_id=change.id,
        started_at=change.due_at,
        finished_at=now,
        failure_class=FailureClass.TRANSIENT.value,
        message=_STOPPED,
    )


def _crashes_in_a_row(session: Session, change: Change) -> int:
    """How many of the last tries ended with their worker."""
    last = session.scalars(
        select(Attempt.message)
        .where(Attempt.change_id == change.id)
        .order_by(Attempt.id.desc())
        .limit(MOST_CRASHES)
    )
    return len(list(takewhile(lambda message: message == _STOPPED, last)))


_other = aliased(Change)
_WAITING_FOR_NOTHING = (
    select(Change)
    .where(
        Change.state == State.WAITING.value,
        ~exists().where(
            _other.connection_id == Change.connection_id,
            _other.kind == Change.blocked_kind,
            _other.direction == Change.direction,
            _other.key == Change.blocked_key,
            _other.state != State.DONE.value,
        ),
    )
    .with_for_update(skip_locked=True)
)


def release_waiting(session: Session, *, now: datetime) -> int:
    """Let changes go on whose other record is no longer under way; how many there were.

    A change may begin to wait in the very moment in which the other one ends. What somebody else
    is just storing is left to the next sweep, so that no two wait for each other.
    """
    released = session.scalars(_WAITING_FOR_NOTHING).all()
    for change in released:
        change.state = State.PENDING.value
        change.due_at = now
        change.enqueued_at = None
    return len(released)


def reopen(session: Session, change: Change, state: State, *, due_at: datetime) -> bool:
    """Put a claimed change back among the open ones.

    Where a newer change of the same record is open, that one does the work and this one is done;
    the answer is then False.
    """
    change.claim = None
    change.claim_expires_at = None
    change.due_at = due_at
    change.enqueued_at = None
    if not _newer_is_open(session, change):
        try:
            with session.begin_nested():
                change.state = state.value
                session.flush()
        except IntegrityError:  # a newer one was recorded in this moment
            pass
        else:
            return True
    change.state = State.DONE.value
    change.outcome = Outcome.SUPERSEDED.value
    change.finished_at = due_at
    return False


def _newer_is_open(session: Session, change: Change) -> bool:
    newer = session.scalar(
        select(Change.id).where(
            _is_record(change.connection_id, change.kind, Direction(change.direction), change.key),
            Change.state.in_([open_state.value for open_state in OPEN]),
        )
    )
    return newer is not None
