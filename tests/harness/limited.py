"""Counting the calls that a limit lets through."""

from __future__ import annotations

from collections.abc import Callable

from shared.failures import Limited


def until_limited(call: Callable[[], object]) -> int:
    """How often it can be called before its limit is reached."""
    for made in range(1000):
        try:
            call()
        except Limited:
            return made
    raise AssertionError("never limited")
