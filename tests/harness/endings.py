"""How the demo ends when everything is as it has to be."""

from __future__ import annotations

from typing import Any

from sandbox.demo.compare import Comparison
from sandbox.demo.every_row import NOT_SENT
from sandbox.demo.rows import ROWS, Result
from sandbox.demo.screen import Facts
from sandbox.demo.verdict import CREATED, Ending, Parked

ALL_ROWS = [
    Result(row, "1", "2", NOT_SENT if row.outcome is None else row.outcome.value, 0.5)
    for row in ROWS
]


def an_ending(**other: Any) -> Ending:
    """A good ending; any of it may be given otherwise."""
    counts = {name: {"created": number, "under way": 0} for name, number in CREATED.items()}
    calls = {"Rackbeat": {"total": 9, "refused": 0}}
    found: dict[str, Any] = {
        "facts": Facts(counts=counts, calls=calls, rows=list(ALL_ROWS)),
        "comparison": Comparison({"product": 199}, (), frozenset({"505"})),
        "parked": [Parked("product", "505", "too long")],
        "moved_stock": 0,
        "misplaced": 0,
        "unknown_fields": [],
    }
    return Ending(**{**found, **other})
