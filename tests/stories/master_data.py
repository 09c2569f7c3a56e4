"""What people do with master data and stock."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from shared.words import System
from tests.harness.model import RACKBEAT, TFSO, Thing
from tests.harness.pairs import MASTER_DATA, Field
from tests.stories.base import SYSTEMS, WHERE, Telling


class MasterData(Telling):
    """Customers, suppliers, product groups, products, structure items and stock."""

    @rule(kind=st.sampled_from(MASTER_DATA), systems=WHERE, silently=st.booleans(), data=st.data())
    def somebody_makes_a_record(
        self, kind: str, systems: tuple[System, ...], silently: bool, data: st.DataObject
    ) -> None:
        self.make(kind, systems, silently, data)

    def make(
        self, kind: str, systems: tuple[System, ...], silently: bool, data: st.DataObject
    ) -> None:
        n = self.model.next()
        thing = Thing(self.model.shapes[kind], f"T{n}", set(systems))
        group = self.a_group(systems, data) if kind == "product" else None
        if kind == "product" and group is None:
            return
        if group is not None:
            thing.may_park = not all(self.carried(group, system) for system in systems)
        where = " and ".join(system.title for system in systems)
        with self.happens("somebody makes", kind, thing.tag, "in", where, silently):
            for system in systems:
                self.model.make(thing, system, n, group, webhooks=not silently)
        self.model.things.append(thing)

    @rule(silently=st.booleans(), data=st.data())
    def somebody_makes_a_structure_item(self, silently: bool, data: st.DataObject) -> None:
        self.make_a_structure_item(silently, data)

    def make_a_structure_item(self, silently: bool, data: st.DataObject) -> None:
        group = self.a_group((RACKBEAT,), data)
        parts = self._some_parts(data)
        if group is None or not parts:
            return
        n = self.model.next()
        item = Thing(self.model.shapes["product"], f"T{n}", {RACKBEAT}, parts=parts)
        item.may_park = not self.carried(group, RACKBEAT)
        with self.happens("somebody makes the structure item", item.tag, silently):
            self.model.make(item, RACKBEAT, n, group, webhooks=not silently)
        self.model.things.append(item)

    def _some_parts(self, data: st.DataObject, but: Thing | None = None) -> list[tuple[Thing, int]]:
        products = [
            thing
            for thing in self.editable(RACKBEAT)
            if thing.kind == "product" and thing.parts is None and thing is not but
        ]
        if not products:
            return []
        part = st.tuples(st.sampled_from(products), st.integers(1, 9))
        return data.draw(st.lists(part, min_size=1, max_size=3, unique_by=lambda each: each[0].tag))

    @precondition(lambda self: not self.model.bad_day)  # it is done by the API
    @rule(data=st.data())
    def somebody_converts_a_product(self, data: st.DataObject) -> None:
        products = [
            thing
            for thing in self.editable(RACKBEAT)
            if thing.kind == "product" and thing.parts is None and not thing.used
        ]
        product = self.one(products, data)
        if product is None:
            return
        with self.happens("somebody makes a structure item of", product.tag):
            self.model.convert(product)
            parts = self._some_parts(data, product)
            if parts:
                self.model.assemble(product, parts)

    @rule(system=SYSTEMS, silently=st.booleans(), data=st.data())
    def somebody_edits_a_record(self, system: System, silently: bool, data: st.DataObject) -> None:
        thing = self.one(self.editable(system), data)
        if thing is None:
            return
        field, value = self.an_edit(thing, system, data)
        changes = field.written(system, value)
        with self.happens("somebody edits", thing.tag, "in", system.title, changes, silently):
            self.model.edit_field(thing, system, field, value, webhooks=not silently)

    @rule(data=st.data())
    def two_people_edit_the_same_record(self, data: st.DataObject) -> None:
        both = [t for t in self.editable(RACKBEAT) if t in self.editable(TFSO)]
        thing = self.one(both, data)
        if thing is not None:
            self._two_edits(thing, data)

    @precondition(lambda self: self.model.settings.conflict.wins != "newest")
    @rule(data=st.data())
    def the_chosen_system_wins_two_edits_of_a_record_at_rest(self, data: st.DataObject) -> None:
        thing = self.one(self.editable_in_both(), data)
        if thing is None:
            return
        self.all_rests(f"two edits of {thing.tag}")
        if not self.is_alike(thing):
            return
        winner = System(self.model.settings.conflict.wins)
        field, value = self._two_edits(thing, data)[winner]
        if not self.model.travels(thing, winner, field.name):
            return
        with self.happens("all rests; it is to be", field.name, value):
            self.model.rest()
            can_be_empty = (RACKBEAT,) if winner is RACKBEAT else tuple(System)
            for system in can_be_empty if value is None else System:
                record = self.model.find(thing, system)
                assert record is not None
                assert field.seen_in(system, record) == value

    def _two_edits(self, thing: Thing, data: st.DataObject) -> dict[System, tuple[Field, Any]]:
        edits = {system: self.an_edit(thing, system, data) for system in System}
        for system, (field, value) in edits.items():
            changes = field.written(system, value)
            with self.happens("one of two edits", thing.tag, "in", system.title, changes):
                self.model.edit_field(thing, system, field, value)
        return edits

    @rule(system=SYSTEMS, data=st.data())
    def an_edit_of_a_record_at_rest_is_one_write(self, system: System, data: st.DataObject) -> None:
        thing = self.one(self.editable(system), data)
        if thing is None:
            return
        self.all_rests(f"one edit of {thing.tag} in {system.title}")
        if not self.is_alike(thing):
            return  # it was parked, or its kind does not travel
        field, value = self.an_edit(thing, system, data)
        there = self.model.find(thing, system.other)
        assert there is not None
        before = self.view(thing, system.other)
        travels = self.model.travels(thing, system, field.name) and value != before[field.name]
        if value is None and system is RACKBEAT:
            travels = False
        changes = field.written(system, value)
        save = {thing.shape.save(system.other, there): int(travels)}
        with self.happens("somebody edits only", thing.tag, "in", system.title, changes):
            with self.writing(save, alone=True):
                self.model.edit_field(thing, system, field, value)
            if self.model.origin(thing.kind) == "both":
                after = self.view(thing, system.other)
                others = before.keys() - {field.name} - thing.kept
                assert {n: after[n] for n in others} == {n: before[n] for n in others}

    @precondition(lambda self: self._emptiable())
    @rule(data=st.data())
    def what_is_emptied_in_rackbeat_does_not_come_back(self, data: st.DataObject) -> None:
        thing = data.draw(st.sampled_from(self._emptiable()))
        self.all_rests(f"{thing.tag} is emptied")
        if not self.is_alike(thing):
            return
        view = self.view(thing, RACKBEAT)
        fields = [f for f in thing.shape.fields if f.may_be_empty and view[f.name] is not None]
        if not fields:
            return
        field, name = data.draw(st.sampled_from(fields)), thing.shape.field("name")
        with self.happens("somebody empties", field.name, "of", thing.tag):
            self.model.edit_field(thing, RACKBEAT, field, None)
            self.model.rest()
            self.model.edit_field(thing, TFSO, name, name.value(thing.tag, self.model.next()))
            self.model.rest()
            after = self.view(thing, RACKBEAT)
            assert after == view | {field.name: None, "name": self.view(thing, TFSO)["name"]}

    @rule(system=SYSTEMS, data=st.data())
    def somebody_deletes_a_record(self, system: System, data: st.DataObject) -> None:
        unused = [
            thing
            for thing in self.editable(system)
            if not thing.used and (thing.parts is None or self.model.travels(thing, system, "name"))
        ]
        thing = self.one(unused, data)
        if thing is None:
            return
        with self.happens("somebody deletes", thing.tag, "in", system.title):
            self.model.delete(thing, system)

    @rule(quantity=st.integers(0, 50), alone=st.booleans(), data=st.data())
    def somebody_counts_the_stock(self, quantity: int, alone: bool, data: st.DataObject) -> None:
        if alone:
            self.all_rests("somebody counts")
        thing = self.one([t for t in self.editable(RACKBEAT) if t.kind == "product"], data)
        if thing is None:
            return
        travels = self._has_stock_in_both(thing) and quantity != self._stock_of(thing)
        with (
            self.happens("somebody counts", quantity, "of", thing.tag),
            self.writing({"SetStockQuantity": int(travels)}, alone=alone),
        ):
            self.model.edit(thing, RACKBEAT, {"stock_quantity": quantity})

    def _has_stock_in_both(self, thing: Thing) -> bool:
        there = self.model.find(thing, TFSO)
        is_kept = there is not None and bool(there["StockControlled"])
        return self.model.lets("stock", RACKBEAT) and is_kept and self.model.is_linked(thing)

    def _stock_of(self, thing: Thing) -> Decimal:
        record = self.model.find(thing, RACKBEAT)
        assert record is not None
        return Decimal(str(record["stock_quantity"]))

    def _emptiable(self) -> list[Thing]:
        """What has fields that may be empty, and is edited in both systems."""
        return [
            thing
            for thing in self.editable_in_both()
            if any(field.may_be_empty for field in thing.shape.fields)
        ]
