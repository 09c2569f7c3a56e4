"""A sales invoice or credit note in neutral terms."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from shared.entity import RefersTo, Text
from tasks.documents import Document
from tasks.orders import INACTIVE


class Invoice(Document):
    """A sales invoice, or a credit note: then its quantities are negative.

    Attributes:
        order: the order it belongs to, where that is linked.
        order_mark: that order's mark, by which it is found where the link is not known.
        order_reference: the customer's reference of that order.
        covers_order: it invoices all of that order, so that the order itself becomes the invoice
            in 24SevenOffice.
        credit: it is a credit note.
        credited: the invoice a credit note is about, where that is linked.
        credits: that invoice's number in Rackbeat, linked or not.
        settles: numbers of orders in Rackbeat all of which is invoiced by now, in documents of
            their own in 24SevenOffice.
        status: in 24SevenOffice; Rackbeat's invoices have none.
        booked: it is no draft in Rackbeat; in 24SevenOffice nothing else counts as an invoice.
    """

    not_compared = Document.not_compared | {
        "order", "order_mark", "order_reference", "covers_order", "credit", "credited", "credits",
        "settles",
    }  # fmt: skip

    moves_on = frozenset({"status"})

    order: Annotated[Text, RefersTo("order", optional=True)] = None
    order_mark: Text = None
    order_reference: Text = None
    covers_order: bool = False
    credit: bool = False
    credited: Annotated[Text, RefersTo("invoice", optional=True)] = None
    credits: Text = None
    settles: tuple[str, ...] = ()
    invoiced_on: date | None = None
    due_on: date | None = None
    status: Text = None
    booked: bool = True

    def identifiers(self) -> list[tuple[str, str]]:
        if self.credit:
            # A credit note may carry the mark of the invoice it was made of: they are not the same.
            both = [("credit_note_mark", self.mark), ("credited", self.credited)]
            return [(name, value) for name, value in both if value]
        found = super().identifiers()
        if self.covers_order:
            whole = [("order", self.order), ("order_mark", self.order_mark)]
            found += [(name, value) for name, value in whole if value]
        return found

    def switched_off(self) -> Invoice:
        return self.model_copy(update={"status": INACTIVE})

    def label(self) -> str:
        return f"{'credit note' if self.credit else 'invoice'} {self.number or self.mark}"
