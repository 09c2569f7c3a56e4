"""How much there is of an item, and how a user changes that."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal

from sandbox.rackbeat.errors import forbidden_now
from sandbox.rackbeat.resources import INVENTORY_ADJUSTMENTS
from sandbox.rackbeat.schema import Record
from sandbox.rackbeat.state import State


@dataclass
class Usage:
    """Where items are used.

    Attributes:
        ordered: the quantities ordered and not yet shipped, by item.
        ordered_at: the same, by item and location.
        in_lines: all items in lines.
    """

    ordered: Counter[str] = field(default_factory=Counter)
    ordered_at: Counter[tuple[str, int | None]] = field(default_factory=Counter)
    in_lines: set[str] = field(default_factory=set)


class UsageCache:
    """Usage of all items, worked out anew only after something has changed."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._version = -1
        self._usage = Usage()

    def get(self) -> Usage:
        if self._version != self._state.version:
            self._usage = usage(self._state)
            self._version = self._state.version
        return self._usage


def usage(state: State) -> Usage:
    found = Usage()
    for order in state.all("orders"):
        is_open = order["is_booked"] and not order["is_cancelled"]
        for line in order["lines"]:
            found.in_lines.add(line["item_id"])
            if is_open:
                left = line["quantity"] - line["quantity_shipped"]
                found.ordered[line["item_id"]] += left
                found.ordered_at[line["item_id"], location_of(state, line)] += left
    for plural in ("customer_invoices", "lots"):
        for holder in state.all(plural):
            found.in_lines.update(line["item_id"] for line in holder["lines"])
    return found


def location_of(state: State, line: Record) -> int | None:
    """Where the item of an order line is taken from."""
    location: int | None = line.get("location_id") or state.default_location()
    return location


def quantity(item: Record) -> Decimal:
    return sum(item["stock"].values(), Decimal(0))


def set_quantity(state: State, item: Record, location: int | None, new_quantity: Decimal) -> None:
    """Set how much is at a location. It does not move `updated_at` (unknown; the harder case)."""
    if item["stock"].get(location, Decimal(0)) != new_quantity:
        item["stock"][location] = new_quantity
        state.announce_stock(item)


def complete_adjustment(state: State, adjustment: Record) -> None:
    """Fill in a new adjustment's location.

    Raises:
        Refused: it changes nothing.
    """
    if adjustment["location"] is None:
        adjustment["location"] = state.default_location()
    if _present(state, adjustment) == adjustment["quantity"]:
        raise forbidden_now("Adjustment can't be created, since no change is made.")


def book_adjustment(state: State, adjustment: Record) -> None:
    """Carry an adjustment out.

    Raises:
        Refused: it has been carried out.
    """
    if adjustment["is_booked"]:
        raise forbidden_now("The adjustment is already booked.")
    adjustment["is_booked"] = True
    state.touch(INVENTORY_ADJUSTMENTS, adjustment)
    item = state.find("items", adjustment["item_id"])
    if item is not None:
        set_quantity(state, item, adjustment["location"], adjustment["quantity"])


def _present(state: State, adjustment: Record) -> Decimal:
    item = state.find("items", adjustment["item_id"])
    assert item is not None, "validation lets no unknown item through"  # noqa: S101
    present: Decimal = item["stock"].get(adjustment["location"], Decimal(0))
    return present
