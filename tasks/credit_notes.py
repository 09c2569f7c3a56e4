"""Which invoices credit notes are about."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from decimal import Decimal

from shared.failures import Unmappable
from shared.kind import Record
from shared.tfso.client import TfsoClient
from shared.values import decimal, text
from tasks.goods import have_same_goods, may_take_back
from tasks.rackbeat_documents import orders_of
from tasks.tfso_documents import goes_both_ways, takes_back

SOUGHT_AS_CREDIT = "sought_as_credit"  # what `as_sought` says of a record


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


def is_credit_note(record: Record) -> bool:
    """Whether a document in 24SevenOffice is, or is to become, a credit note: it only takes goods
    back, or it names another document and comes to less than nothing, as where a deposit that was
    taken off is given back."""
    if SOUGHT_AS_CREDIT in record:
        return bool(record[SOUGHT_AS_CREDIT])
    return takes_back(record) or (_names_another(record) and _comes_to(record) < 0)


def _names_another(record: Record) -> bool:
    return bool(record.get("ReferenceInvoiceId") or record.get("ReferenceOrderId"))


def _comes_to(record: Record) -> Decimal:
    try:
        return decimal(record.get("OrderTotalIncVat"), "OrderTotalIncVat") or Decimal(0)
    except Unmappable:
        return Decimal(0)  # whoever parses it says why


def as_sought(record: Record, *, credit: bool) -> Record:
    """A document that was found, taken for what was sought where its rows leave that open."""
    return {**record, SOUGHT_AS_CREDIT: credit} if goes_both_ways(record) else record


def _credited_number(record: Record) -> int | None:
    """The number of the invoice a credit note names; None of anything else."""
    number = text(record.get("ReferenceInvoiceId")) or ""
    return int(number) if number.isdecimal() and is_credit_note(record) else None


def credited_in_rackbeat(note: Record, others: Iterable[Record]) -> str | None:
    """The number of the only invoice that a credit note may be about; None where it cannot be told.

    Rackbeat does not say it. It is an earlier invoice of the same orders; of several the one that
    sold just what is taken back, and that no earlier credit note has taken back.

    Args:
        others: invoices and credit notes of the same order, or of the same customer.
    """
    siblings = [
        other
        for other in sorted(others, key=_place)
        if other.get("is_booked")
        and orders_of(other) == orders_of(note)
        and _place(other) < _place(note)
    ]
    invoices = [other for other in siblings if not other.get("is_creditnote")]
    for earlier in (other for other in siblings if other.get("is_creditnote")):
        if (credited := _only_one_with_goods_of(earlier, invoices)) is not None:
            invoices.remove(credited)
    if len(invoices) > 1:
        credited = _only_one_with_goods_of(note, invoices)
    else:
        credited = next((each for each in invoices if may_take_back(note, each)), None)
    return None if credited is None else text(credited.get("number"))


def _only_one_with_goods_of(note: Record, invoices: list[Record]) -> Record | None:
    found = [
        invoice
        for invoice in invoices
        if _place(invoice) < _place(note)
        and have_same_goods({**invoice, "is_creditnote": True}, note)
    ]
    return found[0] if len(found) == 1 else None


def _place(record: Record) -> int:
    """Numbers are given in the order in which documents are begun."""
    number = text(record.get("number")) or ""
    return int(number) if number.isdecimal() else 0
