"""Running one seed."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import structlog

from shared.engine.engine import Engine
from tests.simulation.database import Database
from tests.simulation.fate import Fate
from tests.simulation.invariants import broken
from tests.simulation.world import NeverAtRest, World


@dataclass(frozen=True)
class Outcome:
    """How a schedule ended.

    Attributes:
        broken: the invariants that do not hold.
        story: what happened, line by line.
    """

    seed: int
    broken: list[str]
    story: str

    def __str__(self) -> str:
        return "\n".join([self.story, *(f"BROKEN {each}" for each in self.broken)])


def play(database: Database, seed: int, *, engine: type[Engine] = Engine) -> Outcome:
    """Play one schedule; the same seed always plays the same one."""
    fate = Fate(seed)
    database.empty()
    world = World(database, fate, engine=engine)
    world.workers.watch(database.sessions)
    try:
        world.run()
        problems = broken(world)
    except NeverAtRest as problem:
        problems = [f"I1: {problem}", *broken(world)]
    except Exception as problem:
        problem.add_note(fate.story())
        raise
    finally:
        world.workers.leave(database.sessions)
    return Outcome(seed, problems, fate.story())


@contextmanager
def quiet() -> Iterator[None]:
    """No log lines: thousands of schedules have too many, and each tells its own story."""
    configured = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        yield
    finally:
        structlog.configure(**configured)
