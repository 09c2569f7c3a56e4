"""Orders: from Rackbeat to 24SevenOffice when booked, and what only the other way needs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from shared.operations import Operations
from shared.tables import Link
from shared.words import Direction
from tests.harness.mission import (
    OFF,
    arrived,
    at_rackbeat,
    book,
    configure,
    invoice_all,
    later,
    of,
    rackbeat_goods,
    rackbeat_invoice,
    rackbeat_order,
    reconcile,
    refresh,
    row,
    tfso_goods,
    the_only_draft,
    the_only_order,
)
from tests.harness.people import rackbeat_customer, tfso_customer, tfso_order
from tests.harness.world import GENEROUS_RACKBEAT, SLUG, Json, World, world

FROM_RACKBEAT = {"origin": "rackbeat"}


def rows_of(order: Json) -> list[tuple[Decimal, Decimal, Decimal]]:
    """Quantity, price and discount of each row."""
    rows = sorted(order["InvoiceRows"], key=lambda row: int(row["SequenceNumber"]))
    names = ("Quantity", "Price", "DiscountRate")
    return [tuple(Decimal(row[name]) for name in names) for row in rows]  # type: ignore[misc]


# -- from Rackbeat to 24SevenOffice -------------------------------------------------------------


def test_a_booked_order_is_made_in_24so_with_its_customer_products_and_lines(
    the_world: World,
) -> None:
    the_world.connect(order=FROM_RACKBEAT)
    rackbeat_goods(the_world, "TELT-2", "TELT-4")
    customer = rackbeat_customer(the_world, webhooks=False)
    made = rackbeat_order(
        the_world,
        of("TELT-2", 2, "1500.50", discount_percentage=10),
        of("TELT-4", "1.5", 80, vat_percentage=15, name="Telt, brukt"),
        customer_id=customer["number"],
        heading="Sommertelt",
        note="Leveres på Geilo",
        deliver_at="2026-06-01",
        delivery_address_street="Fjellvegen 3",
        delivery_address_city="Geilo",
        delivery_address_zipcode="3580",
        delivery_address_country="NO",
    )
    the_world.settle()
    assert the_world.states() == []
    order = the_only_order(the_world)
    assert rows_of(order) == [
        (Decimal(2), Decimal("1500.5"), Decimal(10)),
        (Decimal("1.5"), Decimal(80), Decimal(0)),
    ]
    assert [Decimal(each["VatRate"]) for each in order["InvoiceRows"]] == [25, 15]
    assert order["InvoiceRows"][1]["Name"] == "Telt, brukt"
    assert Decimal(order["OrderTotalIncVat"]) == Decimal(
        str(the_world.in_rackbeat("orders", made["number"])["total_total"])
    )
    assert order["OrderStatus"] == "Confirmed"
    assert (order["InvoiceTitle"], order["InvoiceText"]) == ("Sommertelt", "Leveres på Geilo")
    assert order["DeliveryDate"].startswith("2026-06-01")
    assert order["Addresses"]["Delivery"]["Street"] == "Fjellvegen 3"
    assert order["Addresses"]["Invoice"]["Street"] == "Elvevegen 2"
    assert the_world.in_tfso("companies", order["CustomerId"])["Name"] == "Dalen Sport AS"
    assert order["ReferenceNumber"] == f"Rackbeat {made['number']}"
    assert the_world.writes()["SaveInvoices"] == 1


def test_the_reference_of_the_customer_and_its_change_reach_24so(
    the_world: World,
) -> None:
    the_world.connect(order=FROM_RACKBEAT)
    rackbeat_goods(the_world, "TELT-2")
    made = rackbeat_order(the_world, of("TELT-2"), their_reference="Kari Dalen", note="Ring")
    the_world.settle()
    order = the_only_order(the_world)
    assert (order["YourReference"], order["InvoiceText"]) == ("Kari Dalen", "Ring")
    the_world.rackbeat.edit("orders", made["number"], {"their_reference": "Ola Dalen"})
    the_world.settle()
    assert the_only_order(the_world)["YourReference"] == "Ola Dalen"
    reconcile(the_world)
    later(the_world)
    assert the_world.states() == []
    assert the_world.writes()["SaveInvoices"] == 2


def test_a_reference_number_given_in_rackbeat_reaches_the_order_and_its_invoice(
    the_world: World,
) -> None:
    the_world.connect(order=FROM_RACKBEAT)
    rackbeat_goods(the_world, "TELT-2")
    number = rackbeat_order(the_world, of("TELT-2"), note="Ring")["number"]
    the_world.settle()
    for reference in ("PO 8", "PO 9"):
        note = f"Ring\nReferansenummer: {reference}"
        the_world.rackbeat.edit("orders", number, {"note": note})
        the_world.settle()
        assert the_only_order(the_world)["ReferenceNumber"] == f"Rackbeat {number} ({reference})"
    invoice = invoice_all(the_world, number)
    the_world.settle()
    there = the_only_order(the_world)
    assert there["ReferenceNumber"] == f"Rackbeat faktura {invoice}, ordre {number} (PO 9)"
    assert the_world.states() == []


def test_what_people_write_for_reference_reaches_the_other_system_once(the_world: World) -> None:
    the_world.connect(order=FROM_RACKBEAT)
    rackbeat_goods(the_world, "TELT-2")
    number = rackbeat_order(the_world, of("TELT-2"), other_reference="PO 4711")["number"]
    the_world.settle()
    assert the_only_order(the_world)["ReferenceNumber"] == f"Rackbeat {number} (PO 4711)"
    the_world.rackbeat.edit("orders", number, {"other_reference": "PO 4712"})
    the_world.settle()
    there = the_only_order(the_world)
    assert there["ReferenceNumber"] == f"Rackbeat {number} (PO 4712)"
    the_world.tfso.edit("orders", there["OrderId"], {"CustomerReferenceNo": "K 9"})
    reconcile(the_world)
    later(the_world)
    assert (the_world.writes()["SaveInvoices"], the_world.states()) == (2, [])


def test_a_customers_number_reaches_the_draft_and_its_invoice_without_going_round(
    the_world: World,
) -> None:
    the_world.connect()
    order = pulled(the_world, CustomerReferenceNo="PO 8")
    draft = the_only_draft(the_world)
    assert draft["note"] == "Referansenummer: PO 8"
    book(the_world, draft["number"])
    invoice = invoice_all(the_world, draft["number"])
    the_world.settle()
    there = refresh(the_world, order)
    assert there["ReferenceNumber"] == f"Rackbeat faktura {invoice} (PO 8)"
    the_world.reset_calls()
    reconcile(the_world)
    later(the_world)
    assert (the_world.writes(), the_world.states()) == ({}, [])


def said(order: Json) -> list[tuple[str, str]]:
    """Type and name of each row."""
    rows = sorted(order["InvoiceRows"], key=lambda row: int(row["SequenceNumber"]))
    return [(row["Type"], row["Name"]) for row in rows]


def test_texts_among_the_lines_reach_24so_and_what_becomes_of_them_there(the_world: World) -> None:
    the_world.connect(order={"origin": "rackbeat", "item_for_text": "TEKST"})
    rackbeat_goods(the_world, "TELT-2", "TEKST")
    made = rackbeat_order(
        the_world,
        of("TEKST", 0, 0, name="Til hytta:"),
        of("TELT-2", 2, name="Telt"),
        of("TEKST", 0, 0, name="Ring først"),
        of("TELT-2", 0, name="Utsolgt"),
    )
    the_world.settle()
    order = the_only_order(the_world)
    assert said(order) == [("Text", "Til hytta:"), ("Normal", "Telt"), ("Text", "Ring først")]
    shown = the_world.in_rackbeat("orders", made["number"])
    assert Decimal(order["OrderTotalIncVat"]) == Decimal(str(shown["total_total"]))
    assert "'Utsolgt' has no quantity" in str(the_world.change(kind="order").notes)
    assert [link.rackbeat_key for link in the_world.links("product")] == ["TELT-2"]

    the_world.rackbeat.edit("orders", made["number"], {"is_booked": False})
    lines = [of("TELT-2", 2, name="Telt"), of("TEKST", 0, 0, name="Ring"), of("TELT-2", 1)]
    the_world.rackbeat.edit("orders", made["number"], {"lines": lines, "is_booked": True})
    the_world.settle()
    names = ["Telt", "Ring", shown["lines"][1]["item"]["name"]]
    assert said(the_only_order(the_world)) == list(
        zip(("Normal", "Text", "Normal"), names, strict=True)
    )
    reconcile(the_world)
    later(the_world)
    assert the_world.states() == []
    assert the_world.writes()["SaveInvoices"] == 2


@pytest.mark.parametrize("flat", [False, True])
def test_addresses_reach_24so_however_rackbeat_shows_them(
    database_url: str, broker_url: str, monkeypatch: pytest.MonkeyPatch, flat: bool
) -> None:
    shape = replace(GENEROUS_RACKBEAT, flat_addresses=flat)
    with world(database_url, broker_url, monkeypatch, rackbeat_config=shape) as the_world:
        the_world.connect(order=FROM_RACKBEAT)
        rackbeat_goods(the_world, "TELT-2")
        made = rackbeat_order(
            the_world, of("TELT-2"), address_name="Dalen", address_street="Elva 2",
            address_city="Os", address_zipcode="2550", address_country="Norge",
            delivery_address_street="Fjellvegen 3", delivery_address_city="Geilo",
        )  # fmt: skip
        the_world.settle()
        order = the_only_order(the_world)
        assert order["Addresses"]["Invoice"] == {
            "Name": "Dalen", "Street": "Elva 2", "PostalCode": "2550", "PostalArea": "Os",
            "Country": "NO",
        }  # fmt: skip
        assert order["Addresses"]["Delivery"]["Street"] == "Fjellvegen 3"

        the_world.rackbeat.edit("orders", made["number"], {"delivery_address_street": "Lia 4"})
        the_world.settle()
        assert the_only_order(the_world)["Addresses"]["Delivery"]["Street"] == "Lia 4"

        assert the_world.states() == []
        assert the_world.writes()["SaveInvoices"] == 2


def test_a_draft_is_not_sent_until_it_is_booked(the_world: World) -> None:
    the_world.connect(order=FROM_RACKBEAT)
    rackbeat_goods(the_world, "TELT-2")
    draft = rackbeat_order(the_world, of("TELT-2"), booked=False)
    the_world.settle()
    assert the_world.change(kind="order").outcome == "skipped"
    assert the_world.all_in_tfso("orders") == []
    book(the_world, draft["number"])
    the_world.settle()
    assert rows_of(the_only_order(the_world)) == [(Decimal(1), Decimal(1000), Decimal(0))]


def test_an_order_that_is_updated_in_rackbeat_changes_the_same_order_in_24so(
    the_world: World,
) -> None:
    the_world.connect(order=FROM_RACKBEAT)
    rackbeat_goods(the_world, "TELT-2", "TELT-4")
    made = rackbeat_order(the_world, of("TELT-2", 1), of("TELT-4", 2, 50))
    the_world.settle()
    the_world.rackbeat.edit("orders", made["number"], {"is_booked": False})
    the_world.rackbeat.edit(
        "orders",
        made["number"],
        {"lines": [of("TELT-2", 3, 900)], "is_booked": True, "heading": "Endret"},
    )
    the_world.settle()
    order = the_only_order(the_world)
    assert rows_of(order) == [(Decimal(3), Decimal(900), Decimal(0))]
    assert order["InvoiceTitle"] == "Endret"
    before = the_world.writes()
    the_world.rackbeat.edit("orders", made["number"], {"is_archived": True})
    the_world.settle()
    assert the_world.writes() == before


@pytest.mark.parametrize("how", ["cancelled", "deleted"])
def test_an_order_cancelled_or_deleted_in_rackbeat_is_inactive_in_24so(
    the_world: World, how: str
) -> None:
    the_world.connect(order=FROM_RACKBEAT)
    rackbeat_goods(the_world, "TELT-2")
    made = rackbeat_order(the_world, of("TELT-2"))
    the_world.settle()
    if how == "cancelled":
        the_world.rackbeat.edit("orders", made["number"], {"is_cancelled": True})
    else:
        the_world.rackbeat.remove("orders", made["number"])
    the_world.settle()
    assert the_only_order(the_world)["OrderStatus"] == "Inactive"
    assert the_world.states() == []


def test_an_order_cancelled_before_it_was_transferred_leaves_nothing_behind(
    the_world: World,
) -> None:
    the_world.connect(order=FROM_RACKBEAT)
    reconcile(the_world)
    rackbeat_goods(the_world, "TELT-2")
    made = rackbeat_order(the_world, of("TELT-2"))
    the_world.rackbeat.edit("orders", made["number"], {"is_cancelled": True})
    the_world.settle()
    change = the_world.change(kind="order")
    assert (change.outcome, change.message) == (
        "skipped",
        "It was cancelled before it was transferred.",
    )
    assert the_world.writes() == {}
    assert "new_in_rackbeat" not in reconcile(the_world)["order"]
    the_world.rackbeat.edit("orders", made["number"], {"is_cancelled": False})
    the_world.settle()
    assert the_only_order(the_world)["OrderStatus"] == "Confirmed"


@pytest.mark.parametrize(("status", "again"), [("Pack", "Pack"), ("Web", "Confirmed")])
def test_an_order_cancelled_by_mistake_comes_back_in_its_status(
    the_world: World, status: str, again: str
) -> None:
    the_world.connect(order={"origin": "rackbeat", "status": status})
    rackbeat_goods(the_world, "TELT-2")
    made = rackbeat_order(the_world, of("TELT-2"))
    the_world.settle()
    the_world.rackbeat.edit("orders", made["number"], {"is_cancelled": True})
    the_world.settle()
    the_world.rackbeat.edit("orders", made["number"], {"is_cancelled": False})
    the_world.settle()
    assert the_only_order(the_world)["OrderStatus"] == again
    assert the_world.states() == []


@pytest.mark.parametrize("status", ["Web", "Confirmed", "Offer", "Pack", "Draft"])
def test_an_order_gets_the_status_that_is_set(the_world: World, status: str) -> None:
    the_world.connect(order={"origin": "rackbeat", "status": status})
    rackbeat_goods(the_world, "TELT-2")
    rackbeat_order(the_world, of("TELT-2"))
    the_world.settle()
    assert the_only_order(the_world)["OrderStatus"] == status


def test_an_order_in_foreign_money_keeps_its_currency_and_rate_in_24so(the_world: World) -> None:
    the_world.connect(order=FROM_RACKBEAT)
    rackbeat_goods(the_world, "TELT-2")
    rackbeat_order(the_world, of("TELT-2", 1, "99.90"), currency="EUR", currency_rate="11.62")
    the_world.settle()
    currency = the_only_order(the_world)["Currency"]
    assert currency["Symbol"] == "EUR"
    assert Decimal(currency["Rate"]) / Decimal(currency.get("Unit", 1)) == Decimal("11.62")


def test_a_general_discount_is_taken_off_every_line_and_the_total_is_kept(
    the_world: World,
) -> None:
    the_world.connect(order=FROM_RACKBEAT)
    rackbeat_goods(the_world, "TELT-2", "TELT-4")
    made = rackbeat_order(
        the_world, of("TELT-2", 2), of("TELT-4", 1, 200, discount_percentage=50),
        general_discount=10,
    )  # fmt: skip
    the_world.settle()
    order = the_only_order(the_world)
    assert [discount for _, _, discount in rows_of(order)] == [10, 55]
    assert Decimal(order["OrderTotalIncVat"]) == Decimal(
        str(the_world.in_rackbeat("orders", made["number"])["total_total"])
    )


def test_an_order_keeps_its_own_payment_terms_in_24so(the_world: World) -> None:
    the_world.connect(order=FROM_RACKBEAT)
    rackbeat_goods(the_world, "TELT-2")
    rackbeat_order(the_world, of("TELT-2"), payment_terms_id=5)
    the_world.settle()
    assert the_only_order(the_world)["PaymentTime"] == -9985  # end of month and 15 days


@pytest.mark.parametrize("origin", ["24so", "off"])
def test_a_booked_order_stays_in_rackbeat_where_that_is_not_the_origin(
    the_world: World, origin: str
) -> None:
    the_world.connect(order={"origin": origin})
    rackbeat_goods(the_world, "TELT-2")
    rackbeat_order(the_world, of("TELT-2"))
    the_world.deliveries_done()
    the_world.work()
    assert the_world.changes(kind="order") == []
    assert the_world.all_in_tfso("orders") == []


def test_a_reply_lost_after_an_order_was_saved_does_not_double_it(the_world: World) -> None:
    the_world.connect(order=FROM_RACKBEAT)
    rackbeat_goods(the_world, "TELT-2")
    the_world.tfso.fault(operation="SaveInvoices", effect="drop_after", times=1)
    rackbeat_order(the_world, of("TELT-2"))
    the_world.settle(rounds=60)
    assert len(the_world.all_in_tfso("orders")) == 1
    assert the_world.states() == []


# -- from 24SevenOffice to Rackbeat -------------------------------------------------------------


def pulled(the_world: World, *rows: Any, **fields: Any) -> Json:
    """An order of 24SevenOffice's that has arrived in Rackbeat."""
    customer, product = tfso_goods(the_world)
    order = tfso_order(the_world, customer["Id"], *(rows or (row(product, 2),)), **fields)
    later(the_world)
    return order


