"""What a document comes to: two decimals, halves up, VAT worked out per rate (assumed)."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from sandbox.rackbeat.schema import Record

HUNDRED = Decimal(100)
CENT = Decimal("0.01")


@dataclass(frozen=True)
class Totals:
    """Amounts in the document's currency.

    Attributes:
        subtotal: without VAT.
    """

    subtotal: Decimal
    vat: Decimal

    @property
    def total(self) -> Decimal:
        return self.subtotal + self.vat


def rounded(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, ROUND_HALF_UP)


def line_total(line: Record) -> Decimal:
    """A line's amount without VAT, its discount taken off."""
    full: Decimal = line["quantity"] * line["line_price"]
    return rounded(full * _left(line["discount_percentage"]))


def totals(document: Record) -> Totals:
    """The document's totals; general_discount is a percentage off every line (assumed)."""
    by_rate: defaultdict[Decimal, Decimal] = defaultdict(Decimal)
    for line in document["lines"]:
        by_rate[line["vat_percentage"]] += line_total(line)
    left = _left(document.get("general_discount"))
    bases = {rate: rounded(amount * left) for rate, amount in by_rate.items()}
    vat = sum((rounded(base * rate / HUNDRED) for rate, base in bases.items()), Decimal(0))
    return Totals(sum(bases.values(), Decimal(0)), vat)


def _left(discount: Decimal | None) -> Decimal:
    return 1 - (discount or 0) / HUNDRED
