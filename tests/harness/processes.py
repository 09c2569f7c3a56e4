"""Processes as Linux knows them."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path


def children(process: int) -> list[int]:
    """Those a process has started, all of its threads together; none of one that has ended."""
    with suppress(FileNotFoundError, ProcessLookupError):
        tasks = sorted(Path(f"/proc/{process}/task").glob("*/children"))
        return [int(child) for task in tasks for child in task.read_text().split()]
    return []


def descendants(process: int) -> set[int]:
    """Everything below a process, as long as the parents live."""
    below = children(process)
    return set(below).union(*map(descendants, below))
