"""Recording that records have changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, case, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from shared.tables import OPEN_CHANGE, Change
from shared.words import Cause, Direction, State

OPEN = (State.PENDING, State.WAITING, State.PARKED)

# PostgreSQL takes 65,535 parameters a statement; a change has about 16.
_ROWS_A_STATEMENT = 1000


@dataclass(frozen=True)
class News:
    """A record that has changed, as a trigger tells it.

    Attributes:
        snapshot: the source record, where the trigger has just read it.
        candidates: keys of target records that are the same thing, where a run has compared
            complete lists; None where nobody has looked.
    """

    kind: str
    direction: Direction
    key: str
    cause: Cause
    bulk: bool = False
    forced: bool = False
    snapshot: dict[str, Any] | None = None
    candidates: list[str] | None = None
    run_id: int | None = None


@dataclass(frozen=True)
class WakeUp:
    """What a message to the workers says: this record is due. Carries nothing that can be lost."""

    change_id: int
    connection: str
    kind: str
    direction: str
    key: str
    bulk: bool


def record(
    session: Session, connection_id: int, news: Sequence[News], *, now: datetime
) -> list[int]:
    """Write changes into the journal; the caller commits. Ids in the order of the records.

    A change that still waits for a worker takes the news in: one row, one transfer. A parked
    change of the same record becomes pending again, with its attempts counted anew. One whose turn
    had come keeps its place, and its message: who is edited all the time must get its turn, too.
    """
    latest = {(item.kind, item.direction, item.key): item for item in news}
    # One order for all writers, so that two of them cannot wait for each other's rows.
    rows = [_row(connection_id, latest[name], now) for name in sorted(latest)]
    ids: list[int] = []
    for start in range(0, len(rows), _ROWS_A_STATEMENT):
        ids += session.scalars(_upsert(rows[start : start + _ROWS_A_STATEMENT])).all()
    return ids


def _row(connection_id: int, item: News, now: datetime) -> dict[str, Any]:
    return {
        "connection_id": connection_id,
        "kind": item.kind,
        "direction": item.direction.value,
        "key": item.key,
        "cause": item.cause.value,
        "state": State.PENDING.value,
        "bulk": item.bulk,
        "forced": item.forced,
        "recorded_at": now,
        "due_at": now,
        "snapshot": item.snapshot,
        "candidates": item.candidates,
        "run_id": item.run_id,
    }


def _upsert(rows: list[dict[str, Any]]) -> Any:
    statement = insert(Change).values(rows)
    new = statement.excluded
    in_line = and_(
        Change.state == State.PENDING.value,
        Change.due_at <= new.due_at,
        Change.bulk.is_(False) | new.bulk,
    )
    return statement.on_conflict_do_update(
        index_elements=["connection_id", "kind", "direction", "key"],
        index_where=OPEN_CHANGE,
        set_={
            "state": State.PENDING.value,
            "cause": new.cause,
            "bulk": and_(Change.bulk, new.bulk),
            "forced": Change.forced | new.forced,
            "attempts": 0,
            "recorded_at": new.recorded_at,
            "due_at": case((in_line, Change.due_at), else_=new.due_at),
            "enqueued_at": case((in_line, Change.enqueued_at), else_=None),
            "snapshot": new.snapshot,
            "candidates": new.candidates,
            "run_id": func.coalesce(new.run_id, Change.run_id),
            "failure_class": None,
            "message": None,
            "blocked_kind": None,
            "blocked_key": None,
        },
    ).returning(Change.id)


def open_or_running(
    session: Session, connection_id: int, kind: str, direction: Direction, key: str
) -> Sequence[Change]:
    """The changes of one record that are not done."""
    return session.scalars(
        select(Change).where(
            Change.connection_id == connection_id,
            Change.kind == kind,
            Change.direction == direction.value,
            Change.key == key,
            Change.state != State.DONE.value,
        )
    ).all()
