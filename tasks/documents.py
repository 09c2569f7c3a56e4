"""What orders and sales invoices share, in neutral terms."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Annotated, Any, ClassVar

from shared.entity import Entity, Number, Part, RefersTo, Text
from shared.failures import Unmappable

ORE = Decimal("0.01")
SIX_DECIMALS = Decimal("0.000001")
HUNDRED = Decimal(100)
_WIDE = Context(prec=80)  # whatever the product of the largest amounts needs


class Line(Part):
    """A line of an order or an invoice, or a text between such lines.

    Attributes:
        price: of one unit, without VAT, before the discount, in the document's currency.
        discount, vat: per cent.
    """

    product: Annotated[Text, RefersTo("product")] = None
    name: Text = None
    quantity: Number
    price: Number
    discount: Number = Decimal(0)
    vat: Number = Decimal(0)

    @classmethod
    def of_text(cls, text: Any) -> Line:
        """A line that only says something."""
        return cls(name=text, quantity=Decimal(0), price=Decimal(0))

    def is_text(self) -> bool:
        """Whether it only says something."""
        return self.product is None and not self.quantity

    def exact(self) -> Decimal:
        """What the line costs without VAT, not rounded."""
        return self.quantity * self.price * (1 - self.discount / HUNDRED)

    def net(self) -> Decimal:
        """What the line costs without VAT, to the øre."""
        return to_the_ore(self.exact())


class Address(Part):
    """Where to send the goods or the invoice; the country has two letters."""

    name: Text = None
    street: Text = None
    postal_code: Text = None
    city: Text = None
    country: Text = None


class Document(Entity):
    """An order or a sales invoice.

    Attributes:
        number: in the system the record is read from.
        mark: what tells the document from others in both systems, such as "24SO 1017".
        currency: three letters (ISO 4217); the rate is for one unit of it.
        payment_terms: "net:14" for 14 days, "month:0" for the end of the month.
        reference_number: what a person wrote as such in 24SevenOffice, without our mark.
        total, total_with_vat: as the source says them; checked against the lines, never written.
    """

    not_compared: ClassVar[frozenset[str]] = frozenset(
        {"number", "mark", "total", "total_with_vat"}
    )

    number: Text = None
    mark: Text = None
    customer: Annotated[Text, RefersTo("customer")] = None
    ordered_on: date | None = None
    deliver_on: date | None = None
    payment_terms: Text = None
    their_reference: Text = None
    reference_number: Text = None
    heading: Text = None
    note: Text = None
    currency: Text = None
    currency_rate: Number | None = None
    address: Address | None = None
    delivery_address: Address | None = None
    lines: tuple[Line, ...] | None = None
    total: Number | None = None
    total_with_vat: Number | None = None

    def identifiers(self) -> list[tuple[str, str]]:
        return [("mark", self.mark)] if self.mark else []


def take_back(lines: Iterable[Line] | None) -> bool:
    """Whether a document with these lines credits: all it does with goods is to take some back."""
    quantities = [line.quantity for line in lines or ()]
    return min(quantities, default=0) < 0 >= max(quantities, default=0)


def to_the_ore(amount: Decimal) -> Decimal:
    """Two decimals, halves up."""
    return amount.quantize(ORE, ROUND_HALF_UP, _WIDE)


def total_of(lines: Iterable[Line]) -> Decimal:
    """Without VAT, each line rounded by itself, as Rackbeat adds up."""
    return sum((line.net() for line in lines), Decimal(0))


def total_by_vat(lines: Iterable[Line]) -> dict[Decimal, Decimal]:
    """Without VAT, by its rate, each line rounded by itself; sums of nothing are left out."""
    by_rate: defaultdict[Decimal, Decimal] = defaultdict(Decimal)
    for line in lines:
        by_rate[line.vat] += line.net()
    return {rate: net for rate, net in by_rate.items() if net}


def rackbeat_total_of(lines: Iterable[Line]) -> Decimal:
    """With VAT, which is rounded rate by rate, as Rackbeat adds up."""
    by_rate = total_by_vat(lines)
    return sum(
        (net + to_the_ore(net * rate / HUNDRED) for rate, net in by_rate.items()), Decimal(0)
    )


def vat_is_kept(document: Document, source: str) -> None:
    """Make sure that VAT rounded rate by rate, as Rackbeat adds up, gives the source's total.

    Raises:
        Unmappable: it does not; no price can be changed to mend that without another total failing.
    """
    added = rackbeat_total_of(document.lines or ())
    if document.total_with_vat is not None and added != to_the_ore(document.total_with_vat):
        raise Unmappable(
            f"With VAT, {document.label()} comes to {added} in Rackbeat, which rounds the VAT of "
            f"each rate, but {source} says {document.total_with_vat}. It is not transferred, "
            "because its total would not be the same. Change a price by an øre, or enter it by "
            "hand."
        )


def total_with_vat_of(lines: Iterable[Line]) -> Decimal:
    """With VAT, by rate, rounded at the end, as an invoice shows it."""
    by_rate: defaultdict[Decimal, Decimal] = defaultdict(Decimal)
    for line in lines:
        by_rate[line.vat] += line.exact()
    return to_the_ore(
        sum((net * (1 + rate / HUNDRED) for rate, net in by_rate.items()), Decimal(0))
    )


@dataclass(frozen=True)
class Total:
    """One of a document's totals: what the source says, and how the lines add up to it."""

    name: str
    said: Callable[[Document], Decimal | None]
    added: Callable[[Iterable[Line]], Decimal]
    share: Callable[[Line], Decimal]  # of a line's amount in the total


WITHOUT_VAT = Total("without VAT", lambda d: d.total, total_of, lambda _line: Decimal(1))
WITH_VAT = Total(
    "with VAT", lambda d: d.total_with_vat, total_with_vat_of, lambda line: 1 + line.vat / HUNDRED
)


def lines_with_total(
    document: Document, total: Total, source: str, note: Callable[[str], None]
) -> tuple[Line, ...]:
    """The document's lines, made to add up to exactly what the source says.

    The two systems round at different places, so that the same lines may differ by an øre or two.
    The price of the largest line takes that up, with more decimals than are shown; a difference
    that rounding cannot explain is another matter.

    Raises:
        Unmappable: the lines do not add up.
    """
    lines = document.lines or ()
    said = total.said(document)
    difference = Decimal(0) if said is None else to_the_ore(said) - total.added(lines)
    if said is None or not difference:
        return lines
    if abs(difference) <= ORE * sum(not line.is_text() for line in lines):
        position, line = max(enumerate(lines), key=lambda each: abs(each[1].exact()))
        amount = to_the_ore(line.exact()) if total is WITHOUT_VAT else line.exact()
        worth = line.quantity * (1 - line.discount / HUNDRED)
        if line.exact():  # what costs nothing has not been rounded
            price = ((amount + difference / total.share(line)) / worth).quantize(SIX_DECIMALS)
            rounded = line.model_copy(update={"price": price})
            adjusted = (*lines[:position], rounded, *lines[position + 1 :])
            if total.added(adjusted) == to_the_ore(said):
                note(
                    f"The price of '{line.name}' is {price} instead of {line.price}, so that the "
                    f"total stays {said}: the two systems round at different places."
                )
                return adjusted
    raise Unmappable(
        f"The lines of {document.label()} add up to {total.added(lines)} {total.name}, but "
        f"{source} says {said}. It is not transferred, because its total would not be the same. "
        "Look at its prices, discounts and VAT."
    )
