"""Telling what failed; an unexpected error by its type and place, as its text may hold anything."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any

from shared.failures import Failure
from shared.journal.decide import Wait, explain

_ROOT = Path(__file__).parent.parent
_OURS = tuple(f"{_ROOT / package}/" for package in ("workers", "tasks", "shared"))
_INNERMOST = 5


def places(error: BaseException) -> list[str]:
    """Where in our code an error passed by, the innermost last, and where it was raised."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if frame.filename.startswith(_OURS)][-_INNERMOST:]
    raised = [frame for frame in frames[-1:] if frame not in ours]
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in [*ours, *raised]]


def described(error: BaseException) -> str:
    """An error by its type and places, in one line."""
    return "; ".join([type(error).__name__, *places(error)])


def log_failure(log: Any, event: str, failure: BaseException, **about: Any) -> None:
    """Write to the log why something did not come about."""
    if isinstance(failure, Failure | Wait):
        log.warning(event, reason=explain(failure), **about)
        return
    log.error("unexpected error", error=type(failure).__name__, where=places(failure), **about)
