"""Which status an invoice of Rackbeat's has in 24SevenOffice."""

from __future__ import annotations

from shared.failures import Unmappable
from shared.kind import Context, Payload, Record
from shared.tfso.protocol import INVOICED
from shared.values import text
from tasks.orders import INACTIVE
from tasks.tfso_documents import is_invoice, is_made_of_invoice


def withdrawn(existing: Record) -> Payload:
    """What makes the document of an invoice that is deleted in Rackbeat inactive.

    Raises:
        Unmappable: it is an invoice already, or was an order before: somebody has to decide.
    """
    key = existing.get("OrderId")
    if existing.get("OrderStatus") in INVOICED:
        raise Unmappable(
            f"The invoice has been deleted in Rackbeat, but order {key} is invoiced in "
            f"24SevenOffice (invoice {existing.get('InvoiceId')}). Make a credit note there, or "
            "leave it if it is right."
        )
    if not is_made_of_invoice(existing):
        raise Unmappable(
            f"The invoice has been deleted in Rackbeat; in 24SevenOffice it is order {key}, which "
            "was there before. Give the order the status it is to have, or make it inactive; and "
            "take the invoice's number out of its reference number."
        )
    return {"OrderStatus": INACTIVE, "IncludeVAT": False}


def status_of_invoice(context: Context) -> str:
    """The status of the setting, unless somebody has taken the invoice further."""
    there = context.existing or {}
    status, wanted = text(there.get("OrderStatus")), context.settings.invoice.status
    if status in INVOICED or (is_invoice(there) and (status, wanted) == ("ForInvoicing", "Draft")):
        return str(status)
    return wanted