@pytest.mark.parametrize(
    ("midnight", "day"),
    [("2026-06-30T22:00:00", "2026-07-01"), ("2026-11-30T23:00:00", "2026-12-01")],
)
def test_an_order_is_of_the_day_it_is_in_norway(the_world: World, midnight: str, day: str) -> None:
    """24SevenOffice answers in UTC, where midnight in Norway is the evening before."""
    the_world.connect()
    pulled(the_world, DateOrdered=midnight, DeliveryDate=midnight)
    draft = the_only_draft(the_world)
    assert (draft["order_date"], draft["deliver_at"]) == (day, day)


def test_orders_arrive_with_the_pull_every_ten_minutes(the_world: World) -> None:
    the_world.connect()
    the_world.work()
    customer, product = tfso_goods(the_world)
    tfso_order(the_world, customer["Id"], row(product))
    later(the_world, minutes=9)
    assert the_world.rackbeat.state()["orders"] == []
    later(the_world, minutes=2)
    assert the_only_draft(the_world)["is_booked"] is False


def test_an_order_of_a_new_customer_abroad_is_without_vat_in_both_systems(
    the_world: World,
) -> None:
    the_world.connect()
    _, product = tfso_goods(the_world)
    swede = tfso_customer(the_world, Name="Umeå Fritid AB", OrganizationNumber="", Country="SE")
    tfso_order(the_world, swede["Id"], row(product, price="99.95", VatRate="0"))
    later(the_world)
    draft = the_only_draft(the_world)
    assert Decimal(str(draft["total_total"])) == Decimal("99.95")
    assert the_world.in_rackbeat("customers", swede["Id"])["vat_zone"] == "eu"
    assert the_world.states() == []


