"""Two beats at once: one of them is active, and if both were, nothing would be done twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing

import pytest
from celery.beat import ScheduleEntry
from sqlalchemy import select, text

from sandbox.stack import wait_until
from shared.journal.record import News
from shared.sweep import Due, sweep
from shared.tables import Run
from shared.words import Cause, Direction
from tests.harness.world import World
from workers import beat
from workers.beat import WAIT_SECONDS, OneActiveScheduler
from workers.celery_app import make_celery

SWEEP_SECONDS = 0.2
CUT_OFF = text(
    "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted"
)


class Beat(OneActiveScheduler):
    """Notes what it would send."""

    sent: int = 0

    def apply_async(self, entry: ScheduleEntry, *_given: object, **_named: object) -> None:  # type: ignore[override]
        self.sent += entry.name == "sweep"


@pytest.fixture
def two_beats(the_world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Beat, Beat]]:
    given = the_world.configuration.model_copy(update={"sweep_seconds": SWEEP_SECONDS})
    monkeypatch.setattr(beat, "configuration", lambda: given)
    monkeypatch.setattr(beat, "watch_signs", lambda _process: None)  # they would end this process
    monkeypatch.setattr(beat, "show_life", lambda _process: None)
    with ExitStack() as ending:
        first, second = (
            ending.enter_context(closing(Beat(make_celery(given), max_interval=1)))
            for _ in range(2)
        )
        yield first, second


def sent_while(active: Beat, other: Beat) -> int:
    """Let both work until the active one has sent three sweeps; how many the other has sent."""
    active.sent = other.sent = 0

    def three_sent() -> bool:
        active.tick()
        other.tick()
        return active.sent >= 3

    wait_until(three_sent, 30, "the active beat sent too few sweeps")
    return other.sent


def test_of_two_beats_one_sends_and_the_other_takes_over_when_its_lock_is_lost(
    the_world: World, two_beats: tuple[Beat, Beat]
) -> None:
    first, second = two_beats
    assert sent_while(active=first, other=second) == 0
    assert second.tick() == WAIT_SECONDS
    with the_world.sessions.begin() as session:
        session.execute(CUT_OFF)
    second.tick()
    assert first.tick() == WAIT_SECONDS
    assert sent_while(active=second, other=first) == 0


def test_two_sweeps_at_once_hand_nothing_out_twice(the_world: World) -> None:
    connection = the_world.connect(reconcile={"nightly": True})
    keys = [str(number) for number in range(6)]
    for direction in Direction:
        news = [News("product", direction, key, Cause.RESYNC, bulk=True) for key in keys]
        the_world.engine.announce(connection.id, news)
    the_world.messages.clear()
    with ThreadPoolExecutor(4) as pool:
        found: list[Due] = list(pool.map(lambda _: sweep(the_world.engine), range(12)))
    pulls = Counter(pull for due in found for pull in due.pulls)
    changes = Counter(change.change_id for due in found for change in due.changes)
    assert len(pulls) > 1
    assert set(pulls.values()) == {1}
    assert changes
    assert set(changes.values()) == {1}
    with the_world.sessions() as session:
        assert len(session.scalars(select(Run)).all()) == 1
