"""A real worker that is killed at a point: python -m tests.harness.dying_worker AFTER_CALL."""

from __future__ import annotations

import os
import signal
import sys

from shared.engine.writing import JournalWriter
from shared.points import Point
from workers.cli import app


def killed_at(point: Point) -> None:
    """Let the whole worker, with all its processes, be killed where a write comes to that point."""
    start = JournalWriter.__post_init__

    def die(there: Point) -> None:
        if there is point:
            os.killpg(os.getpgrp(), signal.SIGKILL)

    def started(writer: JournalWriter) -> None:
        start(writer)
        writer.reached = die

    JournalWriter.__post_init__ = started  # type: ignore[method-assign]


if __name__ == "__main__":
    if sys.argv[1:]:
        killed_at(Point[sys.argv[1]])
    app(["worker", "--concurrency", "1"])