def test_a_customer_that_was_mended_and_is_asked_for_again_lets_its_order_follow(
    the_world: World,
) -> None:
    the_world.connect(customer={"origin": "rackbeat", "number": "external_id"})
    _, product = tfso_goods(the_world)
    customer = tfso_customer(the_world, ExternalId="AB12")  # no number for Rackbeat
    tfso_order(the_world, customer["Id"], row(product))
    later(the_world)
    assert {c.kind for c in the_world.changes(state="parked")} == {"customer", "order"}
    the_world.tfso.edit("companies", customer["Id"], {"ExternalId": "7001"})
    operations = Operations(the_world.engine, actor="test")
    operations.resync(SLUG, "customer", [str(customer["Id"])], Direction.TFSO_TO_RACKBEAT)
    later(the_world)
    assert the_world.in_rackbeat("customers", 7001)
    assert the_only_draft(the_world)
    assert the_world.states() == []


@pytest.mark.parametrize(
    ("field", "label"),
    [("YourReference", "Deres referanse"), ("ReferenceNumber", "Referansenummer")],
)
def test_a_reference_that_changes_in_24so_replaces_the_one_in_the_note(
    the_world: World, field: str, label: str
) -> None:
    the_world.connect()
    order = pulled(the_world, **{field: "Kari Vidda"}, InvoiceText="Ring")
    assert the_only_draft(the_world)["note"] == f"Ring\n{label}: Kari Vidda"
    the_world.tfso.edit("orders", order["OrderId"], {field: "Ola Vidda"})
    later(the_world)
    assert the_only_draft(the_world)["note"] == f"Ring\n{label}: Ola Vidda"
    the_world.reset_calls()
    reconcile(the_world)
    assert (the_world.writes(), the_world.states()) == ({}, [])


