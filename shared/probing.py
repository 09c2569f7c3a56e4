"""Probing: one cheap call finds out whether a vendor that is paused for an outage is back."""

from __future__ import annotations

from itertools import product

import structlog

from shared.connections import connection_called
from shared.engine.engine import Engine
from shared.failures import AuthFailed, Failure, Outage, Rejected, Unmappable
from shared.journal import pauses, turns
from shared.journal.decide import next_probe
from shared.words import System

log = structlog.get_logger()


def probe(engine: Engine, slug: str, system: System) -> bool:
    """Whether the vendor is back; if so, everything that waited for it goes on.

    Raises:
        NotUsable: there is no such connection.
    """
    with engine.sessions() as session:
        connection_id = connection_called(session, slug).id
        if pauses.held(session, connection_id, system) is None:
            return True  # another probe, or a person, was quicker
    try:
        engine.clients(connection_id, False).of(system).check_access()
    except Failure as failure:
        if not isinstance(failure, Rejected | Unmappable):  # those are answers, too
            _still_away(engine, connection_id, system, failure)
            return False
    _is_back(engine, connection_id, system)
    log.info("vendor is back", connection=slug, system=system.value)
    return True


def _still_away(engine: Engine, connection_id: int, system: System, failure: Failure) -> None:
    with engine.sessions.begin() as session:
        pause = pauses.held(session, connection_id, system)
        if pause is None:
            return
        pause.failures += 1
        pause.until = next_probe(failure, pause.failures, engine.clock())
        if isinstance(failure, Outage | AuthFailed):
            pause.failure_class = failure.failure_class.value
            pause.message = failure.message


def _is_back(engine: Engine, connection_id: int, system: System) -> None:
    now = engine.clock()
    with engine.sessions.begin() as session:
        pause = pauses.held(session, connection_id, system)
        if pause is not None:
            session.delete(pause)
            session.flush()
        lanes = product(engine.kinds, (False, True))
        messages = turns.take_due(session, lanes, now=now, connection_id=connection_id)
    engine.enqueue(messages)
