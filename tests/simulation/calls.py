"""Writes that are under way to the vendors: no two may be for one pair of records."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

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
    """All writes under way, of both systems.

    Args:
        claimed_twice: whether two changes of the pair of records are claimed in this moment.

    Attributes:
        overlaps: writes that were not serialised.
    """

    def __init__(self, fate: Fate, claimed_twice: Callable[[str, str], bool]) -> None:
        self._fate = fate
        self._claimed_twice = claimed_twice
        self._under_way: list[Call] = []
        self.overlaps: list[str] = []

    @contextmanager
    def making(self, call: Call) -> Iterator[None]:
        """The write is under way as long as this is entered."""
        self.overlaps += [f"{each}, {call}" for each in self._under_way if self._clash(each, call)]
        if self._claimed_twice(call.kind, call.number):
            self.overlaps.append(f"{call}, while its other direction is claimed, too")
        self._under_way.append(call)
        try:
            yield
        finally:
            self._under_way.remove(call)

    def _clash(self, other: Call, call: Call) -> bool:
        same = (other.system, other.kind, other.number) == (call.system, call.kind, call.number)
        claimed = other.worker is not None and other.worker.claims_until > self._fate.now
        return same and claimed and other.worker is not call.worker
