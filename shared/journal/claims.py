"""Claiming a change: at most one worker acts on one record at a time, and not for ever."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import takewhile

from sqlalchemy import BindParameter, bindparam, exists, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, aliased

from shared.journal.pauses import in_force
from shared.journal.record import is_record, record_of
from shared.links import counterpart, find_link
from shared.tables import OPEN_CHANGE, Attempt, Change, Connection, Link, constant
from shared.words import Direction, FailureClass, Outcome, State

# How soon a change looks again when another one of the same record is being worked on.
BUSY = timedelta(seconds=2)

# A record that has stopped so many workers is taken to be the reason.
MOST_CRASHES = 5
_STOPPED = "The worker that transferred this record stopped; it is tried again."

# Made once, as every transfer asks them, and every sweep.
_NOW: BindParameter[datetime] = bindparam("now")
_IS_DUE = (
    (Change.id == bindparam("change_id"))
    & (Change.state == constant(State.PENDING))
    & (Change.due_at <= _NOW)
)
_DUE = (
    select(
        Change.connection_id,
        Change.kind,
        Change.direction,
        Change.key,
        in_force(Change.connection_id, Change.bulk, _NOW).label("paused"),
    )
    .join(Connection, Connection.id == Change.connection_id)
    .where(_IS_DUE, Connection.state == "active")
)
_DUE_LOCKED = select(Change).where(_IS_DUE).with_for_update(skip_locked=True)
_OURS = (
    select(Change)
    .where(
        Change.id == bindparam("change_id"),
        Change.state == constant(State.RUNNING),
        Change.claim == bindparam("token"),
        Change.claim_expires_at > bindparam("now"),
    )
    .with_for_update()
)
_DEAD = (
    select(Change)
    .where(Change.state == constant(State.RUNNING), Change.claim_expires_at <= bindparam("now"))
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
    wanted = session.execute(_DUE, due).one_or_none()
    if wanted is None:
        return None
    source = Direction(wanted.direction).source
    link = find_link(session, wanted.connection_id, wanted.kind, source, wanted.key, lock=True)
    change = session.scalar(_DUE_LOCKED, due)
    if change is None:
        return None
    busy = not wanted.paused and _busy(session, change, link)
    change.enqueued_at = None  # the message that woke us is used up, whatever comes of it
    if busy:
        change.due_at = now + BUSY
    if busy or wanted.paused:
        return None
    change.state = State.RUNNING.value
    change.claim = token
    change.claim_expires_at = until
    return change


def _busy(session: Session, change: Change, link: Link | None) -> bool:
    direction = Direction(change.direction)
    other = {
        "reverse": direction.reverse.value,
        "counterpart": None if link is None else counterpart(link, direction.source),
    }
    return bool(session.scalar(_RUNNING, record_of(change) | other))


_RUNNING = select(
    exists().where(
        or_(is_record(), is_record(direction="reverse", key="counterpart")),
        Change.state == constant(State.RUNNING),
    )
)


def still_ours(session: Session, change: Change, *, now: datetime) -> Change | None:
    """The claimed change as it is stored; None where the claim does not hold any more.

    It is locked, so that it cannot expire until the commit.
    """
    ours = {"change_id": change.id, "token": change.claim, "now": now}
    return session.scalar(_OURS, ours)


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
    last = session.scalars(_LAST_TRIES, {"change_id": change.id})
    return len(list(takewhile(lambda message: message == _STOPPED, last)))


_LAST_TRIES = (
    select(Attempt.message)
    .where(Attempt.change_id == bindparam("change_id"))
    .order_by(Attempt.id.desc())
    .limit(MOST_CRASHES)
)
_other = aliased(Change)
_WAITING_FOR_NOTHING = (
    select(Change)
    .where(
        Change.state == constant(State.WAITING),
        ~exists().where(
            _other.connection_id == Change.connection_id,
            _other.kind == Change.blocked_kind,
            _other.direction == Change.direction,
            _other.key == Change.blocked_key,
            _other.state != constant(State.DONE),
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
    return session.scalar(_OPEN_ONE, record_of(change)) is not None


_OPEN_ONE = select(Change.id).where(is_record(), OPEN_CHANGE)
