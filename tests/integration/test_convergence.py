"""Random people edit both systems on random days: both come to rest, alike, and nothing is doubled.

A story is a handful of random steps under random settings; VAREBRO_STORIES asks for that many new
ones instead of the few fixed ones.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from decimal import Decimal
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from shared.settings import SettingsError, check_settings
from shared.words import System
from tests.harness.model import RACKBEAT, TFSO, Model, Order, Sale, Thing
from tests.harness.pairs import SHAPES, Field, Value
from tests.harness.stage import Stage, stage

NEW_STORIES = os.environ.get("VAREBRO_STORIES")
BUDGET = settings(
    max_examples=int(NEW_STORIES or 4),
    derandomize=NEW_STORIES is None,
    stateful_step_count=14,
    deadline=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)
ORIGINS = st.sampled_from(["both", "both", "rackbeat", "24so", "off"])
SYSTEMS = st.sampled_from(list(System))
WHERE = st.sampled_from([(RACKBEAT,), (TFSO,), (RACKBEAT, TFSO)])
# What vendors and networks do on a bad day; each passes by itself.
FAULTS = st.sampled_from(
    [
        ("tfso", "Save*", {"effect": "drop_after"}),
        ("tfso", "Save*", {"effect": "drop_before"}),
        ("tfso", "Get*", {"effect": "truncate"}),
        ("tfso", "*", {"effect": "answer", "status": 503}),
        ("rackbeat", "POST /*", {"effect": "drop_after"}),
        ("rackbeat", "PUT /*", {"effect": "drop_after"}),
        ("rackbeat", "GET /*", {"effect": "answer", "status": 500}),
        ("rackbeat", "*", {"effect": "answer", "status": 429, "headers": {"Retry-After": "1"}}),
    ]
)


@st.composite
def some_settings(draw: st.DrawFn) -> dict[str, Any]:
    """Settings that hold together; the nightly reconciliation waits for a step that asks for it."""
    chosen: dict[str, Any] = {kind: {"origin": draw(ORIGINS)} for kind in SHAPES}
    if draw(st.booleans()):  # else few stories have anything to sell
        chosen |= {kind: {"origin": "both"} for kind in ("customer", "product", "product_group")}
    for kind in ("customer", "supplier"):
        chosen[kind]["number"] = draw(st.sampled_from(["id", "external_id"]))
    chosen["order"] = {
        "origin": draw(st.sampled_from(["24so", "rackbeat", "off"])),
        "status": draw(st.sampled_from(["Web", "Confirmed", "Pack"])),
    }
    chosen["invoice"] = {
        "origin": draw(st.sampled_from(["rackbeat", "24so", "off"])),
        "status": draw(st.sampled_from(["Draft", "ForInvoicing", "Invoiced"])),
    }
    chosen["stock"] = {"origin": draw(st.sampled_from(["rackbeat", "off"]))}
    chosen["conflict"] = {"wins": draw(st.sampled_from(["newest", "rackbeat", "24so"]))}
    chosen["reconcile"] = {"nightly": False}
    for kind in ("order", "invoice", "product"):
        if not _hold_together(chosen):
            chosen[kind]["origin"] = "off"
    return chosen


def _hold_together(chosen: dict[str, Any]) -> bool:
    try:
        check_settings(chosen)
    except SettingsError:
        return False
    return True


class Story(RuleBasedStateMachine):
    """What happens, step by step; the end checks what has become of it."""

    on: ClassVar[Stage]

    @initialize(chosen=some_settings(), systems=WHERE, data=st.data())
    def begin(
        self, chosen: dict[str, Any], systems: tuple[System, ...], data: st.DataObject
    ) -> None:
        self.stack = ExitStack()
        self.model = Model(self.stack.enter_context(self.on.world()), chosen)
        for kind in ("product_group", "product", "customer"):
            self._make(kind, systems, False, data)
        for kind in ("order", "invoice"):
            self._sell(kind, data)
        if chosen["order"]["origin"] == "24so":
            self._order(data)

    def teardown(self) -> None:
        if not hasattr(self, "model"):
            return
        with self.stack:
            if not self.model.failed:
                with self.model.step("all comes to rest"):
                    self.model.rest()
                    self.model.check()

    # -- people ---------------------------------------------------------------------------------

    @rule(kind=st.sampled_from(list(SHAPES)), systems=WHERE, silently=st.booleans(), data=st.data())
    def somebody_makes_a_record(
        self, kind: str, systems: tuple[System, ...], silently: bool, data: st.DataObject
    ) -> None:
        self._make(kind, systems, silently, data)

    def _make(
        self, kind: str, systems: tuple[System, ...], silently: bool, data: st.DataObject
    ) -> None:
        n = self.model.next()
        thing = Thing(kind, f"T{n}", set(systems))
        group = self._a_group(systems, data) if kind == "product" else None
        if kind == "product" and group is None:
            return
        if group is not None:
            thing.may_park = not all(self._carried(group, system) for system in systems)
        where = " and ".join(system.title for system in systems)
        with self.model.step("somebody makes", kind, thing.tag, "in", where, silently):
            for system in systems:
                self.model.make(thing, system, n, group, webhooks=not silently)
        self.model.things.append(thing)

    @rule(system=SYSTEMS, silently=st.booleans(), data=st.data())
    def somebody_edits_a_record(self, system: System, silently: bool, data: st.DataObject) -> None:
        thing = self._one(self._editable(system), data)
        if thing is None:
            return
        field, value = self._an_edit(thing, system, data)
        changes = field.written(system, value)
        with self.model.step("somebody edits", thing.tag, "in", system.title, changes, silently):
            self.model.edit_field(thing, system, field, value, webhooks=not silently)

    @rule(data=st.data())
    def two_people_edit_the_same_record(self, data: st.DataObject) -> None:
        both = [t for t in self._editable(RACKBEAT) if t in self._editable(TFSO)]
        thing = self._one(both, data)
        if thing is not None:
            self._two_edits(thing, data)

    @precondition(lambda self: self.model.settings["conflict"]["wins"] != "newest")
    @rule(data=st.data())
    def the_chosen_system_wins_two_edits_of_a_record_at_rest(self, data: st.DataObject) -> None:
        both = [
            thing
            for thing in self._editable(RACKBEAT)
            if thing in self._editable(TFSO) and self.model.settings[thing.kind]["origin"] == "both"
        ]
        thing = self._one(both, data)
        if thing is None:
            return
        with self.model.step("all rests before two edits of", thing.tag):
            self.model.rest()
        if not self._is_alike(thing):
            return
        winner = System(self.model.settings["conflict"]["wins"])
        field, value = self._two_edits(thing, data)[winner]
        with self.model.step("all rests; it is to be", field.name, value):
            self.model.rest()
            can_be_empty = (RACKBEAT,) if winner is RACKBEAT else tuple(System)
            for system in can_be_empty if value is None else System:
                record = self.model.find(thing, system)
                assert record is not None
                assert field.seen_in(system, record) == value

    def _two_edits(self, thing: Thing, data: st.DataObject) -> dict[System, tuple[Field, Any]]:
        edits = {system: self._an_edit(thing, system, data) for system in System}
        for system, (field, value) in edits.items():
            changes = field.written(system, value)
            with self.model.step("one of two edits", thing.tag, "in", system.title, changes):
                self.model.edit_field(thing, system, field, value)
        return edits

    @rule(system=SYSTEMS, data=st.data())
    def an_edit_of_a_record_at_rest_is_one_write(self, system: System, data: st.DataObject) -> None:
        thing = self._one(self._editable(system), data)
        if thing is None:
            return
        with self.model.step("all rests before one edit of", thing.tag, "in", system.title):
            self.model.rest()
        if not self._is_alike(thing):
            return  # it was parked, or its kind does not travel
        field, value = self._an_edit(thing, system, data)
        changes = field.written(system, value)
        before = self._view(thing, system.other)
        travels = self.model.lets(thing.kind, system)
        if value is None and (system is RACKBEAT or before[field.name] is None):
            travels = False
        with self.model.step("somebody edits only", thing.tag, "in", system.title, changes):
            self.model.world.reset_calls()
            self.model.edit_field(thing, system, field, value)
            self.model.rest(reconcile=False)
            save = thing.shape.saves[system.other]
            assert self.model.world.writes() == ({save: 1} if travels else {})
            if self.model.settings[thing.kind]["origin"] == "both":
                after = self._view(thing, system.other)
                others = before.keys() - {field.name}
                assert {n: after[n] for n in others} == {n: before[n] for n in others}

    @precondition(lambda self: self._emptiable())
    @rule(data=st.data())
    def what_is_emptied_in_rackbeat_does_not_come_back(self, data: st.DataObject) -> None:
        thing = data.draw(st.sampled_from(self._emptiable()))
        with self.model.step("all rests before", thing.tag, "is emptied"):
            self.model.rest()
        if not self._is_alike(thing):
            return
        view = self._view(thing, RACKBEAT)
        fields = [f for f in thing.shape.fields if f.may_be_empty and view[f.name] is not None]
        if not fields:
            return
        field, name = data.draw(st.sampled_from(fields)), thing.shape.field("name")
        with self.model.step(field.name, "is emptied and", thing.tag, "renamed in 24SevenOffice"):
            self.model.edit_field(thing, RACKBEAT, field, None)
            self.model.rest()
            self.model.edit_field(thing, TFSO, name, name.value(thing.tag, self.model.next()))
            self.model.rest()
            after = self._view(thing, RACKBEAT)
            assert after == view | {field.name: None, "name": self._view(thing, TFSO)["name"]}

    @rule(system=SYSTEMS, data=st.data())
    def somebody_deletes_a_record(self, system: System, data: st.DataObject) -> None:
        unused = [thing for thing in self._editable(system) if not thing.used]
        thing = self._one(unused, data)
        if thing is None:
            return
        with self.model.step("somebody deletes", thing.tag, "in", system.title):
            self.model.delete(thing, system)

    @rule(quantity=st.integers(0, 50), data=st.data())
    def somebody_counts_the_stock(self, quantity: int, data: st.DataObject) -> None:
        products = [t for t in self._editable(RACKBEAT) if t.kind == "product"]
        thing = self._one(products, data)
        if thing is None:
            return
        with self.model.step("somebody counts", quantity, "of", thing.tag):
            self.model.edit(thing, RACKBEAT, {"stock_quantity": quantity})

    # -- customers ------------------------------------------------------------------------------

    @precondition(lambda self: self.model.settings["order"]["origin"] == "24so")
    @rule(data=st.data())
    def a_customer_places_an_order(self, data: st.DataObject) -> None:
        self._order(data)

    def _order(self, data: st.DataObject) -> None:
        customer = self._one(self._orderable("customer"), data)
        products = self._orderable("product")
        if customer is None or not products:
            return
        order = Order(0, customer, self._some_lines(products, data))
        with self.model.step("customer", customer.tag, "orders", _told(order.lines)):
            made = self.model.world.tfso.add(
                "orders",
                {
                    "CustomerId": self.model.key(customer, TFSO),
                    "OrderStatus": "Confirmed",
                    "IncludeVAT": False,
                    "InvoiceRows": self.model.order_rows(order),
                },
            )
        order.key = made["OrderId"]
        for used in (customer, *(line[0] for line in order.lines)):
            used.used = True
        self.model.orders.append(order)

    @precondition(lambda self: self._running_orders())
    @rule(data=st.data())
    def a_customer_wants_something_else(self, data: st.DataObject) -> None:
        order = data.draw(st.sampled_from(self._running_orders()))
        order.lines = self._some_lines([line[0] for line in order.lines], data)
        with self.model.step("order", order.key, "becomes", _told(order.lines)):
            now = self.model.world.in_tfso("orders", order.key)["InvoiceRows"]
            gone = [{"RowId": row["RowId"], "ChangeState": "Delete"} for row in now]
            rows = gone + self.model.order_rows(order)
            self.model.world.tfso.edit("orders", order.key, {"InvoiceRows": rows})

    @precondition(lambda self: self._running_orders())
    @rule(data=st.data())
    def a_customer_cancels(self, data: st.DataObject) -> None:
        order = data.draw(st.sampled_from(self._running_orders()))
        order.cancelled = True
        with self.model.step("order", order.key, "is cancelled"):
            self.model.world.tfso.edit("orders", order.key, {"OrderStatus": "Inactive"})

    @precondition(lambda self: self._running_orders())
    @rule(data=st.data())
    def an_order_is_invoiced_in_24so(self, data: st.DataObject) -> None:
        order = data.draw(st.sampled_from(self._running_orders()))
        order.invoiced = True
        with self.model.step("order", order.key, "is invoiced in 24SevenOffice"):
            self.model.world.tfso.edit("orders", order.key, {"OrderStatus": "Invoiced"})

    # -- sales in Rackbeat ----------------------------------------------------------------------

    @rule(kind=st.sampled_from(["order", "invoice"]), data=st.data())
    def somebody_sells_in_rackbeat(self, kind: str, data: st.DataObject) -> None:
        self._sell(kind, data)

    def _sell(self, kind: str, data: st.DataObject) -> None:
        customer = self._one(self._orderable("customer", RACKBEAT), data)
        products = self._orderable("product", RACKBEAT)
        if customer is None or not products:
            return
        lines = self._some_lines(products, data)
        with self.model.step("an", kind, "for", customer.tag, _told(lines)):
            self.model.sell(kind, customer, lines)
        for used in (customer, *(line[0] for line in lines)):
            used.used = True

    @precondition(lambda self: self._open_sales())
    @rule(all_of_it=st.booleans(), data=st.data())
    def somebody_invoices_an_order(self, all_of_it: bool, data: st.DataObject) -> None:
        sale = data.draw(st.sampled_from(self._open_sales()))
        all_of_it = all_of_it or sale.lines[0][1] == 1
        with self.model.step("order", sale.number, "is invoiced", "all" if all_of_it else "a part"):
            self.model.invoice(sale, all_of_it=all_of_it)

    @precondition(lambda self: self._begun_sales())
    @rule(data=st.data())
    def somebody_invoices_the_rest_of_an_order(self, data: st.DataObject) -> None:
        sale = data.draw(st.sampled_from(self._begun_sales()))
        with self.model.step("the rest of order", sale.number, "is invoiced"):
            self.model.invoice_the_rest(sale)

    @precondition(lambda self: self._open_sales())
    @rule(data=st.data())
    def an_order_is_cancelled_in_rackbeat(self, data: st.DataObject) -> None:
        sale = data.draw(st.sampled_from(self._open_sales()))
        sale.cancelled = True
        with self.model.step("order", sale.number, "is cancelled in Rackbeat"):
            self.model.world.rackbeat.edit("orders", sale.number, {"is_cancelled": True})

    @precondition(lambda self: self._creditable())
    @rule(data=st.data())
    def somebody_credits_an_invoice(self, data: st.DataObject) -> None:
        invoice = data.draw(st.sampled_from(self._creditable()))
        with self.model.step("invoice", invoice.number, "is credited"):
            self.model.credit(invoice)

    # -- the days -------------------------------------------------------------------------------

    @rule(fault=FAULTS, times=st.integers(1, 6))
    def it_is_a_bad_day(self, fault: tuple[str, str, dict[str, Any]], times: int) -> None:
        where, operation, described = fault
        control = self.model.world.tfso if where == "tfso" else self.model.world.rackbeat
        with self.model.step("from now on", where, operation, described, times, "times"):
            control.fault(operation=operation, times=times, **described)

    @rule()
    def time_passes(self) -> None:
        with self.model.step("time passes"):
            self.model.time_passes()

    @rule()
    def the_night_comes(self) -> None:
        with self.model.step("both systems are reconciled"):
            self.model.reconcile()

    # -- choosing -------------------------------------------------------------------------------

    def _one(self, things: list[Thing], data: st.DataObject) -> Thing | None:
        return data.draw(st.sampled_from(things)) if things else None

    def _editable(self, system: System) -> list[Thing]:
        """What is in that system, and was deleted nowhere."""
        return [
            thing
            for thing in self.model.things
            if not (thing.gone_from or thing.forgotten)
            and self.model.find(thing, system) is not None
        ]

    def _emptiable(self) -> list[Thing]:
        """What has fields that may be empty, and is edited in both systems."""
        return [
            thing
            for thing in self._editable(RACKBEAT)
            if thing in self._editable(TFSO)
            and self.model.settings[thing.kind]["origin"] == "both"
            and any(field.may_be_empty for field in thing.shape.fields)
        ]

    def _an_edit(self, thing: Thing, system: System, data: st.DataObject) -> tuple[Field, Any]:
        """A field and its new value, None to empty it; what is ordered stays on sale."""
        fields = [
            field
            for field in thing.shape.fields
            if not (thing.used and field.name == "active")
            and not self.model.is_only_recognised_by(thing, field.name)
        ]
        field = data.draw(st.sampled_from(fields))
        record = self.model.find(thing, system)
        assert record is not None
        now, value = field.seen_in(system, record), None
        if field.may_be_empty and now is not None and data.draw(st.integers(0, 2)) == 0:
            return field, None
        while value is None or value == now:
            value = field.value(thing.tag, self.model.next())
        return field, value

    def _a_group(self, systems: tuple[System, ...], data: st.DataObject) -> Thing | None:
        """A group there is in all these systems."""
        there = [
            thing
            for thing in self.model.things
            if thing.kind == "product_group" and all(thing in self._editable(s) for s in systems)
        ]
        return self._one(there, data)

    def _carried(self, thing: Thing, system: System) -> bool:
        """Whether the thing is in the other system, or gets there from this one."""
        return self.model.is_linked(thing) or self.model.lets(thing.kind, system)

    def _orderable(self, kind: str, system: System = TFSO) -> list[Thing]:
        return [
            thing
            for thing in self._editable(system)
            if thing.kind == kind
            and not thing.may_park
            and self._carried(thing, system)
            and (kind != "product" or self._is_active(thing))
        ]

    def _is_active(self, thing: Thing) -> bool:
        active = thing.shape.field("active")
        records = {system: self.model.find(thing, system) for system in System}
        return all(active.seen_in(s, record) for s, record in records.items() if record)

    def _is_alike(self, thing: Thing) -> bool:
        return self.model.is_linked(thing) and self.model.is_alike(thing)

    def _view(self, thing: Thing, system: System) -> dict[str, Value]:
        record = self.model.find(thing, system)
        assert record is not None
        return thing.shape.view(system, record)

    def _some_lines(
        self, products: list[Thing], data: st.DataObject
    ) -> list[tuple[Thing, int, Decimal]]:
        line = st.tuples(
            st.sampled_from(products),
            st.integers(1, 20),
            st.decimals(1, 500, places=2),
        )
        return data.draw(st.lists(line, min_size=1, max_size=3))

    def _open_sales(self) -> list[Sale]:
        """Orders made in Rackbeat of which nothing is invoiced."""
        return [
            sale
            for sale in self.model.sales
            if sale.kind == "order" and not (sale.invoiced or sale.cancelled)
        ]

    def _begun_sales(self) -> list[Sale]:
        """Orders made in Rackbeat of which a part is invoiced."""
        return [sale for sale in self.model.sales if sale.begun]

    def _creditable(self) -> list[Sale]:
        """Invoices made in Rackbeat that are not credited."""
        return [
            sale
            for sale in self.model.sales
            if sale.kind == "invoice" and not (sale.credited or sale.is_credit_note)
        ]

    def _running_orders(self) -> list[Order]:
        return [each for each in self.model.orders if not (each.cancelled or each.invoiced)]


def _told(lines: list[tuple[Thing, int, Decimal]]) -> list[str]:
    return [f"{quantity} {product.tag} at {price}" for product, quantity, price in lines]


@pytest.fixture
def the_stage(
    database_url: str, broker_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Stage]:
    with stage(database_url, broker_url, monkeypatch) as made:
        yield made


@pytest.mark.timeout(900 if NEW_STORIES is None else 0)
def test_whatever_people_do_both_systems_become_alike_and_nothing_is_doubled(
    the_stage: Stage,
) -> None:
    class OnTheStage(Story):
        on = the_stage

    run_state_machine_as_test(OnTheStage, settings=BUDGET)