@pytest.mark.parametrize("reference", ["Kari Vidda", None])
def test_a_note_written_into_a_draft_stays_where_24so_has_no_text(
    the_world: World, reference: str | None
) -> None:
    the_world.connect()
    order = pulled(the_world, YourReference="Kari Vidda")
    draft = the_only_draft(the_world)
    assert draft["note"] == "Deres referanse: Kari Vidda"
    note = "Deres referanse: Kari Vidda\nRing først"
    the_world.rackbeat.edit("orders", draft["number"], {"note": note})
    edit = {"YourReference": reference, "DeliveryDate": "2026-12-24T00:00:00"}
    the_world.tfso.edit("orders", order["OrderId"], edit)
    later(the_world)
    draft = the_only_draft(the_world)
    assert draft["deliver_at"] == "2026-12-24"
    told = [] if reference is None else [f"Deres referanse: {reference}"]
    assert sorted(draft["note"].splitlines()) == [*told, "Ring først"]
    assert the_world.states() == []


def shown(draft: Json, names: Iterable[str]) -> Json:
    """Fields of a draft; an address as its street."""
    return {n: draft[n]["street"] if n == "delivery_address" else draft[n] for n in names}


TAKEN_OFF: dict[str, tuple[Json, Json, Json]] = {
    "delivery date": (
        {"DeliveryDate": "2026-12-24T00:00:00"}, {"DeliveryDate": None}, {"deliver_at": None},
    ),
    "reference": ({"YourReference": "Kari"}, {"YourReference": None}, {"note": None}),
    "reference number": (
        {"ReferenceNumber": "PO 7", "InvoiceText": "Ring"},
        {"ReferenceNumber": None},
        {"note": "Ring"},
    ),
    "delivery address": (
        {"Addresses": {"Delivery": {"Name": "Hytta", "Street": "Lia 4", "PostalArea": "Geilo"}}},
        {"Addresses": {"Delivery": None}},
        {"delivery_address": None},
    ),
}  # fmt: skip


