"""Storing what became of a claimed change."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic_core import to_jsonable_python
from sqlalchemy import BindParameter, ColumnElement, bindparam, select, update
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningUpdate

from shared.journal.claims import reopen
from shared.journal.decide import Decision, Park, PauseVendor, Retry
from shared.journal.record import is_record, record_of, which_record
from shared.journal.turns import Lane
from shared.tables import Attempt, Change, constant
from shared.words import Direction, FailureClass, Outcome, State


def finish(
    session: Session,
    change: Change,
    outcome: Outcome,
    *,
    target_key: str | None,
    message: str | None,
    notes: Sequence[str],
    now: datetime,
) -> set[Lane]:
    """The change is done. Lanes in which changes that waited for it are due now."""
    change.state = State.DONE.value
    change.outcome = outcome.value
    change.finished_at = now
    change.target_key = target_key
    change.message = message
    change.notes = list(notes)
    change.failure_class = None
    change.claim = None
    change.claim_expires_at = None
    change.snapshot = None
    change.candidates = None
    this = record_of(change)
    woken = _wake(session, _SAME_RECORD, this, now)
    if target_key is None:
        _park_dependants(session, change)  # it was skipped: there is nothing they could refer to
        return woken
    reverse = Direction(change.direction).reverse.value
    other = which_record(change.connection_id, change.kind, reverse, target_key)
    woken |= _wake(session, _COUNTERPART, other, now)
    return woken | _wake(session, _DEPENDANTS, this, now)


def _wake(
    session: Session, whom: ReturningUpdate[str, bool], which: dict[str, Any], now: datetime
) -> set[Lane]:
    woken = session.execute(whom, which | {"now": now})
    return {(kind, bulk) for kind, bulk in woken}


def _waker(*whom: ColumnElement[bool], **becomes: Any) -> ReturningUpdate[str, bool]:
    """A statement, made once, that makes others due."""
    waker = update(Change).where(*whom).values(due_at=_NOW, **becomes)
    # Of these nobody holds any in the session, where SQLAlchemy would look for each.
    return waker.returning(Change.kind, Change.bulk).execution_options(synchronize_session=False)


_NOW: BindParameter[datetime] = bindparam("now")
_SAME_RECORD = _waker(
    is_record(), Change.state == constant(State.PENDING), Change.attempts == 0, Change.due_at > _NOW
)
# A change the other way that was parked may have become needless: look at it again.
_COUNTERPART = _waker(
    is_record(), Change.state == constant(State.PARKED), state=State.PENDING.value, enqueued_at=None
)
_IS_BLOCKED = (
    (Change.connection_id == bindparam("of_connection"))
    & (Change.direction == bindparam("of_direction"))
    & (Change.blocked_kind == bindparam("of_kind"))
    & (Change.blocked_key == bindparam("of_key"))
)
_DEPENDANTS = _waker(
    _IS_BLOCKED,
    Change.state.in_([constant(State.WAITING), constant(State.PARKED)]),
    state=State.PENDING.value,
    enqueued_at=None,
    blocked_kind=None,
    blocked_key=None,
)


def wait_for(session: Session, change: Change, *, kind: str, key: str, now: datetime) -> None:
    """The change waits until that other record has been transferred."""
    change.blocked_kind = kind
    change.blocked_key = key
    change.message = f"Waits for {kind.replace('_', ' ')} {key} to be transferred first."
    reopen(session, change, State.WAITING, due_at=now)


def apply(
    session: Session,
    change: Change,
    decision: Decision,
    *,
    failure_class: FailureClass,
    message: str,
    now: datetime,
) -> None:
    """Do with a failed change what was decided; the pause itself aside."""
    change.failure_class = failure_class.value
    change.message = message
    match decision:
        case Retry():
            change.attempts += int(decision.counts)
            reopen(session, change, State.PENDING, due_at=decision.at)
        case Park():
            change.attempts += 1
            if reopen(session, change, State.PARKED, due_at=now):
                _park_dependants(session, change)
        case PauseVendor():
            # It keeps its place in the line: the pause is what it waits for.
            reopen(session, change, State.PENDING, due_at=change.due_at)


def _park_dependants(session: Session, change: Change) -> None:
    for dependant in session.scalars(_WAITING, record_of(change)):
        park_for(dependant, change)


_WAITING = (
    select(Change).where(_IS_BLOCKED, Change.state == constant(State.WAITING)).with_for_update()
)


def park_for(change: Change, parked: Change) -> None:
    """Park a change because the record it needs is parked; woken when that is transferred."""
    change.state = State.PARKED.value
    change.failure_class = FailureClass.DEPENDENCY.value
    change.message = (
        f"Needs {parked.kind.replace('_', ' ')} {parked.key}, which could not be transferred: "
        f"{parked.message} This record follows by itself as soon as that is mended."
    )


def note_attempt(
    session: Session,
    change: Change,
    *,
    started_at: datetime,
    now: datetime,
    request: Any,
    response: Any,
) -> None:
    """Keep what was sent and what came back. Call after the change itself has been settled."""
    session.add(
        Attempt(
            change_id=change.id,
            started_at=started_at,
            finished_at=now,
            outcome=change.outcome,
            failure_class=change.failure_class,
            message=change.message,
            request=to_jsonable_python(request) if request is not None else None,
            response=to_jsonable_python(response) if response is not None else None,
        )
    )
    change.duration_ms = round((now - started_at).total_seconds() * 1000)
