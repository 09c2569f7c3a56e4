"""What documents in Rackbeat sell, or take back."""

from __future__ import annotations

from collections import Counter

from shared.kind import Record
from tasks.documents import Line
from tasks.rackbeat_documents import rackbeat_lines
from tasks.totals import total_by_vat


def have_same_goods(document: Record, other: Record) -> bool:
    """Whether they sell the same quantities for the same sums, with and without VAT."""
    first, second = _goods(document), _goods(other)
    same_quantities = quantities_of(first) == quantities_of(second)
    return same_quantities and total_by_vat(first) == total_by_vat(second)


def _goods(record: Record) -> tuple[Line, ...]:
    lines = rackbeat_lines(record) or ()
    return taken_back(lines) if record.get("is_creditnote") else lines


def taken_back(lines: tuple[Line, ...] | None) -> tuple[Line, ...]:
    """A credit note's lines: their quantities are negative, however Rackbeat writes them."""
    return tuple(
        line if line.is_text() else line.model_copy(update={"quantity": -abs(line.quantity)})
        for line in lines or ()
    )


def quantities_of(lines: tuple[Line, ...] | None) -> Counter[str]:
    """How many of each product, however they are spread over lines."""
    sums: Counter[str] = Counter()
    for line in lines or ():
        sums[line.product or line.name or ""] += line.quantity  # type: ignore[assignment]
    return sums