@pytest.mark.parametrize("lost", [False, True], ids=["answered", "answer lost"])
@pytest.mark.parametrize("what", TAKEN_OFF)
def test_what_is_taken_off_an_order_in_24so_is_taken_off_its_draft(
    the_world: World, what: str, lost: bool
) -> None:
    given, taken_off, left = TAKEN_OFF[what]
    the_world.connect()
    order = pulled(the_world, **given)
    before = shown(the_only_draft(the_world), left)
    assert not before.items() & left.items()
    if lost:
        operation = "PUT /orders/{number}"
        the_world.rackbeat.fault(operation=operation, effect="drop_after", times=1)
    the_world.tfso.edit("orders", order["OrderId"], taken_off)
    later(the_world)
    the_world.settle(rounds=60)
    assert shown(the_only_draft(the_world), left) == left
    the_world.reset_calls()
    reconcile(the_world)
    later(the_world)
    assert (the_world.writes(), the_world.states()) == ({}, [])


def test_what_is_taken_off_an_order_in_rackbeat_stays_in_24so_with_a_remark(
    the_world: World,
) -> None:
    the_world.connect(order=FROM_RACKBEAT)
    rackbeat_goods(the_world, "TELT-2")
    made = rackbeat_order(the_world, of("TELT-2"), deliver_at="2026-06-01", note="Ring")
    the_world.settle()
    the_world.rackbeat.edit("orders", made["number"], {"deliver_at": None})
    the_world.settle()
    notes = str(the_world.changes(kind="order")[-1].notes)
    assert "deliver on: emptied in Rackbeat, not in 24SevenOffice" in notes
    assert "{'deliver_on': '2026-06-01'}" in notes
    assert the_world.states() == []


