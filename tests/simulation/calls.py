"""Writes that are under way to the vendors: no two may be for one pair of records."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from shared.words import System
from tests.simulation.fate import Fate
from tests.simulation.workers import Worker


@dataclass
class Call:
    """A write that has not ended.

    Attributes:
        number: the record's, the same in both systems.
    """

    system: System
    kind: str
    number: str
    worker: Worker | None

    def __str__(self) -> str:
        return f"{self.kind} {self.number} in {self.system.title} by {self.worker}"


class Calls:
    """All writes, of both systems.

    Between a worker's first look at a pair of records and its write of one of them, nobody else
    may write either of them.

    Args:
        were_linked: whether a kind's records of that number were known to be the same thing before
            then. Until they are, their two directions cannot know of each other.

    Attributes:
        overlaps: writes that were not serialised.
    """

    def __init__(self, fate: Fate, were_linked: Callable[[str, str, datetime], bool]) -> None:
        self._fate = fate
        self._were_linked = were_linked
        self._under_way: list[Call] = []
        self._writes = 0
        self._last: dict[tuple[str, str], tuple[int, Call]] = {}
        self.overlaps: list[str] = []

    def note(self, worker: Worker | None) -> None:
        """A worker makes a call; what it knows is no older than its first."""
        if worker is not None and worker.has_looked_since is None:
            worker.has_looked_since = self._writes

    @contextmanager
    def making(self, call: Call) -> Iterator[None]:
        """The write is under way as long as this is entered."""
        others = [each for each in self._others(call) if self._clash(each, call)]
        self.overlaps += [f"{other}, {call}" for other in others]
        self._writes += 1
        self._last[call.kind, call.number] = (self._writes, call)
        self._under_way.append(call)
        try:
            yield
        finally:
            self._under_way.remove(call)

    def _others(self, call: Call) -> Iterator[Call]:
        """Writes of the same thing that this one may not have known of."""
        yield from (c for c in self._under_way if (c.kind, c.number) == (call.kind, call.number))
        written, last = self._last.get((call.kind, call.number), (0, call))
        if call.worker is not None and written > (call.worker.has_looked_since or 0):
            yield last

    def _clash(self, other: Call, call: Call) -> bool:
        first, second = other.worker, call.worker
        if first is None or second is None or first is second:
            return False
        if min(first.claims_until, second.claims_until) <= self._fate.now:
            return False
        begun = min(first.begun_at, second.begun_at)
        return other.system is call.system or self._were_linked(call.kind, call.number, begun)
