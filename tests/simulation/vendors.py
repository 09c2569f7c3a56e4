"""Both vendors in memory, behind the interface of their clients, and what can happen to a call."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from shared.failures import AuthFailed, Limited, Outage, OutcomeUnknown, Rejected, Transient
from shared.kind import Lookup, Record, Side
from shared.rackbeat.protocol import Page, Resource
from shared.words import System
from tests.simulation.fate import Fate, Hazard
from tests.simulation.workers import Worker, Workers

T = TypeVar("T")
POISON = "poison"
_SAVED = {"SaveCategories": "product_group", "SaveProducts": "product"}
# A call may arrive so much later than it was given up; the product waits for longer.
LATEST = timedelta(seconds=60)
CLAIM = timedelta(seconds=180)


@dataclass
class Call:
    """A write that is being carried out.

    Attributes:
        record: what is written, as the vendor knows it.
    """

    record: str
    worker: Worker | None
    begun: datetime


class Vendor:
    """One system: its records, and calls that can fail in every way.

    Attributes:
        records: by kind and key.
        written: every write of the product's, as "create product 7".
        late: writes that were given up and are still on their way, and by when they arrive.
        overlaps: writes of one record that two workers made at once.
    """

    system: System

    def __init__(self, fate: Fate, workers: Workers) -> None:
        self.records: dict[str, dict[str, Record]] = {"product_group": {}, "product": {}}
        self.written: list[str] = []
        self.late: list[tuple[datetime, Callable[[], object]]] = []
        self.overlaps: list[str] = []
        self._under_way: list[Call] = []
        self._fate = fate
        self._workers = workers

    def check_access(self) -> None:
        """The call of a probe."""
        self._read("let us in", lambda: None)

    def _read(self, what: str, act: Callable[[], T]) -> T:
        self._arrive(what)
        if self._fate.happens(Hazard.REPLY_LOST):
            raise self._told(what, Hazard.REPLY_LOST, Transient(what, system=self.system))
        answer = deepcopy(act())
        self._workers.pass_by(f"after it has {what} in {self.system.title}")
        return answer

    def _write(self, what: str, record: str, act: Callable[[], T], *, creates: bool = False) -> T:
        call = Call(record, self._workers.current(), self._fate.now)
        self._note_overlap(call)
        self._under_way.append(call)
        try:
            return self._carried_out(what, act, creates)
        finally:
            self._under_way.remove(call)

    def _carried_out(self, what: str, act: Callable[[], T], creates: bool) -> T:
        fate = self._fate
        self._arrive(what)
        unknown = OutcomeUnknown(what, system=self.system)
        if fate.happens(Hazard.REQUEST_LOST):
            raise self._told(what, Hazard.REQUEST_LOST, unknown)
        if creates and fate.happens(Hazard.ARRIVES_LATE):
            self.late.append((fate.now + LATEST, act))
            raise self._told(what, Hazard.ARRIVES_LATE, unknown)
        answer = deepcopy(act())
        self.written.append(what)
        if fate.happens(Hazard.REPLY_LOST):
            raise self._told(what, Hazard.REPLY_LOST, unknown)
        fate.tell(self._workers.current(), "has", what, "in", self.system.title)
        self._workers.pass_by(f"after it has {what} in {self.system.title}")
        return answer

    def _arrive(self, what: str) -> None:
        """The way there: what happens before the vendor does anything."""
        fate = self._fate
        self._workers.pass_by(f"before it has {what} in {self.system.title}")
        if fate.happens(Hazard.LIMITED):
            retry_at = fate.now + timedelta(seconds=20)
            limited = Limited(what, retry_at=retry_at, system=self.system)
            raise self._told(what, Hazard.LIMITED, limited)
        if fate.happens(Hazard.DOWN):
            raise self._told(what, Hazard.DOWN, Outage(what, system=self.system))
        if fate.happens(Hazard.NO_LOGIN):
            raise self._told(what, Hazard.NO_LOGIN, AuthFailed(what, system=self.system))
        if fate.happens(Hazard.FAILED):
            raise self._told(what, Hazard.FAILED, Transient(what, system=self.system))

    def taken(self, payload: Mapping[str, Any]) -> Mapping[str, Any]:
        """What the vendor takes from us: not everything that people may write there."""
        if POISON in str(payload):
            raise Rejected("The name is not allowed.", system=self.system, status=422)
        return payload

    def _told(self, what: str, hazard: Hazard, failure: Exception) -> Exception:
        place = f"({what}, {self.system.title})"
        self._fate.tell(self._workers.current(), hazard, place)
        return failure

    def _note_overlap(self, call: Call) -> None:
        for other in self._under_way:
            holds = other.begun + CLAIM > self._fate.now
            if other.record == call.record and other.worker is not call.worker and holds:
                self.overlaps.append(f"{call.record} by {other.worker} and {call.worker}")

    def arrive_late(self) -> None:
        """The oldest write that is still on its way arrives."""
        _, act = self.late.pop(0)
        self._fate.tell("a late call arrives in", self.system.title)
        with suppress(Rejected):
            act()

    def arrive_overdue(self, *, everything: bool = False) -> None:
        """What cannot be on its way for any longer arrives."""
        while self.late and (everything or self.late[0][0] <= self._fate.now):
            self.arrive_late()


class Rackbeat(Vendor):
    """Rackbeat, and its client. Every change of a record is announced by webhook."""

    system = System.RACKBEAT

    def __init__(self, fate: Fate, workers: Workers, announce: Callable[[str, str], None]) -> None:
        super().__init__(fate, workers)
        self._announce = announce

    # -- the client -----------------------------------------------------------------------------

    def get(self, resource: Resource, number: str | int) -> Record | None:
        kind = self.records.get(resource.singular, {})
        return self._read(f"read {resource.title} {number}", lambda: kind.get(str(number)))

    def listing(self, resource: Resource, **_: Any) -> Iterator[Record]:
        kind = self.records.get(resource.singular, {})
        yield from self._read(f"listed {resource.title} records", lambda: list(kind.values()))

    def page(self, resource: Resource, *, search: str) -> Page:
        kind = self.records[resource.singular]
        found = self._read(
            f"looked for {resource.title} '{search}'",
            lambda: [r for r in kind.values() if search in (r["barcode"], r["name"])],
        )
        return Page(found, 1, 1, len(found))

    def create(self, resource: Resource, payload: Mapping[str, Any]) -> Record:
        kind, number = resource.singular, str(payload["number"])
        what = f"created {resource.title} {number}"
        return self._write(
            what, f"{kind} {number}", lambda: self.make(kind, self.taken(payload)), creates=True
        )

    def update(self, resource: Resource, number: str | int, payload: Mapping[str, Any]) -> Record:
        kind, key = resource.singular, str(number)
        what = f"updated {resource.title} {number}"
        return self._write(
            what, f"{kind} {key}", lambda: self.change(kind, key, self.taken(payload))
        )

    # -- the records ----------------------------------------------------------------------------

    def make(self, kind: str, payload: Mapping[str, Any]) -> Record:
        key = str(payload["number"])
        if key in self.records[kind]:
            raise Rejected(f"The number {key} is taken.", system=self.system)
        blank: Record = {"number": payload["number"], "name": ""}
        if kind == "product":
            blank |= {
                "description": "", "sales_price": "0", "recommended_cost_price": "0",
                "barcode": None, "group": None, "is_barred": False, "inventory_enabled": True,
            }  # fmt: skip
        return self._put(kind, key, blank, payload)

    def change(self, kind: str, key: str, payload: Mapping[str, Any]) -> Record:
        if key not in self.records[kind]:
            raise Rejected(f"There is no {key}.", system=self.system, status=404)
        return self._put(kind, key, self.records[kind][key], payload)

    def _put(self, kind: str, key: str, before: Record, payload: Mapping[str, Any]) -> Record:
        given = dict(payload)
        if isinstance(given.get("group"), int):
            given["group"] = {"number": given["group"]}
        record = {**before, **given}
        if record != self.records[kind].get(key):
            self.records[kind][key] = record
            self._announce(kind, key)
        return record


class Tfso(Vendor):
    """24SevenOffice, and its client. It gives the Ids, and says only when a product changed."""

    system = System.TFSO

    def __init__(self, fate: Fate, workers: Workers) -> None:
        super().__init__(fate, workers)
        self._ids = 0

    # -- the client -----------------------------------------------------------------------------

    def get_categories(self, _properties: Sequence[str]) -> list[Record]:
        groups = self.records["product_group"]
        return self._read("listed categories", lambda: list(groups.values()))

    def get_products(self, search: Mapping[str, Any], properties: Sequence[str]) -> list[Record]:
        ((name, value),) = search.items()

        def fits(record: Record) -> bool:
            if name == "DateChanged":
                return bool(record[name] >= value.isoformat())
            return str(record.get(name)) == str(value)

        def chosen() -> list[Record]:
            found = [record for record in self.records["product"].values() if fits(record)]
            return [{n: record.get(n) for n in properties} for record in found]

        return self._read(f"listed products by {name}", chosen)

    def save(
        self, _service: Any, operation: str, items: Sequence[Mapping[str, Any]], **_: Any
    ) -> list[Record]:
        (item,) = items
        kind = _SAVED[operation]
        if "Id" not in item:
            number = item["No"]
            return [
                self._write(
                    f"created {kind} {number}",
                    f"{kind} No {number}",
                    lambda: self.make(kind, self.taken(item)),
                    creates=True,
                )
            ]
        key = str(item["Id"])
        what = f"updated {kind} {key}"
        return [
            self._write(what, f"{kind} {key}", lambda: self.change(kind, key, self.taken(item)))
        ]

    # -- the records ----------------------------------------------------------------------------

    def make(self, kind: str, item: Mapping[str, Any]) -> Record:
        self._ids += 1
        blank: Record = {"Id": self._ids, "Name": ""}
        if kind == "product":
            blank |= {"Price": "0", "InPrice": "0", "StatusId": 1, "StockControlled": False}
        return self._put(kind, str(self._ids), blank, item)

    def change(self, kind: str, key: str, item: Mapping[str, Any]) -> Record:
        return self._put(kind, key, self.records[kind][key], item)

    def _put(self, kind: str, key: str, before: Record, item: Mapping[str, Any]) -> Record:
        record = {**before, **item, "Id": int(key)}
        if kind == "product":
            # Rounded to the minute, as the vendor does.
            record["DateChanged"] = self._fate.now.replace(second=0, microsecond=0).isoformat()
        self.records[kind][key] = record
        return record


def key_of(record: Record) -> str:
    """What a record is known by in its system."""
    return str(record.get("number", record.get("Id")))


@dataclass(frozen=True)
class BothClients:
    """What the engine gets."""

    rackbeat: Rackbeat
    tfso: Tfso

    def of(self, system: System) -> Rackbeat | Tfso:
        return self.rackbeat if system is System.RACKBEAT else self.tfso

    def look_up(self, _side: Side[Any], _lookup: Lookup) -> str:
        return "1"

    peek = look_up
