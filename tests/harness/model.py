"""What random people did in both systems, and what has to be true of them in the end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from shared.runs import start_run
from shared.settings import Settings, check_settings
from shared.words import Cause, System
from tests.harness.mission import (
    convert,
    credit,
    drafts_of,
    invoice_part,
    of,
    rackbeat_invoice,
    rackbeat_order,
)
from tests.harness.pairs import TYPES, Field, Shape, Value, deeply, shapes
from tests.harness.world import SLUG, Json, World

RACKBEAT, TFSO = System.RACKBEAT, System.TFSO
FIRST_NUMBER = 3000  # far from the numbers either system gives by itself
A_PULL_LATER = 11  # minutes
MOST_ROUNDS = 8
# What cannot differ between two records that are one thing.
CONTRADICTIONS = {("product_group", "name"), ("product", "EAN")}
Lines = list[tuple["Thing", int, Decimal]]  # product, quantity, price of one


@dataclass
class Thing:
    """One thing people know, which is to be one record in either system.

    Attributes:
        tag: the first word of its name, in both systems and through all edits.
        made_in: the systems in which a person made it.
        gone_from: the systems in which a person deleted it after it had been transferred.
        forgotten: deleted before that, so that anything may have become of it, but only once.
        may_park: something was done to it that only a person can put right.
        used: something refers to it, so that nobody may delete it.
        emptied: fields that one system may still hold although they are empty in the other: emptied
            in Rackbeat, as 24SevenOffice takes no empty values, or before the two were linked.
        kept: fields of a structure item that may differ, as they were edited where they do not
            travel from.
        parts: of a structure item, how many of which products.
    """

    shape: Shape
    tag: str
    made_in: set[System]
    gone_from: set[System] = field(default_factory=set)
    forgotten: bool = False
    may_park: bool = False
    used: bool = False
    emptied: set[str] = field(default_factory=set)
    kept: set[str] = field(default_factory=set)
    parts: list[tuple[Thing, int]] | None = None

    @property
    def kind(self) -> str:
        return self.shape.kind


@dataclass
class Order:
    """An order placed in 24SevenOffice, as the customer wants it now.

    Attributes:
        booked: what its copy in Rackbeat is for good, since that was booked and then ordered anew.
        sale: its copy in Rackbeat, where a person has gone on with that.
    """

    key: int
    customer: Thing
    lines: Lines
    status: str
    cancelled: bool = False
    invoiced: bool = False
    booked: Lines | None = None
    sale: Sale | None = None


@dataclass
class Sale:
    """A booked order, invoice or credit note that was made in Rackbeat.

    Attributes:
        lines: of a credit note, those it takes back.
        of_order: of an invoice, the order all of which it invoices.
        invoiced: of an order, whether any of it is.
        begun: of an order, whether a part of it is invoiced, and the rest is not.
        credited: of an invoice, whether it is.
        is_credit_note: such are invoices, too.
        copied: of an order, whether it came from 24SevenOffice.
    """

    kind: str
    number: int
    customer: Thing
    lines: Lines
    of_order: int | None = None
    invoiced: bool = False
    begun: bool = False
    credited: bool = False
    is_credit_note: bool = False
    cancelled: bool = False
    copied: bool = False


class Model:
    """Both systems, and what people did in them.

    Attributes:
        bad_day: whether vendors or networks may fail now.
    """

    def __init__(self, world: World, chosen: Mapping[str, Any]) -> None:
        self.world = world
        self.settings: Settings = check_settings(dict(chosen))
        self.shapes = shapes(self.settings)
        self.bad_day = False
        self.things: list[Thing] = []
        self.orders: list[Order] = []
        self.sales: list[Sale] = []
        self.steps: list[str] = [f"settings {chosen}"]
        self.failed = False
        self._numbers = 0
        world.connect(**chosen)
        self.time_passes()
        self.reconcile()

    @contextmanager
    def step(self, *words: object) -> Iterator[None]:
        """One step of the story, which a failure tells as a whole."""
        self.steps.append(" ".join(str(word) for word in words))
        try:
            yield
        except BaseException as problem:
            self.failed = True
            problem.add_note("\n".join(["What was done:", *self.steps]))
            raise

    def next(self) -> int:
        """A number nothing has had yet."""
        self._numbers += 1
        return FIRST_NUMBER + self._numbers

    # -- looking --------------------------------------------------------------------------------

    def find(self, thing: Thing, system: System) -> Json | None:
        """The record a thing is in a system."""
        records = thing.shape.all_in(self.world, system)
        return next((r for r in records if tag_of(thing.shape, system, r) == thing.tag), None)

    def key(self, thing: Thing, system: System) -> Any:
        record = self.find(thing, system)
        assert record is not None, f"{thing.tag} is not in {system.title}"
        return record["number" if system is RACKBEAT else "Id"]

    def is_linked(self, thing: Thing) -> bool:
        """Whether the service knows the two records to be one thing."""
        ours, theirs = (self.find(thing, system) for system in (RACKBEAT, TFSO))
        pairs = {(link.rackbeat_key, link.tfso_key) for link in self.world.links(thing.kind)}
        if ours is None or theirs is None:
            return False
        return (str(ours["number"]), str(theirs["Id"])) in pairs

    def is_only_recognised_by(self, thing: Thing, name: str) -> bool:
        """Whether two records that people made are one thing because they agree in that field."""
        in_both = all(self.find(thing, system) is not None for system in System)
        by_ean = name == "EAN" and self.settings.product.number == "id"
        return (name == "organisation number" or by_ean) and in_both and not self.is_linked(thing)

    def is_alike(self, thing: Thing) -> bool:
        """Whether a linked thing is the same in both systems."""
        ours, theirs = (self.find(thing, system) for system in (RACKBEAT, TFSO))
        return ours is not None and theirs is not None and not self.apart(thing, ours, theirs)

    def apart(self, thing: Thing, ours: Json, theirs: Json) -> dict[str, tuple[Value, Value]]:
        """The fields in which the two records differ and should not, as Rackbeat and as
        24SevenOffice have them."""
        here, there = thing.shape.view(RACKBEAT, ours), thing.shape.view(TFSO, theirs)
        different = {name: (here[name], there[name]) for name in here if here[name] != there[name]}
        return {
            name: both
            for name, both in different.items()
            if not ((name in thing.emptied and None in both) or name in thing.kept)
        }

    def origin(self, kind: str) -> str:
        return str(self.settings.of(kind).origin)

    def lets(self, kind: str, source: System) -> bool:
        """Whether records of a kind are made there for both systems."""
        return self.origin(kind) in ("both", source.value)

    def travels(self, thing: Thing, source: System, name: str | None = None) -> bool:
        """Whether a thing, or that field of it, gets from there into the other system."""
        if not self.lets(thing.kind, source):
            return False
        if thing.parts is None:
            return True
        if source is RACKBEAT:
            return bool(self.settings.product.structure_items)
        return name == "name"

    def is_off(self, kind: str) -> bool:
        return self.origin(kind) == "off"

    # -- what people do -------------------------------------------------------------------------

    def make(
        self, thing: Thing, system: System, n: int, group: Thing | None, *, webhooks: bool = True
    ) -> None:
        shape = thing.shape
        record = self._identity(thing, system, n)
        for each in shape.fields:
            record = deeply(record, each.written(system, each.value(thing.tag, n)))
        if group is not None:
            record["group" if system is RACKBEAT else "CategoryId"] = self.key(group, system)
            group.used = True
        if thing.kind == "product":
            record = deeply(record, shape.field("active").written(system, True))
        self._add(system, shape.list_of(system, record), record, webhooks)

    def _identity(self, thing: Thing, system: System, n: int) -> Json:
        if thing.parts is not None:
            return {"number": f"P-{n}", "type": "lot", "lines": self._parts(thing.parts)}
        if system is RACKBEAT:
            given = {"product": {"number": f"P-{n}"}, "product_group": {"has_inventory": True}}
            return {"number": n, **given.get(thing.kind, {})}
        if thing.kind in TYPES:
            given_number = self.settings.of(thing.kind).number == "external_id"
            return {"Type": TYPES[thing.kind]} | ({"ExternalId": str(n)} if given_number else {})
        if thing.kind == "product_group":
            return {"No": str(n)}
        return {"No": f"P-{n}", "StockControlled": True, "TaxRate": "25"}

    def _parts(self, parts: list[tuple[Thing, int]]) -> list[Json]:
        """The parts of a structure item, as Rackbeat takes them from a person."""
        for part, _quantity in parts:
            part.used = True
        return [{"item_id": self.key(part, RACKBEAT), "quantity": n} for part, n in parts]

    def _add(self, system: System, plural: str, record: Json, webhooks: bool) -> Json:
        if system is RACKBEAT:
            record = {name: value for name, value in record.items() if name != "type"}
            return self.world.rackbeat.add(plural, record, webhooks=webhooks)
        return self.world.tfso.add(plural, record)

    def edit(self, thing: Thing, system: System, changes: Json, *, webhooks: bool = True) -> None:
        control = self.world.rackbeat if system is RACKBEAT else self.world.tfso
        silent = {"webhooks": webhooks} if system is RACKBEAT else {}
        record = self.find(thing, system)
        assert record is not None, f"{thing.tag} is not in {system.title}"
        where = thing.shape.list_of(system, record)
        control.edit(where, self.key(thing, system), changes, **silent)

    def edit_field(
        self, thing: Thing, system: System, field: Field, value: Value, *, webhooks: bool = True
    ) -> None:
        if value is None and (system is RACKBEAT or not self.is_linked(thing)):
            thing.emptied.add(field.name)
        in_both = self.find(thing, system.other) is not None and not self.is_linked(thing)
        if (thing.kind, field.name) in CONTRADICTIONS and in_both:
            thing.may_park = True  # two of one number that contradict each other are for a person
        if thing.parts is not None and not self.travels(thing, system, field.name):
            thing.kept.add(field.name)
        self.edit(thing, system, field.written(system, value), webhooks=webhooks)

    def delete(self, thing: Thing, system: System, *, webhooks: bool = True) -> None:
        control = self.world.rackbeat if system is RACKBEAT else self.world.tfso
        silent = {"webhooks": webhooks} if system is RACKBEAT else {}
        key = self.key(thing, system)
        if self.is_linked(thing):
            thing.gone_from.add(system)
            if not self.is_alike(thing):
                thing.may_park = True  # an edit in the other system is on its way
        else:
            thing.forgotten = True
        record = self.find(thing, system)
        assert record is not None
        control.remove(thing.shape.list_of(system, record), key, **silent)

    def convert(self, product: Thing) -> None:
        """Make a structure item of a product, so far without parts."""
        ours, theirs = (self.find(product, system) for system in (RACKBEAT, TFSO))
        if ours is not None and theirs is not None:
            product.kept |= self.apart(product, ours, theirs).keys() - {"name"}
        convert(self.world, self.key(product, RACKBEAT))
        product.parts = []

    def assemble(self, item: Thing, parts: list[tuple[Thing, int]]) -> None:
        """Say what a structure item consists of."""
        self.edit(item, RACKBEAT, {"lines": self._parts(parts)})
        item.parts = parts

    def place(self, customer: Thing, lines: Lines, status: str) -> Order:
        """Place an order in 24SevenOffice."""
        made = self.world.tfso.add(
            "orders",
            {
                "CustomerId": self.key(customer, TFSO),
                "OrderStatus": status,
                "IncludeVAT": False,
                "InvoiceRows": self._rows(lines),
            },
        )
        self.orders.append(Order(made["OrderId"], customer, lines, status))
        return self.orders[-1]

    def order_anew(self, order: Order, lines: Lines) -> None:
        """Let a customer want something else."""
        self._outdates(order)
        order.lines = lines
        now = self.world.in_tfso("orders", order.key)["InvoiceRows"]
        gone = [{"RowId": row["RowId"], "ChangeState": "Delete"} for row in now]
        changes = {"InvoiceRows": gone + self._rows(lines)}
        self.world.tfso.edit("orders", order.key, changes)

    def set_status(self, order: Order, status: str) -> None:
        """Give an order another status in 24SevenOffice."""
        if status == "Inactive":
            self._outdates(order)
        order.status = status
        order.cancelled, order.invoiced = status == "Inactive", status == "Invoiced"
        self.world.tfso.edit("orders", order.key, {"OrderStatus": status})

    def _outdates(self, order: Order) -> None:
        copy = self.copy_of(order)
        if copy is not None and copy["is_booked"] and order.booked is None:
            order.booked = order.lines

    def copy_of(self, order: Order) -> Json | None:
        """What there is of an order in Rackbeat."""
        drafts = drafts_of(self.world, {"OrderId": order.key})
        assert len(drafts) <= 1, f"order {order.key} is in Rackbeat {len(drafts)} times"
        return drafts[0] if drafts else None

    def _rows(self, lines: Lines) -> list[Json]:
        """Lines as 24SevenOffice takes them from a person."""
        return [
            {"ProductId": self.key(product, TFSO), "Quantity": quantity, "Price": str(price)}
            for product, quantity, price in lines
        ]

    def go_on_with(self, order: Order, copy: Json) -> Sale:
        """Book the copy of an order in Rackbeat, where it is a draft, to invoice it there."""
        if not copy["is_booked"]:
            self.world.rackbeat.edit("orders", copy["number"], {"is_booked": True})
        order.sale = Sale("order", copy["number"], order.customer, order.lines, copied=True)
        self.sales.append(order.sale)
        return order.sale

    def sell(self, kind: str, customer: Thing, lines: Lines) -> Sale:
        """Book an order, or an invoice without one, in Rackbeat."""
        rows = [of(self.key(product, RACKBEAT), n, str(price)) for product, n, price in lines]
        make = rackbeat_order if kind == "order" else rackbeat_invoice
        made = make(self.world, *rows, customer_id=self.key(customer, RACKBEAT))
        self.sales.append(Sale(kind, made["number"], customer, lines))
        return self.sales[-1]

    def invoice(self, order: Sale, *, all_of_it: bool) -> None:
        """Invoice an order, or one of its first line, in Rackbeat."""
        quantities = [n if all_of_it else 0 for _product, n, _price in order.lines]
        of_order = order.number if all_of_it else None
        self._invoice(order, quantities if all_of_it else [1, *quantities[1:]], of_order)
        order.begun = not all_of_it

    def invoice_the_rest(self, order: Sale) -> None:
        """Invoice what is left of an order in Rackbeat."""
        first, *others = [n for _product, n, _price in order.lines]
        self._invoice(order, [first - 1, *others])
        order.begun = False

    def _invoice(self, order: Sale, quantities: list[int], of_order: int | None = None) -> None:
        # By a person's means, which no bad day hits.
        number = invoice_part(self.world, order.number, *quantities)
        order.invoiced = True
        lines = [
            (product, n, price)
            for (product, _all, price), n in zip(order.lines, quantities, strict=True)
            if n
        ]
        self.sales.append(Sale("invoice", number, order.customer, lines, of_order=of_order))

    def credit(self, invoice: Sale) -> None:
        """Credit all of an invoice in Rackbeat."""
        number = credit(self.world, invoice.number)
        invoice.credited = True
        note = Sale("invoice", number, invoice.customer, invoice.lines, is_credit_note=True)
        self.sales.append(note)

    # -- what the service does ------------------------------------------------------------------

    def time_passes(self) -> None:
        """Long enough for every pull to be due, and the workers do what there is to do."""
        self.world.clock.pass_by(minutes=A_PULL_LATER)
        self.world.work()
        self.world.settle(rounds=60)

    def reconcile(self) -> None:
        start_run(self.world.engine, SLUG, Cause.RECONCILE)
        self.world.work()
        self.world.settle(rounds=60)

    def rest(self, *, reconcile: bool = True) -> None:
        """The bad days end, and both systems come to rest; that they do is part of the test."""
        self.world.tfso.clear_faults()
        self.world.rackbeat.clear_faults()
        self.bad_day = False
        self.world.rackbeat.post("/webhooks/release")
        self.world.settle(rounds=60)
        for _ in range(MOST_ROUNDS):
            before = self.world.writes()
            self.time_passes()
            if reconcile:
                self.reconcile()
            if self.world.writes() == before:
                return
        raise AssertionError(f"the writing does not come to an end: {self.world.writes()}")


def tag_of(shape: Shape, system: System, record: Json) -> str:
    """The thing a record says it is."""
    name: str = shape.field("name").seen_in(system, record)
    return name.split(maxsplit=1)[0]
