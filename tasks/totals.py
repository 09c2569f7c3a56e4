"""What documents come to, and how they come to the same in both systems.

Rackbeat rounds each line, and the VAT of each rate; 24SevenOffice rounds the sum. So the same lines
may differ by an øre or two. A price with more decimals than are shown takes that up; a difference
that rounding cannot explain is another matter.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from itertools import product

from shared.entity import SMALLEST, plain
from shared.failures import Unmappable
from tasks.documents import HUNDRED, ORE, Document, Line, to_the_ore

Lines = tuple[Line, ...]
# So many øre are moved between lines with different VAT, and so many rates are looked at.
FAR, MANY = 2, 4
ROUNDING = "Øreavrunding"
# The price of more pieces than these, which has six decimals, may jump over an øre.
FEW_PIECES = 5_000


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


def total_with_vat_of(lines: Iterable[Line]) -> Decimal:
    """With VAT, by rate, rounded at the end, as an invoice shows it."""
    return to_the_ore(_exact_with_vat(lines))


def _exact_with_vat(lines: Iterable[Line]) -> Decimal:
    by_rate: defaultdict[Decimal, Decimal] = defaultdict(Decimal)
    for line in lines:
        by_rate[line.vat] += line.exact()
    return sum((net * (1 + rate / HUNDRED) for rate, net in by_rate.items()), Decimal(0))


def lines_for_tfso(document: Document, note: Callable[[str], None]) -> Lines:
    """A document's lines, made to come to what Rackbeat says with VAT.

    Raises:
        Unmappable: they do not.
    """
    lines = document.lines or ()
    said = document.total_with_vat
    if said is None or total_with_vat_of(lines) == to_the_ore(said):
        return lines
    if _is_rounding(to_the_ore(said) - total_with_vat_of(lines), lines):
        position = _costliest(lines)[0]
        # Aimed at the middle of what is rounded to it, the price may be rounded, too.
        missing = to_the_ore(said) - _exact_with_vat(lines)
        taken_up = missing / (1 + lines[position].vat / HUNDRED)
        evened_out = _costing(lines, {position: lines[position].exact() + taken_up})
        if total_with_vat_of(evened_out) == to_the_ore(said):
            _tell(lines, evened_out, said, note)
            return evened_out
    raise _differs(document, "with VAT", total_with_vat_of(lines), said, "Rackbeat")


def lines_for_rackbeat(
    document: Document, carrier: str | None, note: Callable[[str], None]
) -> Lines:
    """A document's lines, made to come to what 24SevenOffice says, with VAT and, where that can
    be, without it.

    Args:
        carrier: the product of a line that takes up an øre, where no price can.

    Raises:
        Unmappable: they do not.
    """
    # A credit note gets the prices of its invoice.
    is_negative = total_of(document.lines or ()) < 0
    lines = _evened_out(_turned(document) if is_negative else document, carrier)
    lines = _negative(lines) if is_negative else lines
    said, total = document.total_with_vat, document.total
    _tell(document.lines or (), lines, total if said is None else said, note)
    if total is not None and total_of(lines) != to_the_ore(total):
        note(
            f"Without VAT it comes to {total_of(lines)} in Rackbeat instead of {total}, so that "
            f"the total with VAT stays {said}: the two systems round at different places."
        )
    return lines


def _evened_out(document: Document, carrier: str | None) -> Lines:
    lines = _with_total(document)
    said = document.total_with_vat
    if said is not None and rackbeat_total_of(lines) != to_the_ore(said):
        return _with_total_and_vat(document, lines, carrier)
    return lines


def _turned(document: Document) -> Document:
    amounts = {"total": document.total, "total_with_vat": document.total_with_vat}
    turned = {name: None if amount is None else -amount for name, amount in amounts.items()}
    return document.model_copy(update={"lines": _negative(document.lines or ()), **turned})


def _negative(lines: Lines) -> Lines:
    return tuple(line.model_copy(update={"quantity": -line.quantity}) for line in lines)


def _with_total(document: Document) -> Lines:
    """The lines, made to add up without VAT."""
    lines = document.lines or ()
    total = document.total
    if total is None or (missing := to_the_ore(total) - total_of(lines)) == 0:
        return lines
    if _is_rounding(missing, lines):
        position = _costliest(lines)[0]
        evened_out = _costing(lines, {position: lines[position].net() + missing})
        if total_of(evened_out) == to_the_ore(total):
            return evened_out
    raise _differs(document, "without VAT", total_of(lines), total, "24SevenOffice")


def _with_total_and_vat(document: Document, lines: Lines, carrier: str | None) -> Lines:
    """The lines, made to come to a total with VAT, too: by moving an øre or two between those with
    different VAT, or by a line of an øre or two without VAT. Where neither keeps the total without
    VAT, that gives way by one."""
    said = to_the_ore(document.total_with_vat or Decimal())
    total = total_of(lines) if document.total is None else to_the_ore(document.total)
    ways: list[tuple[Decimal, Decimal, Lines]] = []
    for nets in _moves(lines):
        way = _costing(lines, nets)
        left = said - rackbeat_total_of(way)
        off = abs(total_of(way) + left - total)
        if off <= ORE and (not left or (carrier is not None and 0 < left <= ORE * FAR)):
            ways.append((off, left, way))
    if ways:
        _, left, way = min(ways, key=lambda each: (each[0], each[1]))
        line = Line(product=carrier, name=ROUNDING, quantity=Decimal(1), price=left)
        return (*way, line) if left else way
    added = rackbeat_total_of(lines)
    or_else = _OR_A_LINE if carrier is None and _is_rounding(said - added, lines) else ""
    raise _differs(document, "with VAT", added, said, "24SevenOffice", or_else)


def _moves(lines: Lines) -> Iterator[dict[int, Decimal]]:
    """What which lines may cost instead, the nearest first: the largest of each VAT rate."""
    largest: dict[Decimal, int] = {}
    for position in _costliest(lines):
        largest.setdefault(lines[position].vat, position)
    positions = list(largest.values())[:MANY]
    ways = product(range(-FAR, FAR + 1), repeat=len(positions))
    for way in sorted(
        (way for way in ways if abs(sum(way)) <= 1),
        key=lambda way: (abs(sum(way)), sum(map(abs, way))),
    ):
        yield {
            position: lines[position].net() + ORE * ore
            for position, ore in zip(positions, way, strict=True)
            if ore
        }


def _costliest(lines: Lines) -> list[int]:
    """Which lines cost something, those first whose price can take up an øre, and of these the
    most expensive: what costs nothing has not been rounded."""
    costly = [position for position, line in enumerate(lines) if line.exact()]
    return sorted(
        costly,
        key=lambda position: (
            abs(_worth(lines[position])) > FEW_PIECES,
            -abs(lines[position].exact()),
        ),
    )


def _worth(line: Line) -> Decimal:
    """By how much it costs more if its price is higher by one."""
    return line.quantity * (1 - line.discount / HUNDRED)


def _is_rounding(difference: Decimal, lines: Lines) -> bool:
    return abs(difference) <= ORE * len(_costliest(lines)) != 0


def _costing(lines: Lines, nets: Mapping[int, Decimal]) -> Lines:
    """The lines, some with the price at which they cost so much."""
    changed = list(lines)
    for position, net in nets.items():
        line = lines[position]
        price = (net / _worth(line)).quantize(SMALLEST)
        changed[position] = line.model_copy(update={"price": price})
    return tuple(changed)


def _tell(lines: Lines, written: Lines, total: Decimal | None, note: Callable[[str], None]) -> None:
    for before, after in zip(lines, written, strict=False):
        if before.price != after.price:
            note(
                f"The price of '{before.name}' is {plain(after.price)} instead of {before.price}, "
                f"so that the total stays {total}: the two systems round at different places."
            )
    for added in written[len(lines) :]:
        note(
            f"A line '{added.name}' of {abs(added.price)} without VAT is added, so that the total "
            f"stays {total}: the two systems round at different places."
        )


_OR_A_LINE = (
    " Or name a product in the setting order.item_for_text: a line of it without VAT, "
    f"'{ROUNDING}', then takes up what rounding leaves."
)


def _differs(  # noqa: PLR0917
    document: Document, which: str, added: Decimal, said: Decimal, source: str, or_else: str = ""
) -> Unmappable:
    return Unmappable(
        f"The lines of {document.label()} come to {added} {which}, but {source} says {said}. It is "
        "not transferred, because its total would not be the same. Look at its prices, discounts "
        f"and VAT; where they are right, or can no longer be changed, enter it by hand.{or_else}"
    )
