"""The account's records, and the events their changes give rise to."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from sandbox.rackbeat.config import Config
from sandbox.rackbeat.errors import not_found
from sandbox.rackbeat.resources import BY_PLURAL, STORED
from sandbox.rackbeat.schema import Field, Record, Resource, Shape

ITEM_PLURALS = ("products", "lots")


@dataclass(frozen=True)
class Event:
    """A webhook to send to whoever subscribes to its name."""

    name: str
    key: str
    body: Record


@dataclass(frozen=True)
class Mention:
    """A place where one record names another."""

    resource: Resource
    holder: Record
    name: str


class State:
    """All records by resource and key, in the order they were made.

    Records are stored with the written names; readings.py gives them the shape they are read in.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        self.records: dict[str, dict[Any, Record]] = {each.plural: {} for each in STORED}
        self.outbox: list[Event] = []
        self.version = 0  # moves with every change, for what is worked out from all records
        self._line_ids = itertools.count(1)

    def now_text(self) -> str:
        """The account's local time without zone, as all times are written."""
        local = self.config.now().astimezone(self.config.time_zone)
        return local.strftime("%Y-%m-%d %H:%M:%S")

    def new_line_id(self) -> int:
        return next(self._line_ids)

    def all(self, plural: str) -> Iterator[Record]:
        plurals = ITEM_PLURALS if plural == "items" else (plural,)
        return itertools.chain.from_iterable(self.records[each].values() for each in plurals)

    def find(self, plural: str, key: Any) -> Record | None:
        plurals = ITEM_PLURALS if plural == "items" else (plural,)
        found = (self.records[each].get(key) for each in plurals)
        return next((record for record in found if record is not None), None)

    def exists(self, plural: str, key: Any) -> bool:
        return self.find(plural, key) is not None

    def get(self, resource: Resource, key: Any) -> Record:
        """The record with that key.

        Raises:
            Refused: 404, there is none.
        """
        record = self.find(resource.plural, key)
        if record is None:
            raise not_found()
        return record

    def is_taken(self, resource: Resource, key: Any) -> bool:
        """Whether another record has the key; products and lots share one series."""
        return self.exists("items" if resource.plural in ITEM_PLURALS else resource.plural, key)

    def next_key(self, resource: Resource) -> int:
        latest: int = max(self.records[resource.plural], default=0)
        return max(latest + 1, resource.first_number)

    def insert(self, resource: Resource, record: Record) -> None:
        """Store a new record, stamp it and announce it."""
        record["created_at"] = self.now_text()
        self.records[resource.plural][record[resource.key]] = record
        self.touch(resource, record, "created")

    def touch(self, resource: Resource, record: Record, action: str = "updated") -> None:
        """Stamp a changed record and announce what happened to it."""
        self.version += 1
        record["updated_at"] = self.now_text()
        self.announce(resource, record, action)

    def remove(self, resource: Resource, record: Record) -> None:
        self.version += 1
        del self.records[resource.plural][record[resource.key]]
        self.announce(resource, record, "deleted")

    def rename(self, resource: Resource, record: Record, key: Any) -> None:
        """Give a record another key, wherever it is named."""
        old = record[resource.key]
        for mention in self.mentions(resource, old):
            mention.holder[mention.name] = key
        stored = self.records[resource.plural]
        renamed = {key if each == old else each: value for each, value in stored.items()}
        record[resource.key] = key
        self.records[resource.plural] = renamed

    def announce(self, resource: Resource, record: Record, action: str) -> None:
        if action in resource.events:
            key = str(record[resource.key])
            body = {"key_name": resource.key, "key": key}
            self.outbox.append(Event(f"{resource.entity}.{action}", key, body))

    def announce_stock(self, item: Record) -> None:
        self.version += 1
        self.outbox.append(self.stock_event(item["number"]))

    def stock_event(self, number: str) -> Event:
        kind = "lot" if number in self.records["lots"] else "product"
        body = {"item": number, "item_type": kind, "type": "stock"}
        return Event(self.config.stock_event, number, body)

    def default_location(self) -> int | None:
        chosen = (each["number"] for each in self.all("locations") if each["is_default"])
        return next(chosen, None)

    def mentions(self, resource: Resource, key: Any) -> Iterator[Mention]:
        """Every place that names the record with that key."""
        plurals = {resource.plural}
        if resource.plural in ITEM_PLURALS:
            plurals.add("items")
        for other in STORED:
            for record in self.records[other.plural].values():
                for holder, each in _holders(record, other.fields):
                    if each.refers in plurals and holder.get(each.name) == key:
                        yield Mention(other, holder, each.name)


def _holders(record: Record, fields: tuple[Field, ...]) -> Iterator[tuple[Record, Field]]:
    """Every field of a record, its lines' fields included, with what holds its value."""
    for each in fields:
        if each.refers:
            yield record, each
        elif each.shape is Shape.LIST and each.nested:
            for line in record.get(each.name) or ():
                yield from _holders(line, each.nested)


def resource_named(name: str) -> Resource:
    """The resource with that plural or path.

    Raises:
        Refused: 404, there is none.
    """
    resource = BY_PLURAL.get(name.replace("-", "_"))
    resource = resource or next((each for each in STORED if each.path == name), None)
    if resource is None:
        raise not_found()
    return resource


def utc_text(config: Config) -> str:
    """The time in UTC, for what is not part of the account."""
    return config.now().astimezone(UTC).isoformat()