def test_a_line_that_only_the_draft_has_is_taken_off_with_a_remark(the_world: World) -> None:
    rackbeat_goods(the_world, "FRAKT")
    the_world.connect()
    order = pulled(the_world)
    draft = the_only_draft(the_world)
    freight = of("FRAKT", 1, 149, name="Frakt")
    at_rackbeat(the_world, f"/orders/{draft['number']}/lines", **freight)
    the_world.tfso.edit("orders", order["OrderId"], {"YourReference": "Ola"})
    later(the_world)
    quantities = [Decimal(str(line["quantity"])) for line in the_only_draft(the_world)["lines"]]
    assert quantities == [2, 0]
    taken_off = "Taken off in Rackbeat, as 24SevenOffice does not have it: 1 x 'Frakt' at 149."
    assert taken_off in str(the_world.changes(kind="order")[-1].notes)
    the_world.tfso.edit("orders", order["OrderId"], {"YourReference": "Kari"})
    later(the_world)
    assert "Taken off" not in str(the_world.changes(kind="order")[-1].notes)
    assert the_world.states() == []


def test_a_copy_of_an_invoice_is_parked_until_its_reference_number_is_emptied(
    the_world: World,
) -> None:
    the_world.connect()
    copy = pulled(the_world, ReferenceNumber="Rackbeat faktura 50001")
    message = str(the_world.change(kind="order", state="parked").message)
    assert "that of an invoice in Rackbeat, 'Rackbeat faktura 50001'" in message
    assert "empty its reference number" in message
    assert the_world.rackbeat.state()["orders"] == []
    the_world.tfso.edit("orders", copy["OrderId"], {"ReferenceNumber": None})
    later(the_world)
    assert the_only_draft(the_world)["other_reference"] == f"24SO {copy['OrderId']}"
    assert the_world.states() == []


@pytest.mark.parametrize("status", ["ForInvoicing", "Confirmed"])
def test_what_was_made_of_an_invoice_never_becomes_an_order(the_world: World, status: str) -> None:
    the_world.connect(order={"pull_statuses": ["ForInvoicing", "Confirmed"]})
    rackbeat_goods(the_world, "TELT-2")
    rackbeat_invoice(the_world, of("TELT-2"))
    the_world.settle()
    order = the_only_order(the_world)
    the_world.tfso.edit("orders", order["OrderId"], {"OrderStatus": status, "YourReference": "Ola"})
    reconcile(the_world)
    later(the_world)
    assert the_world.changes(kind="order") == []
    assert the_world.states() == []


def test_a_text_that_is_taken_off_an_order_is_none_in_rackbeat_either(the_world: World) -> None:
    rackbeat_goods(the_world, "TEKST")
    the_world.connect(order={"item_for_text": "TEKST"})
    customer, product = tfso_goods(the_world)
    order = tfso_order(
        the_world, customer["Id"], row(product, 2), {"Type": "Text", "Name": "Ring først"}
    )
    later(the_world)
    gone = {"RowId": order["InvoiceRows"][1]["RowId"], "ChangeState": "Delete"}
    the_world.tfso.edit("orders", order["OrderId"], {"InvoiceRows": [gone]})
    later(the_world)
    assert [line["name"] for line in the_only_draft(the_world)["lines"]][1:] == [
        "Fjernet i 24SevenOffice"
    ]


