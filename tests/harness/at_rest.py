"""What has to be true of both systems once they are at rest, whatever people did."""

from __future__ import annotations

import re
from collections import Counter
from decimal import Decimal

from shared.tables import Change
from shared.words import Direction, System
from tests.harness.model import RACKBEAT, TFSO, Lines, Model, Order, Sale, Thing, tag_of
from tests.harness.pairs import TYPES, Shape, is_structure_item
from tests.harness.world import Json

# By kind, direction and key.
Parked = dict[tuple[str, str, str], Change]
QUANTITIES = {"in_stock": "stock_quantity", "available": "available_quantity"}


class AtRest:
    """Compares what is there with what people wanted."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.world = model.world

    def check(self) -> None:
        """Everything that must hold when both systems are at rest.

        Raises:
            AssertionError: something does not; says what.
        """
        self._check_journal()
        parked = {
            (c.kind, c.direction, c.key): c for c in self.world.changes() if c.state == "parked"
        }
        for shape in self.model.shapes.values():
            self._check_none_is_doubled(shape)
        for thing in self.model.things:
            if thing.forgotten:
                continue
            records = {system: self.model.find(thing, system) for system in System}
            trouble = self._parked(thing, records, parked)
            if trouble is None:
                self._check_thing(thing, records)
            elif not (thing.may_park or self._needs_what_may_park(trouble)):
                raise AssertionError(f"{thing.kind} {thing.tag} is parked: {trouble.message}")
        for order in self.model.orders:
            if self.model.lets("order", TFSO):
                self._check_order(order, parked)
            self._check_invoice_of(order, parked)
        self._check_sales(parked)

    def _check_journal(self) -> None:
        for change in self.world.changes():
            what = (change.kind, change.key, change.direction, change.state, change.message)
            assert change.state in ("done", "parked"), what
            if change.state == "parked":
                assert change.message, what
                assert change.failure_class not in (None, "bug"), what

    def _check_none_is_doubled(self, shape: Shape) -> None:
        kind = shape.kind
        known = {thing.tag for thing in self.model.things if thing.kind == kind}
        for system in System:
            records = shape.all_in(self.world, system)
            times = Counter(tag_of(shape, system, record) for record in records)
            doubled = {tag: n for tag, n in times.items() if n > 1}
            assert not doubled, f"{kind} doubled in {system.title}: {doubled}"
            assert set(times) <= known, f"{kind} out of nowhere: {set(times) - known}"

    def _needs_what_may_park(self, change: Change) -> bool:
        return change.failure_class == "dependency" and any(
            thing.may_park
            for thing in self.model.things
            if thing.kind in ("product_group", "product")
        )

    def _parked(
        self,
        thing: Thing,
        records: dict[System, Json | None],
        parked: Parked,
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
        if self.model.is_off(thing.kind):
            for system in System:
                assert records[system] is None or system in thing.made_in, f"{what}: it is off"
            return
        if thing.gone_from:
            self._check_gone(thing, records)
            return
        for system in System:
            if records[system] is None:
                never = f"{what} never came to {system.title}"
                assert not self.model.travels(thing, system.other), never
        ours, theirs = records[RACKBEAT], records[TFSO]
        if thing.parts is not None:
            self._check_parts(what, thing, ours)
        if ours is None or theirs is None:
            return
        apart = self.model.apart(thing, ours, theirs)
        assert not apart, f"{what} differs (Rackbeat, 24SevenOffice): {apart}"
        if thing.kind == "product":
            self._check_product(what, ours, theirs)

    def _check_parts(self, what: str, item: Thing, ours: Json | None) -> None:
        """Nobody but a person touches what a structure item consists of."""
        assert ours is not None, f"{what} is gone from Rackbeat"
        assert is_structure_item(ours), f"{what} is no structure item any more"
        parts = [(line["product_id"], int(line["quantity"])) for line in ours["lines"]]
        wanted = [(self.model.key(part, RACKBEAT), n) for part, n in item.parts or ()]
        assert parts == wanted, f"{what} consists of {parts}, not {wanted}"

    def _check_product(self, what: str, ours: Json, theirs: Json) -> None:
        groups = self.model.shapes["product_group"]
        group = self.world.in_rackbeat("product_groups", ours["group"]["number"])
        category = self.world.in_tfso("categories", theirs["CategoryId"])
        tags = tag_of(groups, RACKBEAT, group), tag_of(groups, TFSO, category)
        assert tags[0] == tags[1], f"{what} is in different groups: {tags}"
        if self.model.lets("stock", RACKBEAT) and theirs["StockControlled"]:
            which = QUANTITIES[self.model.settings.stock.quantity]
            counted = Decimal(str(ours[which])), Decimal(str(theirs["Stock"]))
            assert counted[0] == counted[1], f"{what} has different stocks: {counted}"

    def _check_gone(self, thing: Thing, records: dict[System, Json | None]) -> None:
        """What was deleted on one side is inactive on the other, where there is such a state."""
        for system in thing.gone_from:
            left = records[system.other]
            if left is None or not self.model.travels(thing, system):
                continue
            if thing.kind == "product":
                active = thing.shape.field("active").seen_in(system.other, left)
            elif thing.kind in TYPES and system is TFSO:
                active = not left["is_barred"]
            else:
                active = False
            assert not active, f"{thing.kind} {thing.tag} was deleted in {system.title}: still on"

    def _check_sales(self, parked: Parked) -> None:
        """Each order and invoice of Rackbeat's is one document, and there are no others."""
        documents = {str(each["OrderId"]): each for each in self.world.all_in_tfso("orders")}
        links = {
            (kind, link.rackbeat_key): link.tfso_key
            for kind in ("order", "invoice")
            for link in self.world.links(kind)
        }
        for sale in self.model.sales:
            what = f"{sale.kind} {sale.number} of Rackbeat's"
            key = links.get((sale.kind, str(sale.number)))
            refused = parked.get((sale.kind, Direction.RACKBEAT_TO_24SO.value, str(sale.number)))
            if sale.kind == "order" and sale.copied:
                continue  # it came from there
            if not self.model.lets(sale.kind, RACKBEAT):
                assert key is None, f"{what} was sent, though it is off"
            elif refused is not None:
                told = "total would not be the same" in str(refused.message)
                assert told or self._needs_what_may_park(refused), refused.message
            elif key is None:
                assert sale.cancelled or sale.invoiced, f"{what} never came"
            else:
                self._check_sale(what, sale, documents[key], links)
        made = set(documents) - {str(order.key) for order in self.model.orders}
        assert made <= set(links.values()), f"out of nowhere: {made - set(links.values())}"

    def _check_sale(
        self, what: str, sale: Sale, there: Json, links: dict[tuple[str, str], str]
    ) -> None:
        rows = [(row["ProductNo"], Decimal(row["Quantity"])) for row in there["InvoiceRows"]]
        numbers = [self.model.find(product, TFSO) for product, _n, _price in sale.lines]
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
        customer = self.model.find(sale.customer, TFSO)
        assert customer is not None, what
        assert str(there["CustomerId"]) == str(customer["Id"]), what
        if sale.of_order is not None and ("order", str(sale.of_order)) in links:
            assert links[sale.kind, str(sale.number)] == links["order", str(sale.of_order)], what
        wanted = "Inactive" if sale.cancelled else self.model.settings.of(sale.kind).status
        if not sale.invoiced:
            assert there["OrderStatus"] == wanted, f"{what}: {there['OrderStatus']}"
        if sale.kind == "invoice":
            distributor = there.get("Distributor", "Default")
            assert distributor == self.model.settings.invoice.distributor, f"{what}: {distributor}"

    def _check_order(self, order: Order, parked: Parked) -> None:
        what = f"24SO {order.key}"
        refused = parked.get(("order", Direction.TFSO_TO_RACKBEAT.value, str(order.key)))
        if refused is not None:
            locked = re.search("is (booked|invoiced) in Rackbeat", str(refused.message))
            is_locked = order.booked is not None and locked is not None
            assert is_locked or self._needs_what_may_park(refused), refused.message
        copy = self.model.copy_of(order)
        if copy is None:
            wanted = order.status in self.model.settings.order.pull_statuses
            assert refused is not None or not wanted, f"{what} never came"
        elif order.booked is not None:
            self._check_copy(what, order, copy, order.booked)
            anew = order.cancelled or order.lines != order.booked
            assert refused is not None or order.invoiced or not anew, f"nobody was told of {what}"
        elif refused is None:
            self._check_copy(what, order, copy, [] if order.cancelled else order.lines)
            assert copy["is_booked"] or not self.model.settings.order.book, f"{what} is a draft"

    def _check_invoice_of(self, order: Order, parked: Parked) -> None:
        """What was invoiced in 24SevenOffice is one booked invoice in Rackbeat."""
        mark = f"24SO {order.key}"
        made = [
            each
            for each in self.world.rackbeat.state()["customer_invoices"]
            if each["other_reference"] == mark
        ]
        if order.sale is not None:
            return  # it was invoiced there
        if not order.invoiced or not self.model.lets("invoice", TFSO):
            assert made == [], f"{mark} was invoiced in Rackbeat"
            return
        refused = parked.get(("invoice", Direction.TFSO_TO_RACKBEAT.value, str(order.key)))
        if refused is not None:
            assert self._needs_what_may_park(refused), refused.message
            return
        assert [each["is_booked"] for each in made] == [True], f"{mark}: {made}"
        self._check_copy(f"the invoice of {mark}", order, made[0], order.lines)
        there = Decimal(self.world.in_tfso("orders", order.key)["OrderTotalIncVat"])
        assert Decimal(str(made[0]["total_total"])) == there, mark

    def _check_copy(self, what: str, order: Order, copy: Json, wanted: Lines) -> None:
        lines = [
            (
                line["name"].split(maxsplit=1)[0],
                Decimal(str(line["quantity"])),
                Decimal(str(line["line_price"])),
            )
            for line in copy["lines"]
            if line["quantity"]
        ]
        told = [(product.tag, Decimal(n), price) for product, n, price in wanted]
        assert lines == told, f"{what}: {lines}, not {told}"
        customer = self.world.in_rackbeat("customers", copy["customer"]["number"])
        assert tag_of(self.model.shapes["customer"], RACKBEAT, customer) == order.customer.tag, what
