"""Every request sent to Rackbeat uses addresses, parameters and fields the reference knows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from sandbox.servers import Postgres, Valkey
from tests.harness.journeys import Recording, recorded
from tests.harness.rackbeat_contract import READS, WRITES, address, complaints

DAYS = {"order_date", "deliver_at", "invoice_date", "due_date"}
DECIMALS = {
    "sales_price", "recommended_cost_price", "quantity", "line_price", "discount_percentage",
    "vat_percentage", "currency_rate", "general_discount",
}  # fmt: skip


@pytest.fixture(scope="module")
def recording(postgres: Postgres, broker: Valkey) -> Recording:
    return recorded(postgres, broker)


def written(recording: Recording) -> Iterator[tuple[tuple[str, str], dict[str, Any]]]:
    for sent in recording.to_rackbeat:
        if sent.method in ("POST", "PUT") and sent.body:
            yield address(sent), sent.json()


def test_every_address_is_known_and_each_is_reached_on_the_way(recording: Recording) -> None:
    reached = {address(sent) for sent in recording.to_rackbeat}
    assert {path for method, path in reached if method == "GET"} == READS
    assert {each for each in reached if each[0] != "GET"} == set(WRITES)


def test_only_known_fields_and_parameters_are_used(recording: Recording) -> None:
    assert [each for sent in recording.to_rackbeat for each in complaints(sent)] == []


def test_rackbeat_knew_every_field_it_was_sent(recording: Recording) -> None:
    assert recording.unknown_fields == []


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
