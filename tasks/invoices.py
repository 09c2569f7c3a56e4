"""Sales invoices and credit notes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

from shared.entity import Reference
from shared.failures import Unmappable
from shared.kind import Context, Kind, Payload, Record, Sought, Written, events
from shared.queues import Queue
from shared.rackbeat.client import RackbeatClient
from shared.rackbeat.protocol import CUSTOMER_INVOICES, ORDERS
from shared.settings import Settings
from shared.tfso.client import TfsoClient
from shared.tfso.protocol import INVOICED
from shared.values import day, dig, moment, text
from shared.words import Direction, System
from tasks import payment_terms
from tasks.credit_notes import (
    as_sought,
    credited_in_rackbeat,
    is_credit_note,
    naming_what_they_credit,
)
from tasks.goods import (
    have_same_goods,
    invoices_whole,
    see_same_goods,
    see_same_goods_in_order,
    see_same_total,
    taken_back,
)
from tasks.invoice import Invoice
from tasks.invoice_in_tfso import ONE_OF_SEVERAL, status_of_invoice, where_it_belongs, withdrawn
from tasks.orders import INACTIVE, RackbeatOrders, TfsoOrders
from tasks.rackbeat_documents import (
    RackbeatDocuments,
    orders_of,
    their_reference,
    with_note_of,
)
from tasks.stock import of_what_is_invoiced
from tasks.tfso_documents import (
    A_MONTH,
    A_YEAR,
    TfsoDocuments,
    invoice_mark,
    is_invoice,
    midnight,
    order_mark,
    reference_of_invoice,
)


class RackbeatInvoices(RackbeatDocuments[Invoice]):
    """/customer-invoices"""

    resource = CUSTOMER_INVOICES
    ours = "Rackbeat faktura"

    def excluded(self, record: Record, settings: Settings) -> str | None:
        del settings
        if not record.get("is_booked"):
            return "It is a draft in Rackbeat; booked ones go."
        written = text(record.get("other_reference")) or ""
        # What was made of an order or an invoice carries the mark of that.
        of_another = orders_of(record) or record.get("is_creditnote")
        if written.startswith("24SO ") and not of_another:
            return f"It was made of the document {written.removeprefix('24SO ')} in 24SevenOffice."
        return None

    def completed(self, client: RackbeatClient, record: Record, settings: Settings) -> Record:
        """With what its orders say of it, and the only invoice it may credit."""
        del settings
        numbers = orders_of(record)
        orders = {number: client.get(ORDERS, number) or {} for number in numbers}
        more: Record = {}
        if len(numbers) == 1:
            order = orders[numbers[0]]
            more["order_lines"] = order.get("lines") or []
            more["order_mark"] = RackbeatOrders().mark_of(order or {"number": numbers[0]})
            more["order_reference"] = their_reference(order)
        if record.get("is_creditnote"):
            more["credited"] = credited_in_rackbeat(record, self._siblings(client, record))
        elif not any(invoices_whole(record, order) for order in orders.values()):
            more["settles"] = [
                number
                for number, order in orders.items()
                if RackbeatOrders().is_settled_apart(client, order)
            ]
        return record | more

    def _siblings(self, client: RackbeatClient, record: Record) -> Iterator[Record]:
        """The newest documents of its order; of its customer, where it has none."""
        if orders := orders_of(record):
            return self._newest(client, {"order_number": orders[0]})
        return self._newest(client, {"customer_number": dig(record, "customer", "number") or ""})

    def parse(self, record: Record, context: Context) -> Invoice:
        fields = self.fields(record, context)
        if context.settings.invoice.lets(Direction.RACKBEAT_TO_24SO):
            # An invoice made of an order carries that order's mark, as its siblings do.
            fields["mark"] = f"{self.ours} {record.get('number')}"
        invoiced_on = day(record.get("invoice_date"), "invoice date")
        due_on = day(record.get("due_date"), "due date")
        terms = payment_terms.that_are_due(fields["payment_terms"], invoiced_on, due_on)
        fields["payment_terms"] = terms
        credit = bool(record.get("is_creditnote"))
        if credit:
            fields |= {
                "lines": taken_back(fields["lines"]),
                "total": _negative(fields["total"]),
                "total_with_vat": _negative(fields["total_with_vat"]),
            }
        orders = orders_of(record)
        order = orders[0] if orders else None
        if len(orders) > 1:
            context.note(
                f"It belongs to several orders: {', '.join(orders)}. In 24SevenOffice it refers to "
                f"{order}."
            )
        covers_order = not credit and _covers(record)
        return Invoice(
            **fields,
            order=order,
            order_mark=text(record.get("order_mark")),
            order_reference=text(record.get("order_reference")),
            covers_order=covers_order,
            credit=credit,
            credited=text(record.get("credited")),
            credits=text(record.get("credited")),
            settles=tuple(record.get("settles") or ()),
            invoiced_on=invoiced_on,
            due_on=due_on,
            booked=bool(record.get("is_booked", True)),
        )

    def render(self, entity: Invoice, context: Context) -> Payload:
        payload = self.document_payload(entity, context)
        # 24SevenOffice tells no due date; without one, a draft may keep that of its order's terms.
        due_on = entity.due_on or payment_terms.due_on(entity.invoiced_on, entity.payment_terms)
        for name, on in (("invoice_date", entity.invoiced_on), ("due_date", due_on)):
            if on is not None:
                payload[name] = on.isoformat()
        if entity.order is not None:
            payload["orders"] = [int(entity.order)]
        elif context.existing is None and entity.order_mark is not None:
            payload["order_mark"] = entity.order_mark
        if entity.credit:
            payload["is_creditnote"] = True
            if context.existing is None:
                payload["credited"] = _known_invoice(entity)
        if context.existing is not None:
            payload["is_booked"] = entity.booked
        return payload

    def create(self, client: RackbeatClient, payload: Payload) -> Written:
        if (mark := payload["other_reference"]).startswith(f"{self.ours} "):
            raise Unmappable(
                f"Its reference number in 24SevenOffice is '{mark}': it was made of that invoice "
                "of Rackbeat's, and is not made once more. If it is a copy of another document, "
                "empty its reference number in 24SevenOffice and try again."
            )
        if payload.get("is_creditnote"):
            return Written(self._credit(client, payload["credited"], payload))
        order = self._order(client, payload)
        if order is not None:
            return Written(self._from_order(client, order, payload))
        written = {name: value for name, value in payload.items() if name != "order_mark"}
        return self.made(client.create(CUSTOMER_INVOICES, written))

    def _order(self, client: RackbeatClient, payload: Payload) -> str | None:
        """The order to be invoiced. Its link may be missing: an older backup was put back, say."""
        if "orders" in payload:
            return str(payload["orders"][0])
        found = RackbeatOrders().marked(client, payload.get("order_mark"), payload["customer_id"])
        return None if found is None else self.key_of(found)

    def _from_order(self, client: RackbeatClient, number: str, payload: Payload) -> str:
        """Convert the order: only an invoice made so belongs to it."""
        order = client.get(ORDERS, number)
        if order is None or order.get("is_invoiced"):
            raise Unmappable(
                f"Order {number} in Rackbeat is gone or invoiced already, so that the invoice from "
                "24SevenOffice cannot be made of it. Compare the two by hand."
            )
        see_same_goods_in_order(order, payload, number)
        payload = with_note_of(order, payload)
        if not order.get("is_booked"):
            client.action(ORDERS, number, "book")
        made = client.action(ORDERS, number, "convert-to-invoice", params={"book": "false"})
        key = self.key_of_made(made, "invoice_id")
        self._book(client, key, payload)
        return key

    def _credit(self, client: RackbeatClient, number: str, payload: Payload) -> str:
        """Credit an invoice as a whole: no source shows how Rackbeat credits a part of one."""
        invoice = client.get(CUSTOMER_INVOICES, number)
        if invoice is None or not invoice.get("is_booked"):
            raise Unmappable(
                f"Invoice {number} in Rackbeat is gone or a draft, so that it cannot be credited "
                "as it was in 24SevenOffice. Compare the two by hand."
            )
        if not have_same_goods({**invoice, "is_creditnote": True}, payload):
            raise Unmappable(
                f"The credit note of invoice {number} has other quantities, prices or VAT in "
                f"24SevenOffice, and Rackbeat credits an invoice as a whole. {_BY_HAND}"
                f"{payload['other_reference']}'."
            )
        payload = with_note_of(invoice, payload)
        made = client.action(CUSTOMER_INVOICES, number, "create-creditnote")
        key = self.key_of_made(made)
        self._book(client, key, payload)
        return key

    def _begun_credit_notes(self, client: RackbeatClient, sought: Sought[Invoice]) -> list[Record]:
        """Drafts that credit an invoice. What names it in them is not known; they have its orders,
        and all of its goods."""
        invoice = client.get(CUSTOMER_INVOICES, sought.value)
        if invoice is None:
            return []
        whole = {**invoice, "is_creditnote": True}
        return [
            {**other, "credited": sought.value}
            for other in self._newest(client, {"customer_number": sought.entity.customer or ""})
            if other.get("is_creditnote")
            and not other.get("is_booked")
            and orders_of(other) == orders_of(invoice)
            and have_same_goods(other, whole)
        ]

    def _book(self, client: RackbeatClient, key: str, payload: Payload) -> None:
        """Give a draft what its order could not tell, such as its dates, and book it."""
        # Its lines are those of what it was made of, and stand with the general discount there.
        beside = {
            "lines", "general_discount", "orders", "order_mark", "is_booked", "is_creditnote",
            "credited",
        }  # fmt: skip
        client.update(
            CUSTOMER_INVOICES, key, {n: value for n, value in payload.items() if n not in beside}
        )
        see_same_total(client.get(CUSTOMER_INVOICES, key) or {}, payload, key)
        # 24SevenOffice has sent the invoice out, or will: Rackbeat is not to mail it once more.
        client.action(CUSTOMER_INVOICES, key, "book", payload={"mail": False})

    def search(
        self, client: RackbeatClient, sought: Sought[Invoice], settings: Settings
    ) -> list[Record]:
        if sought.field == "order":
            # An order that is being invoiced is found by its invoices, if our answer was lost.
            return list(client.listing(CUSTOMER_INVOICES, {"order_number": sought.value}))
        if sought.field == "order_mark":
            return []  # its own mark has been looked for
        if sought.field == "credited":
            return self._begun_credit_notes(client, sought)
        return super().search(client, sought, settings)

    def update(self, client: RackbeatClient, key: str, payload: Payload, existing: Record) -> None:
        if existing.get("is_booked"):
            raise Unmappable(
                f"Invoice {key} is booked in Rackbeat, and booked invoices never change. Make a "
                "credit note and a new invoice there."
            )
        see_same_goods(existing, payload, f"The draft invoice {key}")
        self._book(client, key, payload)


_BY_HAND = (
    "Begin the credit note in Rackbeat by hand, correct its lines, leave it a draft and try this "
    "again: it is then dated and booked. So that it is recognised, its other reference has to be '"
)


def _known_invoice(note: Invoice) -> str:
    """The number of the invoice that a credit note is to be made of.

    Raises:
        Unmappable: it is not known here.
    """
    if note.credited is None:
        raise Unmappable(
            f"The {note.label()} names no invoice that has been transferred to Rackbeat. Transfer "
            f"the invoice it credits first, and try this again. Where that is not possible: "
            f"{_BY_HAND}{note.mark}'."
        )
    return note.credited


def _negative(amount: Decimal | None) -> Decimal | None:
    return None if amount is None else -abs(amount)


def _covers(record: Record) -> bool:
    if (order_lines := record.get("order_lines")) is None:
        # A target record: an invoice of one order stands for all of it.
        return len(record.get("orders") or []) == 1
    return invoices_whole(record, {"lines": order_lines})


class TfsoInvoices(TfsoDocuments[Invoice]):
    """InvoiceOrders that are, or are to become, invoices."""

    for_the_call = frozenset({"order_mark", ONE_OF_SEVERAL})

    def mark_of(self, record: Record) -> str:
        return invoice_mark(record)

    def existed_by(self, record: Record) -> datetime | None:
        dated = moment(record.get("DateInvoiced"))
        # Invoices are dated back, but not by more than a month.
        return None if dated is None else dated + A_MONTH

    def excluded(self, record: Record, settings: Settings) -> str | None:
        del settings
        if record.get("OrderStatus") in INVOICED:
            return None
        return "It has not been invoiced in 24SevenOffice."

    def documents(self, client: TfsoClient, ids: list[int]) -> list[Record]:
        return naming_what_they_credit(client, super().documents(client, ids))

    def parse(self, record: Record, context: Context) -> Invoice:
        own, reference = text(record.get("OrderId")), text(record.get("ReferenceOrderId"))
        fields = self.fields(record, context) | {
            "invoiced_on": day(record.get("DateInvoiced"), "DateInvoiced"),
            "status": record.get("OrderStatus"),
        }
        if is_credit_note(record):
            credited = text(record.get("credited")) or reference
            return Invoice(**fields, credit=True, credited=credited)
        return Invoice(
            **fields,
            order=reference or own,
            order_mark=f"24SO {reference}" if reference else order_mark(record),
            covers_order=reference is None,
        )

    def render(self, entity: Invoice, context: Context) -> Payload:
        if entity.status == INACTIVE:
            return withdrawn(context.existing or {}, context.note)
        settings = context.settings.invoice
        reference = entity.their_reference or entity.order_reference
        entity = entity.model_copy(update={"their_reference": reference})
        payload = self.document_payload(entity, context)
        payload |= {
            "OrderStatus": status_of_invoice(context),
            "Distributor": settings.distributor,
        }
        if entity.invoiced_on is not None:
            # What is booked by the day it is transferred may be in another VAT period.
            payload["DateInvoiced"] = midnight(entity.invoiced_on)
        if context.existing is None:
            payload |= where_it_belongs(entity, context)
        else:
            payload["ReferenceNumber"] = reference_of_invoice(
                entity.mark or "", context.existing, entity.reference_number
            )
        return payload

    def search(
        self, client: TfsoClient, sought: Sought[Invoice], settings: Settings
    ) -> list[Record]:
        entity = sought.entity
        match sought.field:
            case "credited":
                return []  # its own mark has been looked for
            case "order":
                found = self.perhaps_marked(client, f"24SO {sought.value}")
            case "mark" if not entity.covers_order:
                # What has become of an order is searched by the order's number, not by its own.
                found = [
                    *super().search(client, sought, settings),
                    *self.perhaps_marked(client, f"24SO {entity.order}"),
                ]
            case "order_mark":
                found = [
                    record
                    for record in super().search(client, sought, settings)
                    if text(record.get("CustomerId")) == entity.customer
                ]
            case _:
                found = super().search(client, sought, settings)
        # An order that has become one invoice does not become another.
        return [
            as_sought(each, credit=entity.credit)
            for each in found
            if not is_invoice(each) or self.mark_of(each) == entity.mark
        ]

    def create(self, client: TfsoClient, payload: Payload) -> Written:
        written = {name: value for name, value in payload.items() if name not in self.for_the_call}
        origin = self._origin(client, payload) or {}
        for reference in ("OrderId",) if ONE_OF_SEVERAL in payload else ("OrderId", "InvoiceId"):
            if reference in origin:
                written[f"Reference{reference}"] = origin[reference]
        return super().create(client, written)

    def _origin(self, client: TfsoClient, payload: Payload) -> Record | None:
        """The document it belongs to. The link of its order may be missing: an older backup was
        put back, say."""
        if "ReferenceOrderId" in payload:
            return self.read(client, str(payload["ReferenceOrderId"]))
        if "order_mark" in payload:
            return TfsoOrders().marked(client, payload["order_mark"], payload.get("CustomerId"))
        return None


def _moved(direction: Direction, invoice: Invoice, settings: Settings) -> Iterator[Reference]:
    """The stock it has moved, and the orders that are settled by it."""
    yield from of_what_is_invoiced(direction, invoice, settings)
    if direction is Direction.RACKBEAT_TO_24SO:
        yield from (Reference("order", number) for number in invoice.settles)


KIND = Kind(
    name="invoice",
    title="Invoice",
    entity=Invoice,
    rackbeat=RackbeatInvoices(),
    tfso=TfsoInvoices(),
    queue=Queue.DOCUMENTS,
    moves=_moved,
    leaves_old=tuple(System),
    mends_drift=False,
    listed_for=A_MONTH,
    watched_for=A_YEAR,
    same_record=("order",),
    events=events("customer_invoice", "booked"),
)
