"""Orders: as 24SevenOffice has them, as Rackbeat has them, and the way between."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from shared.entity import Reference
from shared.failures import Rejected, Transient, Unmappable
from shared.kind import Context
from shared.settings import Settings, load_settings
from shared.words import System
from tasks.documents import Line
from tasks.orders import CANCELLED, KIND, Order
from tasks.rackbeat_documents import REMOVED, with_note_of
from tasks.totals import total_with_vat_of

DEFAULTS = Settings()
WITH_CARRIER = load_settings({"order": {"item_for_text": "DIV"}})

KEYS = {("customer", "10045"): "45", ("product", "501"): "TELT-4", ("product", "502"): "PLUGG"}
BACK = {(kind, theirs): ours for (kind, ours), theirs in KEYS.items()}


def to_rackbeat(record: dict[str, Any], settings: Settings = DEFAULTS, **context: Any) -> Any:
    def key(reference: Reference) -> str:
        return KEYS[reference.kind, reference.key]

    order = KIND.tfso.parse(record, Context(settings)).with_references(key)
    found = dict.fromkeys(KIND.rackbeat.lookups(order, settings), "6")
    return KIND.rackbeat.render(order, Context(settings, found=found, **context))


def to_24so(record: dict[str, Any], settings: Settings = DEFAULTS, **context: Any) -> Any:
    def key(reference: Reference) -> str:
        return BACK[reference.kind, reference.key]

    order = KIND.rackbeat.parse(record, Context(settings)).with_references(key)
    return KIND.tfso.render(order, Context(settings, **context))


def changed(payload: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """The payload with other values; what is "..." is left out."""
    return {name: value for name, value in (payload | changes).items() if value is not ...}


# -- from 24SevenOffice to Rackbeat -----------------------------------------------------------

TENT_ROW = {
    "RowId": 1,
    "SequenceNumber": 1,
    "Type": "Normal",
    "ProductId": 501,
    "ProductNo": "TELT-4",
    "Name": "Telt, 4 personer",
    "Quantity": Decimal("1.0000"),
    "Price": Decimal("2499.5000"),
    "DiscountRate": Decimal("10.0000"),
    "VatRate": Decimal("25.0000"),
}
PLUG_ROW = {
    "RowId": 2,
    "SequenceNumber": 2,
    "Type": "Normal",
    "ProductId": 502,
    "ProductNo": "PLUGG",
    "Name": "Teltplugg",
    "Quantity": Decimal(20),
    "Price": Decimal(10),
    "VatRate": Decimal(15),
}
TEXT_ROW = {"RowId": 3, "SequenceNumber": 3, "Type": "Text", "Name": "Leveres på døra"}
INVOICE_ADDRESS = {
    "Name": "Fjellheim Sport AS",
    "Street": "Storgata 1",
    "PostalCode": "2670",
    "PostalArea": "Otta",
    "Country": "NO",
}

# As GetInvoices answers, and what POST /orders/drafts takes.
IN_24SO = {
    "OrderId": 1017,
    "CustomerId": 10045,
    "OrderStatus": "Web",
    "DateOrdered": datetime(2026, 3, 9, tzinfo=UTC),
    "DeliveryDate": datetime(2026, 3, 16, tzinfo=UTC),
    "PaymentTime": 45,
    "YourReference": "Kari Berg",
    "InvoiceTitle": "Vårordre",
    "InvoiceText": "Ring før levering",
    "IncludeVAT": False,
    "Currency": {"Rate": Decimal(1), "Unit": 1},
    "Addresses": {
        "Invoice": INVOICE_ADDRESS,
        "Delivery": {"Street": "Lagergata 2", "PostalArea": "Umeå", "Country": "Sverige"},
    },
    "OrderTotalIncVat": Decimal("3041.94"),
    "OrderTotalVat": Decimal("592.39"),
    "InvoiceRows": [PLUG_ROW, TEXT_ROW, TENT_ROW],
}
TENT_LINE = {
    "item_id": "TELT-4",
    "name": "Telt, 4 personer",
    "quantity": Decimal(1),
    "line_price": Decimal("2499.5"),
    "discount_percentage": Decimal(10),
    "vat_percentage": Decimal(25),
}
PLUG_LINE = {
    "item_id": "PLUGG",
    "name": "Teltplugg",
    "quantity": Decimal(20),
    "line_price": Decimal(10),
    "discount_percentage": Decimal(0),
    "vat_percentage": Decimal(15),
}
FOR_RACKBEAT = {
    "customer_id": 45,
    "order_date": "2026-03-09",
    "deliver_at": "2026-03-16",
    "payment_terms_id": 6,
    "other_reference": "24SO 1017",
    "heading": "Vårordre",
    "note": "Ring før levering\nDeres referanse: Kari Berg\nLeveres på døra",
    "currency": "NOK",
    "currency_rate": Decimal(1),
    "general_discount": Decimal(0),
    "address_name": "Fjellheim Sport AS",
    "address_street": "Storgata 1",
    "address_zipcode": "2670",
    "address_city": "Otta",
    "address_country": "NO",
    "delivery_address_street": "Lagergata 2",
    "delivery_address_city": "Umeå",
    "delivery_address_country": "SE",
    "lines": [TENT_LINE, PLUG_LINE],
}


def test_an_order_made_in_24so_is_made_in_rackbeat() -> None:
    assert to_rackbeat(IN_24SO) == FOR_RACKBEAT


def test_a_reference_comes_back_from_rackbeat_as_it_went_there() -> None:
    written = to_rackbeat(IN_24SO)
    back = KIND.rackbeat.parse(written, Context(DEFAULTS))
    assert back.their_reference == "Kari Berg"
    assert back.note == "Ring før levering\nLeveres på døra"
    assert KIND.rackbeat.render(back, Context(DEFAULTS))["note"].count("Deres referanse") == 1


def test_a_reference_number_for_which_there_is_no_room_is_left_out_and_told() -> None:
    notes: list[str] = []
    long = "x" * 780
    order = Order(customer="1", lines=(), note=long, reference_number="PO 4711")
    written = KIND.rackbeat.render(order, Context(DEFAULTS, notes=notes))
    assert written["note"] == long
    assert "'PO 4711', is left out" in notes[0]


def test_references_of_an_order_stay_beside_those_of_its_invoice() -> None:
    order = {"note": "Ring\nDeres referanse: Kari\nReferansenummer: PO 1"}
    written = with_note_of(order, {"note": "Referansenummer: PO 2"})
    assert written["note"] == "Ring\nDeres referanse: Kari\nReferansenummer: PO 2"


@pytest.mark.parametrize(
    ("told", "note"),
    [("Ola", "A\nDeres referanse: Ola"), ("Ola\nBerg", "A\nDeres referanse: Ola Berg"),
     (None, "A\nDeres referanse: Kari")],
)  # fmt: skip
def test_a_draft_has_one_reference_and_what_24so_does_not_say_stays(
    told: str | None, note: str
) -> None:
    record = IN_24SO | {"InvoiceText": "A", "InvoiceRows": [TENT_ROW, PLUG_ROW]}
    existing = {"number": 3, "note": "B\nDeres referanse: Kari", "lines": []}
    payload = to_rackbeat(record | {"YourReference": told}, existing=existing)
    assert payload["note"] == note


@pytest.mark.parametrize(
    ("told", "there", "note"),
    [
        ({"YourReference": "Ola"}, "B\nDeres referanse: Kari\nC", "B\nC\nDeres referanse: Ola"),
        ({"YourReference": "Ola"}, "B", "B\nDeres referanse: Ola"),
        ({"YourReference": "Ola"}, None, "Deres referanse: Ola"),
        ({}, "B\nDeres referanse: Kari", None),
        ({"InvoiceRows": [TENT_ROW, PLUG_ROW, TEXT_ROW]}, "B", "Leveres på døra"),
    ],
)
def test_a_note_that_somebody_wrote_into_a_draft_stays_where_24so_has_no_text(
    told: dict[str, Any], there: str | None, note: str | None
) -> None:
    without = IN_24SO | {"InvoiceText": None, "YourReference": None}
    record = without | {"InvoiceRows": [TENT_ROW, PLUG_ROW]} | told
    payload = to_rackbeat(record, existing={"number": 3, "note": there, "lines": []})
    assert payload.get("note") == note


GOES_ON = {"number": 3, "lines": []}
ELSEWHERE = {"name": "Hytta", "street": "Lia 4", "zipcode": "3580", "city": "Geilo"}
EMPTIED = dict.fromkeys(("name", "street", "zipcode", "city"), "")


@pytest.mark.parametrize(
    ("emptied", "there", "written"),
    [
        ("deliver_on", {"deliver_at": "2026-03-16"}, {"deliver_at": ""}),
        ("their_reference", {"note": "B\nDeres referanse: Kari"}, {"note": "B"}),
        ("their_reference", {"note": "Deres referanse: Kari"}, {"note": ""}),
        ("reference_number", {"note": "Deres referanse: Kari\nReferansenummer: PO 7"},
         {"note": "Deres referanse: Kari"}),
        ("delivery_address", {"delivery_address": ELSEWHERE},
         {f"delivery_address_{name}": value for name, value in EMPTIED.items()}),
        ("delivery_address", {}, {}),
    ],
)  # fmt: skip
def test_what_is_taken_off_an_order_is_emptied_in_its_draft(
    emptied: str, there: dict[str, Any], written: dict[str, Any]
) -> None:
    order = Order(lines=()).with_all({emptied}, "")
    payload = KIND.rackbeat.render(order, Context(DEFAULTS, existing=GOES_ON | there))
    assert payload == written | {"general_discount": 0, "lines": []}
    assert getattr(KIND.rackbeat.parse(payload, Context(DEFAULTS)), emptied) is None


def test_nothing_of_an_address_stays_beside_the_new_one() -> None:
    existing = GOES_ON | {"delivery_address": ELSEWHERE | {"street2": "2. etg"}}
    payload = to_rackbeat(IN_24SO, existing=existing)
    left = {f"delivery_address_{name}": "" for name in ("name", "street2", "zipcode")}
    assert payload == FOR_RACKBEAT | left


@pytest.mark.parametrize(
    ("invoice", "delivery", "countries", "notes"),
    [
        ("Sverige", None, ("SE", "SE"), ["Country 'Sverige' is read as SE."]),
        (None, "DK", ("DK", "DK"), []),
        ("SE", "DK", ("SE", "DK"), []),
        (None, None, ("NO", "NO"), ["An address names no country; NO is used."]),
    ],
)
def test_an_address_without_a_country_is_in_that_of_the_other_address(
    invoice: str | None, delivery: str | None, countries: tuple[str, str], notes: list[str]
) -> None:
    here, there = {"Street": "Gata 1", "Country": invoice}, {"City": "Åre", "Country": delivery}
    context = Context(DEFAULTS)
    record = IN_24SO | {"Addresses": {"Invoice": here, "Delivery": there}}
    order = KIND.tfso.parse(record, context)
    addresses = {"address": order.address, "delivery_address": order.delivery_address}
    assert tuple(each.country for each in addresses.values() if each) == countries
    assert context.notes == notes
    written = KIND.rackbeat.render(Order(**addresses, lines=()), Context(DEFAULTS))
    back = KIND.rackbeat.parse(written, Context(DEFAULTS))
    assert (back.address, back.delivery_address) == (order.address, order.delivery_address)


UNTOTALLED = {"OrderTotalIncVat": None, "OrderTotalVat": None}
FREIGHT_ROW = {"RowId": 4, "SequenceNumber": 4, "Name": "Frakt", "Quantity": 1, "Price": 99}
CARRIED = {"discount_percentage": Decimal(0), "vat_percentage": Decimal(0)}

TFSO_TO_RACKBEAT: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("unset values are absent",
     {"DeliveryDate": None, "InvoiceTitle": None, "InvoiceText": None, "YourReference": None},
     {"deliver_at": ..., "heading": ..., "note": "Leveres på døra"}),
    ("without terms Rackbeat takes the customer's",
     {"PaymentTime": None}, {"payment_terms_id": ...}),
    ("without notes of any sort",
     {"InvoiceText": None, "YourReference": None, "InvoiceRows": [PLUG_ROW, TENT_ROW]},
     {"note": ...}),
    ("times in a snapshot are text", {"DateOrdered": "2026-03-09T00:00:00Z"}, {}),
    ("the post address is second choice",
     {"Addresses": {"Post": INVOICE_ADDRESS | {"Street": "Postboks 3"}}},
     {"address_street": "Postboks 3", "delivery_address_street": ...,
      "delivery_address_city": ..., "delivery_address_country": ...}),
    ("a foreign currency is for one unit",
     {"Currency": {"Symbol": "JPY", "Rate": Decimal("7.15"), "Unit": 100}},
     {"currency": "JPY", "currency_rate": Decimal("0.0715")}),
    ("prices with VAT are written without it",
     {"IncludeVAT": True, "InvoiceRows": [TENT_ROW | {"Price": Decimal("3124.375")},
                                          PLUG_ROW | {"Price": Decimal("11.5")}, TEXT_ROW]},
     {}),
    ("a text row costs nothing, whatever stands in it",
     {"InvoiceRows": [TENT_ROW, PLUG_ROW, TEXT_ROW | {"Quantity": 5, "Price": Decimal(10)}]}, {}),
    ("bold text is text",
     {"InvoiceRows": [TENT_ROW, PLUG_ROW, TEXT_ROW | {"Type": "TextBold"}]}, {}),
    ("a row without a product, a price and a name is nothing",
     {"InvoiceRows": [TENT_ROW, PLUG_ROW, TEXT_ROW, {"SequenceNumber": 9}]}, {}),
    ("rows are in the order of their numbers",
     UNTOTALLED | {"InvoiceRows": [TEXT_ROW, TENT_ROW | {"SequenceNumber": 5}, PLUG_ROW]},
     {"lines": [PLUG_LINE, TENT_LINE]}),
    ("without totals nothing is compared", UNTOTALLED, {}),
    ("the customer's number counts where there is no reference number",
     {"CustomerReferenceNo": "PO 8", "InvoiceText": None, "YourReference": None},
     {"note": "Referansenummer: PO 8\nLeveres på døra"}),
    ("the customer's number counts where there is nothing beside our mark",
     {"ReferenceNumber": "Rackbeat 1021", "CustomerReferenceNo": "PO 8", "YourReference": None},
     {"note": "Ring før levering\nReferansenummer: PO 8\nLeveres på døra",
      "other_reference": "Rackbeat 1021"}),
    ("a reference number counts before the customer's number",
     {"ReferenceNumber": "PO 7", "CustomerReferenceNo": "PO 8", "YourReference": None},
     {"note": "Ring før levering\nReferansenummer: PO 7\nLeveres på døra"}),
]  # fmt: skip


@pytest.mark.parametrize(("given_", "read", "written"), TFSO_TO_RACKBEAT)
def test_a_24so_order_is_written_to_rackbeat_as(
    given_: str, read: dict[str, Any], written: dict[str, Any]
) -> None:
    record = {name: value for name, value in (IN_24SO | read).items() if value is not None}
    assert to_rackbeat(record) == changed(FOR_RACKBEAT, written), given_


def test_lines_without_a_product_are_carried_by_the_product_the_settings_name() -> None:
    record = IN_24SO | UNTOTALLED | {"InvoiceRows": [TENT_ROW, TEXT_ROW, FREIGHT_ROW]}
    payload = to_rackbeat(record, WITH_CARRIER)
    text = {"item_id": "DIV", "name": "Leveres på døra", "quantity": 0, "line_price": 0}
    freight = {"item_id": "DIV", "name": "Frakt", "quantity": 1, "line_price": 99}
    assert payload["lines"] == [TENT_LINE, text | CARRIED, freight | CARRIED]
    assert payload["note"] == "Ring før levering\nDeres referanse: Kari Berg"


def test_an_order_is_booked_at_once_only_where_the_settings_say_so() -> None:
    booking = load_settings({"order": {"book": True}})
    assert to_rackbeat(IN_24SO, booking) == FOR_RACKBEAT | {"is_booked": True}
    assert "is_booked" not in to_rackbeat(IN_24SO, booking, existing={"number": 3})


@pytest.mark.parametrize(
    ("read", "why"),
    [
        ({"InvoiceRows": [TENT_ROW, FREIGHT_ROW]},
         "'Frakt' of order 1017 costs 99.00 but names no product.*order.item_for_text"),
        ({"InvoiceTitle": "x" * 256}, "The heading .* has 256 characters"),
        ({"InvoiceText": "x" * 800}, "(?s)The text .* Rackbeat takes at most 800"),
        ({"InvoiceRows": [TENT_ROW | {"Quantity": "many"}]}, "The field Quantity"),
        ({"InvoiceRows": [TENT_ROW | {"VatRate": -25}]}, "The VAT rate"),
        ({"InvoiceRows": "none"}, "The field InvoiceRows"),
        ({"DateOrdered": "soon"}, "The field DateOrdered"),
    ],
)  # fmt: skip
def test_a_24so_order_rackbeat_cannot_hold_is_unmappable(read: dict[str, Any], why: str) -> None:
    with pytest.raises(Unmappable, match=why):
        to_rackbeat(IN_24SO | UNTOTALLED | read)


def test_an_order_without_lines_is_not_booked_and_a_draft_stays_one_with_a_remark() -> None:
    booking = load_settings({"order": {"book": True}})
    for existing, remark in ((None, "It has no lines"), ({"number": 3}, "stays one: book it")):
        notes: list[str] = []
        payload = KIND.rackbeat.render(
            Order(lines=()), Context(booking, existing=existing, notes=notes)
        )
        assert "is_booked" not in payload
        assert remark in notes[0]


def test_payment_terms_that_nothing_explains_are_left_out_with_a_remark() -> None:
    context = Context(DEFAULTS)
    assert KIND.tfso.parse(IN_24SO | {"PaymentTime": -10001}, context).payment_terms is None
    assert "payment terms -10001" in context.notes[-1]


@pytest.mark.parametrize(
    ("status", "statuses", "transferred"),
    [
        ("Web", None, True),
        ("Confirmed", None, True),
        ("Offer", None, False),
        ("Invoiced", None, False),
        ("Draft", None, False),
        ("Offer", ["Offer"], True),
        ("Web", ["Offer"], False),
    ],
)
def test_the_settings_choose_by_status_which_orders_go_to_rackbeat(
    status: str, statuses: list[str] | None, transferred: bool
) -> None:
    settings = (
        DEFAULTS if statuses is None else load_settings({"order": {"pull_statuses": statuses}})
    )
    why_not = KIND.tfso.excluded({"OrderStatus": status}, settings)
    assert (why_not is None) is transferred
    assert transferred or f"is {status};" in (why_not or "")


def test_an_order_whose_status_was_not_told_has_the_status_web() -> None:
    assert KIND.tfso.excluded({}, DEFAULTS) is None


# -- from Rackbeat to 24SevenOffice -----------------------------------------------------------

# As GET /orders/{number} answers, and what SaveInvoices takes.
IN_RACKBEAT = {
    "number": 1021,
    "is_booked": True,
    "is_cancelled": False,
    "customer_id": 45,
    "customer": {"number": 45, "name": "Fjellheim Sport AS"},
    "order_date": "2026-03-09",
    "deliver_at": "2026-03-16 00:00:00",
    "payment_terms": {"number": 4, "maturity_days": 0, "type": "current_month"},
    "heading": "Vårordre",
    "note": "Ring før levering",
    "currency": "NOK",
    "currency_rate": Decimal("1.000000"),
    "address_name": "Fjellheim Sport AS",
    "address_street": "Storgata 1",
    "address_zipcode": "2670",
    "address_city": "Otta",
    "address_country": "Norge",
    "other_reference": None,
    "total_subtotal": Decimal("2449.55"),
    "total_vat": Decimal("592.39"),
    "total_total": Decimal("3041.94"),
    "lines": [
        {
            "id": 91,
            "child_id": "TELT-4",
            "child_type": "product",
            "item": {"number": "TELT-4"},
            "name": "Telt, 4 personer",
            "quantity": 1,
            "line_price": Decimal("2499.500000"),
            "line_total": Decimal("2249.55"),
            "discount_percentage": Decimal(10),
            "vat_percentage": Decimal(25),
        },
        {
            "id": 92,
            "child_id": "PLUGG",
            "child_type": "lot",
            "name": "Teltplugg",
            "quantity": Decimal("20.00"),
            "line_price": "10",
            "discount_percentage": None,
            "vat_percentage": 15,
        },
        {"id": 93, "child_id": "PLUGG", "name": "Fjernet", "quantity": 0, "line_price": 10},
    ],
}
ROWS = [
    {
        "ProductId": 501,
        "Name": "Telt, 4 personer",
        "Quantity": Decimal(1),
        "Price": Decimal("2499.5"),
        "DiscountRate": Decimal(10),
        "VatRate": Decimal(25),
    },
    {
        "ProductId": 502,
        "Name": "Teltplugg",
        "Quantity": Decimal(20),
        "Price": Decimal(10),
        "DiscountRate": Decimal(0),
        "VatRate": Decimal(15),
    },
]
FOR_24SO = {
    "CustomerId": 10045,
    "OrderStatus": "Confirmed",
    "DateOrdered": datetime(2026, 3, 9, tzinfo=UTC),
    "DeliveryDate": datetime(2026, 3, 16, tzinfo=UTC),
    "PaymentTime": -4,
    "InvoiceTitle": "Vårordre",
    "InvoiceText": "Ring før levering",
    "IncludeVAT": False,
    "SkipStock": True,
    "ReferenceNumber": "Rackbeat 1021",
    "ExternalStatus": 1021,
    "Addresses": {"Invoice": INVOICE_ADDRESS},
    "InvoiceRows": ROWS,
    "Currency": {"Symbol": "NOK"},
}


def test_an_order_made_in_rackbeat_is_made_in_24so_with_our_mark() -> None:
    assert to_24so(IN_RACKBEAT) == FOR_24SO


AN_ADDRESS = {"name": "Fjellheim", "street": "Gata 3", "zipcode": "7374", "city": "Røros",
              "country": "Sweden"}  # fmt: skip
AS_WRITTEN = {"Name": "Fjellheim", "Street": "Gata 3", "PostalCode": "7374", "PostalArea": "Røros",
              "Country": "SE"}  # fmt: skip
NO_ADDRESS = dict.fromkeys(AN_ADDRESS)


@pytest.mark.parametrize(
    ("given_", "read", "written"),
    [
        ("nested addresses come first", {"billing_address": AN_ADDRESS}, {"Invoice": AS_WRITTEN}),
        ("empty ones are none", {"billing_address": NO_ADDRESS}, {"Invoice": INVOICE_ADDRESS}),
        ("text is none", {"billing_address": "Gata 3, Røros"}, {"Invoice": INVOICE_ADDRESS}),
        ("one for the delivery",
         {"delivery_address": AN_ADDRESS},
         {"Invoice": INVOICE_ADDRESS, "Delivery": AS_WRITTEN}),
        ("one for the delivery as it is written",
         {f"delivery_address_{name}": value for name, value in AN_ADDRESS.items()},
         {"Invoice": INVOICE_ADDRESS, "Delivery": AS_WRITTEN}),
        ("a delivery goes to the country of the invoice where it names none",
         {"address_country": "Sverige", "delivery_address": {"city": "Åre"}},
         {"Invoice": INVOICE_ADDRESS | {"Country": "SE"},
          "Delivery": {"PostalArea": "Åre", "Country": "SE"}}),
        ("a city is enough",
         {"delivery_address": {"city": "Røros"}},
         {"Invoice": INVOICE_ADDRESS, "Delivery": {"PostalArea": "Røros", "Country": "NO"}}),
    ],
)  # fmt: skip
def test_addresses_are_read_in_both_shapes(
    given_: str, read: dict[str, Any], written: dict[str, Any]
) -> None:
    assert to_24so(IN_RACKBEAT | read)["Addresses"] == written, given_


@pytest.mark.parametrize(
    ("given_", "read", "written"),
    [
        ("the customer may be read as an object", {"customer_id": None}, {}),
        ("the customer's reference is text",
         {"their_reference": "Ola"}, {"YourReference": "Ola"}),
        ("a reference that is none is left out", {"their_reference": {"number": 3}}, {}),
        ("a reference that came from 24SevenOffice counts before what is usual",
         {"their_reference": "Ola", "note": "Ring\nDeres referanse: Kari\nBak huset"},
         {"YourReference": "Kari", "InvoiceText": "Ring\nBak huset"}),
        ("a note with nothing but the reference is none",
         {"note": "Deres referanse: Kari"}, {"YourReference": "Kari", "InvoiceText": ...}),
        ("a reference number in the note stands behind our mark",
         {"note": "Ring\nReferansenummer: PO 7"},
         {"ReferenceNumber": "Rackbeat 1021 (PO 7)", "InvoiceText": "Ring"}),
        ("a reference that a person has written is no mark, and stands behind ours",
         {"other_reference": "PO 4711"}, {"ReferenceNumber": "Rackbeat 1021 (PO 4711)"}),
        ("the one in the note comes first",
         {"other_reference": "PO 4711", "note": "Referansenummer: PO 7"},
         {"ReferenceNumber": "Rackbeat 1021 (PO 7)", "InvoiceText": ...}),
        ("a mark is no reference of a person's", {"other_reference": "Rackbeat 1021"}, {}),
        ("both lines of a street make one",
         {"address_street2": "Inngang B", "delivery_address": AN_ADDRESS | {"street2": " 2. etg "}},
         {"Addresses": {"Invoice": INVOICE_ADDRESS | {"Street": "Storgata 1, Inngang B"},
                        "Delivery": AS_WRITTEN | {"Street": "Gata 3, 2. etg"}}}),
        ("terms of no days are said", {"payment_terms": {"maturity_days": 0}}, {"PaymentTime": 0}),
        ("without terms 24SevenOffice takes the customer's",
         {"payment_terms": None}, {"PaymentTime": ...}),
        ("a foreign currency is written with its rate",
         {"currency": "EUR", "currency_rate": Decimal("11.5")},
         {"Currency": {"Symbol": "EUR", "Rate": Decimal("11.5"), "Unit": 1}}),
        ("an address without street and city is none",
         {"address_street": None, "address_city": ""}, {"Addresses": ...}),
        ("a general discount is part of every line's",
         {"general_discount": 50, "total_total": None},
         {"InvoiceRows": [ROWS[0] | {"DiscountRate": Decimal(55)},
                          ROWS[1] | {"DiscountRate": Decimal(50)}]}),
    ],
)  # fmt: skip
def test_a_rackbeat_order_is_written_to_24so_as(
    given_: str, read: dict[str, Any], written: dict[str, Any]
) -> None:
    assert to_24so(IN_RACKBEAT | read) == changed(FOR_24SO, written), given_


SAYING = {"id": 94, "child_id": None, "name": "Leveres på døra", "quantity": 0, "line_price": 5}
CARRIED_TEXT = SAYING | {"child_id": "DIV"}
SAID = {"Type": "Text", "Name": "Leveres på døra"}


@pytest.mark.parametrize(
    ("given_", "settings", "line", "row"),
    [
        ("no product", DEFAULTS, SAYING, SAID),
        ("an amount as text", DEFAULTS, SAYING | {"quantity": "0.00"}, SAID),
        ("no quantity at all", DEFAULTS, SAYING | {"quantity": None}, SAID),
        ("the product that carries texts", WITH_CARRIER, CARRIED_TEXT, SAID),
        ("a product that carries none", DEFAULTS, CARRIED_TEXT, None),
        ("no name", DEFAULTS, SAYING | {"name": " "}, None),
        ("a line that we have emptied", WITH_CARRIER, CARRIED_TEXT | {"name": REMOVED}, None),
    ],
)
def test_a_line_that_only_says_something_is_a_text_in_24so(
    given_: str, settings: Settings, line: dict[str, Any], row: dict[str, Any] | None
) -> None:
    first, second, _ = IN_RACKBEAT["lines"]
    payload = to_24so(IN_RACKBEAT | {"lines": [first, line, second]}, settings)
    wanted = [ROWS[0], ROWS[1]] if row is None else [ROWS[0], row, ROWS[1]]
    assert payload["InvoiceRows"] == wanted, given_


def test_the_journal_names_a_line_without_quantity_that_is_left_out() -> None:
    context = Context(DEFAULTS)
    KIND.rackbeat.parse(IN_RACKBEAT, context)
    (note,) = [each for each in context.notes if "Country" not in each]
    assert "'Fjernet' has no quantity" in note
    assert "order.item_for_text" in note


def test_texts_do_not_widen_what_counts_as_rounding() -> None:
    record = IN_RACKBEAT | {"lines": [*IN_RACKBEAT["lines"], *([SAYING] * 9)]}
    with pytest.raises(Unmappable, match=r"come to 3041\.94"):
        to_24so(record | {"total_total": Decimal("3041.97")})


def test_an_update_changes_a_text_into_another_and_keeps_it_bold() -> None:
    rows = [
        {"RowId": 7, "Type": "TextBold", "SequenceNumber": 1},
        {"RowId": 8, "Type": "Normal", "SequenceNumber": 2},
        {"RowId": 9, "Type": "Text", "SequenceNumber": 3},
    ]
    first, second, _ = IN_RACKBEAT["lines"]
    record = IN_RACKBEAT | {"lines": [first, SAYING, second]}
    payload = to_24so(record, existing={"OrderStatus": "Pack", "InvoiceRows": rows})
    assert payload["InvoiceRows"] == [
        {"RowId": 8, "ChangeState": "Edit", "SequenceNumber": 1} | ROWS[0],
        {"RowId": 7, "ChangeState": "Edit", "SequenceNumber": 2} | SAID | {"Type": "TextBold"},
        {"ChangeState": "Add", "SequenceNumber": 3} | ROWS[1],
        {"RowId": 9, "ChangeState": "Delete"},
    ]


def test_the_settings_choose_the_status_in_24so() -> None:
    settings = load_settings({"order": {"status": "Web"}})
    assert to_24so(IN_RACKBEAT, settings)["OrderStatus"] == "Web"


def test_only_booked_orders_leave_rackbeat() -> None:
    assert KIND.rackbeat.excluded(IN_RACKBEAT, DEFAULTS) is None
    assert "draft" in (KIND.rackbeat.excluded(IN_RACKBEAT | {"is_booked": False}, DEFAULTS) or "")


def test_an_update_changes_adds_and_deletes_rows_and_leaves_marks_and_status() -> None:
    there = {"OrderStatus": "Pack", "InvoiceRows": [{"RowId": 8}]}
    payload = to_24so(IN_RACKBEAT, existing=there)
    assert {"ReferenceNumber", "ExternalStatus", "OrderStatus"}.isdisjoint(payload)
    assert payload["InvoiceRows"] == [
        {"RowId": 8, "ChangeState": "Edit", "SequenceNumber": 1} | ROWS[0],
        {"ChangeState": "Add", "SequenceNumber": 2} | ROWS[1],
    ]
    more = {"OrderStatus": "Pack", "InvoiceRows": [{"RowId": n} for n in (8, 9, 10)]}
    assert to_24so(IN_RACKBEAT, existing=more)["InvoiceRows"][2:] == [
        {"RowId": 10, "ChangeState": "Delete"}
    ]


def test_an_order_that_returns_to_the_local_currency_says_so() -> None:
    in_euro = {"OrderStatus": "Web", "Currency": {"Symbol": "EUR", "Rate": Decimal(11), "Unit": 1}}
    payload = to_24so(IN_RACKBEAT, existing=in_euro)
    # A rate of 1 would leave the one that is there.
    assert payload["Currency"] == {"Symbol": "NOK", "Rate": Decimal(100), "Unit": 100}
    in_kroner = {"OrderStatus": "Web", "Currency": {"Rate": Decimal(1), "Unit": 1}}
    assert "Currency" not in to_24so(IN_RACKBEAT, existing=in_kroner)


# -- marks, cancelling, and what is locked ----------------------------------------------------


@pytest.mark.parametrize(
    ("side", "record", "mark"),
    [
        (KIND.tfso, {"OrderId": 1017}, "24SO 1017"),
        (KIND.tfso, {"OrderId": 1017, "ReferenceNumber": "PO-7"}, "24SO 1017"),
        (KIND.tfso, {"OrderId": 1017, "ReferenceNumber": "Rackbeat 1021"}, "Rackbeat 1021"),
        (KIND.tfso, {"OrderId": 1, "ReferenceNumber": "Rackbeat 1021 (PO 7)"}, "Rackbeat 1021"),
        (
            KIND.tfso,
            {"OrderId": 1, "ReferenceNumber": "Rackbeat faktura 5, ordre 1021 (PO 7)"},
            "Rackbeat 1021",
        ),
        (KIND.tfso, {"OrderId": 17, "ReferenceNumber": "Rackbeat faktura 5 (PO 7)"}, "24SO 17"),
        (KIND.rackbeat, {"number": 1021}, "Rackbeat 1021"),
        (KIND.rackbeat, {"number": 1021, "other_reference": "PO-7"}, "Rackbeat 1021"),
        (KIND.rackbeat, {"number": 1021, "other_reference": "24SO 1017"}, "24SO 1017"),
    ],
)
def test_both_systems_know_an_order_by_the_mark_of_where_it_was_made(
    side: Any, record: dict[str, Any], mark: str
) -> None:
    order = side.parse(record, Context(DEFAULTS))
    assert order.identifiers() == [("mark", mark)]


def test_a_cancelled_order_becomes_inactive_in_24so() -> None:
    existing = {"OrderStatus": "Confirmed", "ReferenceNumber": "Rackbeat 1021 (PO 7)"}
    payload = to_24so(IN_RACKBEAT | {"is_cancelled": True}, existing=existing)
    assert payload == {"OrderStatus": "Inactive", "IncludeVAT": False}


def test_an_inactive_order_is_emptied_in_rackbeat_and_says_why() -> None:
    existing = {"number": 3, "lines": [{"id": 1}, {"id": 2}]}
    payload = to_rackbeat(IN_24SO | {"OrderStatus": "Inactive"}, existing=existing)
    assert payload == {"heading": CANCELLED, "lines": [{"quantity": 0}, {"quantity": 0}]}
    assert KIND.rackbeat.parse(payload, Context(DEFAULTS)).cancelled


def test_an_order_taken_up_again_gets_the_status_of_the_settings_in_24so() -> None:
    assert to_24so(IN_RACKBEAT, existing={"OrderStatus": "Inactive"})["OrderStatus"] == "Confirmed"


@pytest.mark.parametrize("status", ["Invoiced", "InvoicedCashAccount", "InvoicedPack"])
def test_an_invoiced_order_is_never_changed_in_24so(status: str) -> None:
    with pytest.raises(Unmappable, match=r"1017 is invoiced in 24SevenOffice \(invoice 88\)"):
        KIND.tfso.update(None, "1017", FOR_24SO, {"OrderStatus": status, "InvoiceId": 88})


def test_a_booked_order_is_never_changed_in_rackbeat() -> None:
    with pytest.raises(Unmappable, match="Order 1021 is booked in Rackbeat"):
        KIND.rackbeat.update(None, "1021", FOR_RACKBEAT, IN_RACKBEAT)


def sold(price: str, *, quantity: int = 1, discount: object = 0, product: object = 1) -> Line:
    """A line with the usual VAT."""
    return Line(
        product=str(product),
        name="Ski",
        quantity=Decimal(quantity),
        price=Decimal(price),
        discount=Decimal(str(discount)),
        vat=Decimal(25),
    )


def test_what_is_rounded_to_the_next_ore_at_a_tie_is_evened_out() -> None:
    line = sold("281.84", discount=15)
    order = Order(number="1", customer="45", lines=(line,), total_with_vat=Decimal("299.45"))
    (row,) = KIND.tfso.render(order, Context(DEFAULTS))["InvoiceRows"]
    assert total_with_vat_of([line.model_copy(update={"price": row["Price"]})]) == Decimal("299.45")


def test_an_ore_that_no_price_takes_up_is_a_line_of_its_own_or_says_how_it_can_be_one() -> None:
    line = sold("117.66588", discount=15)
    totals = {"total": Decimal("100.02"), "total_with_vat": Decimal("125.02")}
    order = Order(number="1", customer="45", lines=(line,), **totals)
    with pytest.raises(Unmappable, match=r"order\.item_for_text: a line of it without VAT"):
        KIND.rackbeat.render(order, Context(DEFAULTS))
    settings = Settings.model_validate({"order": {"item_for_text": "TEKST"}})
    payload = KIND.rackbeat.render(order, Context(settings))
    _, rounding = payload["lines"]
    assert rounding == {
        "item_id": "TEKST",
        "name": "Øreavrunding",
        "quantity": 1,
        "line_price": Decimal("0.01"),
        "discount_percentage": 0,
        "vat_percentage": 0,
    }


class RefusingClient:
    """A client whose lists may not be readable either."""

    def __init__(self, *, readable: bool = True) -> None:
        self.readable = readable

    def save(self, *_arguments: object, **_named: object) -> list[Exception]:
        return [Rejected("24SevenOffice says no.", system=System.TFSO)]

    def get_currencies(self) -> list[dict[str, Any]]:
        if not self.readable:
            raise Transient("No answer.")
        return [{"Symbol": "NOK"}, {"Symbol": "EUR"}]

    def get_vat_types(self) -> list[dict[str, Any]]:
        return [{"No": 3, "Rate": Decimal("25.00")}, {"No": 5, "Rate": Decimal(0)}]


NO_SEK = (
    "24SevenOffice has no currency SEK, only EUR, NOK: add it there, or choose another one in "
    "Rackbeat."
)
NO_15 = (
    "No VAT code in 24SevenOffice is of 15 per cent, only of 0, 25: add one there, or correct the "
    "lines in Rackbeat."
)


@pytest.mark.parametrize(
    ("currency", "rows", "readable", "why"),
    [
        ("SEK", ROWS, True, [NO_SEK, NO_15]),
        ("EUR", ROWS, True, [NO_15]),
        ("SEK", ROWS[:1], True, [NO_SEK]),
        ("EUR", ROWS[:1], True, []),
        ("SEK", ROWS, False, []),
    ],
)
def test_a_refused_document_is_parked_with_the_currency_or_rate_that_24so_does_not_have(
    currency: str, rows: list[dict[str, Any]], readable: bool, why: list[str]
) -> None:
    payload = FOR_24SO | {"Currency": {"Symbol": currency}, "InvoiceRows": rows}
    client: Any = RefusingClient(readable=readable)
    for write in (
        lambda: KIND.tfso.create(client, payload),
        lambda: KIND.tfso.update(client, "1017", payload, {"OrderStatus": "Web"}),
    ):
        with pytest.raises(Rejected) as refused:
            write()
        assert refused.value.message == " ".join(["24SevenOffice says no.", *why])


def test_a_line_takes_up_the_ore_where_the_most_expensive_one_cannot() -> None:
    rows = [(25_000, "0.54296", 5), (3, "166.63", 0), (10, "832.11", 10), (5, "186.58", "12.5")]
    lines = tuple(
        sold(price, quantity=quantity, discount=discount, product=place)
        for place, (quantity, price, discount) in enumerate(rows, start=1)
    )
    total = Decimal("27125.59")
    order = Order(number="1", customer="45", lines=lines, total_with_vat=total)
    written = KIND.tfso.parse(KIND.tfso.render(order, Context(DEFAULTS)), Context(DEFAULTS)).lines
    assert total_with_vat_of(written or ()) == total


def test_an_order_of_rackbeat_whose_reference_is_written_over_is_still_made_inactive() -> None:
    existing = {"OrderStatus": "Confirmed", "ReferenceNumber": "PO 99", "ExternalStatus": 1021}
    payload = to_24so(IN_RACKBEAT | {"is_cancelled": True}, existing=existing)
    assert payload["OrderStatus"] == "Inactive"
