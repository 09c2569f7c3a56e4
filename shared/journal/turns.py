"""Who is next: due changes go to the broker in turns, so that no backlog is in another's way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ARRAY,
    BindParameter,
    Boolean,
    Row,
    Select,
    Text,
    bindparam,
    column,
    func,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.orm import Session

from shared.journal.pauses import in_force
from shared.journal.record import WakeUp, open_or_running
from shared.tables import Change, Connection, constant
from shared.words import Direction, State

# So many changes of a connection, kind and urgency are with the broker at a time, the rest waits
# in the journal: whoever comes with one change waits for a few of each other connection's.
PORTION = 4

# A message that was not answered by a claim for so long is taken to be lost. Not longer: what a
# killed worker or an emptied broker has lost blocks the way of the rest meanwhile. A message that
# is sent twice finds its change claimed or done.
LOST_MESSAGE = timedelta(seconds=20)

# A kind, and whether it is bulk work.
Lane = tuple[str, bool]
_PENDING = Change.state == constant(State.PENDING)


def take_due(
    session: Session, lanes: Iterable[Lane], *, now: datetime, connection_id: int | None = None
) -> list[WakeUp]:
    """Due changes to send messages for, marked as sent; the caller commits.

    They are those that fill up what is with the broker, of one connection or of all, the first of
    each connection before the second of any. A message that is lost makes room again.
    """
    wanted = sorted(set(lanes))
    if not wanted:
        return []
    places: Counter[tuple[int, str, bool]] = Counter()
    order: dict[int, tuple[bool, int, datetime]] = {}
    for row in _front(session, wanted, now, connection_id):
        places[row.connection_id, row.kind, row.bulk] += 1
        if row.enqueued_at is None or row.enqueued_at < now - LOST_MESSAGE:
            place = places[row.connection_id, row.kind, row.bulk]
            order[row.id] = (row.bulk, place, row.due_at)
    return sorted(_mark(session, list(order), now), key=lambda message: order[message.change_id])


def _front(
    session: Session, lanes: Sequence[Lane], now: datetime, connection_id: int | None
) -> Iterable[Row[*tuple[Any, ...]]]:
    """The first changes of every lane: those with the broker, then those that are next."""
    kinds, bulks = zip(*lanes, strict=True)
    values = {"kinds": kinds, "bulks": bulks, "now": now, "connection_id": connection_id}
    return session.execute(_FRONT_OF_ALL if connection_id is None else _FRONT_OF_ONE, values)


def _front_of_all() -> Select[*tuple[Any, ...]]:
    # Arrays, because SQLAlchemy would compile a VALUES list anew for every call.
    kinds, bulks = bindparam("kinds", type_=ARRAY(Text)), bindparam("bulks", type_=ARRAY(Boolean))
    columns = column("kind", Text), column("bulk", Boolean)
    lane = func.unnest(kinds, bulks).table_valued(*columns).render_derived(name="lane")
    first = (
        select(Change.id, Change.enqueued_at, Change.due_at)
        .where(
            _PENDING,
            Change.connection_id == Connection.id,
            Change.kind == lane.c.kind,
            Change.bulk == lane.c.bulk,
            Change.due_at <= _NOW,
        )
        .order_by(Change.enqueued_at, Change.due_at)
        .limit(PORTION)
        .lateral("first")
    )
    return (
        select(Connection.id.label("connection_id"), lane.c.kind, lane.c.bulk, *first.c)
        .select_from(Connection)
        .join(lane, true())
        .join(first, true())
        .where(Connection.state == "active", ~in_force(Connection.id, lane.c.bulk, _NOW))
    )


# Made once, as every end of a transfer asks them, and every sweep.
_NOW: BindParameter[datetime] = bindparam("now")
_FRONT_OF_ALL = _front_of_all()
_FRONT_OF_ONE = _FRONT_OF_ALL.where(Connection.id == bindparam("connection_id"))


def _mark(session: Session, ids: Sequence[int], now: datetime) -> list[WakeUp]:
    """Note that messages are being sent for these; what the messages say.

    What another transaction has in its hands is left out: it is taken, or sent for, there.
    """
    if not ids:
        return []
    values = {"ids": ids, "sent_before": now - LOST_MESSAGE, "now": now}
    return [WakeUp(*row) for row in session.execute(_MARKED, values)]


_FREE = (
    select(Change.id)
    .where(
        Change.id.in_(bindparam("ids", expanding=True)),
        _PENDING,
        or_(Change.enqueued_at.is_(None), Change.enqueued_at < bindparam("sent_before")),
    )
    .with_for_update(skip_locked=True)
)
_SLUG = select(Connection.slug).where(Connection.id == Change.connection_id).scalar_subquery()
_MARKED = (
    update(Change)
    .where(Change.id.in_(_FREE))
    .values(enqueued_at=_NOW)
    .returning(Change.id, _SLUG, Change.kind, Change.direction, Change.key, Change.bulk)
    .execution_options(synchronize_session=False)
)


def hurry(session: Session, changes: Iterable[Change]) -> set[Lane]:
    """Somebody waits for these changes, and for what they wait for: none of it is bulk work now.

    The lanes in which they are.
    """
    left, found = list(changes), dict[int, Change]()
    while left:
        change = left.pop()
        if change.id in found:
            continue
        found[change.id] = change
        if change.blocked_kind is not None and change.blocked_key is not None:
            direction = Direction(change.direction)
            left += open_or_running(
                session, change.connection_id, change.blocked_kind, direction, change.blocked_key
            )
    # Stored all at once and so in the order of their ids: two who hurry never wait in a circle.
    for change in found.values():
        if change.bulk:
            change.bulk = False
            change.enqueued_at = None
    return {(change.kind, False) for change in found.values()}
