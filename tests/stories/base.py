"""What every story has: how it begins and ends, and what its people choose from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine

from shared.words import System
from tests.harness.at_rest import AtRest
from tests.harness.model import RACKBEAT, TFSO, Lines, Model, Order, Sale, Thing
from tests.harness.pairs import Field, Value
from tests.harness.stage import Stage

SYSTEMS = st.sampled_from(list(System))
WHERE = st.sampled_from([(RACKBEAT,), (TFSO,), (RACKBEAT, TFSO)])


class Telling(RuleBasedStateMachine):
    """The end checks what has become of everything."""

    on: ClassVar[Stage]
    # How often what happened, and how often which write was seen to be the only one.
    played: ClassVar[Counter[str]]
    model: Model

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()

    def open(self, chosen: dict[str, Any]) -> None:
        self.model = Model(self.stack.enter_context(self.on.world()), chosen)

    def teardown(self) -> None:
        with self.stack:
            if hasattr(self, "model") and not self.model.failed:
                with self.happens("all comes to rest"):
                    self.model.rest()
                    AtRest(self.model).check()

    @contextmanager
    def happens(self, what: str, *words: object) -> Iterator[None]:
        """One step of the story."""
        self.played[what] += 1
        with self.model.step(what, *words):
            yield

    def all_rests(self, before: str) -> None:
        with self.happens("all rests before", before):
            self.model.rest()

    @contextmanager
    def writing(self, wanted: Mapping[str, int], *, alone: bool) -> Iterator[None]:
        """What a person does in here while all rests, and nothing else, is written so many times.

        Args:
            alone: whether all rests; otherwise nothing is checked.
        """
        if not alone:
            yield
            return
        parked = self._parked()
        self.model.world.reset_calls()
        yield
        self.model.rest(reconcile=False)
        made = self.model.world.writes()
        is_refused = self._parked() > parked and not made  # the end checks why
        assert is_refused or made == {name: n for name, n in wanted.items() if n}, made
        self.played.update(f"{operation} alone" for operation in made)

    def _parked(self) -> Counter[tuple[str, str]]:
        return Counter((c.kind, c.key) for c in self.model.world.changes(state="parked"))

    # -- choosing -------------------------------------------------------------------------------

    def one(self, things: list[Thing], data: st.DataObject) -> Thing | None:
        return data.draw(st.sampled_from(things)) if things else None

    def editable(self, system: System) -> list[Thing]:
        """What is in that system, and was deleted nowhere."""
        return [
            thing
            for thing in self.model.things
            if not (thing.gone_from or thing.forgotten)
            and self.model.find(thing, system) is not None
        ]

    def editable_in_both(self) -> list[Thing]:
        """What people edit in either system for both."""
        there = self.editable(TFSO)
        return [
            thing
            for thing in self.editable(RACKBEAT)
            if thing in there and self.model.origin(thing.kind) == "both"
        ]

    def an_edit(self, thing: Thing, system: System, data: st.DataObject) -> tuple[Field, Any]:
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

    def a_group(self, systems: tuple[System, ...], data: st.DataObject) -> Thing | None:
        """A group there is in all these systems."""
        there = [
            thing
            for thing in self.model.things
            if thing.kind == "product_group" and all(thing in self.editable(s) for s in systems)
        ]
        return self.one(there, data)

    def carried(self, thing: Thing, system: System) -> bool:
        """Whether the thing is in the other system, or gets there from this one."""
        return self.model.is_linked(thing) or self.model.travels(thing, system)

    def orderable(self, kind: str, system: System = TFSO) -> list[Thing]:
        return [
            thing
            for thing in self.editable(system)
            if thing.kind == kind
            and not thing.may_park
            and self.carried(thing, system)
            and (kind != "product" or self._is_active(thing))
        ]

    def _is_active(self, thing: Thing) -> bool:
        active = thing.shape.field("active")
        records = {system: self.model.find(thing, system) for system in System}
        return all(active.seen_in(s, record) for s, record in records.items() if record)

    def is_alike(self, thing: Thing) -> bool:
        return self.model.is_linked(thing) and self.model.is_alike(thing)

    def view(self, thing: Thing, system: System) -> dict[str, Value]:
        record = self.model.find(thing, system)
        assert record is not None
        return thing.shape.view(system, record)

    def some_lines(self, products: list[Thing], data: st.DataObject) -> Lines:
        line = st.tuples(
            st.sampled_from(products),
            st.integers(1, 20),
            st.decimals(1, 500, places=2),
        )
        return data.draw(st.lists(line, min_size=1, max_size=3))

    def running_orders(self) -> list[Order]:
        """Orders of 24SevenOffice's with which nobody has gone on in Rackbeat."""
        return [o for o in self.model.orders if not (o.cancelled or o.invoiced or o.sale)]

    def open_sales(self) -> list[Sale]:
        """Booked orders in Rackbeat of which nothing is invoiced."""
        return [
            sale
            for sale in self.model.sales
            if sale.kind == "order" and not (sale.invoiced or sale.cancelled)
        ]

    def begun_sales(self) -> list[Sale]:
        """Booked orders in Rackbeat of which a part is invoiced."""
        return [sale for sale in self.model.sales if sale.begun]

    def creditable(self) -> list[Sale]:
        """Invoices made in Rackbeat that are not credited."""
        return [
            sale
            for sale in self.model.sales
            if sale.kind == "invoice" and not (sale.credited or sale.is_credit_note)
        ]


def told(lines: Lines) -> list[str]:
    return [f"{quantity} {product.tag} at {price}" for product, quantity, price in lines]
