"""What random people did in both systems, and what has to be true of them in the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from shared.runs import start_run
from shared.tables import Change
from shared.words import Cause, Direction, System
from tests.harness.mission import (
    credit,
    invoice_part,
    of,
    rackbeat_invoice,
    rackbeat_order,
)
from tests.harness.pairs import SHAPES, TYPES, Field, Shape, Value, deeply
from tests.harness.world import SLUG, Json, World

RACKBEAT, TFSO = System.RACKBEAT, System.TFSO
FIRST_NUMBER = 3000  # far from the numbers either system gives by itself
A_PULL_LATER = 11  # minutes
MOST_ROUNDS = 8
# What cannot differ between two records that are one thing.
CONTRADICTIONS = {("product_group", "name"), ("product", "EAN")}


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
    """

    kind: str
    tag: str
    made_in: set[System]
    gone_from: set[System] = field(default_factory=set)
    forgotten: bool = False
    may_park: bool = False
    used: bool = False
    emptied: set[str] = field(default_factory=set)

    @property
    def shape(self) -> Shape:
        return SHAPES[self.kind]


@dataclass
class Order:
    """An order placed in 24SevenOffice, as the customer wants it now."""

    key: int
    customer: Thing
    lines: list[tuple[Thing, int, Decimal]]
    cancelled: bool = False
    invoiced: bool = False


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
    """

    kind: str
    number: int
    customer: Thing
    lines: list[tuple[Thing, int, Decimal]]
    of_order: int | None = None
    invoiced: bool = False
    begun: bool = False
    credited: bool = False
    is_credit_note: bool = False
    cancelled: bool = False


class Model:
    """Both systems, and what people did in them."""

    def __init__(self, world: World, settings: dict[str, Any]) -> None:
        self.world = world
        self.settings = settings
        self.things: list[Thing] = []
        self.orders: list[Order] = []
        self.sales: list[Sale] = []
        self.steps: list[str] = [f"settings {settings}"]
        self.failed = False
        self._numbers = 0
        world.connect(**settings)
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
        return name == "organisation number" and in_both and not self.is_linked(thing)

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
            if not (name in thing.emptied and None in both)
        }

    def lets(self, kind: str, source: System) -> bool:
        return self.settings[kind]["origin"] in ("both", source.value)

    def is_off(self, kind: str) -> bool:
        return bool(self.settings[kind]["origin"] == "off")

    # -- what people do -------------------------------------------------------------------------

    def make(
        self, thing: Thing, system: System, n: int, group: Thing | None, *, webhooks: bool = True
    ) -> None:
        shape = thing.shape
        record: Json = self._identity(thing, system, n)
        for each in shape.fields:
            record = deeply(record, each.written(system, each.value(thing.tag, n)))
        if group is not None:
            record["group" if system is RACKBEAT else "CategoryId"] = self.key(group, system)
            group.used = True
        if thing.kind == "product":
            record = deeply(record, shape.field("active").written(system, True))
        self._add(system, shape.plural[system], record, webhooks)

    def _identity(self, thing: Thing, system: System, n: int) -> Json:
        if system is RACKBEAT:
            given = {"product": {"number": f"P-{n}"}, "product_group": {"has_inventory": True}}
            return {"number": n, **given.get(thing.kind, {})}
        if thing.kind in TYPES:
            given_number = self.settings[thing.kind]["number"] == "external_id"
            return {"Type": TYPES[thing.kind]} | ({"ExternalId": str(n)} if given_number else {})
        if thing.kind == "product_group":
            return {"No": str(n)}
        return {"No": f"P-{n}", "StockControlled": True, "TaxRate": "25"}

    def _add(self, system: System, plural: str, record: Json, webhooks: bool) -> Json:
        if system is RACKBEAT:
            return self.world.rackbeat.add(plural, record, webhooks=webhooks)
        return self.world.tfso.add(plural, record)

    def edit(self, thing: Thing, system: System, changes: Json, *, webhooks: bool = True) -> None:
        control = self.world.rackbeat if system is RACKBEAT else self.world.tfso
        silent = {"webhooks": webhooks} if system is RACKBEAT else {}
        control.edit(thing.shape.plural[system], self.key(thing, system), changes, **silent)

    def edit_field(
        self, thing: Thing, system: System, field: Field, value: Value, *, webhooks: bool = True
    ) -> None:
        if value is None and (system is RACKBEAT or not self.is_linked(thing)):
            thing.emptied.add(field.name)
        in_both = self.find(thing, system.other) is not None and not self.is_linked(thing)
        if (thing.kind, field.name) in CONTRADICTIONS and in_both:
            thing.may_park = True  # two of one number that contradict each other are for a person
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
        control.remove(thing.shape.plural[system], key, **silent)

    def order_rows(self, order: Order) -> list[Json]:
        """The rows of the order as 24SevenOffice takes them from a person."""
        return [
            {"ProductId": self.key(product, TFSO), "Quantity": quantity, "Price": str(price)}
            for product, quantity, price in order.lines
        ]

    def sell(self, kind: str, customer: Thing, lines: list[tuple[Thing, int, Decimal]]) -> Sale:
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

    # -- what has to be true at rest ------------------------------------------------------------

    def check(self) -> None:
        """Everything that must hold when both systems are at rest.

        Raises:
            AssertionError: something does not; says what.
        """
        self._check_journal()
        parked = {
            (c.kind, c.direction, c.key): c for c in self.world.changes() if c.state == "parked"
        }
        for kind in SHAPES:
            self._check_none_is_doubled(kind)
        for thing in self.things:
            if thing.forgotten:
                continue
            records = {system: self.find(thing, system) for system in System}
            trouble = self._parked(thing, records, parked)
            if trouble is None:
                self._check_thing(thing, records)
            elif not (thing.may_park or self._needs_what_may_park(trouble)):
                raise AssertionError(f"{thing.kind} {thing.tag} is parked: {trouble.message}")
        for order in self.orders:
            refused = parked.get(("order", Direction.TFSO_TO_RACKBEAT.value, str(order.key)))
            if refused is not None:
                assert self._needs_what_may_park(refused), refused.message
            elif self.settings["order"]["origin"] == "24so":
                self._check_order(order)
            self._check_invoice_of(order, parked)
        self._check_sales(parked)

    def _check_journal(self) -> None:
        for change in self.world.changes():
            what = (change.kind, change.key, change.direction, change.state, change.message)
            assert change.state in ("done", "parked"), what
            if change.state == "parked":
                assert change.message, what
                assert change.failure_class not in (None, "bug"), what

    def _check_none_is_doubled(self, kind: str) -> None:
        shape = SHAPES[kind]
        known = {thing.tag for thing in self.things if thing.kind == kind}
        for system in System:
            records = shape.all_in(self.world, system)
            times = Counter(tag_of(shape, system, record) for record in records)
            doubled = {tag: n for tag, n in times.items() if n > 1}
            assert not doubled, f"{kind} doubled in {system.title}: {doubled}"
            assert set(times) <= known, f"{kind} out of nowhere: {set(times) - known}"

    def _needs_what_may_park(self, change: Change) -> bool:
        return change.failure_class == "dependency" and any(
            thing.may_park for thing in self.things if thing.kind in ("product_group", "product")
        )

    def _parked(
        self,
        thing: Thing,
        records: dict[System, Json | None],
        parked: dict[tuple[str, str, str], Change],
    ) -> Change | None:
        for system, record in records.items():
            if record is None:
                continue
            key = str(record["number" if system is RACKBEAT else "Id"])
            found = parked.get((thing.kind, Direction.away_from(system).value, key))
            if found is not None:
                return found
        return None

    def _check_thing(self, thing: Thing, records: dict[System, Json | None]) -> None:
        what = f"{thing.kind} {thing.tag}"
        if self.is_off(thing.kind):
            for system in System:
                assert records[system] is None or system in thing.made_in, f"{what}: it is off"
            return
        if thing.gone_from:
            self._check_gone(thing, records)
            return
        for system in System:
            if records[system] is None:
                source = system.other
                assert not self.lets(thing.kind, source), f"{what} never came to {system.title}"
        ours, theirs = records[RACKBEAT], records[TFSO]
        if ours is None or theirs is None:
            return
        apart = self.apart(thing, ours, theirs)
        assert not apart, f"{what} differs (Rackbeat, 24SevenOffice): {apart}"
        if thing.kind == "product":
            self._check_product(what, ours, theirs)

    def _check_product(self, what: str, ours: Json, theirs: Json) -> None:
        groups = SHAPES["product_group"]
        group = self.world.in_rackbeat("product_groups", ours["group"]["number"])
        category = self.world.in_tfso("categories", theirs["CategoryId"])
        tags = tag_of(groups, RACKBEAT, group), tag_of(groups, TFSO, category)
        assert tags[0] == tags[1], f"{what} is in different groups: {tags}"
        if self.settings["stock"]["origin"] == "rackbeat" and theirs["StockControlled"]:
            counted = Decimal(str(ours["stock_quantity"])), Decimal(str(theirs["Stock"]))
            assert counted[0] == counted[1], f"{what} has different stocks: {counted}"

    def _check_gone(self, thing: Thing, records: dict[System, Json | None]) -> None:
        """What was deleted on one side is inactive on the other, where there is such a state."""
        for system in thing.gone_from:
            left = records[system.other]
            if left is None or not self.lets(thing.kind, system):
                continue
            if thing.kind == "product":
                active = thing.shape.field("active").seen_in(system.other, left)
            elif thing.kind in TYPES and system is TFSO:
                active = not left["is_barred"]
            else:
                active = False
            assert not active, f"{thing.kind} {thing.tag} was deleted in {system.title}: still on"

    def _check_sales(self, parked: dict[tuple[str, str, str], Change]) -> None:
        """Each order and invoice of Rackbeat's is one document, and there are no others."""
        documents = {str(each["OrderId"]): each for each in self.world.all_in_tfso("orders")}
        links = {
            (kind, link.rackbeat_key): link.tfso_key
            for kind in ("order", "invoice")
            for link in self.world.links(kind)
        }
        for sale in self.sales:
            what = f"{sale.kind} {sale.number} of Rackbeat's"
            key = links.get((sale.kind, str(sale.number)))
            refused = parked.get((sale.kind, Direction.RACKBEAT_TO_24SO.value, str(sale.number)))
            if not self.lets(sale.kind, RACKBEAT):
                assert key is None, f"{what} was sent, though it is off"
            elif refused is not None:
                told = "total would not be the same" in str(refused.message)
                assert told or self._needs_what_may_park(refused), refused.message
            elif key is None:
                assert sale.cancelled or sale.invoiced, f"{what} never came"
            else:
                self._check_sale(what, sale, documents[key], links)
        made = set(documents) - {str(order.key) for order in self.orders}
        assert made <= set(links.values()), f"out of nowhere: {made - set(links.values())}"

    def _check_sale(
        self, what: str, sale: Sale, there: Json, links: dict[tuple[str, str], str]
    ) -> None:
        rows = [(row["ProductNo"], Decimal(row["Quantity"])) for row in there["InvoiceRows"]]
        numbers = [self.find(product, TFSO) for product, _n, _price in sale.lines]
        wanted = [
            (product["No"] if product else None, Decimal(-n if sale.is_credit_note else n))
            for product, (_thing, n, _price) in zip(numbers, sale.lines, strict=True)
        ]
        assert rows == wanted, f"{what}: {rows}, not {wanted}"
        resource = "orders" if sale.kind == "order" else "customer_invoices"
        here = self.world.in_rackbeat(resource, sale.number)
        totals = Decimal(str(here["total_total"])), Decimal(there["OrderTotalIncVat"])
        if sale.is_credit_note:
            totals = -abs(totals[0]), totals[1]
        assert totals[0] == totals[1], f"{what} comes to {totals}"
        customer = self.find(sale.customer, TFSO)
        assert customer is not None, what
        assert str(there["CustomerId"]) == str(customer["Id"]), what
        if sale.of_order is not None and self.lets("order", RACKBEAT):
            assert links[sale.kind, str(sale.number)] == links["order", str(sale.of_order)], what
        statuses = self.settings[sale.kind]["status"]
        if sale.cancelled:
            assert there["OrderStatus"] == "Inactive", f"{what}: {there['OrderStatus']}"
        elif not sale.invoiced:
            assert there["OrderStatus"] == statuses, f"{what}: {there['OrderStatus']}"

    def _check_order(self, order: Order) -> None:
        mark = f"24SO {order.key}"
        drafts = [
            each
            for each in self.world.rackbeat.state()["orders"]
            if each["other_reference"] == mark
        ]
        never_came = (order.cancelled or order.invoiced) and not drafts
        assert len(drafts) == 1 or never_came, f"{mark}: {len(drafts)} times"
        if drafts:
            self._check_copy(mark, order, drafts[0])

    def _check_invoice_of(self, order: Order, parked: dict[tuple[str, str, str], Change]) -> None:
        """What was invoiced in 24SevenOffice is one booked invoice in Rackbeat."""
        mark = f"24SO {order.key}"
        made = [
            each
            for each in self.world.rackbeat.state()["customer_invoices"]
            if each["other_reference"] == mark
        ]
        if not order.invoiced or not self.lets("invoice", TFSO):
            assert made == [], f"{mark} was invoiced in Rackbeat"
            return
        refused = parked.get(("invoice", Direction.TFSO_TO_RACKBEAT.value, str(order.key)))
        if refused is not None:
            assert self._needs_what_may_park(refused), refused.message
            return
        assert [each["is_booked"] for each in made] == [True], f"{mark}: {made}"
        self._check_copy(f"the invoice of {mark}", order, made[0])
        there = Decimal(self.world.in_tfso("orders", order.key)["OrderTotalIncVat"])
        assert Decimal(str(made[0]["total_total"])) == there, mark

    def _check_copy(self, what: str, order: Order, copy: Json) -> None:
        lines = [
            (
                line["name"].split(maxsplit=1)[0],
                Decimal(str(line["quantity"])),
                Decimal(str(line["line_price"])),
            )
            for line in copy["lines"]
            if line["quantity"]
        ]
        wanted = [(product.tag, Decimal(n), price) for product, n, price in order.lines]
        assert lines == ([] if order.cancelled else wanted), f"{what}: {lines}, not {wanted}"
        customer = self.world.in_rackbeat("customers", copy["customer"]["number"])
        assert tag_of(SHAPES["customer"], RACKBEAT, customer) == order.customer.tag, what


def tag_of(shape: Shape, system: System, record: Json) -> str:
    """The thing a record says it is."""
    name: str = shape.field("name").seen_in(system, record)
    return name.split(maxsplit=1)[0]
