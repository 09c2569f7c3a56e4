"""What is done to the running system."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass

import psycopg
import redis

from tests.chaos.plant import CLAIM, POSTGRES_OPTIONS, Plant

Act = Callable[[Plant], None]


def _nothing(_plant: Plant) -> None:
    """The fault is over by itself."""


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong.

    Attributes:
        strike: makes it go wrong.
        mend: ends it, as whoever is in charge of that part would.
        lasts: seconds in between.
        times, apart: how often it strikes, with how many seconds in between.
        in_sync: whether it also strikes in the middle of the initial sync.
    """

    name: str
    strike: Act
    mend: Act = _nothing
    lasts: float = 0.0
    times: int = 1
    apart: float = 0.0
    in_sync: bool = False

    def happen(self, plant: Plant) -> None:
        """Strike as often as it does, and be over."""
        for time_of in range(self.times):
            if time_of:
                time.sleep(self.apart)
            self.strike(plant)
            time.sleep(self.lasts)
            self.mend(plant)


# -- processes ------------------------------------------------------------------------------------


def _kill(*names: str) -> Act:
    def strike(plant: Plant) -> None:
        for name in names:
            plant.processes[name].kill()

    return strike


def _kill_workers(plant: Plant) -> None:
    for worker in plant.worker_processes:
        worker.kill()


def _kill_half_the_slots(plant: Plant) -> None:
    for slot in plant.slots()[::2]:
        with suppress(ProcessLookupError):
            os.kill(slot, signal.SIGKILL)


def _signal_worker(which: signal.Signals) -> Act:
    return lambda plant: plant.processes["worker 1"].kill(which)


def _start_beat(plant: Plant) -> None:
    plant.start_another("beat 2", "beat")


def _stop_beat(plant: Plant) -> None:
    plant.processes.pop("beat 2").stop()


# -- servers --------------------------------------------------------------------------------------


def _wipe_broker(plant: Plant) -> None:
    plant.broker.stop(signal.SIGKILL)
    plant.broker.start()


def _crash_postgres(plant: Plant) -> None:
    plant.postgres.stop(signal.SIGQUIT)
    plant.postgres.start(*POSTGRES_OPTIONS)


def _signal_broker(which: signal.Signals) -> Act:
    return lambda plant: os.kill(plant.broker.pid, which)


def _limit_broker(name: str, value: int, seconds: float, *, cut: bool = False) -> Act:
    """Set a limit of the broker's, by a connection that is kept for lifting it again."""

    def strike(plant: Plant) -> None:
        with redis.Redis.from_url(plant.broker.url, single_connection_client=True) as client:
            before = client.config_get(name)
            client.config_set(name, value)
            if cut:  # so that everybody needs a new connection
                plant.to_broker.cut()
            time.sleep(seconds)
            client.config_set(name, before[name])

    return strike


def _use_up_postgres(seconds: float) -> Act:
    """Hold every connection PostgreSQL has; whoever had one needs another."""

    def strike(plant: Plant) -> None:
        plant.to_postgres.cut()
        end = time.monotonic() + seconds
        with ExitStack() as held:
            while time.monotonic() < end:
                try:
                    connection = psycopg.connect(plant.postgres.url("varebro"), connect_timeout=2)
                except psycopg.OperationalError:
                    time.sleep(0.02)
                else:
                    held.callback(connection.close)

    return strike


# -- what lies in between -------------------------------------------------------------------------


def _cut_broker(plant: Plant) -> None:
    plant.to_broker.cut()


def _cut_postgres(plant: Plant) -> None:
    plant.to_postgres.cut()


BEYOND_CLAIM = CLAIM.total_seconds() + 5

FAULTS = (
    Fault("kill -9 a worker", _kill("worker 1"), times=3, apart=3, in_sync=True),
    Fault("kill -9 every worker", _kill_workers, times=2, apart=5, in_sync=True),
    Fault("kill -9 half the slots", _kill_half_the_slots, in_sync=True),
    Fault("kill -9 beat", _kill("beat"), in_sync=True),
    Fault("kill -9 web", _kill("web"), in_sync=True),
    Fault("a second beat beside the first, 20 s", _start_beat, _stop_beat, lasts=20, in_sync=True),
    Fault("broker killed, all it held is gone", _wipe_broker, in_sync=True),
    Fault("PostgreSQL crashes and restarts", _crash_postgres, in_sync=True),
    Fault(
        "worker stopped beyond its claim, then woken",
        _signal_worker(signal.SIGSTOP), _signal_worker(signal.SIGCONT), lasts=BEYOND_CLAIM,
        in_sync=True,
    ),
    Fault("broker connections cut", _cut_broker, in_sync=True),
    Fault("broker cut 5x in 2 s", _cut_broker, times=5, apart=0.4, in_sync=True),
    Fault("PostgreSQL connections cut", _cut_postgres, in_sync=True),
    Fault("PostgreSQL cut 5x in 2 s", _cut_postgres, times=5, apart=0.4, in_sync=True),
    Fault(
        "broker frozen", _signal_broker(signal.SIGSTOP), _signal_broker(signal.SIGCONT), lasts=20
    ),
    Fault(
        "packets to the broker lost silently",
        lambda plant: plant.to_broker.silence(), lambda plant: plant.to_broker.restore(), lasts=20,
    ),
    Fault(
        "packets to PostgreSQL lost silently",
        lambda plant: plant.to_postgres.silence(), lambda plant: plant.to_postgres.restore(),
        lasts=20,
    ),
    Fault("PostgreSQL has no connection left, 10 s", _use_up_postgres(10)),
    Fault("broker takes no connection, 10 s", _limit_broker("maxclients", 1, 10, cut=True)),
    Fault("broker's memory is full, 10 s", _limit_broker("maxmemory", 1, 10)),
)  # fmt: skip
