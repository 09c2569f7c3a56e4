"""Every request sent to Rackbeat uses addresses, parameters and fields the reference knows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import pytest

from sandbox.servers import Postgres, Valkey
from tests.harness.journeys import Recording, Sent, recorded

# What is known of Rackbeat (reference; those of products, orders and their lines as written by
# clients in production): the fields of a record, by where it is written.
PARTY = {
    "number", "company_name", "company_vat", "address_street", "address_street2", "address_city",
    "address_zipcode", "address_country", "contact_email", "contact_phone", "locale", "currency",
    "vat_zone", "payment_terms_id", "is_barred",
}  # fmt: skip
CUSTOMER = PARTY | {"ean", "our_reference", "their_reference", "attention", "customer_group_id"}
SUPPLIER = PARTY | {"supplier_group_id"}
GROUP = {"number", "name", "has_inventory"}
PRODUCT = {
    "number", "name", "group", "sales_price", "recommended_cost_price", "extra_cost", "unit_id",
    "description", "barcode", "min_inventory_quantity", "min_sales_quantity",
    "min_purchase_quantity", "default_location_id", "supplier_product_number", "is_barred",
}  # fmt: skip
LOT = {"number", "name", "add_products_individually", "lines"}
TERMS = {"number", "name", "maturity_days", "type"}
UNIT = {"number", "name"}
LINE = {
    "item_id", "name", "quantity", "line_price", "discount_percentage", "vat_percentage",
    "unit_id", "location_id", "cost_price", "variations",
}  # fmt: skip
ADDRESS = {
    f"{prefix}address_{part}"
    for prefix in ("", "delivery_")
    for part in ("name", "street", "street2", "city", "zipcode", "state", "country")
}
DOCUMENT = ADDRESS | {
    "customer_id", "lines", "payment_terms_id", "layout_id", "employee_id", "our_reference_id",
    "your_reference_id", "other_reference", "vat_zone", "heading", "note", "currency",
    "currency_rate", "general_discount", "custom_fields",
}  # fmt: skip
ORDER = DOCUMENT | {"order_date", "deliver_at"}
INVOICE = DOCUMENT | {"invoice_date", "due_date"}
WEBHOOK = {"event", "url", "is_active"}
NOTHING: set[str] = set()

READS = {
    "/self", "/customers", "/customers/{}", "/suppliers", "/suppliers/{}", "/product-groups",
    "/product-groups/{}", "/products", "/products/{}", "/lots", "/lots/{}", "/units",
    "/payment-terms", "/orders", "/orders/{}", "/customer-invoices", "/customer-invoices/{}",
    "/webhooks", "/locations/{}/get-stock/{}",
}  # fmt: skip
WRITES: Mapping[tuple[str, str], set[str]] = {
    ("POST", "/customers"): CUSTOMER,
    ("PUT", "/customers/{}"): CUSTOMER,
    ("POST", "/suppliers"): SUPPLIER,
    ("PUT", "/suppliers/{}"): SUPPLIER,
    ("POST", "/product-groups"): GROUP,
    ("PUT", "/product-groups/{}"): GROUP,
    ("POST", "/products"): PRODUCT,
    ("PUT", "/products/{}"): PRODUCT,
    ("PUT", "/lots/{}"): LOT,
    ("POST", "/units"): UNIT,
    ("POST", "/payment-terms"): TERMS,
    ("POST", "/orders"): ORDER,
    ("POST", "/orders/drafts"): ORDER,
    ("PUT", "/orders/{}"): ORDER,
    ("POST", "/orders/{}/lines"): LINE,
    ("PUT", "/orders/{}/lines/{}"): LINE,
    ("POST", "/orders/{}/book"): NOTHING,
    ("POST", "/orders/{}/convert-to-invoice"): NOTHING,
    ("POST", "/customer-invoices"): INVOICE,
    ("PUT", "/customer-invoices/{}"): INVOICE,
    ("POST", "/customer-invoices/{}/book"): {"mail"},
    ("POST", "/customer-invoices/{}/create-creditnote"): NOTHING,
    ("POST", "/webhooks"): WEBHOOK,
    ("DELETE", "/webhooks/{}"): NOTHING,
}
PARAMETERS = {
    "limit", "page", "search", "order_by", "order_direction", "order_number", "customer_number",
    "suppress_webhooks", "book",
}  # fmt: skip
DAYS = {"order_date", "deliver_at", "invoice_date", "due_date"}
DECIMALS = {
    "sales_price", "recommended_cost_price", "quantity", "line_price", "discount_percentage",
    "vat_percentage", "currency_rate", "general_discount",
}  # fmt: skip


@pytest.fixture(scope="module")
def recording(postgres: Postgres, broker: Valkey) -> Recording:
    return recorded(postgres, broker)


def address(sent: Sent) -> tuple[str, str]:
    """The method and the known address that this path is one of."""
    path = sent.path.removeprefix("/api")
    known = READS if sent.method == "GET" else {p for m, p in WRITES if m == sent.method}
    # Of two that fit, such as /orders/drafts and /orders/{}, the plainer one is meant.
    for pattern in sorted(known, key=lambda each: each.count("{}")):
        if re.fullmatch(re.escape(pattern).replace(r"\{\}", "[^/]+"), path):
            return sent.method, pattern
    raise AssertionError(f"{sent.method} {path} is in no source")


def written(recording: Recording) -> Iterator[tuple[tuple[str, str], dict[str, Any]]]:
    for sent in recording.to_rackbeat:
        if sent.method in ("POST", "PUT") and sent.body:
            yield address(sent), sent.json()


def test_every_address_is_known_and_each_is_reached_on_the_way(recording: Recording) -> None:
    reached = {address(sent) for sent in recording.to_rackbeat}
    assert {path for method, path in reached if method == "GET"} == READS
    assert {each for each in reached if each[0] != "GET"} == set(WRITES)


def test_only_known_fields_are_written(recording: Recording) -> None:
    for place, body in written(recording):
        assert set(body) <= WRITES[place], place
        for line in body.get("lines", ()):
            assert set(line) <= LINE, place


def test_rackbeat_knew_every_field_it_was_sent(recording: Recording) -> None:
    assert recording.unknown_fields == []


def test_only_known_parameters_are_used(recording: Recording) -> None:
    used = {name for sent in recording.to_rackbeat for name, _ in sent.query}
    assert used <= PARAMETERS


def test_numbers_of_records_are_numbers_and_those_of_items_are_text(recording: Recording) -> None:
    for place, body in written(recording):
        for name in ("customer_id", "payment_terms_id", "unit_id", "group"):
            assert isinstance(body.get(name, 0), int), (place, name)
        for line in body.get("lines", ()):
            assert isinstance(line.get("item_id", ""), str), place
        is_item = place[1] in ("/products", "/lots")
        assert isinstance(body.get("number", "" if is_item else 0), str if is_item else int), place


def test_amounts_have_at_most_six_places_and_a_point(recording: Recording) -> None:
    for place, body in written(recording):
        for record in (body, *body.get("lines", ())):
            for name in DECIMALS & set(record):
                exponent = Decimal(str(record[name])).as_tuple().exponent
                assert isinstance(exponent, int), (place, name)
                assert exponent >= -6, (place, name, record[name])


def test_days_are_written_as_days(recording: Recording) -> None:
    days = [
        (name, body[name]) for _, body in written(recording) for name in sorted(DAYS & set(body))
    ]
    assert {name for name, _ in days} == DAYS
    assert all(re.fullmatch(r"\d{4}-\d{2}-\d{2}", day) for _, day in days), days


def test_every_call_says_who_calls_and_what_it_takes(recording: Recording) -> None:
    for sent in recording.to_rackbeat:
        assert sent.headers["authorization"].startswith("Bearer ")
        assert sent.headers["accept"] == "application/json"
        if sent.body:
            assert sent.headers["content-type"] == "application/json"


def test_rackbeat_mails_no_invoice_of_24sevenoffice(recording: Recording) -> None:
    asked = [sent for sent in recording.to_rackbeat if sent.path.endswith("/book")]
    booked = [sent.json() for sent in asked if "customer-invoices" in sent.path]
    assert booked
    assert all(body == {"mail": False} for body in booked)


def test_supplier_invoices_are_never_asked_for_or_written(recording: Recording) -> None:
    assert [sent for sent in recording.to_rackbeat if "supplier-invoices" in sent.path] == []


def test_nothing_stopped_on_the_way_that_was_not_meant_to(recording: Recording) -> None:
    assert [each for parked in recording.parked.values() for each in parked] == []
