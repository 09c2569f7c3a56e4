"""Bulk jobs: the initial sync, resyncs and reconciliations.

A run lists one kind after the other and records changes; the engine then takes them like any
others, with less urgency. A run that is interrupted goes on where it stopped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import BindParameter, bindparam, exists, func, or_, select, true, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from shared import listing
from shared.background import repeating
from shared.baseline import ANYTHING, Baseline, noted_again
from shared.connections import NotUsable, connection_called
from shared.engine.engine import Engine
from shared.failures import AuthFailed, Limited, Outage, Transient
from shared.journal import pauses
from shared.journal.decide import LONGEST_WAIT, Wait, explain
from shared.journal.record import News, record
from shared.kind import Kind
from shared.links import relink
from shared.pages import Pages, forget, remembering
from shared.rereading import learn_again
from shared.settings import Settings, load_settings, with_settings
from shared.tables import Change, Connection, Cursor, Run, constant
from shared.traces import log_failure
from shared.words import Cause, Direction, FailureClass, Origin, State, System

log = structlog.get_logger()

LISTING, TRANSFERRING, DONE = "listing", "transferring", "done"
# One worker lists at a time; when it dies, another one goes on after this.
LEASE = timedelta(seconds=45)
# A list keeps a worker's slot for minutes: so few are made at a time, for all connections together,
# that slots are left for what is urgent.
LISTED_AT_ONCE = 2
# How soon an interrupted run goes on.
SOON = timedelta(seconds=30)


def start_run(
    engine: Engine,
    slug: str,
    cause: Cause,
    *,
    direction: Direction = Direction.TFSO_TO_RACKBEAT,
    kinds: Sequence[str] | str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> int:
    """Begin a run, or find the same one that is under way; its id.

    Args:
        kinds: all that the cause is about, where not given.

    Raises:
        NotUsable: there is no such connection or kind, or it never travels that way.
    """
    with engine.sessions.begin() as session:
        # Locked, so that two people who ask at once start one run.
        connection = connection_called(session, slug, lock=True)
        wanted = kinds_of(engine, connection, cause, direction, kinds)
        # One that only waits for its changes to end has looked at everything before.
        under_way = session.scalars(
            select(Run).where(Run.connection_id == connection.id, Run.state == LISTING)
        )
        for run in under_way:
            if (run.cause, run.direction, run.kinds, run.since, run.until) == (
                cause.value, direction.value, wanted, since, until,
            ):  # fmt: skip
                return run.id
        new = Run(
            connection_id=connection.id,
            cause=cause.value,
            direction=direction.value,
            kinds=wanted,
            since=since,
            until=until,
            listed={},
            state=LISTING,
            started_at=engine.clock(),
        )
        session.add(new)
        session.flush()
        return new.id


def kind_called(engine: Engine, name: str) -> Kind[Any]:
    """The kind of that name.

    Raises:
        NotUsable: there is none.
    """
    if name not in engine.kinds:
        raise NotUsable(f"'{name}' is no kind. There are: {', '.join(engine.kinds)}.")
    return engine.kinds[name]


def check_way(kind: Kind[Any], direction: Direction) -> None:
    """Make sure that a kind can travel in a direction at all.

    Raises:
        NotUsable: it never does.
    """
    if direction not in kind.directions:
        source, target = direction.source.title, direction.target.title
        raise NotUsable(
            f"{kind.name} never travels from {source} to {target}, only the other way. Choose the "
            f"direction from {target} (--from {direction.target.value})."
        )


def kinds_of(
    engine: Engine,
    connection: Connection,
    cause: Cause,
    direction: Direction,
    named: Sequence[str] | str | None,
) -> list[str]:
    """The kinds a run is about: those that are named, or else all that its cause is about.

    Raises:
        NotUsable: there is no kind of that name, or it never travels that way.
    """
    names = [named] if isinstance(named, str) else [*(named or ())]
    for name in names:
        kind = kind_called(engine, name)
        if cause is Cause.RESYNC:
            check_way(kind, direction)
    return names or list(_kinds_about(engine, connection, cause, direction))


def _kinds_about(
    engine: Engine, connection: Connection, cause: Cause, direction: Direction
) -> Iterator[str]:
    """The kinds that a cause is about."""
    settings = load_settings(connection.settings)
    for kind in engine.kinds.values():
        part = settings.of(kind.name)
        if part.origin is Origin.OFF:
            continue
        if cause is Cause.INITIAL and not kind.initial:
            continue
        if cause is Cause.RESYNC and not (direction in kind.directions and part.lets(direction)):
            continue
        yield kind.name


def list_run(engine: Engine, run_id: int) -> None:
    """Record the run's changes, kind by kind; goes on where an earlier worker stopped."""
    while (kind_name := _next_kind(engine, run_id)) is not None:
        try:
            _list_kind(engine, run_id, engine.kinds[kind_name])
        except Exception as failure:  # noqa: BLE001 - the run has to say why it does not go on
            _come_back_later(engine, run_id, engine.understood(failure))
            return


