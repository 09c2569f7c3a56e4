"""What people do in both systems, and what they may expect of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from shared.kind import Record
from shared.words import Origin, System
from tests.simulation.fate import Fate
from tests.simulation.vendors import POISON, Rackbeat, Tfso

Shown = dict[str, Any]
# What each system calls what people see.
_NAMES = {
    System.RACKBEAT: {"name": "name", "price": "sales_price"},
    System.TFSO: {"name": "Name", "price": "Price"},
}


@dataclass
class Thing:
    """One thing people know, which is to be one record in either system.

    Attributes:
        number: what it is known by in both systems.
        made_in: the systems in which a person made it.
        acceptable: by field, what it may say in the end: more than one value only where people
            edited it in both systems at once.
        edited_in: the systems of the edits since both last agreed.
        must_show: what it has to say in the end, where it is certain whose edit counts.
        actions: how often people touched it.
    """

    kind: str
    number: str
    group: Thing | None = None
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

    def make_a_product(self) -> None:
        """And its group, in Rackbeat."""
        group = Thing("product_group", "1")
        for thing in (group, Thing("product", "P-2", group)):
            self.things.append(thing)
            self._make(thing, System.RACKBEAT)

    def act(self, *, at_rest: bool) -> None:
        """One person does one thing.

        Args:
            at_rest: nothing is under way, so that an edit made now is the newest for certain.
        """
        self.to_do -= 1
        random = self._fate.random
        system = random.choice(self._origins)
        known = [t for t in self.things if self.find(t, system) is not None]
        if known and random.random() < 0.7:
            # Often the one that was just edited, so that edits meet on their way.
            again = [t for t in known if t is self._latest and random.random() < 0.7]
            self.edit(random.choice(again or known), system, at_rest=at_rest)
            return
        # Groups are one thing only if their names agree; only products are made twice.
        absent = [t for t in self.things if t.group is not None and t not in known]
        if absent and random.random() < 0.3:
            self._make(random.choice(absent), system)
            return
        self._make(self._new_thing(system), system)

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
        vendor, name = (
            (self._rackbeat, "number") if system is System.RACKBEAT else (self._tfso, "No")
        )
        records = vendor.records[thing.kind].values()
        return [record for record in records if str(record[name]) == thing.number]

    def shown(self, thing: Thing, system: System) -> Shown | None:
        """What people see of it there."""
        record = self.find(thing, system)
        if record is None:
            return None
        names = _NAMES[system]
        shown = {"name": record[names["name"]]}
        if thing.kind == "product":
            shown["price"] = str(record[names["price"]])
        return shown

    def _new_thing(self, system: System) -> Thing:
        random = self._fate.random
        groups = [t for t in self.things if t.kind == "product_group"]
        groups = [t for t in groups if self.find(t, system) is not None]
        number = len(self.things) + 1
        if groups and random.random() < 0.6:
            thing = Thing("product", f"P-{number}", random.choice(groups))
        else:
            thing = Thing("product_group", str(number))
        self.things.append(thing)
        return thing

    def _make(self, thing: Thing, system: System) -> None:
        shown: Shown = {"name": self._name(thing)}
        if thing.kind == "product":
            shown["price"] = self._price()
        self._fate.tell("a person makes", thing, "in", system.title, shown)
        payload = _written(system, shown)
        if system is System.RACKBEAT:
            payload["number"] = int(thing.number) if thing.group is None else thing.number
            if thing.group is not None:
                payload["group"] = int(thing.group.number)
            self._rackbeat.make(thing.kind, payload)
        else:
            payload["No"] = thing.number
            if thing.group is not None:
                group = self.find(thing.group, system)
                payload["CategoryId"] = group["Id"] if group else None
            self._tfso.make(thing.kind, payload)
        thing.made_in.add(system)
        self._note(thing, system, shown, at_rest=False)
        self._edited(system, thing.kind)

    def edit(
        self, thing: Thing, system: System, *, at_rest: bool = False, harmless: bool = False
    ) -> None:
        """Edit one field.

        Args:
            harmless: nothing that the other system refuses.
        """
        shown: Shown = {"name": self._name(thing, harmless=harmless)}
        if thing.kind == "product" and self._fate.random.random() < 0.5:
            shown = {"price": self._price()}
        record = self.find(thing, system)
        assert record is not None
        self._note(thing, system, shown, at_rest=at_rest)
        payload = _written(system, shown)
        self._fate.tell("a person edits", thing, "in", system.title, shown)
        if system is System.RACKBEAT:
            self._rackbeat.change(thing.kind, str(record["number"]), payload)
        else:
            self._tfso.change(thing.kind, str(record["Id"]), payload)
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


def _written(system: System, shown: Shown) -> Record:
    return {_NAMES[system][name]: value for name, value in shown.items()}
