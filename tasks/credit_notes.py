"""What credit notes in 24SevenOffice say of the invoices they credit."""

from __future__ import annotations

from collections import Counter

from shared.kind import Record
from shared.tfso.client import TfsoClient
from shared.values import text
from tasks.tfso_documents import takes_back


def naming_what_they_credit(client: TfsoClient, documents: list[Record]) -> list[Record]:
    """Credit notes with the OrderId of the invoice they name by its number; others as they are."""
    numbers = [_credited_number(document) for document in documents]
    wanted = sorted({number for number in numbers if number is not None})
    if not wanted:
        return documents
    invoices = client.get_invoices({"InvoiceIds": wanted}, ("OrderId", "InvoiceId"), ())
    times = Counter(invoice.get("InvoiceId") for invoice in invoices)
    keys = {invoice.get("InvoiceId"): invoice.get("OrderId") for invoice in invoices}
    return [
        {**document, "credited": keys[number]}
        if number is not None and times[number] == 1
        else document
        for document, number in zip(documents, numbers, strict=True)
    ]


def _credited_number(record: Record) -> int | None:
    """The number of the invoice a credit note names; None of anything else."""
    number = text(record.get("ReferenceInvoiceId")) or ""
    return int(number) if number.isdecimal() and takes_back(record) else None
