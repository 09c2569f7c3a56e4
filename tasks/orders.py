"""Orders."""

from __future__ import annotations

from shared.entity import Seen
from shared.failures import Unmappable
from shared.kind import Context, Kind, Note, Payload, Record, Written, events
from shared.queues import Queue
from shared.rackbeat.client import RackbeatClient
from shared.rackbeat.protocol import CUSTOMER_INVOICES, ORDERS
from shared.settings import Settings
from shared.tfso.client import TfsoClient
from shared.tfso.protocol import INVOICED
from shared.values import text
from shared.words import Direction, System
from tasks.credit_notes import is_credit_note
from tasks.documents import Document, take_back
from tasks.goods import invoices_whole
from tasks.rackbeat_documents import RackbeatDocuments, only_there
from tasks.stock import of_what_is_ordered
from tasks.tfso_documents import (
    A_MONTH,
    A_YEAR,
    TfsoDocuments,
    invoice_mark,
    is_invoice,
    is_made_of_invoice,
    is_only_invoice,
    order_mark,
    reference_of_order,
)

CANCELLED = "Kansellert i 24SevenOffice"
INACTIVE = "Inactive"
OF_INVOICES = ("Draft", "ForInvoicing", *INVOICED)  # what we give those made of an invoice


class Order(Document):
    """An order.

    Attributes:
        cancelled: it is not to be carried out.
        settled_apart: all of it is invoiced in Rackbeat, in documents apart in 24SevenOffice; None
            where nobody has looked.
    """

    may_be_empty = frozenset(
        {"heading", "note", "their_reference", "reference_number", "deliver_on", "delivery_address"}
    )

    cancelled: bool = False
    settled_apart: bool | None = None

    def seen(self) -> Seen:
        """What nobody has looked for is not known, and no change."""
        unknown = {"settled_apart"} if self.settled_apart is None else set()
        return {name: value for name, value in super().seen().items() if name not in unknown}

    def empty(self) -> set[str]:
        """Of a cancelled order nothing is written but that it is cancelled."""
        return set() if self.cancelled else super().empty()

    def needless(self) -> str | None:
        return "It was cancelled before it was transferred." if self.cancelled else None

    def label(self) -> str:
        return f"order {self.number or self.mark}"

    def switched_off(self) -> Order:
        return self.model_copy(update={"cancelled": True})


class RackbeatOrders(RackbeatDocuments[Order]):
    """/orders"""

    resource = ORDERS
    ours = "Rackbeat"

    def parse(self, record: Record, context: Context) -> Order:
        return Order(
            **self.fields(record, context),
            cancelled=_is_cancelled(record),
            settled_apart=_is_settled_apart(record, context.settings),
        )

    def completed(self, client: RackbeatClient, record: Record, settings: Settings) -> Record:
        """With whether it is settled apart, where its invoices go to 24SevenOffice."""
        if not settings.invoice.lets(Direction.RACKBEAT_TO_24SO):
            return record
        return {**record, "is_settled_apart": self.is_settled_apart(client, record)}

    def is_settled_apart(self, client: RackbeatClient, order: Record) -> bool:
        """Whether all of an order is invoiced, in invoices none of which is the order itself: they
        are documents of their own in 24SevenOffice."""
        if not order.get("is_invoiced"):
            return False
        made = [
            invoice
            for invoice in client.listing(CUSTOMER_INVOICES, {"order_number": self.key_of(order)})
            if not invoice.get("is_creditnote")
        ]
        return bool(made) and all(
            invoice.get("is_booked") and not invoices_whole(invoice, order) for invoice in made
        )

    def excluded(self, record: Record, settings: Settings) -> str | None:
        if not record.get("is_booked"):
            return "It is a draft in Rackbeat; booked ones go."
        if record.get("is_invoiced") and settings.invoice.lets(Direction.RACKBEAT_TO_24SO):
            # Its invoice does not need it, and with both there everything would be sold twice.
            return "It has been invoiced in Rackbeat; the invoice goes."
        return None

    def rests(self, record: Record, settings: Settings) -> str | None:
        if _is_cancelled(record):
            return None
        if settings.order.lets(Direction.RACKBEAT_TO_24SO) or record.get("is_settled_apart"):
            return super().rests(record, settings)
        return "It was made in 24SevenOffice, and is not settled by its invoices."

    def render(self, entity: Order, context: Context) -> Payload:
        if entity.cancelled:
            if (context.existing or {}).get("is_cancelled"):
                return {"is_cancelled": True}  # somebody has seen to it: nothing is left to write
            # No source shows a call that cancels an order: the draft is emptied and says why.
            lines = (context.existing or {}).get("lines") or []
            return {"heading": CANCELLED, "lines": [{"quantity": 0} for _ in lines]}
        if take_back(entity.lines):
            raise Unmappable(
                f"The {entity.label()} only takes goods back, and orders in Rackbeat sell some. "
                "Credit the invoice in Rackbeat; or let invoices come from 24SevenOffice (the "
                "setting invoice.origin), and the credit note follows once this is invoiced there."
            )
        payload = self.document_payload(entity, context)
        for name, day in (("order_date", entity.ordered_on), ("deliver_at", entity.deliver_on)):
            if day is not None:
                payload[name] = day.isoformat() if day else ""  # it is to be emptied
        if context.settings.order.book:
            payload |= _booking(payload, context)
        existing = context.existing or {}
        if existing.get("heading") == CANCELLED:
            payload.setdefault("heading", "")  # it is taken up again
        if not existing.get("is_booked") and (gone := only_there(existing, payload)):
            context.note(
                f"Taken off in Rackbeat, as 24SevenOffice does not have it: {', '.join(gone)}. "
                "What is to be sold is to be in the order in 24SevenOffice."
            )
        return payload

    def create(self, client: RackbeatClient, payload: Payload) -> Written:
        # Which address an order is posted to decides whether it is booked.
        written = {name: value for name, value in payload.items() if name != "is_booked"}
        suffix = "" if payload.get("is_booked") else "/drafts"
        return self.made(client.create(ORDERS, written, path_suffix=suffix))

    def marked(self, client: RackbeatClient, mark: str | None, customer: int) -> Record | None:
        """The order with that mark, among the newest of a customer."""
        newest = self._newest(client, {"customer_number": customer})
        return next((order for order in newest if self.mark_of(order) == mark), None)

    def update(self, client: RackbeatClient, key: str, payload: Payload, existing: Record) -> None:
        if existing.get("is_booked"):
            raise Unmappable(_why_locked(key, payload, existing))
        header = {name: value for name, value in payload.items() if name != "lines"}
        client.update(ORDERS, key, header)
        self.update_lines(client, key, payload["lines"], existing.get("lines") or [])


