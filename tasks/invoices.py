"""Sales invoices and credit notes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any

from shared.entity import RefersTo, Text
from shared.failures import Unmappable
from shared.kind import Context, Found, Kind, Payload, Record, Sought, Written, events
from shared.queues import Queue
from shared.rackbeat.client import RackbeatClient
from shared.rackbeat.protocol import CUSTOMER_INVOICES, ORDERS
from shared.settings import Settings
from shared.tfso.client import TfsoClient
from shared.tfso.protocol import INVOICED
from shared.values import day, text
from shared.words import Direction
from tasks.documents import Document, Line, total_of
from tasks.orders import RackbeatOrders
from tasks.rackbeat_documents import RackbeatDocuments, rackbeat_lines
from tasks.tfso_documents import A_MONTH, TfsoDocuments, invoice_mark, order_mark


class Invoice(Document):
    """A sales invoice, or a credit note: then its quantities are negative.

    Attributes:
        order: the order it belongs to, where that is linked.
        order_mark: that order's mark, by which it is found where the link is not known.
        covers_order: it invoices all of that order, so that the order itself becomes the invoice
            in 24SevenOffice.
        credited: the invoice a credit note is about, where that is linked.
        status: in 24SevenOffice; Rackbeat's invoices have none.
        booked: it is no draft in Rackbeat; in 24SevenOffice nothing else counts as an invoice.
    """

    not_compared = Document.not_compared | {"order", "order_mark", "covers_order", "credited"}

    order: Annotated[Text, RefersTo("order", optional=True)] = None
    order_mark: Text = None
    covers_order: bool = False
    credited: Annotated[Text, RefersTo("invoice", optional=True)] = None
    invoiced_on: date | None = None
    due_on: date | None = None
    status: Text = None
    booked: bool = True

    def identifiers(self) -> list[tuple[str, str]]:
        found = super().identifiers()
        if self.covers_order:
            whole = [("order", self.order), ("order_mark", self.order_mark)]
            found += [(name, value) for name, value in whole if value]
        return found

    def label(self) -> str:
        return f"invoice {self.number or self.mark}"


class RackbeatInvoices(RackbeatDocuments[Invoice]):
    """/customer-invoices"""

    resource = CUSTOMER_INVOICES
    ours = "Rackbeat faktura"

    def excluded(self, record: Record, settings: Settings) -> str | None:
        del settings
        return None if record.get("is_booked") else "It is a draft in Rackbeat; booked ones go."

    def read(self, client: RackbeatClient, key: str) -> Record | None:
        """The invoice, with the lines of its only order and the only invoice it may credit."""
        record = super().read(client, key)
        if record is None or len(orders := _orders(record)) != 1:
            return record
        order = client.get(ORDERS, orders[0])
        record["order_lines"] = (order or {}).get("lines") or []
        record["order_mark"] = RackbeatOrders().mark_of(order or {"number": orders[0]})
        if record.get("is_creditnote"):
            siblings = client.listing(CUSTOMER_INVOICES, {"order_number": orders[0]})
            invoices = [other for other in siblings if not other.get("is_creditnote")]
            record["credited"] = invoices[0].get("number") if len(invoices) == 1 else None
        return record

    def parse(self, record: Record, context: Context) -> Invoice:
        fields = self.fields(record, context)
        if context.settings.invoice.lets(Direction.RACKBEAT_TO_24SO):
            # An invoice made of an order carries that order's mark, as its siblings do.
            fields["mark"] = f"{self.ours} {record.get('number')}"
        credit = bool(record.get("is_creditnote"))
        if credit:
            fields |= _as_credit(fields)
        orders = _orders(record)
        if len(orders) > 1:
            context.note(f"It belongs to several orders: {', '.join(orders)}.")
        order = orders[0] if len(orders) == 1 else None
        return Invoice(
            **fields,
            order=order,
            order_mark=text(record.get("order_mark")),
            covers_order=not credit and _covers(record, fields["lines"]),
            credited=text(record.get("credited")),
            invoiced_on=day(record.get("invoice_date"), "invoice date"),
            due_on=day(record.get("due_date"), "due date"),
            booked=bool(record.get("is_booked", True)),
        )

    def render(self, entity: Invoice, context: Context) -> Payload:
        payload = self.document_payload(entity, context)
        for name, on in (("invoice_date", entity.invoiced_on), ("due_date", entity.due_on)):
            if on is not None:
                payload[name] = on.isoformat()
        if entity.order is not None:
            payload["orders"] = [int(entity.order)]
        if context.existing is not None:
            payload["is_booked"] = entity.booked
        return payload

    def create(self, client: RackbeatClient, payload: Payload) -> Written:
        orders = payload.get("orders")
        if orders:
            return Written(self._from_order(client, str(orders[0]), payload))
        return self.made(client.create(CUSTOMER_INVOICES, payload))

    def _from_order(self, client: RackbeatClient, number: str, payload: Payload) -> str:
        """Convert the order: only an invoice made so belongs to it."""
        order = client.get(ORDERS, number)
        if order is None or order.get("is_invoiced"):
            raise Unmappable(
                f"Order {number} in Rackbeat is gone or invoiced already, so that the invoice from "
                "24SevenOffice cannot be made of it. Compare the two by hand."
            )
        _same_goods(order, payload, f"Order {number}")
        if not order.get("is_booked"):
            client.action(ORDERS, number, "book")
        made = client.action(ORDERS, number, "convert-to-invoice", params={"book": "false"})
        key = self.key_of_made(made, "invoice_id")
        self._book(client, key, payload)
        return key

    def _book(self, client: RackbeatClient, key: str, payload: Payload) -> None:
        """Give a draft what its order could not tell, such as its dates, and book it."""
        beside = {"lines", "orders", "is_booked"}
        client.update(
            CUSTOMER_INVOICES, key, {n: value for n, value in payload.items() if n not in beside}
        )
        client.action(CUSTOMER_INVOICES, key, "book")

    def search(
        self, client: RackbeatClient, sought: Sought[Invoice], settings: Settings
    ) -> list[Record]:
        if sought.field == "order":
            # An order that is being invoiced is found by its invoices, if our answer was lost.
            return list(client.listing(CUSTOMER_INVOICES, {"order_number": sought.value}))
        if sought.field == "order_mark":
            return []  # its own mark has been looked for
        return super().search(client, sought, settings)

    def update(self, client: RackbeatClient, key: str, payload: Payload, existing: Record) -> None:
        if existing.get("is_booked"):
            raise Unmappable(
                f"Invoice {key} is booked in Rackbeat, and booked invoices never change. Make a "
                "credit note and a new invoice there."
            )
        _same_goods(existing, payload, f"The draft invoice {key}")
        self._book(client, key, payload)


def _same_goods(document: Record, invoice: Payload, name: str) -> None:
    """Make sure that a document in Rackbeat sells what the invoice does, for the same sum.

    Raises:
        Unmappable: it does not.
    """
    there, wanted = rackbeat_lines(document), rackbeat_lines(invoice)
    if _quantities(there) != _quantities(wanted) or _total(there) != _total(wanted):
        raise Unmappable(
            f"{name} in Rackbeat has other quantities or prices than its invoice in 24SevenOffice. "
            "Make them equal in Rackbeat and try again."
        )


def _orders(record: Record) -> list[str]:
    """The numbers of the orders an invoice was made of."""
    orders = record.get("orders") or []
    if not isinstance(orders, list) or not all(isinstance(each, int | str) for each in orders):
        raise Unmappable("The field orders is not a list of numbers.")
    return [str(each) for each in orders]


def _as_credit(fields: dict[str, Any]) -> dict[str, Any]:
    """A credit note's quantities and totals are negative, however Rackbeat writes them."""
    lines = tuple(
        line.model_copy(update={"quantity": -abs(line.quantity)}) for line in fields["lines"] or ()
    )
    totals = {name: _negative(fields[name]) for name in ("total", "total_with_vat")}
    return {"lines": lines, **totals}


