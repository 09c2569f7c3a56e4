"""What every process's Celery application has in common: broker, queues, schedule, limits."""

from __future__ import annotations

from celery import Celery
from celery.schedules import crontab
from kombu import Exchange
from kombu import Queue as KombuQueue

from shared.config import Configuration
from shared.queues import Queue
from workers.messages import CLEAN_UP, SWEEP

# The broker gives a message to another worker when it is not acknowledged for so long. Longer than
# a transfer may take; shorter only wastes time, as the journal decides what is done.
VISIBILITY_SECONDS = 600
# A task that hangs is interrupted, then killed, before its claim on the record expires.
SOFT_LIMIT, HARD_LIMIT = 0.75, 0.9
# A broker that answers nothing for so long is given up; what could not be sent is swept up later.
BROKER_SECONDS = 5


def make_celery(config: Configuration) -> Celery:
    """An application that can send; it knows no task yet."""
    app = Celery("varebro", broker=config.broker_url.get_secret_value(), set_as_current=False)
    app.conf.update(
        accept_content=["json"],
        task_serializer="json",
        result_serializer="json",
        task_ignore_result=True,
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_track_started=True,
        task_send_sent_event=True,
        worker_send_task_events=True,
        worker_prefetch_multiplier=1,
        worker_concurrency=config.worker_concurrency,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        # A transfer needs no broker to end well; one that is killed leaves its record claimed.
        worker_cancel_long_running_tasks_on_connection_loss=False,
        task_soft_time_limit=config.claim_seconds * SOFT_LIMIT,
        task_time_limit=config.claim_seconds * HARD_LIMIT,
        task_default_queue=Queue.CONTROL.value,
        task_queues=[
            KombuQueue(queue.value, Exchange("varebro", type="direct"), routing_key=queue.value)
            for queue in Queue
        ],
        task_create_missing_queues=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options={
            "queue_order_strategy": "priority",
            "visibility_timeout": VISIBILITY_SECONDS,
            # Rackbeat waits 15 seconds for the answer to a webhook, and one repetition is included.
            "socket_timeout": BROKER_SECONDS,
            "socket_connect_timeout": BROKER_SECONDS,
            "socket_keepalive": True,
            "health_check_interval": 10,
            # Not "retry_on_timeout": the client would also repeat the read of a lost connection on
            # a new one, of which the worker hears nothing, and wait there for ever.
        },
        beat_scheduler="workers.beat:OneActiveScheduler",
        beat_max_loop_interval=min(config.sweep_seconds, 5),
        beat_schedule={
            "sweep": {
                "task": SWEEP,
                "schedule": config.sweep_seconds,
                # Sweeps that nobody has taken are not worth keeping.
                "options": {"queue": Queue.CONTROL.value, "expires": config.sweep_seconds * 3},
            },
            "clean up": {
                "task": CLEAN_UP,
                "schedule": crontab(hour=3, minute=15),
                "options": {"queue": Queue.BULK.value, "expires": 3600},
            },
        },
        timezone="UTC",
        enable_utc=True,
    )
    return app