def _is_settled_apart(record: Record, settings: Settings) -> bool | None:
    """None where nobody has looked; what is not invoiced is not settled, either."""
    if not settings.invoice.lets(Direction.RACKBEAT_TO_24SO):
        return None
    looked_up: bool | None = record.get("is_settled_apart")
    return False if record.get("is_invoiced") is False else looked_up


def _is_cancelled(record: Record) -> bool:
    return bool(record.get("is_cancelled")) or record.get("heading") == CANCELLED


def _booking(payload: Payload, context: Context) -> Payload:
    """That a new order is to be booked at once, where it can be."""
    if context.existing is not None:
        if not context.existing.get("is_booked"):
            context.note("It is a draft in Rackbeat and stays one: book it there.")
    elif payload["lines"]:
        return {"is_booked": True}
    else:
        context.note("It has no lines, and is a draft in Rackbeat: book it there once it has some.")
    return {}


def _why_locked(key: str, payload: Payload, existing: Record) -> str:
    """Why a booked order is not changed in Rackbeat, and what to do instead."""
    cancelled = payload.get("heading") == CANCELLED
    happened = "is inactive or deleted" if cancelled else "has been changed"
    apart = (
        " Where it was made inactive because its invoices are documents of their own there, that "
        "is as it should be."
    )
    if existing.get("is_invoiced") or existing.get("is_partly_invoiced"):
        return (
            f"Order {key} is invoiced in Rackbeat, and {happened} in 24SevenOffice. That concerns "
            "the invoice: if it is not right any more, credit it where invoices are made, and make "
            f"a new one if need be.{apart if cancelled else ''}"
        )
    if cancelled:
        return (
            f"Order {key} has been cancelled or deleted in 24SevenOffice, but is booked in "
            "Rackbeat. Stop its delivery, and cancel it in Rackbeat."
        )
    return (
        f"Order {key} is booked in Rackbeat, where a booked order's lines are locked. "
        "Reopen it there, try again and book it; or make the change by hand."
    )


