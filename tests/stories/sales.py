"""What customers order, and what people sell, invoice and credit in either system."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import zip_longest

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from tests.harness.model import RACKBEAT, TFSO, Lines, Order, Sale, Thing
from tests.harness.world import Json
from tests.stories.base import Telling, told

ALONE = st.booleans()
SAVE = "SaveInvoices"
CHANGE, CHANGE_LINE, ADD_LINE = (
    "PUT /orders/{number}",
    "PUT /orders/{number}/lines/{id}",
    "POST /orders/{number}/lines",
)


class Sales(Telling):
    """Orders, invoices and credit notes."""

    # -- orders in 24SevenOffice ----------------------------------------------------------------

    @precondition(lambda self: self.model.lets("order", TFSO))
    @rule(alone=ALONE, data=st.data())
    def a_customer_places_an_order(self, alone: bool, data: st.DataObject) -> None:
        if alone:
            self.all_rests("an order")
        self.order(data, alone=alone)

    def order(self, data: st.DataObject, *, alone: bool = False) -> None:
        customer = self.one(self.orderable("customer"), data)
        products = self.orderable("product")
        if customer is None or not products:
            return
        lines = self.some_lines(products, data)
        status = data.draw(st.sampled_from(["Confirmed", "Confirmed", "Web"]))
        alone = alone and self._are_linked(customer, lines)
        with (
            self.happens("a customer orders", customer.tag, status, told(lines)),
            self.writing(self._copying(status), alone=alone),
        ):
            self.model.place(customer, lines, status)
            self._use(customer, lines)

    def _copying(self, status: str) -> dict[str, int]:
        """The write that makes the copy of an order with that status."""
        chosen = self.model.settings.order
        address = "POST /orders" if chosen.book else "POST /orders/drafts"
        return {address: int(self.model.lets("order", TFSO) and status in chosen.pull_statuses)}

    @precondition(lambda self: self.running_orders())
    @rule(alone=ALONE, data=st.data())
    def a_customer_wants_something_else(self, alone: bool, data: st.DataObject) -> None:
        order = self._a_running_order(data, alone=alone, before="an order is changed")
        if order is None:
            return
        lines = self.some_lines([line[0] for line in order.lines], data)
        copy = self.model.copy_of(order)
        wanted = self._changing(copy, lines) if copy and self._follows(order, copy) else {}
        with (
            self.happens("an order becomes", order.key, told(lines)),
            self.writing(wanted if lines != order.lines else {}, alone=alone),
        ):
            self.model.order_anew(order, lines)

    def _changing(self, copy: Json, lines: Lines) -> Counter[str]:
        """The writes that make a draft anew: its header, and each line that differs."""
        made = Counter([CHANGE])
        for there, wanted in zip_longest(copy["lines"], lines):
            if there is None:
                made[ADD_LINE] += 1
            elif wanted is None:
                made[CHANGE_LINE] += bool(there["quantity"])
            else:
                product, quantity, price = wanted
                name = product.shape.field("name").seen_in(TFSO, self._in_tfso(product))
                said = (there["child_id"], there["name"], there["quantity"], there["line_price"])
                new = (self.model.key(product, RACKBEAT), name, quantity, price)
                made[CHANGE_LINE] += [str(each) for each in said] != [str(each) for each in new]
        return made

    def _in_tfso(self, thing: Thing) -> Json:
        record = self.model.find(thing, TFSO)
        assert record is not None
        return record

    @precondition(lambda self: self.running_orders())
    @rule(alone=ALONE, data=st.data())
    def an_order_is_confirmed(self, alone: bool, data: st.DataObject) -> None:
        order = self._a_running_order(data, alone=alone, before="an order is confirmed")
        if order is None:
            return
        wanted = {} if self.model.copy_of(order) else self._copying("Confirmed")
        alone = alone and self._are_linked(order.customer, order.lines)
        with (
            self.happens("an order is confirmed", order.key),
            self.writing(wanted, alone=alone),
        ):
            self.model.set_status(order, "Confirmed")

    @precondition(lambda self: self.running_orders())
    @rule(alone=ALONE, data=st.data())
    def a_customer_cancels(self, alone: bool, data: st.DataObject) -> None:
        order = self._a_running_order(data, alone=alone, before="an order is cancelled")
        if order is None:
            return
        copy = self.model.copy_of(order)
        wanted: dict[str, int] = {}
        if copy and self._follows(order, copy):
            wanted = {CHANGE: 1, CHANGE_LINE: len(copy["lines"])}
        with (
            self.happens("an order is cancelled", order.key),
            self.writing(wanted, alone=alone),
        ):
            self.model.set_status(order, "Inactive")

    @precondition(lambda self: self.running_orders())
    @rule(data=st.data())
    def an_order_is_invoiced_in_24so(self, data: st.DataObject) -> None:
        order = data.draw(st.sampled_from(self.running_orders()))
        with self.happens("an order is invoiced in 24SevenOffice", order.key):
            self.model.set_status(order, "Invoiced")

    @precondition(lambda self: self.running_orders() and not self.model.lets("invoice", TFSO))
    @rule(data=st.data())
    def somebody_goes_on_with_an_order_in_rackbeat(self, data: st.DataObject) -> None:
        order = self._a_running_order(data, alone=True, before="somebody goes on with an order")
        copy = order and self.model.copy_of(order)
        if not order or not copy or order.booked is not None:
            return
        with self.happens("somebody goes on in Rackbeat with order", order.key):
            self.model.go_on_with(order, copy)

    def _a_running_order(self, data: st.DataObject, *, alone: bool, before: str) -> Order | None:
        if alone:
            self.all_rests(before)
        running = self.running_orders()
        return data.draw(st.sampled_from(running)) if running else None

    def _follows(self, order: Order, copy: Json) -> bool:
        """Whether the copy of an order becomes what the order is to be."""
        wanted = order.status in self.model.settings.order.pull_statuses
        return wanted and not copy["is_booked"]

    # -- sales in Rackbeat ----------------------------------------------------------------------

    @rule(kind=st.sampled_from(["order", "invoice"]), alone=ALONE, data=st.data())
    def somebody_sells_in_rackbeat(self, kind: str, alone: bool, data: st.DataObject) -> None:
        if alone:
            self.all_rests(f"an {kind}")
        self.sell(kind, data, alone=alone)

    def sell(self, kind: str, data: st.DataObject, *, alone: bool = False) -> None:
        customer = self.one(self.orderable("customer", RACKBEAT), data)
        products = self.orderable("product", RACKBEAT)
        if customer is None or not products:
            return
        lines = self.some_lines(products, data)
        alone = alone and self._are_linked(customer, lines)
        with (
            self.happens(f"somebody sells an {kind}", customer.tag, told(lines)),
            self.writing(self._saving(kind), alone=alone),
        ):
            self.model.sell(kind, customer, lines)
            self._use(customer, lines)

    @precondition(lambda self: self.open_sales())
    @rule(all_of_it=st.booleans(), alone=ALONE, data=st.data())
    def somebody_invoices_an_order(self, all_of_it: bool, alone: bool, data: st.DataObject) -> None:
        sale = data.draw(st.sampled_from(self.open_sales()))
        all_of_it = all_of_it or sale.lines[0][1] == 1
        what = "all" if all_of_it else "a part"
        with self._invoicing(f"{what} of an order is invoiced", sale, alone):
            self.model.invoice(sale, all_of_it=all_of_it)

    @precondition(lambda self: self.begun_sales())
    @rule(alone=ALONE, data=st.data())
    def somebody_invoices_the_rest_of_an_order(self, alone: bool, data: st.DataObject) -> None:
        sale = data.draw(st.sampled_from(self.begun_sales()))
        with self._invoicing("the rest of an order is invoiced", sale, alone):
            self.model.invoice_the_rest(sale)

    @precondition(lambda self: self.creditable())
    @rule(alone=ALONE, data=st.data())
    def somebody_credits_an_invoice(self, alone: bool, data: st.DataObject) -> None:
        invoice = data.draw(st.sampled_from(self.creditable()))
        with self._invoicing("an invoice is credited", invoice, alone):
            self.model.credit(invoice)

    @contextmanager
    def _invoicing(self, what: str, sale: Sale, alone: bool) -> Iterator[None]:
        if alone:
            self.all_rests(what)
        alone = alone and self._are_linked(sale.customer, sale.lines)
        with self.happens(what, sale.number), self.writing(self._saving("invoice"), alone=alone):
            yield

    @precondition(lambda self: self._cancellable())
    @rule(alone=ALONE, data=st.data())
    def an_order_is_cancelled_in_rackbeat(self, alone: bool, data: st.DataObject) -> None:
        if alone:
            self.all_rests("an order is cancelled in Rackbeat")
        sale = data.draw(st.sampled_from(self._cancellable()))
        sale.cancelled = True
        alone = alone and self._are_linked(sale.customer, sale.lines)
        with (
            self.happens("an order is cancelled in Rackbeat", sale.number),
            self.writing(self._saving("order"), alone=alone),
        ):
            self.model.world.rackbeat.edit("orders", sale.number, {"is_cancelled": True})

    def _cancellable(self) -> list[Sale]:
        return [sale for sale in self.open_sales() if not sale.copied]

    def _saving(self, kind: str) -> dict[str, int]:
        return {SAVE: int(self.model.lets(kind, RACKBEAT))}

    def _are_linked(self, customer: Thing, lines: Lines) -> bool:
        """Whether nothing a document needs has to be brought along."""
        return all(self.model.is_linked(thing) for thing in (customer, *(p for p, _n, _m in lines)))

    @staticmethod
    def _use(customer: Thing, lines: Lines) -> None:
        for used in (customer, *(product for product, _quantity, _price in lines)):
            used.used = True
