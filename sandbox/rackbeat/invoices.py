"""The life of a customer invoice: draft, booked, credited."""

from __future__ import annotations

import calendar
from datetime import date, timedelta

from sandbox.rackbeat import documents
from sandbox.rackbeat.errors import forbidden_now
from sandbox.rackbeat.resources import CUSTOMER_INVOICES
from sandbox.rackbeat.schema import Record
from sandbox.rackbeat.state import State


def complete(state: State, invoice: Record) -> None:
    documents.complete(state, invoice)
    if invoice["invoice_date"] is None:
        invoice["invoice_date"] = state.now_text()[:10]
    if invoice["due_date"] is None:
        terms = state.find("payment_terms", invoice["payment_terms_id"]) or {}
        invoice["due_date"] = _due(invoice["invoice_date"], terms)


def _due(invoice_date: str, terms: Record) -> str:
    start = date.fromisoformat(invoice_date)
    if terms.get("type") == "current_month":
        start = start.replace(day=calendar.monthrange(start.year, start.month)[1])
    return (start + timedelta(days=terms.get("maturity_days") or 0)).isoformat()


def insert_invoice(state: State, values: Record) -> Record:
    """Store an invoice made from another document; it has its number at once, draft or not."""
    invoice = CUSTOMER_INVOICES.blank() | values
    invoice["number"] = state.next_key(CUSTOMER_INVOICES)
    complete(state, invoice)
    state.insert(CUSTOMER_INVOICES, invoice)
    if invoice["is_booked"]:
        state.announce(CUSTOMER_INVOICES, invoice, "booked")
    return invoice


def check_change(invoice: Record, _body: Record) -> None:
    """A booked invoice never changes.

    Raises:
        Refused: it is booked.
    """
    if invoice["is_booked"]:
        raise forbidden_now("The invoice is booked and cannot be changed.")


def book(state: State, invoice: Record) -> None:
    """Book a draft, under the number it has.

    Raises:
        Refused: it is booked or empty.
    """
    if invoice["is_booked"]:
        raise forbidden_now("The invoice is already booked.")
    check_bookable(invoice)
    invoice["is_booked"] = True
    state.touch(CUSTOMER_INVOICES, invoice, "booked")


def check_bookable(invoice: Record) -> None:
    if not invoice["lines"]:
        raise forbidden_now("The invoice has no lines.")


def unbook(state: State, invoice: Record) -> None:
    """Make a booked invoice a draft again.

    Raises:
        Refused: it is a draft.
    """
    if not invoice["is_booked"]:
        raise forbidden_now("The invoice is not booked.")
    invoice["is_booked"] = False
    state.touch(CUSTOMER_INVOICES, invoice)


def credit(state: State, invoice: Record) -> Record:
    """A draft credit note for all of an invoice.

    It carries the invoice's order numbers; no field names the invoice (which one does is unknown).

    Raises:
        Refused: the invoice is a draft, or a credit note itself.
    """
    if not invoice["is_booked"] or invoice["is_creditnote"]:
        raise forbidden_now("Only a booked invoice can be credited.")
    sign = -1 if state.config.negative_creditnotes else 1
    lines = [
        {name: value for name, value in line.items() if name != "order_line_id"}
        | {"id": state.new_line_id(), "quantity": sign * line["quantity"]}
        for line in invoice["lines"]
    ]
    header = {name: invoice[name] for name in documents.CARRIED_OVER}
    flags = {"is_creditnote": True, "orders": list(invoice["orders"])}
    return insert_invoice(state, header | flags | {"lines": lines})