def test_an_order_is_booked_at_once_where_that_is_set(the_world: World) -> None:
    the_world.connect(order={"book": True})
    pulled(the_world)
    assert the_only_draft(the_world)["is_booked"] is True
    assert the_world.writes()["POST /orders"] == 1


def test_an_order_without_rows_is_a_draft_even_where_orders_are_booked(the_world: World) -> None:
    the_world.connect(order={"book": True})
    customer, product = tfso_goods(the_world)
    order = tfso_order(the_world, customer["Id"])
    later(the_world)
    assert the_only_draft(the_world)["is_booked"] is False
    assert "It has no lines" in str(the_world.changes(kind="order")[-1].notes)
    added = row(product, 2) | {"ChangeState": "Add"}
    the_world.tfso.edit("orders", order["OrderId"], {"InvoiceRows": [added]})
    later(the_world)
    assert len(the_only_draft(the_world)["lines"]) == 1
    assert "stays one: book it there" in str(the_world.changes(kind="order")[-1].notes)
    assert the_world.states() == []


@pytest.mark.parametrize(
    ("time", "days", "kind"), [(45, 45, "net"), (0, 0, "net"), (-5, 45, "current_month")]
)
def test_an_order_keeps_its_own_payment_terms_in_rackbeat(
    the_world: World, time: int, days: int, kind: str
) -> None:
    the_world.connect()
    pulled(the_world, PaymentTime=time)
    terms = the_only_draft(the_world)["payment_terms"]
    assert (terms["maturity_days"], terms["type"]) == (days, kind)
    the_world.reset_calls()
    later(the_world)
    assert the_world.writes() == {}


def test_an_order_transferred_before_terms_were_carried_over_is_left_as_it_is(
    the_world: World,
) -> None:
    the_world.connect()
    order = pulled(the_world)
    with the_world.sessions.begin() as session:
        for link in session.scalars(select(Link).where(Link.kind == "order")):
            for seen in ("rackbeat_seen", "tfso_seen"):
                known = getattr(link, seen)
                setattr(link, seen, {n: v for n, v in known.items() if n != "payment_terms"})
    book(the_world, the_only_draft(the_world)["number"])
    the_world.tfso.edit("orders", order["OrderId"], {"PaymentTime": 45})
    the_world.reset_calls()
    later(the_world)
    assert the_world.writes() == {}
    assert the_world.states() == []


@pytest.mark.parametrize("how", ["inactive", "removed"])
def test_an_order_that_becomes_inactive_or_disappears_is_cancelled_as_a_draft(
    the_world: World, how: str
) -> None:
    the_world.connect()
    order = pulled(the_world)
    the_world.tfso.edit("orders", order["OrderId"], {"YourReference": "Ola"})
    if how == "inactive":
        the_world.tfso.edit("orders", order["OrderId"], {"OrderStatus": "Inactive"})
        later(the_world)
    else:
        the_world.tfso.remove("orders", order["OrderId"])
        reconcile(the_world)
    draft = the_only_draft(the_world)
    assert draft["heading"] == "Kansellert i 24SevenOffice"
    assert Decimal(str(draft["total_total"])) == 0
    assert the_world.states() == []


@pytest.mark.parametrize("how", ["deleted", "cancelled"])
def test_an_order_made_in_24so_is_given_up_there_alone_whatever_its_origin_is_by_now(
    the_world: World, how: str
) -> None:
    the_world.connect()
    order = pulled(the_world)
    draft = the_only_draft(the_world)["number"]
    configure(the_world, order__origin="rackbeat")
    if how == "deleted":
        the_world.rackbeat.remove("orders", draft)
    else:
        the_world.rackbeat.edit("orders", draft, {"is_cancelled": True})
    the_world.settle()
    the_world.reset_calls()
    reconcile(the_world)
    later(the_world)
    assert refresh(the_world, order)["OrderStatus"] == order["OrderStatus"]
    assert (the_world.writes(), the_world.states()) == ({}, [])
    change = the_world.changes(kind="order")[-1]
    assert "made in 24SevenOffice, and is not made inactive from Rackbeat" in str(change.notes)
    assert "It is to be inactive" not in str(change.notes)
    assert reconcile(the_world)["order"] == {}


