"""Both vendors in memory, behind the interface of their clients, and what can happen to a call."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar

from pydantic import SecretStr

from shared.failures import AuthFailed, Limited, Outage, OutcomeUnknown, Rejected, Transient
from shared.kind import Lookup, Note, Record, Side
from shared.rackbeat.protocol import Page, Resource
from shared.tfso.client import SyncPage
from shared.tfso.protocol import SessionLost
from shared.tfso.sessions import MemorySessionStore, in_session
from shared.words import System
from tests.simulation.calls import Call, Calls
from tests.simulation.fate import Fate, Hazard
from tests.simulation.workers import Worker, Workers

T = TypeVar("T")
POISON = "poison"
REFUSED = (Hazard.LIMITED, Hazard.FAILED, Hazard.SESSION_LOST, Hazard.NO_LOGIN, Hazard.DOWN)
# In the order in which they refer to each other.
PLAYED = ("product_group", "product", "customer", "order")
_SAVED = {"SaveCategories": "product_group", "SaveProducts": "product", "SaveCompanies": "customer"}
# How much later than it was given up a call arrives. The product waits for longer.
_LATER = (timedelta(seconds=2), timedelta(seconds=20), timedelta(seconds=60))


class Vendor:
    """One system: its records, and calls that can fail in every way.

    Attributes:
        records: by kind and key.
        written: every write of the product's, as "create product 7".
        late: writes that were given up and are still on their way, and when they arrive.
        made_by_people: how many records of each kind.
        unforeseen: kind and number of what a worker created after somebody had made a record of
            that kind, which its last look could not show.
        interrupted: how often the second call of two was refused.
    """

    system: System

    def __init__(self, fate: Fate, workers: Workers, under_way: Calls) -> None:
        self.records: dict[str, dict[str, Record]] = {kind: {} for kind in PLAYED}
        self.written: list[str] = []
        self.late: list[tuple[datetime, Callable[[], object]]] = []
        self.made_by_people: Counter[str] = Counter()
        self.unforeseen: set[tuple[str, str]] = set()
        self.interrupted = 0
        self._had_been_made: dict[Worker | None, Counter[str]] = {}
        self._under_way = under_way
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
        self._had_been_made[self._workers.current()] = self.made_by_people.copy()
        self._workers.pass_by(f"after it has {what} in {self.system.title}")
        return answer

    def _write(self, kind: str, number: str, what: str, act: Callable[[], T]) -> T:
        worker = self._workers.current()
        call = Call(self.system, kind, number, worker)
        had_been = self._had_been_made.get(worker, self.made_by_people)[kind]

        def carry_out() -> T:
            # When it arrives, which may be late: nobody can call it back.
            if what == "created" and had_been != self.made_by_people[kind]:
                self.unforeseen.add((kind, number))
            return act()

        with self._under_way.making(call):
            return self._carried_out(call, f"{what} {kind} {number}", carry_out)

    def _carried_out(self, call: Call, what: str, act: Callable[[], T]) -> T:
        fate = self._fate
        self._arrive(what)
        unknown = OutcomeUnknown(what, system=self.system)
        if fate.happens(Hazard.REQUEST_LOST):
            raise self._told(what, Hazard.REQUEST_LOST, unknown)
        if fate.happens(Hazard.ARRIVES_LATE):
            self.late.append((fate.now + fate.random.choice(_LATER), act))
            self.late.sort(key=lambda late: late[0])
            raise self._told(what, Hazard.ARRIVES_LATE, unknown)
        answer = deepcopy(act())
        self.written.append(what)
        if fate.happens(Hazard.REPLY_LOST):
            raise self._told(what, Hazard.REPLY_LOST, unknown)
        fate.tell(call.worker, "has", what, "in", self.system.title)
        self._workers.pass_by(f"after it has {what} in {self.system.title}")
        return answer

    def _arrive(self, what: str) -> None:
        """The way there: what happens before the vendor does anything.

        Whoever stands still does so after the step before, where the engine may still notice: no
        engine can help against standing still between its last look at the clock and the call.
        """
        fate = self._fate
        self._workers.may_die(f"before it has {what} in {self.system.title}")
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
        if hazard in REFUSED and what.startswith("changed line"):
            self.interrupted += 1
        place = f"({what}, {self.system.title})"
        self._fate.tell(self._workers.current(), hazard, place)
        return failure

    def arrive_overdue(self) -> None:
        """The calls whose time has come arrive."""
        while self.late and self.late[0][0] <= self._fate.now:
            _, act = self.late.pop(0)
            self._fate.tell("a late call arrives in", self.system.title)
            with suppress(Rejected):
                act()


class Rackbeat(Vendor):
    """Rackbeat, and its client. Every change of a record is announced by webhook."""

    system = System.RACKBEAT

    def __init__(
        self,
        fate: Fate,
        workers: Workers,
        under_way: Calls,
        announce: Callable[[str, str], None],
    ) -> None:
        super().__init__(fate, workers, under_way)
        self._announce = announce

    # -- the client -----------------------------------------------------------------------------

    def get(self, resource: Resource, number: str | int) -> Record | None:
        kind = self.records.get(resource.singular, {})
        return self._read(f"read {resource.title} {number}", lambda: kind.get(str(number)))

    def listing(
        self, resource: Resource, params: Mapping[str, Any] | None = None
    ) -> Iterator[Record]:
        customer = str((params or {}).get("customer_number", ""))
        kind = self.records.get(resource.singular, {})
        yield from self._read(
            f"listed {resource.title} records",
            lambda: [r for r in kind.values() if customer in ("", str(r.get("customer_id")))],
        )

    def page(self, resource: Resource, *, search: str) -> Page:
        kind = self.records[resource.singular]
        found = self._read(
            f"looked for {resource.title} '{search}'",
            lambda: [r for r in kind.values() if search in (r["barcode"], r["name"])],
        )
        return Page(found, 1, 1, len(found))

    def create(self, resource: Resource, payload: Mapping[str, Any], **_where: str) -> Record:
        kind = resource.singular
        known_by = str(payload["other_reference" if kind == "order" else "number"])
        act = partial(self.make, kind)
        return self._write(kind, known_by, "created", lambda: act(self.taken(payload)))

    def update(self, resource: Resource, number: str | int, payload: Mapping[str, Any]) -> Record:
        kind, key = resource.singular, str(number)
        act = partial(self.change, kind, key)
        return self._write(kind, key, "updated", lambda: act(self.taken(payload)))

    def action(
        self, resource: Resource, number: str | int, action: str, *, payload: Record, **_how: str
    ) -> Record:
        """Change a line of an order."""
        kind, key, line = resource.singular, str(number), int(action.removeprefix("lines/"))
        act = partial(self._change_line, key, line, payload)
        return self._write(kind, key, f"changed line {line} of", act)

    # -- the records ----------------------------------------------------------------------------

    def make(self, kind: str, payload: Mapping[str, Any]) -> Record:
        if kind == "order":
            return self._make_order(payload)
        key = str(payload["number"])
        if key in self.records[kind]:
            raise Rejected(f"The number {key} is taken.", system=self.system)
        if kind == "customer":
            return self._put(kind, key, {"company_name": ""}, payload)
        blank: Record = {"number": payload["number"], "name": ""}
        if kind == "product":
            blank |= {
                "description": "", "sales_price": "0", "recommended_cost_price": "0",
                "barcode": None, "group": None, "is_barred": False, "inventory_enabled": True,
            }  # fmt: skip
        return self._put(kind, key, blank, payload)

    def _make_order(self, payload: Mapping[str, Any]) -> Record:
        """It gives orders their numbers itself, and their lines."""
        number = len(self.records["order"]) + 1
        lines = [{"id": place + 1, **line} for place, line in enumerate(payload["lines"])]
        blank = {"number": number, "is_booked": False}
        return self._put("order", str(number), blank, {**payload, "lines": lines})

    def _change_line(self, key: str, line: int, payload: Mapping[str, Any]) -> Record:
        before = self.records["order"][key]
        lines = [{**old, **payload} if old["id"] == line else old for old in before["lines"]]
        return self._put("order", key, before, {"lines": lines})

    def change(self, kind: str, key: str, payload: Mapping[str, Any]) -> Record:
        if key not in self.records[kind]:
            raise Rejected(f"There is no {key}.", system=self.system, status=404)
        return self._put(kind, key, self.records[kind][key], payload)

    def _put(self, kind: str, key: str, before: Record, payload: Mapping[str, Any]) -> Record:
        given = dict(payload)
        if isinstance(given.get("group"), int):
            given["group"] = {"number": given["group"]}
        if given.pop("payment_terms_id", None) is not None:
            given["payment_terms"] = {"type": "net", "maturity_days": 14}
        record = {**before, **given}
        if record != self.records[kind].get(key):
            self.records[kind][key] = record
            self._announce(kind, key)
        return record


class Tfso(Vendor):
    """24SevenOffice, and its client. It gives the Ids, and says only when a product changed."""

    system = System.TFSO

    def __init__(self, fate: Fate, workers: Workers, under_way: Calls) -> None:
        super().__init__(fate, workers, under_way)
        self.ids = 0
        self._session = MemorySessionStore()
        self._logins = 0

    # -- the client -----------------------------------------------------------------------------

    def _arrive(self, what: str) -> None:
        in_session(self._session, self._log_in, partial(self._arrive_in, what))

    def _arrive_in(self, what: str, session: SecretStr) -> None:
        super()._arrive(what)
        if self._fate.happens(Hazard.SESSION_LOST):
            self._logins += 1
        if session != self._valid():
            raise self._told(what, Hazard.SESSION_LOST, SessionLost())

    def _log_in(self) -> SecretStr:
        super()._arrive("logged in")
        return self._valid()

    def _valid(self) -> SecretStr:
        """The one session it knows: the one that was opened last, until it expires."""
        return SecretStr(str(self._logins))

    def get_companies(self, search: Mapping[str, Any], properties: Sequence[str]) -> list[Record]:
        ((name, value),) = search.items()

        def fits(record: Record) -> bool:
            match name:
                case "ChangedAfter":
                    return bool(record["DateChanged"] >= value.isoformat())
                case "CompanyIds":
                    return record["Id"] in value
                case "CompanyId":
                    return bool(record["Id"] == value)
                case _:
                    return str(record.get(name)) == str(value)

        return self._read(
            f"listed companies by {name}", lambda: self._chosen("customer", fits, properties)
        )

    def company_sync_list(self, _page: int, **_: Any) -> SyncPage:
        ids = self._read("listed companies", lambda: list(self.records["customer"]))
        return SyncPage([{"CompanyId": int(key)} for key in ids], 1, 1, len(ids))

    def get_order_sync_list(self, changed_after: datetime) -> list[int]:
        orders, after = self.records["order"], changed_after.isoformat()
        return self._read(
            "listed changed orders",
            lambda: [o["OrderId"] for o in orders.values() if o["DateChanged"] >= after],
        )

    def get_invoices(self, search: Mapping[str, Any], *_: Any) -> list[Record]:
        orders, ids = self.records["order"], [str(each) for each in search["OrderIds"]]
        return self._read("read orders", lambda: [orders[each] for each in ids if each in orders])

    def get_categories(self, _properties: Sequence[str]) -> list[Record]:
        groups = self.records["product_group"]
        return self._read("listed categories", lambda: list(groups.values()))

    def get_products(self, search: Mapping[str, Any], properties: Sequence[str]) -> list[Record]:
        ((name, value),) = search.items()

        def fits(record: Record) -> bool:
            if name == "DateChanged":
                return bool(record[name] >= value.isoformat())
            return str(record.get(name)) == str(value)

        return self._read(
            f"listed products by {name}", lambda: self._chosen("product", fits, properties)
        )

    def _chosen(
        self, kind: str, fits: Callable[[Record], bool], properties: Sequence[str]
    ) -> list[Record]:
        found = [record for record in self.records[kind].values() if fits(record)]
        return [{n: record[n] for n in properties if n in record} for record in found]

    def save(
        self, _service: Any, operation: str, items: Sequence[Mapping[str, Any]], **_: Any
    ) -> list[Record]:
        (item,) = items
        kind = _SAVED[operation]
        key = item.get("Id")
        if key is None or "ExplicitlySpecifyNewCompanyId" in item:
            number = str(item.get("No", key))
            act, what = partial(self.make, kind), "created"
        else:
            act, what = partial(self.change, kind, str(key)), "updated"
            number = self.records[kind][str(key)].get("No", str(key))
        return [self._write(kind, number, what, lambda: act(self.taken(item)))]

    # -- the records ----------------------------------------------------------------------------

    def make(self, kind: str, item: Mapping[str, Any]) -> Record:
        """A customer may be given the Id it is to have."""
        self.ids += 1
        key = str(item.get("Id", self.ids))
        if key in self.records[kind]:
            raise Rejected(f"The Id {key} is taken.", system=self.system)
        blank: Record = {} if kind == "order" else {"Name": ""}
        if kind == "product":
            blank |= {"Price": "0", "InPrice": "0", "StatusId": 1, "StockControlled": False}
        return self._put(kind, key, blank, item)

    def change(self, kind: str, key: str, item: Mapping[str, Any]) -> Record:
        return self._put(kind, key, self.records[kind][key], item)

    def _put(self, kind: str, key: str, before: Record, item: Mapping[str, Any]) -> Record:
        record = {**before, **item, "OrderId" if kind == "order" else "Id": int(key)}
        if kind != "product_group":
            # Rounded to the minute, as the vendor does.
            record["DateChanged"] = self._fate.now.replace(second=0, microsecond=0).isoformat()
        self.records[kind][key] = record
        return record


def key_of(record: Record) -> str:
    """What a record is known by in its system."""
    return str(record.get("number", record.get("Id", record.get("OrderId"))))


@dataclass(frozen=True)
class BothClients:
    """What the engine gets."""

    rackbeat: Rackbeat
    tfso: Tfso

    def of(self, system: System) -> Rackbeat | Tfso:
        return self.rackbeat if system is System.RACKBEAT else self.tfso

    def look_up(self, _side: Side[Any], _lookup: Lookup, _note: Note) -> str:
        return "1"

    peek = look_up
