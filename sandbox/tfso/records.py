"""What saving, deleting, searching and returning have in common for all kinds of records."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from copy import deepcopy
from datetime import datetime

from sandbox.tfso.failures import RefusedItem
from sandbox.tfso.values import Record


def each(items: Iterable[Record], act: Callable[[Record], Record]) -> list[Record]:
    """One result per item, in order: what `act` made of it, or the item with its APIException."""
    results = []
    for item in items:
        try:
            results.append(act(item))
        except RefusedItem as refused:
            # The vendor's type names are not known; this one is assumed.
            exception = {"Type": "ValidationException", "Message": refused.message}
            results.append({**item, "APIException": exception})
    return results


def merged(record: Record, changes: Record, *, read_only: frozenset[str] = frozenset()) -> Record:
    """A copy of the record with the changes: what is left out keeps its value, at every depth.

    A change to None empties the element (only the control interface can say that).
    """
    result = deepcopy(record)
    for name, value in changes.items():
        if name in read_only:
            continue
        if value is None:
            result.pop(name, None)
        elif isinstance(value, dict):
            result[name] = merged(result.get(name, {}), value)
        else:
            result[name] = value
    return result


def selected(record: Record, properties: Iterable[str]) -> Record:
    """Only what was asked for; a name that does not exist is passed over (assumed)."""
    return {name: record[name] for name in properties if name in record}


def changed_after(record: Record, time: datetime | None) -> bool:
    return time is None or record["DateChanged"] > time


def registered_after(record: Record, time: datetime | None) -> bool:
    return time is None or record["DateRegistered"] > time


def check_lengths(record: Record, limits: dict[str, int]) -> None:
    """Refuse texts longer than the vendor takes."""
    for name, limit in limits.items():
        if len(record.get(name, "")) > limit:
            raise RefusedItem(f"{name} is longer than {limit} characters.")
