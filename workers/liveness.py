"""Whether a process does its work, not only exists.

With the Redis broker a worker may stay connected, answer pings, and yet take no more tasks after a
lost connection. So every worker sends itself a message by way of the broker every few seconds. When
these are sent but do not come back, and the worker is not simply busy, it ends itself, and whatever
supervises it starts it anew.
"""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog
from celery import bootsteps
from celery.signals import task_received
from celery.worker import state
from kombu import Queue as KombuQueue
from kombu.exceptions import OperationalError

from workers.messages import HEARTBEAT

log = structlog.get_logger()

EVERY_SECONDS = 10.0
# After so long without a sign of life a process counts as dead.
DEAD_SECONDS = 45.0


def sign_file(process: str) -> Path:
    """The file whose time of change is the last sign of life of a kind of process."""
    return Path(tempfile.gettempdir()) / f"varebro-{os.geteuid()}-{process}.alive"


def show_life(process: str) -> None:
    """Leave a sign of life."""
    sign_file(process).touch()


def is_alive(process: str, now: Callable[[], float] = time.time) -> bool:
    """Whether a process of that kind has left a sign of life lately."""
    try:
        return now() - sign_file(process).stat().st_mtime < DEAD_SECONDS
    except FileNotFoundError:
        return False


class SelfCheck(bootsteps.StartStopStep):
    """The step of a worker's start-up that begins the checking."""

    # Before the consumer, which is given its queues when it starts, and then never returns.
    requires = ("celery.worker.components:Pool",)

    def __init__(self, worker: Any, **options: Any) -> None:
        super().__init__(worker, **options)
        self._stopped = threading.Event()
        self._back_at = time.monotonic()
        self._sent_since: float | None = None

    def start(self, worker: Any) -> None:
        queue = f"alive.{worker.hostname}"
        task_received.connect(self._received, weak=False)
        worker.app.amqp.queues.select_add(KombuQueue(queue, expires=60))
        thread = threading.Thread(target=self._run, args=(worker, queue), daemon=True)
        thread.start()

    def stop(self, worker: Any) -> None:
        del worker
        self._stopped.set()

    def _received(self, **_: Any) -> None:
        self._back_at = time.monotonic()
        self._sent_since = None
        show_life("worker")

    def _run(self, worker: Any, queue: str) -> None:
        while not self._stopped.wait(EVERY_SECONDS):
            self._send(worker.app, queue)
            if len(state.active_requests) >= worker.concurrency:
                self._received()  # every slot works, under a time limit of its own
            waiting = self._sent_since
            if waiting is not None and time.monotonic() - waiting > DEAD_SECONDS:
                log.error("this worker takes no more tasks; it ends, to be started anew")
                os._exit(70)

    def _send(self, app: Any, queue: str) -> None:
        try:
            app.send_task(HEARTBEAT, queue=queue, expires=DEAD_SECONDS, retry=False)
        except (OperationalError, OSError) as error:
            # Without a broker nothing can come back; that is not this worker's fault.
            self._sent_since = None
            log.warning("broker not reached", error=type(error).__name__)
            return
        if self._sent_since is None:
            self._sent_since = time.monotonic()