@pytest.mark.parametrize(("weeks", "noticed"), [(10, True), (60, False)])
def test_an_order_that_disappears_is_noticed_for_a_year(
    the_world: World, weeks: int, noticed: bool
) -> None:
    """Lists go back a month; longer than that it is asked for, in one call for all."""
    the_world.connect()
    customer, product = tfso_goods(the_world)
    gone, _stays = (tfso_order(the_world, customer["Id"], row(product, 2)) for _ in range(2))
    later(the_world)
    the_world.clock.pass_by(days=7 * weeks)
    the_world.settle()
    the_world.tfso.remove("orders", gone["OrderId"])
    found = reconcile(the_world)["order"]
    assert found.get("gone_in_24so", 0) == int(noticed)
    cancelled = {
        link.tfso_key
        for link in the_world.links("order")
        if the_world.in_rackbeat("orders", link.rackbeat_key)["heading"]
        == "Kansellert i 24SevenOffice"
    }
    assert cancelled == ({str(gone["OrderId"])} if noticed else set())
    assert reconcile(the_world)["order"] == {}
    assert the_world.states() == []


@pytest.mark.parametrize("how", ["inactive", "removed"])
def test_an_order_cancelled_in_24so_and_booked_in_rackbeat_is_parked_until_it_is_cancelled_there(
    the_world: World, how: str
) -> None:
    the_world.connect(order={"book": True})
    order = pulled(the_world)
    if how == "inactive":
        the_world.tfso.edit("orders", order["OrderId"], {"OrderStatus": "Inactive"})
        later(the_world)
    else:
        the_world.tfso.remove("orders", order["OrderId"])
        reconcile(the_world)
    parked = the_world.change(kind="order", state="parked")
    number = the_only_draft(the_world)["number"]
    assert parked.message == (
        f"Order {number} has been cancelled or deleted in 24SevenOffice, but is booked in "
        "Rackbeat. Stop its delivery, and cancel it in Rackbeat."
    )
    assert "made inactive" not in str(parked.notes)
    assert the_only_draft(the_world)["lines"][0]["quantity"] == 2
    the_world.rackbeat.edit("orders", number, {"is_cancelled": True})
    the_world.reset_calls()
    Operations(the_world.engine, actor="test").retry_parked(SLUG, parked.id)
    the_world.settle()
    assert (the_world.writes(), the_world.states()) == ({}, [])


@pytest.mark.parametrize(
    ("edit", "happened"),
    [
        ({"OrderStatus": "Inactive"}, "is inactive or deleted"),
        ({"YourReference": "Ola"}, "has been changed"),
    ],
)
def test_a_change_of_an_order_invoiced_in_rackbeat_is_said_to_concern_the_invoice(
    the_world: World, edit: Json, happened: str
) -> None:
    the_world.connect(invoice=OFF)
    order, number = arrived(the_world)
    invoice_all(the_world, number)
    the_world.settle()
    the_world.tfso.edit("orders", order["OrderId"], edit)
    later(the_world)
    message = str(the_world.change(kind="order", state="parked").message)
    assert f"Order {number} is invoiced in Rackbeat, and {happened} in" in message
    assert "credit it where invoices are made" in message
    assert "Reopen" not in message


def test_a_text_row_and_freight_are_carried_by_the_product_that_is_set(the_world: World) -> None:
    rackbeat_goods(the_world, "FRAKT")
    the_world.connect(order={"item_for_text": "FRAKT"})
    customer, product = tfso_goods(the_world)
    order = tfso_order(
        the_world,
        customer["Id"],
        row(product, 2),
        {"Type": "Text", "Name": "Ring før levering"},
        {"Name": "Frakt", "Quantity": 1, "Price": "149", "VatRate": "25"},
    )
    later(the_world)
    assert the_world.states() == []
    draft = the_only_draft(the_world)
    assert [line["name"] for line in draft["lines"] if Decimal(str(line["quantity"]))] == [
        "Fjellski 205 cm",
        "Frakt",
    ]
    assert "Ring før levering" in [line["name"] for line in draft["lines"]] + [draft["note"]]
    assert Decimal(str(draft["total_total"])) == Decimal(
        refresh(the_world, order)["OrderTotalIncVat"]
    )


def test_an_order_taken_up_again_in_24so_is_not_called_cancelled_any_more(
    the_world: World,
) -> None:
    the_world.connect()
    order = pulled(the_world)
    for status in ("Inactive", "Confirmed"):
        the_world.tfso.edit("orders", order["OrderId"], {"OrderStatus": status})
        later(the_world)
    draft = the_only_draft(the_world)
    assert draft["heading"] in (None, "")
    assert Decimal(str(draft["total_total"])) > 0
    book(the_world, draft["number"])
    invoice_all(the_world, draft["number"])
    the_world.settle()
    assert not refresh(the_world, order).get("InvoiceTitle")
    assert the_world.states() == []
