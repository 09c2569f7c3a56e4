"""Who is next, in statements that SQLite has, too.

The product's own ask for the front of every lane at once (LATERAL) and mark and read in one
(UPDATE ... FROM ... RETURNING). These do the same one after the other; what is chosen is the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from functools import cache
from typing import Any
from unittest.mock import patch

from sqlalchemy import Row, Select, bindparam, exists, func, or_, select, true, update
from sqlalchemy.orm import Session

from shared.journal import turns
from shared.journal.record import WakeUp
from shared.journal.turns import LOST_MESSAGE, PORTION, Lane
from shared.tables import Change, Connection, Pause
from shared.words import State


def in_use() -> AbstractContextManager[object]:
    """As long as it is entered, the product uses these, in this process."""
    return patch.multiple(turns, _front=_front, _mark=_mark)


def _front(
    session: Session, lanes: Sequence[Lane], now: datetime, connection_id: int | None
) -> Iterable[Row[*tuple[Any, ...]]]:
    statement = _front_of(tuple(lanes), every_connection=connection_id is None)
    return session.execute(statement, {"now": now, "connection_id": connection_id})


@cache
def _front_of(lanes: tuple[Lane, ...], *, every_connection: bool) -> Select[*tuple[Any, ...]]:
    now = bindparam("now")
    lane = (Change.connection_id, Change.kind, Change.bulk)
    place = func.row_number().over(
        partition_by=lane,
        order_by=(Change.enqueued_at.is_(None), Change.enqueued_at, Change.due_at),
    )
    paused = exists().where(
        Pause.connection_id == Change.connection_id,
        Pause.until > now,
        or_(Pause.bulk_only.is_(False), Change.bulk),
    )
    first = (
        select(*lane, Change.id, Change.enqueued_at, Change.due_at, place.label("place"))
        .join(Connection, Connection.id == Change.connection_id)
        .where(Change.state == State.PENDING.value, Change.due_at <= now)
        .where(or_(*((Change.kind == kind) & (Change.bulk == bulk) for kind, bulk in lanes)))
        .where(Connection.state == "active", ~paused)
        .where(true() if every_connection else Change.connection_id == bindparam("connection_id"))
        .subquery()
    )
    return select(first).where(first.c.place <= PORTION)


def _mark(session: Session, ids: Sequence[int], now: datetime) -> list[WakeUp]:
    if not ids:
        return []
    values = {"ids": ids, "sent": now, "lost": now - LOST_MESSAGE}
    free = session.scalars(_MARK, values).all()
    return [WakeUp(*row) for row in session.execute(_MARKED, {"ids": free})]


_IDS = Change.id.in_(bindparam("ids", expanding=True))
_MARK = (
    update(Change)
    .where(
        _IDS,
        Change.state == State.PENDING.value,
        or_(Change.enqueued_at.is_(None), Change.enqueued_at < bindparam("lost")),
    )
    .values(enqueued_at=bindparam("sent"))
    .returning(Change.id)
)
_MARKED = (
    select(Change.id, Connection.slug, Change.kind, Change.direction, Change.key, Change.bulk)
    .join(Connection, Connection.id == Change.connection_id)
    .where(_IDS)
)
