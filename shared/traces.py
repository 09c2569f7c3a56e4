"""Where an unexpected error happened. Its text is never shown: it may hold anything."""

from __future__ import annotations

import traceback
from pathlib import Path

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