def _next_kind(engine: Engine, run_id: int) -> str | None:
    """The next kind to list, with the run leased to us; None when there is none or it is taken."""
    now = engine.clock()
    with engine.sessions.begin() as session:
        run = session.scalar(select(Run).where(Run.id == run_id).with_for_update(skip_locked=True))
        if run is None or run.state != LISTING:
            return None
        if run.lease_expires_at is not None and run.lease_expires_at > now:
            return None
        left = [kind for kind in run.kinds if kind not in run.listed]
        if not left:
            run.state = TRANSFERRING
            return None
        if session.scalars(_LISTED_NOW, {"now": now}).one() >= LISTED_AT_ONCE:
            return None  # the sweep comes back to it
        run.lease_expires_at = now + LEASE
        run.message = None
        return str(left[0])


def _list_kind(engine: Engine, run_id: int, kind: Kind[Any]) -> None:
    with engine.sessions() as session:
        run = session.get_one(Run, run_id)
        connection = session.get_one(Connection, run.connection_id)
    settings = load_settings(connection.settings)
    comparison: listing.Comparison | None = None
    pages = Pages(engine.sessions, run_id, engine.clock)
    with _keeping_lease(engine, run_id), remembering(pages):
        if run.cause == Cause.RECONCILE:
            comparison = _compare(engine, connection, kind, settings)
            news = comparison.news if settings.reconcile.repair else []
        else:
            news = list(news_of(engine, run, connection, kind, settings))
    found = {"listed": len(news)} if comparison is None else comparison.report

    def tick_off(session: Session) -> None:
        stored = session.get_one(Run, run_id, with_for_update=True)
        stored.listed = {**stored.listed, kind.name: found}
        stored.lease_expires_at = None
        stored.message = None
        forget(session, run_id)
        if comparison is not None:
            stored.keys = {**stored.keys, kind.name: comparison.keys}
            _store_comparison(
                session, connection.id, kind, comparison,
                repair=settings.reconcile.repair, now=engine.clock(),
            )  # fmt: skip

    engine.announce(connection.id, [replace(item, run_id=run_id) for item in news], also=tick_off)
    if comparison is not None:
        learn_again(engine.sessions, connection.id, kind, settings, comparison.learned)
    log.info("listed", run=run_id, kind=kind.name, found=found)


def news_of(
    engine: Engine, run: Run, connection: Connection, kind: Kind[Any], settings: Settings
) -> Iterable[News]:
    """What a run that is no reconciliation would record of a kind."""
    clients = engine.clients(connection.id, True)
    direction = Direction(run.direction)
    if run.cause == Cause.INITIAL:
        return listing.for_initial_sync(kind, direction, settings, clients)
    return listing.for_resync(kind, direction, settings, clients, since=run.since, until=run.until)


def _keeping_lease(engine: Engine, run_id: int) -> AbstractContextManager[None]:
    """Renew the run's lease as long as the block takes, however slow the vendors are."""

    def renew() -> None:
        # Where it fails, another worker may begin the same; what is found twice is recognised.
        with suppress(SQLAlchemyError), engine.sessions.begin() as session:
            until = engine.clock() + LEASE
            session.execute(update(Run).where(Run.id == run_id).values(lease_expires_at=until))

    return repeating(renew, every_seconds=LEASE.total_seconds() / 3)


def _compare(
    engine: Engine, connection: Connection, kind: Kind[Any], settings: Settings
) -> listing.Comparison:
    with engine.sessions() as session:
        cursor = session.get(Cursor, (connection.id, kind.name)) or Cursor()
        known = {system: cursor.baseline_of(system) for system in System}
        links = listing.links_to_compare(session, connection.id, kind, now=engine.clock())
    # The lists may take an hour: no transaction is open meanwhile, which the database would end.
    clients = engine.clients(connection.id, True)
    return listing.compare(kind, settings, clients, links=links, known=known)


def _store_comparison(
    session: Session,
    connection_id: int,
    kind: Kind[Any],
    comparison: listing.Comparison,
    *,
    repair: bool,
    now: datetime,
) -> None:
    cursor = session.get(Cursor, (connection_id, kind.name), with_for_update=True)
    if cursor is None:
        created_at = session.get_one(Connection, connection_id).created_at
        cursor = Cursor(
            connection_id=connection_id, kind=kind.name, position=created_at, next_at=now
        )
        session.add(cursor)
    for system in System:
        known = cursor.baseline_of(system)
        if known is None:
            cursor.set_baseline(system, _baseline(session, cursor, comparison, system))
        elif ANYTHING in known.values():
            cursor.set_baseline(system, noted_again(known, comparison.not_linked[system]))
    for old, new in comparison.renumbered.items() if repair else ():
        relink(session, connection_id, kind, old, new)
    for key, message in comparison.doubtful.items() if repair else ():
        _park(session, connection_id, kind.name, key, message=message, now=now)