def _negative(amount: Decimal | None) -> Decimal | None:
    return None if amount is None else -abs(amount)


def _quantities(lines: tuple[Line, ...] | None) -> Counter[str]:
    """How many of each product, however they are spread over lines."""
    sums: Counter[str] = Counter()
    for line in lines or ():
        sums[line.product or line.name or ""] += line.quantity  # type: ignore[assignment]
    return sums


def _total(lines: tuple[Line, ...] | None) -> Decimal:
    return total_of(lines or ())


def _covers(record: Record, lines: tuple[Line, ...] | None) -> bool:
    order_lines = record.get("order_lines")
    if order_lines is None:
        # A target record: an invoice of one order stands for all of it.
        return len(record.get("orders") or []) == 1
    return _quantities(rackbeat_lines({"lines": order_lines})) == _quantities(lines)


class TfsoInvoices(TfsoDocuments[Invoice]):
    """InvoiceOrders that are, or are to become, invoices."""

    def mark_of(self, record: Record) -> str:
        return invoice_mark(record)

    def excluded(self, record: Record, settings: Settings) -> str | None:
        del settings
        if record.get("OrderStatus") in INVOICED:
            return None
        return "It has not been invoiced in 24SevenOffice."

    def parse(self, record: Record, context: Context) -> Invoice:
        own, reference = text(record.get("OrderId")), text(record.get("ReferenceOrderId"))
        return Invoice(
            **self.fields(record, context),
            order=reference or own,
            order_mark=order_mark(record),
            covers_order=reference is None,
            invoiced_on=day(record.get("DateInvoiced"), "DateInvoiced"),
            status=record.get("OrderStatus"),
        )

    def render(self, entity: Invoice, context: Context) -> Payload:
        settings = context.settings.invoice
        payload = self.document_payload(entity, context)
        payload |= {"OrderStatus": settings.status, "Distributor": settings.distributor}
        belongs_to = entity.credited or entity.order
        if context.existing is None and belongs_to is not None:
            payload["ReferenceOrderId"] = int(belongs_to)
        if context.existing is not None:
            of_ours = order_mark(context.existing).partition("Rackbeat ")[2]
            order = f", ordre {of_ours}" if of_ours else ""
            payload["ReferenceNumber"] = f"{entity.mark}{order}"
        return payload

    def search(
        self, client: TfsoClient, sought: Sought[Invoice], settings: Settings
    ) -> list[Record]:
        if sought.field == "order":
            record = self.read(client, sought.value)
            return [] if record is None else [record]
        return super().search(client, sought, settings)

    def create(self, client: TfsoClient, payload: Payload) -> Written:
        refers_to = payload.get("ReferenceOrderId")
        if refers_to is not None:
            origin = self.read(client, str(refers_to)) or {}
            if "InvoiceId" in origin:
                payload = {**payload, "ReferenceInvoiceId": origin["InvoiceId"]}
        return super().create(client, payload)

    def changed_since(self, client: TfsoClient, position: datetime) -> Iterator[Found]:
        for found in super().changed_since(client, position):
            if found.record.get("OrderStatus") in INVOICED:
                yield found


KIND = Kind(
    name="invoice",
    title="Invoice",
    entity=Invoice,
    rackbeat=RackbeatInvoices(),
    tfso=TfsoInvoices(),
    queue=Queue.DOCUMENTS,
    mends_drift=False,
    listed_for=A_MONTH,
    same_record=("order",),
    events=events("customer_invoice", "booked"),
)
