"""What becomes of a document in 24SevenOffice that is, or is to be, an invoice of Rackbeat's."""

from __future__ import annotations

from shared.failures import Unmappable
from shared.kind import Context, Note, Payload, Record
from shared.tfso.protocol import INVOICED
from shared.values import text, whole
from tasks.invoice import Invoice
from tasks.orders import INACTIVE
from tasks.tfso_documents import is_invoice, is_made_of_invoice

# Of a credit note: its order has more than one invoice, and may have become any of them.
ONE_OF_SEVERAL = "one_of_several"


def withdrawn(existing: Record, note: Note) -> Payload:
    """What makes the document of an invoice that is deleted in Rackbeat inactive.

    Raises:
        Unmappable: it is an invoice already, or was an order before: somebody has to decide.
    """
    key = existing.get("OrderId")
    if not is_invoice(existing):  # somebody has seen to it
        return {"OrderStatus": existing.get("OrderStatus", "Web"), "IncludeVAT": False}
    if existing.get("OrderStatus") in INVOICED:
        raise Unmappable(
            f"The invoice has been deleted in Rackbeat, but order {key} is invoiced in "
            f"24SevenOffice (invoice {existing.get('InvoiceId')}). Make a credit note there, or "
            "leave it if it is right; then remove the link with `varebro link remove`."
        )
    if not is_made_of_invoice(existing) and existing.get("OrderStatus") != INACTIVE:
        raise Unmappable(
            f"The invoice has been deleted in Rackbeat; in 24SevenOffice it is order {key}, which "
            "was there before. Give the order the status it is to have, or make it inactive; and "
            "take the invoice's number out of its reference number."
        )
    if order := whole(existing.get("ReferenceOrderId"), "ReferenceOrderId"):
        note(
            f"Where order {order} in 24SevenOffice was made inactive because it was invoiced, give "
            "it its status back there if it is open again."
        )
    return {"OrderStatus": INACTIVE, "IncludeVAT": False}


def status_of_invoice(context: Context) -> str:
    """The status of the setting, unless somebody has taken the invoice further."""
    there = context.existing or {}
    status, wanted = text(there.get("OrderStatus")), context.settings.invoice.status
    if is_invoice(there) and status == INACTIVE:
        context.note(
            "Somebody has made it inactive in 24SevenOffice, and so it stays. If it is to be "
            "invoiced, give it its status there."
        )
        return INACTIVE
    if status in INVOICED or (is_invoice(there) and (status, wanted) == ("ForInvoicing", "Draft")):
        return str(status)
    return wanted


def where_it_belongs(entity: Invoice, context: Context) -> Payload:
    """What tells a new document's origin: the invoice it credits, or its order."""
    if entity.credited is not None:
        return {"ReferenceOrderId": int(entity.credited)}
    belongs: Payload = {}
    if entity.order is not None:
        belongs["ReferenceOrderId"] = int(entity.order)
    elif entity.order_mark is not None:
        belongs["order_mark"] = entity.order_mark
    if entity.credit:
        refers_to = "its order alone" if belongs else "nothing"
        why = (
            "Rackbeat does not say which invoice it credits, and not just one fits it"
            if entity.credits is None
            else f"It credits invoice {entity.credits}, which has not been transferred"
        )
        context.note(f"{why}: in 24SevenOffice it refers to {refers_to}.")
        return belongs | ({ONE_OF_SEVERAL: True} if belongs else {})
    if entity.settles and entity.order is None:
        context.note(
            f"All of order {', '.join(entity.settles)} is invoiced now. If that is still open in "
            "24SevenOffice, make it inactive there, so that it is not invoiced once more."
        )
    return belongs
