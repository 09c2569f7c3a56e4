"""Orders hypothesis makes up: their totals to the øre, and every field there and back."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.failures import Unmappable
from shared.kind import Context
from shared.rackbeat import numbers as rackbeat_json
from shared.settings import Settings
from shared.tfso import values as tfso_values
from tasks.documents import Address, Line, take_back
from tasks.orders import KIND, Order
from tasks.totals import rackbeat_total_of, total_of, total_with_vat_of
from tests.harness import given as made_up
from tests.harness.given import RUBBISH, amounts, maybe, rubbish_in, texts

DEFAULTS = Settings()
WITH_CARRIER = Settings.model_validate({"order": {"item_for_text": "TEKST"}})
ORE = Decimal("0.01")

# -- totals, to the øre -----------------------------------------------------------------------

PERCENT = st.decimals(0, 100, places=2)
VAT = st.sampled_from([Decimal(rate) for rate in (0, 12, 15, 25)])
LINES = st.lists(
    st.builds(
        Line,
        product=made_up.numbers(),
        name=maybe(texts()),
        quantity=amounts(1000, places=2, least=-1000).filter(bool),
        price=amounts(100_000, places=4),
        discount=PERCENT,
        vat=VAT,
    ),
    max_size=5,
).map(tuple)
TEXT_LINES = texts().map(Line.of_text)
SOLD = LINES.filter(lambda lines: not take_back(lines))  # what Rackbeat takes as an order


def to_the_ore(amount: Fraction) -> Decimal:
    """Halves away from zero, by whole numbers only."""
    cents = int(abs(amount) * 100 + Fraction(1, 2))
    return Decimal(cents if amount >= 0 else -cents) / 100


def cost(line: Line) -> Fraction:
    rest = (100 - Fraction(line.discount)) / 100
    return Fraction(line.quantity) * Fraction(line.price) * rest


def without_vat(lines: tuple[Line, ...]) -> Decimal:
    return sum((to_the_ore(cost(line)) for line in lines), Decimal(0))


def with_vat(lines: tuple[Line, ...]) -> Decimal:
    whole = (cost(line) * (100 + Fraction(line.vat)) / 100 for line in lines)
    return to_the_ore(sum(whole, Fraction(0)))


OFF_BY = (st.integers(-6, 6) | st.integers(-500, 500)).map(lambda cents: cents * ORE)


def sent(side: Any, order: Order) -> tuple[tuple[Line, ...] | None, list[str]]:
    """The lines as they are written, None where they are not, and the notes of it."""
    context = Context(DEFAULTS)
    try:
        payload = side.render(order, context)
    except Unmappable as error:
        assert "would not be the same" in error.message  # noqa: PT017 - either way is right
        return None, context.notes
    return side.parse(payload, Context(DEFAULTS)).lines or (), context.notes


def only_rounding_was_evened_out(
    lines: tuple[Line, ...], written: tuple[Line, ...], notes: list[str], off_by: Decimal
) -> None:
    assert abs(off_by) <= len(lines) * ORE
    prices = [(a.price, b.price) for a, b in zip(lines, written, strict=True)]
    evened_out = [(a, b) for a, b in prices if a != b]
    assert len(evened_out) == len(notes) == (1 if off_by else 0)
    assert [line.model_copy(update={"price": 0}) for line in lines] == [
        line.model_copy(update={"price": 0}) for line in written
    ]


@given(SOLD, OFF_BY)
def test_an_order_in_rackbeat_comes_to_the_total_24so_says_or_is_not_made(
    lines: tuple[Line, ...], off_by: Decimal
) -> None:
    total = without_vat(lines) + off_by
    order = Order(number="1017", customer="45", lines=lines, total=total)
    written, notes = sent(KIND.rackbeat, order)
    if written is None:
        assert off_by
    else:
        assert without_vat(written) == total
        only_rounding_was_evened_out(lines, written, notes, off_by)


@given(LINES, OFF_BY)
def test_an_order_in_24so_comes_to_the_total_rackbeat_says_or_is_not_made(
    lines: tuple[Line, ...], off_by: Decimal
) -> None:
    total = with_vat(lines) + off_by
    order = Order(number="1021", customer="45", lines=lines, total_with_vat=total)
    written, notes = sent(KIND.tfso, order)
    if written is None:
        assert off_by
    else:
        assert with_vat(written) == total
        only_rounding_was_evened_out(lines, written, notes, off_by)


USUAL = st.lists(
    st.builds(
        Line,
        product=made_up.numbers(),
        name=st.just("Ski"),
        quantity=st.integers(1, 100).map(Decimal),
        price=st.decimals(1, 20_000, places=2),
        discount=st.sampled_from([Decimal(percent) for percent in ("0", "10", "12.5", "15")]),
        vat=VAT,
    ),
    min_size=1,
    max_size=8,
).map(tuple)


@given(USUAL)
def test_rounding_keeps_no_usual_document_of_rackbeat_s_from_24so(lines: tuple[Line, ...]) -> None:
    total = rackbeat_total_of(lines)
    order = Order(number="1021", customer="45", lines=lines, total_with_vat=total)
    written, _ = sent(KIND.tfso, order)
    assert written is not None
    assert with_vat(written) == total


@given(USUAL, VAT)
def test_a_line_takes_up_what_rounding_leaves_of_a_document_of_24so_s(
    lines: tuple[Line, ...], rate: Decimal
) -> None:
    lines = tuple(line.model_copy(update={"vat": rate}) for line in lines)
    total = with_vat(lines)
    net = total - to_the_ore(sum((cost(x) * Fraction(x.vat) / 100 for x in lines), Fraction(0)))
    order = Order(number="1", customer="45", lines=lines, total=net, total_with_vat=total)
    context = Context(WITH_CARRIER)
    written = KIND.rackbeat.parse(KIND.rackbeat.render(order, context), context).lines or ()
    assert rackbeat_total_of(written) == total
    off = abs(total_of(written) - net)
    assert off <= ORE
    assert any("Without VAT it comes to" in note for note in context.notes) is bool(off)
    added = written[len(lines) :]
    assert [(line.name, line.product, line.vat) for line in added] in (
        [],
        [("Øreavrunding", "TEKST", 0)],
    )


@pytest.mark.parametrize(
    ("total", "price"),
    [
        ("249.50", "124.75"),
        ("249.504", "124.75"),  # 249.50 to the øre
        ("249.506", "124.755"),  # an øre more is rounding, and is evened out
        ("249.49", "124.745"),
        ("249.52", None),  # two øre on one line are not
        ("0", None),
        ("311.88", None),  # as it would be, were VAT part of the price
    ],
)
def test_an_order_of_one_line_may_be_off_by_one_ore(total: str, price: str | None) -> None:
    line = Line(product="1", quantity=Decimal(2), price=Decimal("124.75"), vat=Decimal(25))
    order = Order(number="1017", customer="45", lines=(line,), total=Decimal(total))
    written, _ = sent(KIND.rackbeat, order)
    assert (None if written is None else str(written[0].price)) == price


def test_a_line_that_costs_nothing_is_never_given_a_price() -> None:
    free = Line(product="1", quantity=Decimal(1), price=Decimal(0))
    order = Order(number="1017", customer="45", lines=(free,), total=ORE)
    assert sent(KIND.rackbeat, order) == (None, [])


@given(
    st.lists(st.tuples(st.integers(1, 50), amounts(10_000, places=2), VAT), min_size=1, max_size=4)
)
def test_prices_with_vat_come_to_the_same_total_without_it_or_stop_the_order(
    rows: list[tuple[int, Decimal, Decimal]],
) -> None:
    gross = sum((quantity * price for quantity, price, _ in rows), Decimal(0))
    nets = [Fraction(q * p) / (1 + Fraction(vat) / 100) for q, p, vat in rows]
    net = to_the_ore(sum(nets, Fraction(0)))
    record = {
        "OrderId": 1017,
        "CustomerId": 10045,
        "IncludeVAT": True,
        "OrderTotalIncVat": gross,
        "OrderTotalVat": gross - net,
        "InvoiceRows": [
            {"ProductId": 501, "Quantity": quantity, "Price": price, "VatRate": vat}
            for quantity, price, vat in rows
        ],
    }
    try:
        order = KIND.tfso.parse(record, Context(DEFAULTS))
        payload = KIND.rackbeat.render(order, Context(DEFAULTS))
    except Unmappable as error:
        assert "would not be the same" in error.message  # noqa: PT017 - either way is right
        by_rate: dict[Decimal, Decimal] = {}
        for amount, (_, _, vat) in zip(map(to_the_ore, nets), rows, strict=True):
            by_rate[vat] = by_rate.get(vat, Decimal(0)) + amount
        with_vat = sum(
            (amount + to_the_ore(Fraction(amount * vat) / 100) for vat, amount in by_rate.items()),
            Decimal(0),
        )
        assert sum(map(to_the_ore, nets)) != net or with_vat != gross
    else:
        assert without_vat(KIND.rackbeat.parse(payload, Context(DEFAULTS)).lines or ()) == net


# -- there and back ---------------------------------------------------------------------------

ADDRESSES = st.builds(
    Address,
    name=maybe(texts()),
    street=texts(),
    postal_code=maybe(texts(8)),
    city=texts(),
    country=st.sampled_from(["NO", "SE", "DK"]),
)
DAYS = st.dates(date(2000, 1, 1), date(2100, 1, 1))
ORDERS = st.builds(
    Order,
    mark=made_up.numbers().map("24SO {}".format),
    customer=made_up.numbers(),
    ordered_on=maybe(DAYS),
    deliver_on=maybe(DAYS),
    their_reference=maybe(texts(60)),
    reference_number=maybe(texts(60)),
    heading=maybe(texts(255)),
    note=maybe(texts(700)),
    currency=st.sampled_from(["EUR", "SEK"]),
    currency_rate=amounts(100),
    address=maybe(ADDRESSES),
    delivery_address=maybe(ADDRESSES),
    lines=SOLD,
)


@given(ORDERS)
def test_rackbeat_keeps_every_field_it_is_sent(order: Order) -> None:
    payload = KIND.rackbeat.render(order, Context(DEFAULTS))
    sent = rackbeat_json.decode(rackbeat_json.encode(payload).encode())
    assert KIND.rackbeat.parse(sent, Context(DEFAULTS)) == order


@given(ORDERS)
def test_addresses_that_rackbeat_shows_in_records_of_their_own_are_the_same(order: Order) -> None:
    payload = KIND.rackbeat.render(order, Context(DEFAULTS))
    shown = {name: value for name, value in payload.items() if "address_" not in name}
    for prefix, nested in (("address_", "billing_address"), ("delivery_address_", None)):
        names = [name for name in payload if name.startswith(prefix)]
        parts = {name.removeprefix(prefix): payload[name] for name in names}
        shown[nested or "delivery_address"] = dict.fromkeys(("state", "street2")) | parts
    assert KIND.rackbeat.parse(shown, Context(DEFAULTS)) == order


AMONG_TEXTS = st.tuples(SOLD, st.lists(st.tuples(st.integers(0, 5), TEXT_LINES), max_size=3)).map(
    lambda both: _among(*both)
)


def _among(lines: tuple[Line, ...], texts: list[tuple[int, Line]]) -> tuple[Line, ...]:
    mixed = list(lines)
    for place, text in texts:
        mixed.insert(place, text)
    return tuple(mixed)


@given(ORDERS, AMONG_TEXTS)
def test_rackbeat_keeps_texts_among_the_lines_where_a_product_carries_them(
    order: Order, lines: tuple[Line, ...]
) -> None:
    order = order.model_copy(update={"lines": lines})
    payload = KIND.rackbeat.render(order, Context(WITH_CARRIER))
    sent = rackbeat_json.decode(rackbeat_json.encode(payload).encode())
    assert KIND.rackbeat.parse(sent, Context(WITH_CARRIER)) == order
    assert KIND.rackbeat.parse(sent, Context(DEFAULTS)).lines == tuple(
        line for line in lines if not line.is_text()
    )


@given(AMONG_TEXTS, st.lists(st.sampled_from(["Normal", "Text", "TextBold"]), max_size=6))
def test_after_an_update_24so_has_the_lines_and_texts_in_their_order(
    lines: tuple[Line, ...], types: list[str]
) -> None:
    there = [{"RowId": n, "Type": type_, "SequenceNumber": n} for n, type_ in enumerate(types)]
    order = Order(number="1021", customer="45", lines=lines)
    for existing in (None, {"OrderStatus": "Web", "InvoiceRows": there}):
        payload = KIND.tfso.render(order, Context(DEFAULTS, existing=existing))
        tfso_values.write(payload)
        assert KIND.tfso.parse(payload, Context(DEFAULTS)).lines == lines
        touched = [row for row in payload["InvoiceRows"] if "RowId" in row]
        assert sorted(row["RowId"] for row in touched) == list(
            range(len(types if existing else []))
        )
        for row in touched:
            if row["ChangeState"] == "Edit":  # a row can become no text, and a text no row
                assert row.get("Type", "Normal") == types[row["RowId"]]


@given(LINES, AMONG_TEXTS)
def test_texts_have_no_part_in_what_lines_cost(
    lines: tuple[Line, ...], more: tuple[Line, ...]
) -> None:
    said = [line for line in more if line.is_text()]
    for total in (total_of, total_with_vat_of, rackbeat_total_of):
        assert total((*said, *lines, *said)) == total(lines)


@given(ORDERS, made_up.numbers())
def test_24so_keeps_every_field_it_is_sent(order: Order, number: str) -> None:
    made_in_rackbeat = order.model_copy(update={"mark": f"Rackbeat {number}"})
    payload = KIND.tfso.render(made_in_rackbeat, Context(DEFAULTS))
    tfso_values.write(payload)  # nothing in it is refused
    assert KIND.tfso.parse(payload, Context(DEFAULTS)) == made_in_rackbeat


@given(ORDERS, ORDERS)
def test_a_reference_and_a_note_that_go_back_and_forth_stay_as_they_are(
    order: Order, earlier: Order
) -> None:
    """The draft says what 24SevenOffice does, and says it once; the rest is as it was."""
    draft = KIND.rackbeat.render(earlier, Context(DEFAULTS))
    for _ in range(2):
        draft |= KIND.rackbeat.render(order, Context(DEFAULTS, existing=draft))
        back = KIND.rackbeat.parse(draft, Context(DEFAULTS))
        expected = order.over(earlier)
        assert back.their_reference == expected.their_reference
        assert back.reference_number == expected.reference_number
        assert back.note == expected.note
        order = back


@given(LINES, st.integers(0, 6))
def test_after_an_update_24so_has_exactly_the_new_lines(
    lines: tuple[Line, ...], rows_before: int
) -> None:
    existing = {"OrderStatus": "Web", "InvoiceRows": [{"RowId": n} for n in range(rows_before)]}
    order = Order(number="1021", customer="45", lines=lines)
    payload = KIND.tfso.render(order, Context(DEFAULTS, existing=existing))
    assert KIND.tfso.parse(payload, Context(DEFAULTS)).lines == lines
    touched = [row["RowId"] for row in payload["InvoiceRows"] if "RowId" in row]
    assert touched == list(range(rows_before))


TFSO_RUBBISH = rubbish_in(
    "OrderId", "CustomerId", "OrderStatus", "DateOrdered", "DeliveryDate", "YourReference",
    "ReferenceNumber", "InvoiceTitle", "InvoiceText", "IncludeVAT", "OrderTotalIncVat",
    "OrderTotalVat", "PaymentTime",
    Currency=rubbish_in("Symbol", "Rate", "Unit"),
    Addresses=rubbish_in(
        Invoice=rubbish_in("Name", "Street", "PostalCode", "PostalArea", "City", "Country"),
        Delivery=RUBBISH,
    ),
    InvoiceRows=st.lists(
        rubbish_in("ProductId", "Name", "Quantity", "Price", "DiscountRate", "VatRate", "Type",
                   "SequenceNumber", "ChangeState"),
        max_size=2,
    ),
)  # fmt: skip
RACKBEAT_RUBBISH = rubbish_in(
    "number", "is_booked", "is_cancelled", "customer_id", "order_date", "deliver_at", "heading",
    "note", "their_reference", "currency", "currency_rate", "address_name", "address_street",
    "address_zipcode", "address_city", "address_country", "other_reference", "total_subtotal",
    "total_total", "general_discount", "payment_terms_id",
    payment_terms=rubbish_in("maturity_days", "type"),
    customer=rubbish_in("number"),
    billing_address=rubbish_in("name", "street", "zipcode", "city", "country"),
    delivery_address=RUBBISH,
    lines=st.lists(
        rubbish_in("item_id", "child_id", "name", "quantity", "line_price", "discount_percentage",
                   "vat_percentage"),
        max_size=2,
    ),
)  # fmt: skip


@given(RACKBEAT_RUBBISH, TFSO_RUBBISH)
def test_an_order_of_rubbish_is_understood_or_unmappable(rackbeat: Any, tfso: Any) -> None:
    for side, record in ((KIND.rackbeat, rackbeat), (KIND.tfso, tfso)):
        with suppress(Unmappable):
            json.dumps(side.parse(record, Context(DEFAULTS)).seen())
