"""Real Celery workers, killed with SIGKILL in the middle of a write; another one ends it.

The points themselves are tried by test_crash_points.py, in one process. This makes sure that
nothing there is only the test's idea of a death. It takes long, and is part of `make crash`.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from sqlalchemy import select

from shared.points import Point
from shared.sweep import sweep
from shared.tables import IdempotencyKey
from tests.harness.mission import all_in, let_documents
from tests.harness.world import World
from tests.harness.writes import INTO_24SO, INTO_RACKBEAT, Written, furnish
from workers.celery_app import make_celery
from workers.messages import enqueue

CLAIM_SECONDS = SETTLE_SECONDS = 5
PATIENCE = 90  # seconds; no machine should need them
CHOSEN = (INTO_24SO[0], INTO_RACKBEAT[3])  # a customer, a product

pytestmark = [
    pytest.mark.skipif("VAREBRO_EVERY_CRASH" not in os.environ, reason="make crash runs it"),
    pytest.mark.timeout(300),
]


@contextmanager
def worker(world: World, point: Point | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """A worker with processes of its own; it dies at that point."""
    config = world.configuration
    environment = {
        "VAREBRO_DATABASE_URL": config.database_url.get_secret_value(),
        "VAREBRO_BROKER_URL": config.broker_url.get_secret_value(),
        "VAREBRO_SECRET_KEYS": config.secret_keys[0].get_secret_value(),
        "VAREBRO_CLAIM_SECONDS": str(CLAIM_SECONDS),
        "VAREBRO_SETTLE_SECONDS": str(SETTLE_SECONDS),
    }
    command = [sys.executable, "-m", "tests.harness.dying_worker"]
    process = subprocess.Popen(
        command + ([] if point is None else [point.name]),
        env=os.environ | environment,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def feed(world: World) -> None:
    """What the web process and beat do: enqueue what is new, and what is due and has no message."""
    found = [*world.messages, *sweep(world.engine).changes]
    world.messages.clear()
    enqueue(make_celery(world.configuration), found)
    time.sleep(0.5)


@pytest.mark.parametrize("point", list(Point), ids=lambda point: point.name.lower())
@pytest.mark.parametrize("write", CHOSEN, ids=str)
def test_what_a_killed_worker_began_another_one_ends_once(
    the_world: World, write: Written, point: Point
) -> None:
    furnish(the_world)
    # The workers' clock is the real one; what time has passed in the test has passed for nobody.
    the_world.clock.ahead = timedelta(0)
    let_documents(the_world, write.direction)
    made = write.make(the_world, 1, None)
    the_world.deliveries_done()
    the_world.pull(write.kind)
    feed(the_world)
    with worker(the_world, point) as dying:
        assert dying.wait(PATIENCE) == -signal.SIGKILL
    deadline = time.monotonic() + PATIENCE
    with worker(the_world):
        while the_world.states() and time.monotonic() < deadline:
            feed(the_world)
    assert the_world.states() == []
    assert len(write.copies(all_in(the_world, write.direction.target), made)) == 1
    with the_world.sessions() as session:
        assert session.scalars(select(IdempotencyKey).filter_by(state="started")).all() == []
