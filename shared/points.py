"""Named points around each write at which a test can stop the process."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum


class Point(StrEnum):
    """Where a crash matters."""

    BEFORE_KEY = "before the idempotency key is stored"
    AFTER_KEY = "after the key, before the call"
    AFTER_CALL = "after the call, before anything is stored"
    BEFORE_COMMIT = "everything stored, not committed"
    AFTER_COMMIT = "after the commit"


Reached = Callable[[Point], None]


def pass_by(point: Point) -> None:
    """What happens at every point in production: nothing."""
    del point