class TfsoOrders(TfsoDocuments[Order]):
    """InvoiceOrders that are orders."""

    def marked(self, client: TfsoClient, mark: str, customer: int | None) -> Record | None:
        """The only document of a customer that is, or was, the order with that mark."""
        found = [
            record
            for record in self.perhaps_marked(client, mark)
            if order_mark(record) == mark and record.get("CustomerId") == customer
        ]
        return found[0] if len(found) == 1 else None

    def mark_of(self, record: Record) -> str:
        return order_mark(record)

    def parse(self, record: Record, context: Context) -> Order:
        cancelled = record.get("OrderStatus") == INACTIVE
        return Order(**self.fields(record, context), cancelled=cancelled)

    def excluded(self, record: Record, settings: Settings) -> str | None:
        status = record.get("OrderStatus", "Web")
        kept = is_made_of_invoice(record) or status in OF_INVOICES
        if kept and is_only_invoice(record):
            return "It was made of an invoice in Rackbeat, and is no order."
        if is_credit_note(record) and settings.invoice.lets(Direction.TFSO_TO_RACKBEAT):
            return "It takes goods back: once it is invoiced, it becomes a credit note."
        if status in settings.order.pull_statuses:
            return None
        wanted = ", ".join(settings.order.pull_statuses) or "those of order.pull_statuses"
        return f"Its status in 24SevenOffice is {status}; only {wanted} are transferred."

    def doubtful(self, record: Record) -> str | None:
        if not is_only_invoice(record):
            return None
        return (
            f"Its reference number in 24SevenOffice is that of an invoice in Rackbeat, "
            f"'{invoice_mark(record)}'. If it is a copy that is to be an order of its own, empty "
            "its reference number; otherwise nothing is missing."
        )

    def refuses(self, record: Record, settings: Settings) -> str | None:
        del settings
        return f"It has become '{invoice_mark(record)}' by now." if is_invoice(record) else None

    def render(self, entity: Order, context: Context) -> Payload:
        if entity.settled_apart and context.existing is not None:
            _tell_settled(context.existing, context.note)
            return {"OrderStatus": INACTIVE, "IncludeVAT": False}
        if entity.cancelled:
            status = _status_of_cancelled(entity, context)
            return {"OrderStatus": status, "IncludeVAT": False}
        payload = self.document_payload(entity, context)
        if context.existing is None:
            payload["OrderStatus"] = context.settings.order.status
            return payload
        reference = reference_of_order(context.existing, entity.reference_number)
        if reference is not None:
            payload["ReferenceNumber"] = reference
        if context.existing.get("OrderStatus") == INACTIVE:
            payload["OrderStatus"] = _status_again(context)
        return payload


def _tell_settled(existing: Record, note: Note) -> None:
    """Say why an order is made inactive: its invoices are documents apart.

    Raises:
        Unmappable: it is invoiced itself.
    """
    if existing.get("OrderStatus") in INVOICED:
        raise Unmappable(
            f"All of this order is invoiced in Rackbeat, but order {existing.get('OrderId')} is "
            f"invoiced in 24SevenOffice itself (invoice {existing.get('InvoiceId')}), beside the "
            "invoices from Rackbeat. Credit one of them."
        )
    if existing.get("OrderStatus") != INACTIVE:
        note(
            "All of it is invoiced in Rackbeat, in invoices that are documents of their own in "
            "24SevenOffice: it is to be inactive there, so that it is not invoiced once more."
        )


def _status_of_cancelled(order: Order, context: Context) -> str:
    """Inactive, and for an order that was made in 24SevenOffice as it is: it is given up only
    where it was made."""
    existing = context.existing
    if existing is None or not order_mark(existing).startswith("24SO "):
        return INACTIVE
    if text(existing.get("ExternalStatus")) == order.number:
        return INACTIVE  # it is Rackbeat's, though somebody has written over its reference number
    status = str(existing.get("OrderStatus", "Web"))
    if status == INACTIVE:
        return status
    context.note(
        "It was made in 24SevenOffice, and is not made inactive from Rackbeat. If it is not to be "
        "carried out, make it inactive in 24SevenOffice."
    )
    return status


def _status_again(context: Context) -> str:
    """The status of an order that was cancelled by mistake."""
    status = context.settings.order.status
    if status != "Web":
        return status
    context.note(
        "Its status becomes Confirmed: 24SevenOffice takes Web, its default, for 'as it is'."
    )
    return "Confirmed"


KIND = Kind(
    name="order",
    title="Order",
    entity=Order,
    rackbeat=RackbeatOrders(),
    tfso=TfsoOrders(),
    queue=Queue.DOCUMENTS,
    moves=of_what_is_ordered,
    leaves_old=(System.RACKBEAT,),  # one that is open in 24SevenOffice is wanted when it changes
    mends_drift=False,
    listed_for=A_MONTH,
    watched_for=A_YEAR,
    events=events("order", "booked"),
)
