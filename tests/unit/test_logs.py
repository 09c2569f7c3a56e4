"""What is logged of an error: its type and where it happened, never its text."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from io import StringIO

import pytest
import structlog
from celery import Celery
from pydantic import SecretStr

from shared.config import Configuration
from shared.failures import Rejected
from workers import tasks
from workers.logs import set_up_logging

SECRET = "sesame-4711"


@pytest.fixture
def printed() -> Iterator[StringIO]:
    """What a process prints that logs as ours do."""
    root, before = logging.getLogger(), structlog.get_config()
    level, handlers = root.level, list(root.handlers)
    root.handlers.clear()  # or they would be closed, and they are the test runner's
    set_up_logging(
        Configuration(
            database_url=SecretStr("postgresql://db.invalid/varebro"),
            broker_url=SecretStr("redis://broker.invalid/0"),
            secret_keys=(SecretStr("A" * 43 + "="),),
        )
    )
    (handler,) = root.handlers
    assert isinstance(handler, logging.StreamHandler)
    handler.stream = StringIO()
    yield handler.stream
    structlog.configure(**before)
    root.setLevel(level)
    root.handlers[:] = handlers


def by_a_library() -> None:
    logging.getLogger("library").exception("it broke")


def by_us() -> None:
    structlog.get_logger("ours").exception("it broke")


@pytest.mark.parametrize("log", [by_a_library, by_us])
def test_an_error_is_logged_by_its_type_and_place(
    log: Callable[[], None], printed: StringIO
) -> None:
    try:
        int(SECRET)
    except ValueError:
        log()
    shown = printed.getvalue()
    assert "it broke" in shown
    assert "ValueError" in shown
    assert "test_logs.py" in shown
    assert SECRET not in shown


def result_of(error: Exception) -> str:
    """What Celery tells the log and Flower of a task that fails so."""

    def failing(connection: str) -> None:
        raise error

    app = Celery(set_as_current=False)
    task = app.task(base=tasks.DiscreetTask, name="failing", shared=False)(failing)
    done = task.apply(kwargs={"connection": "fjell"})
    return f"{done.result!r} {done.traceback}"


def test_a_tasks_unexpected_error_is_told_by_its_type_and_place() -> None:
    told = result_of(ValueError(SECRET))
    assert "ValueError" in told
    assert SECRET not in told


def test_a_tasks_expected_failure_is_told_in_its_own_words() -> None:
    assert "Too long" in result_of(Rejected("Too long"))


def test_a_task_with_arguments_that_do_not_fit_says_which() -> None:
    app = Celery(set_as_current=False)
    tasks.register(app)
    done = app.tasks["varebro.retry"].apply(kwargs={"name": "fjell"})
    assert "missing a required argument: 'connection'" in repr(done.result)
