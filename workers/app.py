"""The Celery application with all its tasks: `celery -A workers.app` finds it here."""

from __future__ import annotations

from celery import Celery

from shared.config import Configuration, configuration
from workers import tasks
from workers.celery_app import make_celery
from workers.liveness import SelfCheck
from workers.logs import set_up_logging


def make_app(config: Configuration) -> Celery:
    """The application for a configuration, with all its tasks."""
    app = make_celery(config)
    app.set_current()
    tasks.register(app)
    app.steps["worker"].add(SelfCheck)
    return app


set_up_logging(configuration())
app = make_app(configuration())
