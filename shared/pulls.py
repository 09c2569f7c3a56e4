"""Pulling: asking 24SevenOffice what has changed, as it cannot tell us by itself."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import BindParameter, bindparam, false, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from shared.engine.engine import Engine
from shared.entity import differs
from shared.failures import Limited
from shared.journal import pauses
from shared.journal.decide import explain
from shared.journal.record import News, is_record, which_record
from shared.kind import Context, Found, Kind
from shared.links import find_link, seen
from shared.settings import OrderSettings, Settings, load_settings, with_settings
from shared.storable import snapshot_of
from shared.tables import Change, Connection, Cursor, constant
from shared.traces import log_failure
from shared.words import Cause, Direction, State, System

log = structlog.get_logger()

# 24SevenOffice rounds times of change to the minute; what is found twice is recognised.
OVERLAP = timedelta(minutes=3)
# How far ahead of ours its clock may be: also if it shows the summer time of Norway.
FASTEST_CLOCK = timedelta(hours=3)
DIRECTION = Direction.TFSO_TO_RACKBEAT


def pulled_kinds(settings: Settings, kinds: Mapping[str, Kind[Any]]) -> list[str]:
    """The kinds whose origin is (also) 24SevenOffice."""
    return [
        name
        for name, kind in kinds.items()
        if DIRECTION in kind.directions and settings.of(name).lets(DIRECTION)
    ]


def interval(settings: Settings, kind: str) -> timedelta:
    """The time between two pulls of a kind."""
    part = settings.of(kind)
    minutes = part.pull_minutes if isinstance(part, OrderSettings) else settings.pull_minutes
    return timedelta(minutes=minutes)


def take_due_pulls(
    session: Session, kinds: Mapping[str, Kind[Any]], *, now: datetime
) -> list[tuple[str, str]]:
    """Connections and kinds to pull now; their next turn is set. The caller commits."""
    due: list[tuple[str, str]] = []
    later = {tuple(row) for row in session.execute(_LATER, {"now": now})}
    connections = session.scalars(_MAY_PULL, {"now": now})
    for connection, settings in with_settings(connections):
        for kind in pulled_kinds(settings, kinds):
            if (connection.id, kind) in later:
                continue
            # Times before the connection was made are the initial sync's business.
            turn = {
                "of_connection": connection.id,
                "of_kind": kind,
                "created_at": connection.created_at,
                "next": now + interval(settings, kind),
                "now": now,
            }
            if session.scalar(_TAKE_TURN, turn) is not None:
                due.append((connection.slug, kind))
    return due


# Made once, as every sweep asks them.
_NOW: BindParameter[datetime] = bindparam("now")
_LATER = select(Cursor.connection_id, Cursor.kind).where(Cursor.next_at > _NOW)
# In one order, so that no two sweeps wait for each other's cursors.
_MAY_PULL = (
    select(Connection)
    .where(Connection.state == "active", ~pauses.in_force(Connection.id, false(), _NOW))
    .order_by(Connection.id)
)
_TO_PULL = (
    select(Connection, Cursor, pauses.in_force(Connection.id, false(), _NOW))
    .outerjoin(Cursor, (Cursor.connection_id == Connection.id) & (Cursor.kind == bindparam("kind")))
    .where(Connection.slug == bindparam("slug"))
)
_TURN = insert(Cursor).values(
    connection_id=bindparam("of_connection"),
    kind=bindparam("of_kind"),
    position=bindparam("created_at"),
    next_at=bindparam("next"),
)
_TAKE_TURN = _TURN.on_conflict_do_update(
    index_elements=["connection_id", "kind"],
    set_={"next_at": _TURN.excluded.next_at},
    where=Cursor.next_at <= _NOW,
).returning(Cursor.kind)


def bring_forward(
    session: Session,
    connection_id: int,
    settings: Settings,
    kinds: Mapping[str, Kind[Any]],
    *,
    now: datetime,
) -> None:
    """Let no turn lie further ahead than the interval says, so that a shorter one counts at once.
    The caller commits."""
    for kind in pulled_kinds(settings, kinds):
        latest = now + interval(settings, kind)
        session.execute(
            update(Cursor)
            .where(
                Cursor.connection_id == connection_id, Cursor.kind == kind, Cursor.next_at > latest
            )
            .values(next_at=latest)
        )


def pull(engine: Engine, slug: str, kind_name: str) -> int:
    """Record every change of a kind since the last pull; how many there were.

    The cursor moves in the transaction that records the changes: none can be passed over.
    """
    now = engine.clock()
    asked = {"slug": slug, "kind": kind_name, "now": now}
    with engine.sessions.begin() as session:
        connection, cursor, paused = session.execute(_TO_PULL, asked).one()
    if paused or connection.state != "active":
        return 0
    try:
        return _record_news(engine, connection, engine.kinds[kind_name], cursor, now)
    except Exception as failure:  # noqa: BLE001 - the pull has to say why it brings nothing
        _pull_failed(engine, connection.id, kind_name, engine.understood(failure))
        return 0


def _record_news(
    engine: Engine, connection: Connection, kind: Kind[Any], cursor: Cursor | None, now: datetime
) -> int:
    settings = load_settings(connection.settings)
    position = cursor.position if cursor is not None else connection.created_at
    client = engine.clients(connection.id, False).of(System.TFSO)
    found = list(kind.tfso.changed_since(client, position - OVERLAP))
    baseline = _baseline(cursor, found)
    with engine.sessions() as session:
        news = [
            News(kind.name, DIRECTION, item.key, Cause.POLL, snapshot=snapshot_of(item.record))
            for item in found
            if _is_news(session, connection.id, kind, settings, item, baseline)
        ]
    newest = _newest(found, position, now)
    ids = engine.announce(
        connection.id,
        news,
        also=lambda session: _move_cursor(session, connection.id, kind.name, newest, baseline, now),
    )
    return len(ids)


def _newest(found: list[Found], position: datetime, now: datetime) -> datetime:
    """The newest time of change by the vendor's clock.

    A record that claims to have changed long after now must not move the cursor past all others.
    """
    times = (item.changed_at for item in found if item.changed_at is not None)
    return max((time for time in times if time <= now + FASTEST_CLOCK), default=position)


def _baseline(cursor: Cursor | None, found: list[Found]) -> frozenset[str]:
    """Records that were there before the first pull and do not say when they changed.

    Copying them is the initial sync's business, which is optional.
    """
    if cursor is not None and cursor.baseline is not None:
        return frozenset(cursor.baseline)
    return frozenset(item.key for item in found if item.changed_at is None)


def _is_news(  # noqa: PLR0917
    session: Session,
    connection_id: int,
    kind: Kind[Any],
    settings: Settings,
    item: Found,
    baseline: frozenset[str],
) -> bool:
    """Whether the found record was neither seen before nor is our own writing come back."""
    link = find_link(session, connection_id, kind.name, System.TFSO, item.key)
    if link is None and item.key in baseline:
        return False
    with suppress(Exception):  # what is wrong with a record its transfer says, and stops no other
        if link is not None:
            known = seen(link, System.TFSO)
            entity = kind.tfso.parse(item.record, Context(settings))
            return not known or differs(known, entity.seen())
        if kind.tfso.excluded(item.record, settings) is not None:
            return False
    return not _is_parked_as_it_is(session, connection_id, kind, item)


_PARKED_SNAPSHOT = select(Change.snapshot).where(
    is_record(), Change.state == constant(State.PARKED)
)


def _is_parked_as_it_is(session: Session, connection_id: int, kind: Kind[Any], item: Found) -> bool:
    which = which_record(connection_id, kind.name, DIRECTION.value, item.key)
    snapshot = session.scalar(_PARKED_SNAPSHOT, which)
    return snapshot is not None and snapshot == snapshot_of(item.record)


def _move_cursor(  # noqa: PLR0917
    session: Session,
    connection_id: int,
    kind: str,
    newest: datetime,
    baseline: frozenset[str],
    now: datetime,
) -> None:
    cursor = session.get(Cursor, (connection_id, kind), with_for_update=True)
    if cursor is None:  # pulled by hand before its first turn
        cursor = Cursor(connection_id=connection_id, kind=kind, position=newest, next_at=now)
        session.add(cursor)
    cursor.position = max(cursor.position, newest)
    cursor.pulled_at = now
    cursor.message = None
    cursor.baseline = sorted(baseline)


def _pull_failed(engine: Engine, connection_id: int, kind: str, failure: Exception) -> None:
    now = engine.clock()
    with engine.sessions.begin() as session:
        cursor = session.get(Cursor, (connection_id, kind), with_for_update=True)
        if cursor is not None:
            cursor.message = explain(failure)
            if isinstance(failure, Limited):
                cursor.next_at = failure.retry_at
        until = pauses.pause_after(session, connection_id, failure, now=now)
        if until is not None and cursor is not None:
            cursor.next_at = until
    log_failure(log, "not pulled", failure, kind=kind)
