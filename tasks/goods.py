"""What documents in Rackbeat sell, or take back."""

from __future__ import annotations

from collections import Counter

from shared.failures import Unmappable
from shared.kind import Payload, Record
from shared.values import decimal
from tasks.documents import Line, go_both_ways, to_the_ore
from tasks.rackbeat_documents import orders_of, rackbeat_lines
from tasks.totals import rackbeat_total_of, total_by_vat


def have_same_goods(document: Record, other: Record) -> bool:
    """Whether they sell the same quantities for the same sums, with and without VAT."""
    first, second = _goods(document), _goods(other)
    same_quantities = quantities_of(first) == quantities_of(second)
    return same_quantities and total_by_vat(first) == total_by_vat(second)


def invoices_whole(invoice: Record, order: Record) -> bool:
    """Whether an invoice in Rackbeat is just what its only order is."""
    of_order = quantities_of(rackbeat_lines({"lines": order.get("lines") or []}))
    return len(orders_of(invoice)) == 1 and of_order == quantities_of(rackbeat_lines(invoice))


def may_take_back(note: Record, invoice: Record) -> bool:
    """Whether a credit note takes nothing back that an invoice has not sold."""
    sold = quantities_of(_goods({**invoice, "is_creditnote": True}))
    return all(sold[name] <= quantity for name, quantity in quantities_of(_goods(note)).items())


def _goods(record: Record) -> tuple[Line, ...]:
    lines = rackbeat_lines(record) or ()
    return taken_back(lines) if record.get("is_creditnote") else lines


def taken_back(lines: tuple[Line, ...] | None) -> tuple[Line, ...]:
    """A credit note's lines, however Rackbeat writes them: their quantities are negative. Of an
    invoice that had lines of both signs, such as a deposit, all together come to less than nothing.
    """
    lines = lines or ()
    both_ways = go_both_ways(lines)
    if both_ways and sum(line.exact() for line in lines) < 0:
        return lines
    return tuple(
        line
        if line.is_text()
        else line.model_copy(
            update={"quantity": -line.quantity if both_ways else -abs(line.quantity)}
        )
        for line in lines
    )


def quantities_of(lines: tuple[Line, ...] | None) -> Counter[str]:
    """How many of each product, however they are spread over lines."""
    sums: Counter[str] = Counter()
    for line in lines or ():
        sums[line.product or line.name or ""] += line.quantity  # type: ignore[assignment]
    return sums


def see_same_goods(document: Record, invoice: Payload, name: str) -> None:
    """Make sure that a document in Rackbeat sells what the invoice does, for the same sum.

    Raises:
        Unmappable: it does not.
    """
    if not have_same_goods(document, invoice):
        raise Unmappable(_other_goods(name))


def see_same_goods_in_order(order: Record, invoice: Payload, number: str) -> None:
    """The same of an order that is to be invoiced: an edit of it may not have arrived yet.

    Raises:
        Unmappable: it sells something else.
    """
    if not have_same_goods(order, invoice):
        raise Unmappable(
            f"{_other_goods(f'Order {number}')} Where it is the order in 24SevenOffice that was "
            "edited, that is done by itself as soon as the edit has been transferred. If only a "
            "part of the order was invoiced: invoice that part in Rackbeat by hand, leave it a "
            f"draft, make its other reference '{invoice['other_reference']}', and try this again: "
            "it is then dated and booked.",
            until=("order", number),
        )


def _other_goods(name: str) -> str:
    return (
        f"{name} in Rackbeat has other quantities, prices, discounts or VAT than its invoice in "
        "24SevenOffice. Make them equal in Rackbeat and try again."
    )


def see_same_total(draft: Record, invoice: Payload, key: str) -> None:
    """Make sure that what is booked for good comes to what 24SevenOffice says.

    Raises:
        Unmappable: it does not.
    """
    comes_to = decimal(draft.get("total_total"), "total with VAT")
    said = rackbeat_total_of(rackbeat_lines(invoice) or ())
    if comes_to is not None and abs(to_the_ore(comes_to)) != abs(said):
        raise Unmappable(
            f"The draft invoice {key} comes to {comes_to} in Rackbeat, but to {said} in "
            "24SevenOffice. It is not booked. Correct its discounts, prices or VAT in Rackbeat and "
            "try again."
        )
