"""Payment terms, as companies and documents have them: "net:14" for 14 days, "month:0" for the end
of the month."""

from __future__ import annotations

import calendar
from datetime import date, timedelta

from shared.kind import Context, Record
from shared.rackbeat.registers import terms_called
from shared.values import part, whole

PAYMENT_TERMS = "payment_terms"  # the name of Rackbeat's register


def in_rackbeat(record: Record, context: Context) -> str | None:
    """Payment terms as read (an object), or as we have just written them (a number)."""
    shown = part(record, "payment_terms")
    days = whole(shown.get("maturity_days"), "maturity days of the payment terms")
    if days is not None:
        return terms_called(days, shown.get("type"))
    written = record.get("payment_terms_id")
    for lookup, number in context.found.items():
        if lookup.register == PAYMENT_TERMS and number == str(written):
            return lookup.value
    return None


def due_on(invoiced_on: date | None, terms: str | None) -> date | None:
    """The day an invoice of that day is due; None where that is not known."""
    if invoiced_on is None or terms is None:
        return None
    kind, _, days = terms.partition(":")
    start = invoiced_on
    if kind == "month":
        start = start.replace(day=calendar.monthrange(start.year, start.month)[1])
    try:
        return start + timedelta(days=int(days))
    except OverflowError:  # after the end of the calendar
        return None


def that_are_due(terms: str | None, invoiced_on: date | None, due: date | None) -> str | None:
    """The terms by which an invoice is due when it says it is: its own, or so many days net.

    A day before the invoice itself counts as that day: there are no terms for it.
    """
    if invoiced_on is None or due is None or due_on(invoiced_on, terms) == due:
        return terms
    return f"net:{max((due - invoiced_on).days, 0)}"
