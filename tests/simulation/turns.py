"""Who is next, in a statement that SQLite has, too.

The product's own asks for the front of every lane at once (LATERAL). This one asks for all that is
due and cuts it off afterwards; what is chosen is the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any
from unittest.mock import patch

from sqlalchemy import BindParameter, Row, bindparam, select
from sqlalchemy.orm import Session

from shared.journal import turns
from shared.journal.pauses import in_force
from shared.journal.turns import PORTION, Lane
from shared.tables import Change, Connection, constant
from shared.words import State


def in_use() -> AbstractContextManager[object]:
    """As long as it is entered, the product uses this one, in this process."""
    return patch.object(turns, "_front", _front)


def _front(
    session: Session, lanes: Sequence[Lane], now: datetime, connection_id: int | None
) -> Iterator[Row[*tuple[Any, ...]]]:
    places: Counter[tuple[int, str, bool]] = Counter()
    for row in session.execute(_DUE, {"now": now}):
        lane = (row.connection_id, row.kind, row.bulk)
        wanted = lane[1:] in lanes and connection_id in (None, row.connection_id)
        places[lane] += wanted
        if wanted and places[lane] <= PORTION:
            yield row


_NOW: BindParameter[datetime] = bindparam("now")
_DUE = (
    select(
        Change.connection_id,
        Change.kind,
        Change.bulk,
        Change.id,
        Change.enqueued_at,
        Change.due_at,
    )
    .join(Connection, Connection.id == Change.connection_id)
    .where(Change.state == constant(State.PENDING), Change.due_at <= _NOW)
    .where(Connection.state == "active", ~in_force(Connection.id, Change.bulk, _NOW))
    .order_by(Change.enqueued_at.is_(None), Change.enqueued_at, Change.due_at)
)
