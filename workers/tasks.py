"""The Celery tasks. Each is thin: it says what to do in natural arguments, the engine does it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

import structlog
from celery import Celery, Task
from celery.exceptions import SoftTimeLimitExceeded

from shared.config import configuration
from shared.connections import NotUsable
from shared.failures import Failure
from shared.operations import Operations, check_no_span, only_kind, system_called, time_asked_for
from shared.probing import probe
from shared.queues import Queue
from shared.retention import clean_up
from shared.runs import list_run
from shared.settings import SettingsError
from shared.sweep import sweep
from shared.traces import described
from shared.words import Cause, Direction
from tasks.kinds import KINDS
from workers.messages import (
    CHANGE_HEADER,
    CLEAN_UP,
    HEARTBEAT,
    INITIAL_SYNC,
    LIST_RUN,
    PROBE,
    PULL,
    RECONCILE,
    RESYNC,
    RETRY,
    SWEEP,
    enqueue,
    send,
    task_name,
)
from workers.process import the_engine

log = structlog.get_logger()

# A bulk job lists whole registers, at the pace the vendors allow; it renews its lease meanwhile.
LISTING_SOFT_SECONDS, LISTING_HARD_SECONDS = 1700, 1800
# Everything else waits for the sweep: one that hangs makes room for the next one soon.
SWEEP_SOFT_SECONDS, SWEEP_HARD_SECONDS = 40, 45


# What these say is written for people, and never holds a secret.
_TOLD = (Failure, NotUsable, SettingsError, SoftTimeLimitExceeded)


class UnexpectedError(Exception):
    """A fault of ours, by its type and place."""


class DiscreetTask(Task[Any, Any]):
    """A task of whose unexpected errors only type and place reach the log and Flower."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        inspect.signature(self.run).bind(*args, **kwargs)  # sent by hand, they may not fit
        try:
            return self.run(*args, **kwargs)
        except _TOLD:
            raise
        except Exception as error:  # noqa: BLE001 - told by its type and place
            raise UnexpectedError(described(error)) from None


def register(app: Celery) -> None:
    """Make all tasks known to the application, and to no other one of this process."""
    task = partial(app.task, shared=False, base=DiscreetTask)
    for kind in KINDS.values():
        for direction in kind.directions:
            transfer = _transfer_task(kind.name, direction)
            task(name=task_name(kind.name, direction), bind=True)(transfer)
    task(name=SWEEP, bind=True, soft_time_limit=SWEEP_SOFT_SECONDS, time_limit=SWEEP_HARD_SECONDS)(
        _sweep
    )
    task(name=PULL)(_pull)
    task(name=PROBE)(_probe)
    listing: dict[str, Callable[..., None]] = {
        INITIAL_SYNC: _initial_sync,
        RESYNC: _resync,
        RECONCILE: _reconcile,
        LIST_RUN: _list_run,
    }
    for name, run in listing.items():
        task(name=name, soft_time_limit=LISTING_SOFT_SECONDS, time_limit=LISTING_HARD_SECONDS)(run)
    task(name=RETRY)(_retry)
    task(name=HEARTBEAT)(_heartbeat)
    task(name=CLEAN_UP)(_clean_up)


def _operations() -> Operations:
    return Operations(the_engine(), actor="task")


def _transfer_task(kind: str, direction: Direction) -> Callable[..., None]:
    def transfer(self: Task[Any, Any], connection: str, key: str | int) -> None:
        """Transfer one record's current state."""
        with structlog.contextvars.bound_contextvars(connection=connection):
            change_id = (self.request.headers or {}).get(CHANGE_HEADER)
            if change_id is None:
                _operations().transfer(connection, kind, str(key), direction)
            else:
                the_engine().process(int(change_id))

    return transfer


def _sweep(self: Task[Any, Any]) -> None:
    """Find everything that is due and enqueue it."""
    due = sweep(the_engine())
    enqueue(self.app, due.changes)
    for connection, kind in due.pulls:
        send(self.app, PULL, {"connection": connection, "kind": kind}, Queue.CONTROL)
    for connection, system in due.probes:
        send(self.app, PROBE, {"connection": connection, "system": system}, Queue.CONTROL)
    for run_id in due.runs:
        send(self.app, LIST_RUN, {"run": run_id}, Queue.BULK)


def _pull(connection: str, kind: str) -> None:
    """Ask 24SevenOffice what has changed and record it."""
    with structlog.contextvars.bound_contextvars(connection=connection):
        _operations().pull(connection, kind)


def _probe(connection: str, system: str) -> None:
    """Look whether a vendor that was down, or refused the login, is back."""
    probe(the_engine(), connection, system_called(system))


def _initial_sync(connection: str) -> None:
    """Copy customers, suppliers, products and product groups from 24SevenOffice to Rackbeat."""
    list_run(the_engine(), _operations().begin(connection, Cause.INITIAL))


def _resync(  # noqa: PLR0917 - Celery calls it by name
    connection: str,
    kinds: list[str] | str | None = None,
    source: str = "24so",
    since: str | None = None,
    until: str | None = None,
    keys: list[str | int] | None = None,
) -> None:
    """Transfer everything of these kinds again, or what changed in a span of time (ISO times), or
    the records of one kind with these keys."""
    span = {"since": time_asked_for(since), "until": time_asked_for(until)}
    direction = Direction.away_from(system_called(source))
    if keys is not None:
        check_no_span(**span)
        _operations().resync(connection, only_kind(kinds), [str(key) for key in keys], direction)
        return
    about = {"direction": direction, "kinds": kinds, **span}
    list_run(the_engine(), _operations().begin(connection, Cause.RESYNC, **about))


def _retry(connection: str) -> None:
    """Try everything again that is parked."""
    _operations().retry_parked(connection)


def _reconcile(connection: str) -> None:
    """Compare both systems whole; repair what differs where the settings allow it."""
    list_run(the_engine(), _operations().begin(connection, Cause.RECONCILE))


def _list_run(run: int) -> None:
    """Go on with a bulk job."""
    list_run(the_engine(), run)


def _clean_up() -> None:
    """Delete from the journal what is older than the configuration keeps."""
    engine = the_engine()
    with engine.sessions.begin() as session:
        deleted = clean_up(session, days=configuration().journal_days, now=engine.clock())
    log.info("cleaned up", **deleted)


def _heartbeat() -> None:
    """A worker's message to itself."""
