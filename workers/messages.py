"""Messages to the workers: the names of the tasks, and sending them.

A message is only a wake-up call. What cannot be sent, or is lost, is found by the sweep.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import structlog
from celery import Celery
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from shared.journal.record import WakeUp
from shared.queues import Queue
from tasks.kinds import KINDS

log = structlog.get_logger()

SWEEP = "varebro.sweep"
PULL = "varebro.pull"
PROBE = "varebro.probe"
INITIAL_SYNC = "varebro.initial_sync"
RESYNC = "varebro.resync"
RECONCILE = "varebro.reconcile"
RETRY = "varebro.retry"
LIST_RUN = "varebro.list_run"
CLEAN_UP = "varebro.clean_up"
HEARTBEAT = "varebro.heartbeat"

# All that sending may raise while the broker is away, cut off, or full.
BROKER_ERRORS = (OperationalError, RedisError, OSError)

# The header by which a message of ours names the change it is about. A message without it was
# sent by hand and asks for a transfer whatever the journal says.
CHANGE_HEADER = "varebro_change"


def task_name(kind: str, direction: str) -> str:
    """The name of the task that transfers a record, as seen in Flower."""
    return f"varebro.{kind}.{direction}"


def enqueue(app: Celery, messages: Sequence[WakeUp]) -> None:
    """Wake the workers for these changes."""
    for message in messages:
        queue = Queue.BULK if message.bulk else KINDS[message.kind].queue
        arguments = {"connection": message.connection, "key": message.key}
        name = task_name(message.kind, message.direction)
        if not send(app, name, arguments, queue, headers={CHANGE_HEADER: message.change_id}):
            return


def send(
    app: Celery,
    name: str,
    arguments: dict[str, Any],
    queue: Queue,
    headers: dict[str, Any] | None = None,
) -> bool:
    """Send one message; whether the broker took it."""
    try:
        app.send_task(
            name,
            kwargs=arguments,
            queue=queue.value,
            headers={"headers": headers} if headers else None,
            retry=True,  # once, as a kept connection may have been cut
            retry_policy={"max_retries": 1, "interval_start": 0},
        )
    except BROKER_ERRORS as error:
        log.warning("broker does not take messages", error=type(error).__name__)
        return False
    return True
