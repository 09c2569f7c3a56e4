"""What orders and sales invoices share, in neutral terms."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Annotated, Any, ClassVar

from shared.entity import Entity, Number, Part, RefersTo, Text

ORE = Decimal("0.01")
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
        reference_number: what a person wrote as such, without our mark.
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


def go_both_ways(lines: Iterable[Line] | None) -> bool:
    """Whether some of these lines sell and some take back, such as a deposit."""
    quantities = [line.quantity for line in lines or ()]
    return min(quantities, default=0) < 0 < max(quantities, default=0)


def to_the_ore(amount: Decimal) -> Decimal:
    """Two decimals, halves up."""
    return amount.quantize(ORE, ROUND_HALF_UP, _WIDE)
