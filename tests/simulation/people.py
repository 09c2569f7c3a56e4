"""What people do in both systems, and what they may expect of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from shared.kind import Record
from shared.words import Origin, System
from tests.simulation.fate import Fate
from tests.simulation.vendors import PLAYED, POISON, Rackbeat, Tfso, key_of

Shown = dict[str, Any]
# What each system calls what people see, and what it is known by there. Of an order they see the
# price of its line.
_NAMES: dict[System, dict[str, dict[str, str]]] = {
    System.RACKBEAT: {
        "product_group": {"name": "name"},
        "product": {"name": "name", "price": "sales_price"},
        "customer": {"name": "company_name"},
        "order": {"name": "heading", "price": "line_price"},
    },
    System.TFSO: {
        "product_group": {"name": "Name"},
        "product": {"name": "Name", "price": "Price"},
        "customer": {"name": "Name"},
        "order": {"name": "InvoiceTitle", "price": "Price"},
    },
}
_LINES = {System.RACKBEAT: "lines", System.TFSO: "InvoiceRows"}
_KNOWN_BY = {
    System.RACKBEAT: {"order": "other_reference"},
    System.TFSO: {"customer": "Id", "order": "OrderId"},
}
# Numbers that customers made in Rackbeat have: 24SevenOffice's own never come so far.
_CUSTOMERS = 1000


@dataclass
class Thing:
    """One thing people know, which is to be one record in either system.

    Attributes:
        number: what it is known by in both systems.
        needs: what it refers to, by kind.
        made_in: the systems in which a person made it.
        acceptable: by field, what it may say in the end: more than one value only where people
            edited it in both systems at once.
        edited_in: the systems of the edits since both last agreed.
        must_show: what it has to say in the end, where it is certain whose edit counts.
        actions: how often people touched it.
    """

    kind: str
    number: str
    needs: dict[str, Thing] = field(default_factory=dict)
    made_in: set[System] = field(default_factory=set)
    acceptable: dict[str, set[Any]] = field(default_factory=dict)
    edited_in: set[System] = field(default_factory=set)
    must_show: Shown | None = None
    actions: int = 0

    def __str__(self) -> str:
        return f"{self.kind} {self.number}"


class People:
    """They make and edit records, in the systems the settings let them.

    Args:
        edited: called after each edit with its system and kind.

    Attributes:
        edits: how many there were; no two say the same.
        to_do: how often they still act.
        wrote_poison: something they wrote is refused by the other system.
    """

    def __init__(
        self,
        fate: Fate,
        rackbeat: Rackbeat,
        tfso: Tfso,
        edited: Callable[[System, str], None],
    ) -> None:
        self._fate = fate
        self._rackbeat = rackbeat
        self._tfso = tfso
        self._edited = edited
        self._origins = list(System)
        self.edits = 0
        self.wrote_poison = False
        self._latest: Thing | None = None
        self.things: list[Thing] = []
        self.to_do = 0

    def may_edit_in(self, origin: Origin) -> None:
        """Only there what they do is transferred."""
        self._origins = [s for s in System if origin in (Origin.BOTH, s.value)]

    def make_the_first(self) -> None:
        """A product, its group and a customer, in Rackbeat."""
        group = Thing("product_group", "1")
        product = Thing("product", "P-2", {"product_group": group})
        for thing in (group, product, Thing("customer", str(_CUSTOMERS + 3))):
            self.things.append(thing)
            self._make(thing, System.RACKBEAT)

    def make_an_order(self) -> None:
        """For what there is, in 24SevenOffice."""
        needs = {thing.kind: thing for thing in self.things if thing.kind != "product_group"}
        self.things.append(Thing("order", str(self._tfso.ids + 1), needs))
        self._make(self.things[-1], System.TFSO)

    def act(self, *, at_rest: bool) -> None:
        """One person does one thing.

        Args:
            at_rest: nothing is under way, so that an edit made now is the newest for certain.
        """
        self.to_do -= 1
        random = self._fate.random
        system = random.choice(self._origins)
        known = self._known_in(system)
        if known and random.random() < 0.7:
            # Often the one that was just edited, so that edits meet on their way.
            again = [t for t in known if t is self._latest and random.random() < 0.7]
            self.edit(random.choice(again or known), system, at_rest=at_rest)
            return
        # Groups are one thing only if their names agree; only products are made twice.
        absent = [t for t in self.things if t.kind == "product" and t not in known]
        if absent and random.random() < 0.3:
            self._make(random.choice(absent), system)
            return
        self._make(self._new_thing(system), system)

    def _known_in(self, system: System) -> list[Thing]:
        """What people may edit there: orders belong to 24SevenOffice."""
        known = [t for t in self.things if self.find(t, system) is not None]
        return [t for t in known if t.kind != "order" or system is System.TFSO]

    def agreed(self) -> list[Thing]:
        """The products that say the same in both systems, nothing of which is refused."""
        products = [t for t in self.things if t.kind == "product" and self.agree(t)]
        return [t for t in products if POISON not in str([self.shown(t, s) for s in System])]

    def agree(self, thing: Thing) -> bool:
        """Whether it is there in both systems and says the same."""
        ours, theirs = (self.shown(thing, system) for system in System)
        return ours is not None and ours == theirs

    def find(self, thing: Thing, system: System) -> Record | None:
        """The record a thing is in a system."""
        found = self.all(thing, system)
        return found[0] if found else None

    def all(self, thing: Thing, system: System) -> list[Record]:
        """All records that say they are this thing; there should be one."""
        usual: tuple[Rackbeat | Tfso, str] = (
            (self._rackbeat, "number") if system is System.RACKBEAT else (self._tfso, "No")
        )
        vendor, name = usual[0], _KNOWN_BY[system].get(thing.kind, usual[1])
        known_by = f"24SO {thing.number}" if name == "other_reference" else thing.number
        records = vendor.records[thing.kind].values()
        return [record for record in records if str(record[name]) == known_by]

    def shown(self, thing: Thing, system: System) -> Shown | None:
        """What people see of it there."""
        record = self.find(thing, system)
        if record is None:
            return None
        names = _NAMES[system][thing.kind]
        shown = {"name": record[names["name"]]}
        if "price" in names:
            priced = record[_LINES[system]][0] if thing.kind == "order" else record
            shown["price"] = str(priced[names["price"]])
        return shown

    def _new_thing(self, system: System) -> Thing:
        random = self._fate.random
        number = len(self.things) + 1
        there: dict[str, list[Thing]] = {kind: [] for kind in PLAYED}
        for known in self._known_in(system):
            there[known.kind].append(known)
        orderable = system is System.TFSO and there["product"] and there["customer"]
        if orderable and random.random() < 0.5:
            needs = {kind: random.choice(there[kind]) for kind in ("product", "customer")}
            thing = Thing("order", str(self._tfso.ids + 1), needs)
        elif there["product_group"] and random.random() < 0.6:
            needs = {"product_group": random.choice(there["product_group"])}
            thing = Thing("product", f"P-{number}", needs)
        elif random.random() < 0.4:
            own = _CUSTOMERS + number if system is System.RACKBEAT else self._tfso.ids + 1
            thing = Thing("customer", str(own))
        else:
            thing = Thing("product_group", str(number))
        self.things.append(thing)
        return thing

    def _make(self, thing: Thing, system: System) -> None:
        shown: Shown = {"name": self._name(thing)}
        if "price" in _NAMES[system][thing.kind]:
            shown["price"] = self._price()
        self._fate.tell("a person makes", thing, "in", system.title, shown)
        more = self._in_tfso(thing) if system is System.TFSO else {}
        payload = more | _written(system, thing, shown, more)
        if system is System.RACKBEAT:
            payload["number"] = thing.number if thing.kind == "product" else int(thing.number)
            if "product_group" in thing.needs:
                payload["group"] = int(thing.needs["product_group"].number)
            self._rackbeat.make(thing.kind, payload)
        else:
            self._tfso.make(thing.kind, payload)
        thing.made_in.add(system)
        vendor = self._rackbeat if system is System.RACKBEAT else self._tfso
        vendor.made_by_people[thing.kind] += 1
        self._note(thing, system, shown, at_rest=False)
        self._edited(system, thing.kind)

    def _in_tfso(self, thing: Thing) -> Record:
        """What only 24SevenOffice says of it."""
        ids = {}
        for kind, needed in thing.needs.items():
            found = self.find(needed, System.TFSO)
            ids[kind] = found["Id"] if found else None
        match thing.kind:
            case "customer":
                return {"Type": "Business"}
            case "order":
                line = {"RowId": 1, "SequenceNumber": 1, "Quantity": "2"}
                lines = [line | {"ProductId": ids["product"]}]
                return {"CustomerId": ids["customer"], "OrderStatus": "Web", "InvoiceRows": lines}
            case "product":
                return {"No": thing.number, "CategoryId": ids["product_group"]}
            case _:
                return {"No": thing.number}

    def edit(
        self, thing: Thing, system: System, *, at_rest: bool = False, harmless: bool = False
    ) -> None:
        """Edit one field.

        Args:
            harmless: nothing that the other system refuses.
        """
        shown: Shown = {"name": self._name(thing, harmless=harmless)}
        if "price" in _NAMES[system][thing.kind] and self._fate.random.random() < 0.5:
            shown = {"price": self._price()}
        record = self.find(thing, system)
        assert record is not None
        self._note(thing, system, shown, at_rest=at_rest)
        payload = _written(system, thing, shown, record)
        self._fate.tell("a person edits", thing, "in", system.title, shown)
        if system is System.RACKBEAT:
            self._rackbeat.change(thing.kind, str(record["number"]), payload)
        else:
            self._tfso.change(thing.kind, key_of(record), payload)
        self._edited(system, thing.kind)

    def _note(self, thing: Thing, system: System, shown: Shown, *, at_rest: bool) -> None:
        thing.actions += 1
        self._latest = thing
        thing.must_show = None
        if at_rest and self.agree(thing):
            thing.edited_in.clear()
            thing.acceptable = {n: {v} for n, v in (self.shown(thing, system) or {}).items()}
        thing.edited_in.add(system)
        if len(thing.edited_in) > 1:
            # The edit that counts, counts as a whole: with what its system says of other fields.
            for each in System:
                for name, value in (self.shown(thing, each) or {}).items():
                    thing.acceptable.setdefault(name, set()).add(value)
        for name, value in shown.items():
            before = thing.acceptable.get(name, set()) if len(thing.edited_in) > 1 else set()
            thing.acceptable[name] = before | {value}

    def _name(self, thing: Thing, *, harmless: bool = False) -> str:
        self.edits += 1
        if harmless or self._fate.random.random() >= 0.05:
            return f"{thing.number} v{self.edits}"
        self.wrote_poison = True
        return f"{thing.number} v{self.edits} {POISON}"

    def _price(self) -> str:
        self.edits += 1
        return str(self.edits)


def _written(system: System, thing: Thing, shown: Shown, record: Record) -> Record:
    """What is shown as the system says it; the price of an order is that of its one line."""
    names = _NAMES[system][thing.kind]
    written = {names[name]: value for name, value in shown.items()}
    if thing.kind == "order" and "price" in shown:
        (line,) = record[_LINES[system]]
        price = {names["price"]: written.pop(names["price"])}
        written[_LINES[system]] = [line | price]
    return written
