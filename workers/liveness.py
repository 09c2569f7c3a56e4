"""Whether a process does its work, not only exists.

With the Redis broker a worker may stay connected, answer pings, and yet take no more tasks after a
lost connection (Celery's issues 8030, 8091, 8384, 10205, 10302). So every worker sends itself a
message by way of the broker every few seconds. When these do not come back, and the worker is not
simply busy, it ends itself, and whatever supervises it starts it anew.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog
from celery import bootsteps
from celery.signals import heartbeat_sent, task_received
from celery.worker import state
from kombu import Queue as KombuQueue

from workers.messages import BROKER_ERRORS, HEARTBEAT

log = structlog.get_logger()

EVERY_SECONDS = 5.0
# After so long without a sign of life a process counts as dead.
DEAD_SECONDS = 20.0
# A broker that needs longer for one message is taken to be unreachable.
BROKER_SECONDS = 3.0


def sign_file(process: str) -> Path:
    """The file whose time of change is the last sign of life of a process of this host.

    Args:
        process: "beat", or "worker-" and the worker's own name, as the workers of one host are not
            to vouch for each other.
    """
    return Path(tempfile.gettempdir()) / f"varebro-{os.geteuid()}-{process}.alive"


def show_life(process: str) -> None:
    """Leave a sign of life."""
    sign_file(process).touch()


def is_alive(process: str, now: Callable[[], float] = time.time) -> bool:
    """Whether that process has left a sign of life lately."""
    try:
        return now() - sign_file(process).stat().st_mtime < DEAD_SECONDS
    except FileNotFoundError:
        return False


def end_process(why: str) -> None:
    """End this process at once: what hangs in it would also hold up an orderly end."""
    stack = traceback.extract_stack(sys._current_frames()[threading.main_thread().ident or 0])
    where = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in stack[-8:]]
    log.error(f"{why}; it ends, to be started anew", where=where)
    os._exit(70)


@dataclass
class Watch:
    """What a worker hears of itself, and whether that makes it count as dead.

    Attributes:
        busy: whether every slot works, so that nothing more can be taken.
    """

    busy: Callable[[], bool]
    clock: Callable[[], float] = time.monotonic
    _turned_at: float = field(init=False)
    _unanswered_since: float | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self._turned_at = self.clock()

    def turned(self) -> None:
        """The worker's event loop goes round."""
        self._turned_at = self.clock()

    def sent(self) -> None:
        """A message to itself is with the broker."""
        if self._unanswered_since is None:
            self._unanswered_since = self.clock()

    def not_sent(self) -> None:
        """Nobody reaches the broker: nothing can come back, which is not this worker's fault."""
        self._unanswered_since = None

    def received(self) -> None:
        """A message has come, its own or another."""
        self._unanswered_since = None

    def is_dead(self) -> bool:
        """Whether it has taken nothing for too long, though it could have."""
        if self._unanswered_since is None:
            return False
        if self.busy():
            # Excused as long as its loop turns: one that stands still does not notice either that
            # slots have become free.
            self._unanswered_since = max(self._unanswered_since, self._turned_at)
        return self.clock() - self._unanswered_since > DEAD_SECONDS


class SelfCheck(bootsteps.StartStopStep):
    """The step of a worker's start-up that begins the checking."""

    # Before the consumer, which is given its queues when it starts, and then never returns.
    requires = ("celery.worker.components:Pool",)

    def __init__(self, worker: Any, **options: Any) -> None:
        super().__init__(worker, **options)
        self._stopped = threading.Event()
        self._watch = Watch(busy=lambda: len(state.active_requests) >= worker.concurrency)

    def start(self, worker: Any) -> None:
        queue = f"alive.{worker.hostname}"
        task_received.connect(self._received, weak=False)
        heartbeat_sent.connect(self._turned, weak=False)
        _consume_first(worker.app.amqp.queues, queue)
        thread = threading.Thread(target=self._run, args=(worker, queue), daemon=True)
        thread.start()

    def stop(self, worker: Any) -> None:
        del worker
        self._stopped.set()

    def _received(self, **_: Any) -> None:
        self._watch.received()

    def _turned(self, **_: Any) -> None:
        self._watch.turned()

    def _run(self, worker: Any, queue: str) -> None:
        name = f"worker-{worker.hostname.partition('@')[0]}"
        show_life(name)
        while not self._stopped.wait(EVERY_SECONDS):
            self._send(worker.app, queue)
            if self._watch.is_dead():
                end_process("this worker takes no more tasks")
            show_life(name)

    def _send(self, app: Any, queue: str) -> None:
        # By a connection of its own each time: those that are kept may be the ones that are dead.
        quick = {
            "socket_timeout": BROKER_SECONDS,
            "socket_connect_timeout": BROKER_SECONDS,
        }
        try:
            with app.connection_for_write(transport_options=quick) as connection:
                app.send_task(
                    HEARTBEAT,
                    queue=queue,
                    connection=connection,
                    expires=DEAD_SECONDS,
                    retry=False,
                )
        except BROKER_ERRORS as error:
            self._watch.not_sent()
            log.warning("broker not reached", error=type(error).__name__)
        else:
            self._watch.sent()


def _consume_first(queues: Any, name: str) -> None:
    """Let the worker take from a queue before all others: a busy one is not to seem dead."""
    others = list(queues.consume_from)
    queues.add(KombuQueue(name, expires=60))
    queues.select([name, *others])


def watch_signs(process: str) -> None:
    """End this process when it shows no more life: for one that nothing can ask from outside."""

    def run() -> None:
        while True:
            time.sleep(EVERY_SECONDS)
            if not is_alive(process):
                end_process(f"{process} hangs")

    show_life(process)
    threading.Thread(target=run, daemon=True).start()
