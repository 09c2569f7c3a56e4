"""The sweep: finds everything that is due, whatever became of the messages about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

from shared.engine.engine import Engine
from shared.journal import claims, pauses, turns
from shared.journal.decide import MOST_BETWEEN_PROBES
from shared.journal.record import WakeUp
from shared.pulls import take_due_pulls
from shared.runs import due_reconciliations, due_runs, start_run
from shared.words import Cause


@dataclass(frozen=True)
class Due:
    """What has to be enqueued.

    Attributes:
        pulls: connection and kind.
        runs: ids of runs to be listed.
        probes: connection and vendor that may be back.
    """

    changes: Sequence[WakeUp]
    pulls: Sequence[tuple[str, str]]
    runs: Sequence[int]
    probes: Sequence[tuple[str, str]]


def sweep(engine: Engine) -> Due:
    """Give back what dead workers held, and find what is due."""
    now = engine.clock()
    with engine.sessions() as session:
        to_reconcile = due_reconciliations(session, now=now)
    for slug in to_reconcile:
        start_run(engine, slug, Cause.RECONCILE)
    with engine.sessions.begin() as session:
        claims.expire_claims(session, now=now)
        claims.release_waiting(session, now=now)
        pulls = take_due_pulls(session, engine.kinds, now=now)
        runs = list(due_runs(session, now=now))
        pauses.forget_ended(session, now=now)
        probes = pauses.take_due_probes(session, now=now, next_at=now + MOST_BETWEEN_PROBES)
        changes = turns.take_due(session, product(engine.kinds, (False, True)), now=now)
    return Due(changes, pulls, runs, probes)
