"""When a worker counts as one that does its work, and when it ends itself."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from celery import Celery
from cryptography.fernet import Fernet
from kombu import Queue as KombuQueue
from pydantic import SecretStr

from shared.config import Configuration
from workers import beat, liveness
from workers.beat import OneActiveScheduler
from workers.liveness import DEAD_SECONDS, EVERY_SECONDS, Watch, is_alive, show_life, sign_file


@dataclass
class Life:
    """A worker's watch, with a clock and slots of its own."""

    now: float = 1000.0
    busy: bool = False
    watch: Watch = field(init=False)

    def __post_init__(self) -> None:
        self.watch = Watch(busy=lambda: self.busy, clock=lambda: self.now)

    def goes_on(self, seconds: float, *, sends: bool = True, turns: bool = True) -> bool:
        """Let time pass while nothing comes back; whether the worker counts as dead in the end."""
        end = self.now + seconds
        while self.now < end:
            self.now += EVERY_SECONDS
            self.watch.sent() if sends else self.watch.not_sent()
            if turns:
                self.watch.turned()
            if self.watch.is_dead():
                return True
        return False


def test_a_worker_that_hears_nothing_of_itself_counts_as_dead_within_half_a_minute() -> None:
    life = Life()
    assert life.goes_on(30)
    assert life.now <= 1030


def test_a_worker_that_hears_of_itself_is_alive() -> None:
    life = Life()
    for _ in range(10):
        assert not life.goes_on(DEAD_SECONDS)
        life.watch.received()


def test_a_worker_is_not_to_blame_while_nobody_reaches_the_broker() -> None:
    life = Life()
    assert not life.goes_on(DEAD_SECONDS)
    assert not life.goes_on(600, sends=False)
    assert not life.goes_on(DEAD_SECONDS)  # the broker is back, and so may the worker be
    assert life.goes_on(30)


def test_a_worker_all_of_whose_slots_work_is_alive_as_long_as_its_loop_turns() -> None:
    life = Life(busy=True)
    assert not life.goes_on(600)
    assert life.goes_on(30, turns=False)


def test_a_busy_worker_that_takes_nothing_more_once_it_is_free_is_noticed() -> None:
    life = Life(busy=True)
    assert not life.goes_on(600)
    life.busy = False
    assert life.goes_on(30)


def test_the_check_is_consumed_before_all_work_and_whatever_queues_were_chosen() -> None:
    app = Celery(set_as_current=False)
    app.conf.task_queues = [KombuQueue("control"), KombuQueue("bulk"), KombuQueue("stock")]
    queues = app.amqp.queues
    liveness._consume_first(queues, "alive.one")
    assert list(queues.consume_from) == ["alive.one", "control", "bulk", "stock"]
    queues.select(["bulk"])
    liveness._consume_first(queues, "alive.one")
    assert list(queues.consume_from) == ["alive.one", "bulk"]


def test_two_workers_of_one_host_do_not_vouch_for_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    show_life("worker-one")
    assert is_alive("worker-one")
    assert not is_alive("worker-two")
    assert not is_alive("beat")


def test_a_sign_of_life_is_good_for_a_while_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    show_life("beat")
    os.utime(sign_file("beat"), (1000, 1000))
    assert is_alive("beat", now=lambda: 1000 + DEAD_SECONDS - 1)
    assert not is_alive("beat", now=lambda: 1000 + DEAD_SECONDS + 1)


@pytest.mark.parametrize(("lazy", "watched"), [(True, []), (False, ["beat"])])
def test_a_beat_is_watched_where_it_is_really_started_and_not_only_looked_at(
    monkeypatch: pytest.MonkeyPatch, *, lazy: bool, watched: list[str]
) -> None:
    found: list[str] = []
    config = Configuration(
        database_url=SecretStr("postgresql://db"),
        broker_url=SecretStr("redis://broker"),
        secret_keys=(SecretStr(Fernet.generate_key().decode()),),
    )
    monkeypatch.setattr(beat, "configuration", lambda: config)
    monkeypatch.setattr(beat, "watch_signs", found.append)
    OneActiveScheduler(app=Celery(set_as_current=False), lazy=lazy)
    assert found == watched
