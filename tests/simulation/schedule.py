"""Running one seed."""

from __future__ import annotations

import gc
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import structlog

from shared.engine.engine import Engine
from shared.words import Origin
from tests.simulation.beginning import begin
from tests.simulation.database import Database, nothing_happens
from tests.simulation.fate import Fate
from tests.simulation.invariants import broken
from tests.simulation.world import NeverAtRest, World

# How many begin with records that both systems agree on.
LINKED = 0.7
# Most of what can go wrong needs both directions.
ORIGINS = ("both", "both", "both", "rackbeat", "24so")
WINS = ("newest", "rackbeat", "24so")


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
    beginning = begin(database, linked=fate.random.random() < LINKED)
    world = World(database, fate, engine=engine)
    beginning.take_over(world)
    world.choose(Origin(fate.random.choice(ORIGINS)), fate.random.choice(WINS))
    world.people.to_do = fate.random.randint(1, 3)
    database.at_commit = world.workers.pass_by
    try:
        world.run()
        problems = broken(world)
    except NeverAtRest as problem:
        problems = [f"I1: {problem}", *broken(world)]
    except Exception as problem:
        problem.add_note(fate.story())
        raise
    finally:
        world.workers.leave()
        database.at_commit = nothing_happens
    return Outcome(seed, problems, fate.story())


@contextmanager
def quiet() -> Iterator[None]:
    """No log lines: thousands of schedules have too many, and each tells its own story.

    And little searching for garbage, which took a fifth of the time: a schedule leaves not much.
    """
    configured, thresholds = structlog.get_config(), gc.get_threshold()
    gc.set_threshold(100_000, *thresholds[1:])
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        yield
    finally:
        structlog.configure(**configured)
        gc.set_threshold(*thresholds)