def _baseline(
    session: Session, cursor: Cursor, comparison: listing.Comparison, system: System
) -> Baseline:
    """What was not linked at the first comparison, without what somebody has just made or edited:
    that is on its way, and nothing old."""
    waiting = set(
        session.scalars(
            select(Change.key).where(
                Change.connection_id == cursor.connection_id,
                Change.kind == cursor.kind,
                Change.direction == Direction.away_from(system).value,
                Change.state != State.DONE.value,
            )
        )
    )
    found = comparison.not_linked[system]
    return {key: said for key, said in found.items() if key not in waiting}


def _park(
    session: Session, connection_id: int, kind: str, key: str, *, message: str, now: datetime
) -> None:
    news = News(kind, Direction.RACKBEAT_TO_24SO, key, Cause.RECONCILE)
    (change_id,) = record(session, connection_id, [news], now=now)
    change = session.get_one(Change, change_id)
    change.state = State.PARKED.value
    change.failure_class = FailureClass.UNMAPPABLE.value
    change.message = message


def _come_back_later(engine: Engine, run_id: int, failure: Exception) -> None:
    now = engine.clock()
    with engine.sessions.begin() as session:
        run = session.get_one(Run, run_id, with_for_update=True)
        run.lease_expires_at = _again_at(failure, run.started_at, now)
        run.message = explain(failure)
        pauses.pause_after(session, run.connection_id, failure, now=now)
    log_failure(log, "run interrupted", failure, run=run_id)


def _again_at(failure: Exception, started_at: datetime, now: datetime) -> datetime:
    """When to go on. What does not pass by itself is tried ever less often: after as long again."""
    match failure:
        case Limited():
            return failure.retry_at
        case Transient() | Outage() | AuthFailed() | Wait():
            return now + SOON
        case _:
            return now + min(max(now - started_at, SOON), LONGEST_WAIT)


def due_runs(session: Session, *, now: datetime) -> Iterable[int]:
    """The next runs to be listed; also ends the runs whose changes have ended."""
    session.execute(_END_RUNS, {"now": now})
    return session.scalars(_UNLISTED, {"now": now}).all()


# Made once, as every sweep asks them.
_NOW: BindParameter[datetime] = bindparam("now")
_ACTIVE = select(Connection).where(Connection.state == "active")
_END_RUNS = (
    update(Run)
    .where(
        Run.state == TRANSFERRING,
        ~exists().where(
            Change.run_id == Run.id,
            Change.state.in_(
                [constant(state) for state in (State.PENDING, State.RUNNING, State.WAITING)]
            ),
        ),
    )
    .values(state=DONE, finished_at=_NOW)
    .execution_options(synchronize_session=False)
)
_UNLISTED = (
    select(Run.id)
    .join(Connection, Connection.id == Run.connection_id)
    .where(
        Run.state == LISTING,
        Connection.state == "active",
        ~pauses.in_force(Connection.id, true(), _NOW),
        or_(Run.lease_expires_at.is_(None), Run.lease_expires_at <= _NOW),
    )
    .order_by(Run.lease_expires_at.nulls_first(), Run.id)
    .limit(LISTED_AT_ONCE)
)
# One with a message has been interrupted, and only waits until it may go on.
_LISTED_NOW = (
    select(func.count())
    .select_from(Run)
    .where(Run.state == LISTING, Run.lease_expires_at > _NOW, Run.message.is_(None))
)


def due_reconciliations(session: Session, *, now: datetime) -> list[str]:
    """Connections whose nightly reconciliation is due: none has begun since its hour last came. The
    first is due at once, and so is one when a kind is on that was off until then: what it finds in
    Rackbeat was there before, everything later is new."""
    due = []
    active = session.scalars(_ACTIVE)
    for connection, settings in with_settings(active):
        if not settings.reconcile.nightly:
            continue
        last = session.scalar(
            select(func.max(Run.started_at)).where(
                Run.connection_id == connection.id, Run.cause == Cause.RECONCILE.value
            )
        )
        is_time = last is None or last < _last_time_it_was(settings.reconcile.hour, now)
        if is_time or _has_never_compared(session, connection, settings):
            due.append(connection.slug)
    return due


def _has_never_compared(session: Session, connection: Connection, settings: Settings) -> bool:
    """Whether a kind is on that has not been compared yet."""
    compared = session.scalars(
        select(Cursor.kind).where(
            Cursor.connection_id == connection.id, Cursor.rackbeat_baseline.is_not(None)
        )
    )
    return not settings.kinds_that_are_on() <= set(compared)


def _last_time_it_was(hour: int, now: datetime) -> datetime:
    today = now.replace(hour=hour, minute=0, second=0, microsecond=0)
    return today if today <= now else today - timedelta(days=1)
