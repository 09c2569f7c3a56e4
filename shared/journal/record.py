"""Recording that records have changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import ColumnElement, and_, bindparam, case, func, null, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from shared.tables import OPEN_CHANGE, Change, IdempotencyKey, constant
from shared.words import Cause, Direction, State

# PostgreSQL takes 65,535 parameters a statement; a change has about 16.
_ROWS_A_STATEMENT = 1000


class OfARecord(Protocol):
    """A change or a write: it is about a record, or a value of a register."""

    @property
    def connection_id(self) -> int: ...
    @property
    def kind(self) -> str: ...
    @property
    def direction(self) -> str: ...
    @property
    def key(self) -> str: ...


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
    if len(rows) == 1:
        return list(session.scalars(_UPSERT_ONE, {_given(n): v for n, v in rows[0].items()}))
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


def _given(column: str) -> str:
    """The parameter for a column's value."""
    return f"new_{column}"


def _upsert(rows: dict[str, Any] | list[dict[str, Any]]) -> Any:
    statement = insert(Change).values(rows)
    new = statement.excluded
    in_line = and_(
        Change.state == State.PENDING.value,
        Change.due_at <= new.due_at,
        Change.bulk.is_(False) | new.bulk,
    )
    # Such a change travels whatever the kind's origin is, also if it is told of once more.
    brought_along = Change.cause.in_([constant(Cause.DEPENDENCY), constant(Cause.INITIAL)])
    asked_for = and_(new.forced, new.run_id.is_(None))  # by its key, not as one of many
    return statement.on_conflict_do_update(
        index_elements=["connection_id", "kind", "direction", "key"],
        index_where=OPEN_CHANGE,
        set_={
            "state": State.PENDING.value,
            "cause": case((brought_along, Change.cause), else_=new.cause),
            "bulk": and_(Change.bulk, new.bulk),
            "forced": Change.forced | new.forced,
            "attempts": 0,
            "recorded_at": new.recorded_at,
            "due_at": case((in_line, Change.due_at), else_=new.due_at),
            "enqueued_at": case((in_line, Change.enqueued_at), else_=None),
            "snapshot": new.snapshot,
            "candidates": new.candidates,
            "run_id": case((asked_for, null()), else_=func.coalesce(new.run_id, Change.run_id)),
            "failure_class": None,
            "message": None,
            "blocked_kind": None,
            "blocked_key": None,
        },
    ).returning(Change.id)


# Made once, as most triggers tell of one record: SQLAlchemy compiles a list of rows every time.
_UPSERT_ONE = _upsert(
    {
        name: bindparam(_given(name))
        for name in (
            "connection_id",
            "kind",
            "direction",
            "key",
            "cause",
            "state",
            "bulk",
            "forced",
            "recorded_at",
            "due_at",
            "snapshot",
            "candidates",
            "run_id",
        )
    }
)


def into_a_system(
    table: type[Change | IdempotencyKey], *, direction: str = "of_direction"
) -> ColumnElement[bool]:
    """Whether a change or a write is of a kind and a direction: in statements that are made once.

    Args:
        direction: the parameter that says which; all of them are as `which_record` gives them.
    """
    return (
        (table.connection_id == bindparam("of_connection"))
        & (table.kind == bindparam("of_kind"))
        & (table.direction == bindparam(direction))
    )


def is_record(
    table: type[Change | IdempotencyKey] = Change,
    *,
    direction: str = "of_direction",
    key: str = "of_key",
) -> ColumnElement[bool]:
    """The same, and one of a record's.

    Args:
        key: the parameter that says which.
    """
    return into_a_system(table, direction=direction) & (table.key == bindparam(key))


def which_record(connection_id: int, kind: str, direction: str, key: str | None) -> dict[str, Any]:
    """The parameters of a statement about one record."""
    return {
        "of_connection": connection_id,
        "of_kind": kind,
        "of_direction": direction,
        "of_key": key,
    }


def record_of(subject: OfARecord) -> dict[str, Any]:
    """The same, of the record that a change or a write is about."""
    return which_record(subject.connection_id, subject.kind, subject.direction, subject.key)


_NOT_DONE = select(Change).where(is_record(), Change.state != constant(State.DONE))


def open_or_running(
    session: Session, connection_id: int, kind: str, direction: Direction, key: str
) -> Sequence[Change]:
    """The changes of one record that are not done."""
    which = which_record(connection_id, kind, direction.value, key)
    return session.scalars(_NOT_DONE, which).all()
