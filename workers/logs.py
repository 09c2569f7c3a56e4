"""Logging: one line an event, as JSON for machines or for reading."""

from __future__ import annotations

import logging
import sys

import structlog

from shared.config import Configuration
from shared.traces import described

# Libraries whose lines hold requests and answers whole; the last has one for each of its parts.
_TALKATIVE = (
    "httpx", "httpcore", "zeep", "urllib3", "celery.worker.strategy", "alembic.runtime.plugins",
)  # fmt: skip


def set_up_logging(config: Configuration) -> None:
    """Send the project's and the libraries' lines to standard error in one form."""
    level = logging.getLevelName(config.log_level)
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _without_the_text,
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if config.log_json
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    logging.basicConfig(handlers=[handler], level=level, force=True)
    logging.raiseExceptions = False  # a line that cannot be written would be shown with its trace
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)


def _without_the_text(
    _logger: object, _method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Exceptions by type and place, whoever logs them."""
    given = event.pop("exc_info", None)
    error = sys.exc_info()[1] if given is True else given[1] if isinstance(given, tuple) else given
    if isinstance(error, BaseException):
        event["error"] = described(error)
    return event
