"""Orders: pulled from 24SevenOffice, drafts in Rackbeat."""

from __future__ import annotations

import threading
from decimal import Decimal
from typing import Any

import pytest

from shared.operations import Operations
from shared.tables import Change
from tests.harness.mission import drafts_of, rackbeat_goods
from tests.harness.people import tfso_customer, tfso_order, tfso_product
from tests.harness.world import SLUG, Json, World


def sold(product: Json, quantity: object = 1, **fields: Any) -> Json:
    return {"ProductId": product["Id"], "Quantity": quantity, **fields}


def transfer(the_world: World) -> None:
    the_world.pull("order")
    the_world.work()
    the_world.settle()


def drafts(the_world: World) -> list[Json]:
    found: list[Json] = the_world.rackbeat.state()["orders"]
    return found


def draft_of(the_world: World, order: Json) -> Json:
    (draft,) = drafts_of(the_world, order)
    return draft


def change_of(the_world: World, order: Json) -> Change:
    return the_world.change(kind="order", key=str(order["OrderId"]), direction="24so_to_rackbeat")


# -- what arrives -------------------------------------------------------------------------------


def test_an_order_becomes_a_draft_with_the_same_lines_and_totals(the_world: World) -> None:
    the_world.connect()
    ski = tfso_product(the_world)
    coffee = tfso_product(the_world, No="KAFFE", Name="Kaffe", EAN1="", TaxRate="15", Price="89.9")
    customer = tfso_customer(the_world)
    order = tfso_order(
        the_world,
        customer["Id"],
        sold(ski, 2, DiscountRate="10", Name="Fjellski, lakkert"),
        {"Type": "Text", "Name": "Ring før levering"},
        sold(coffee, "1.5", Price="80.00"),
        InvoiceTitle="Skitur",
        InvoiceText="Leveres på Geilo",
        YourReference="Kari Vidda",
        DateOrdered="2026-03-02T00:00:00",
        DeliveryDate="2026-03-09T00:00:00",
    )
    transfer(the_world)
    draft = draft_of(the_world, order)
    assert not draft["is_booked"]
    assert str(draft["customer"]["number"]) == str(customer["Id"])
    assert (draft["order_date"], draft["deliver_at"]) == ("2026-03-02", "2026-03-09")
    assert draft["heading"] == "Skitur"
    for text in ("Leveres på Geilo", "Kari Vidda", "Ring før levering"):
        assert text in draft["note"]
    lines = [
        (
            line["child_id"], line["name"], Decimal(str(line["quantity"])),
            Decimal(str(line["line_price"])), Decimal(str(line["discount_percentage"])),
            Decimal(str(line["vat_percentage"])),
        )
        for line in draft["lines"]
    ]  # fmt: skip
    assert lines == [
        ("SKI-205", "Fjellski, lakkert", 2, Decimal("3499.9"), 10, 25),
        ("KAFFE", "Kaffe", Decimal("1.5"), 80, 0, 15),
    ]
    there = the_world.in_tfso("orders", order["OrderId"])
    with_vat, vat = Decimal(there["OrderTotalIncVat"]), Decimal(there["OrderTotalVat"])
    assert Decimal(str(draft["total_subtotal"])) == with_vat - vat == Decimal("6419.82")
    assert Decimal(str(draft["total_total"])) == with_vat


def test_an_order_keeps_the_addresses_of_its_invoice_and_its_delivery(the_world: World) -> None:
    the_world.connect()
    customer = tfso_customer(the_world)
    there = {
        "Invoice": {"Name": "Vidda Regnskap", "Street": "Postboks 7", "PostalCode": "3581",
                    "PostalArea": "Geilo", "Country": "Norge"},
        "Delivery": {"Name": "Vidda Lager", "Street": "Lagervegen 4", "PostalCode": "111 29",
                     "PostalArea": "Stockholm", "Country": "SE"},
    }  # fmt: skip
    order = tfso_order(the_world, customer["Id"], sold(tfso_product(the_world)), Addresses=there)
    transfer(the_world)
    draft = draft_of(the_world, order)
    parts = ("name", "street", "zipcode", "city", "country")
    shown = (draft["billing_address"], draft["delivery_address"])
    assert [[address[part] for part in parts] for address in shown] == [
        ["Vidda Regnskap", "Postboks 7", "3581", "Geilo", "NO"],
        ["Vidda Lager", "Lagervegen 4", "111 29", "Stockholm", "SE"],
    ]


def test_prices_that_contain_vat_arrive_without_it(the_world: World) -> None:
    the_world.connect()
    customer = tfso_customer(the_world)
    ski = tfso_product(the_world, Price="1250")
    order = tfso_order(the_world, customer["Id"], sold(ski, 3), IncludeVAT=True)
    transfer(the_world)
    draft = draft_of(the_world, order)
    assert Decimal(str(draft["lines"][0]["line_price"])) == 1000
    assert Decimal(str(draft["total_total"])) == 3750


def test_an_order_in_foreign_money_keeps_its_currency_and_rate(the_world: World) -> None:
    the_world.connect()
    customer = tfso_customer(the_world)
    currency = {"Symbol": "SEK", "Rate": "101.4", "Unit": 100}
    order = tfso_order(the_world, customer["Id"], sold(tfso_product(the_world)), Currency=currency)
    transfer(the_world)
    draft = draft_of(the_world, order)
    assert draft["currency"] == "SEK"
    assert Decimal(str(draft["currency_rate"])) == Decimal("1.014")


def test_an_order_brings_its_unknown_customer_and_product_along_first(the_world: World) -> None:
    the_world.connect(customer={"origin": "rackbeat"}, product={"origin": "rackbeat"})
    customer, ski = tfso_customer(the_world), tfso_product(the_world)
    order = tfso_order(the_world, customer["Id"], sold(ski))
    the_world.pull("order")
    the_world.work()
    assert str(draft_of(the_world, order)["customer"]["number"]) == str(customer["Id"])
    assert the_world.in_rackbeat("products", "SKI-205")["name"] == "Fjellski 205 cm"
    causes = {
        kind: the_world.change(kind=kind, direction="24so_to_rackbeat").cause
        for kind in ("customer", "product", "product_group", "order")
    }
    assert causes == {
        "customer": "dependency", "product": "dependency",
        "product_group": "dependency", "order": "poll",
    }  # fmt: skip


def test_an_order_waits_for_a_product_that_is_parked_and_follows_it(the_world: World) -> None:
    the_world.connect()
    customer = tfso_customer(the_world)
    ski = tfso_product(the_world, No="F" * 26)
    order = tfso_order(the_world, customer["Id"], sold(ski))
    transfer(the_world)
    change = change_of(the_world, order)
    assert (change.state, change.failure_class) == ("parked", "dependency")
    assert "25" in str(change.message)
    the_world.tfso.edit("products", ski["Id"], {"No": "KORT"})
    the_world.pull("product")
    the_world.work()
    the_world.settle()
    assert draft_of(the_world, order)["lines"][0]["child_id"] == "KORT"
    assert change_of(the_world, order).state == "done"


# -- what changes -------------------------------------------------------------------------------


def test_a_changed_order_updates_its_draft(the_world: World) -> None:
    the_world.connect()
    customer, ski = tfso_customer(the_world), tfso_product(the_world)
    pole = tfso_product(the_world, No="STAV", Name="Stav", EAN1="", Price="400")
    order = tfso_order(the_world, customer["Id"], sold(ski, 1), sold(ski, 5))
    transfer(the_world)
    number = draft_of(the_world, order)["number"]
    first, second = (row["RowId"] for row in order["InvoiceRows"])
    rows = [
        {"RowId": first, "ChangeState": "Edit", "Quantity": 3},
        {"RowId": second, "ChangeState": "Delete"},
        {"ChangeState": "Add", **sold(pole, 2)},
    ]
    the_world.tfso.edit("orders", order["OrderId"], {"InvoiceTitle": "Ny", "InvoiceRows": rows})
    transfer(the_world)
    draft = draft_of(the_world, order)
    assert draft["number"] == number
    assert draft["heading"] == "Ny"
    assert [(x["child_id"], float(x["quantity"])) for x in draft["lines"]] == [
        ("SKI-205", 3),
        ("STAV", 2),
    ]
    assert Decimal(str(draft["total_subtotal"])) == Decimal("11299.70")


def test_a_line_taken_off_an_order_has_no_effect_in_its_draft(the_world: World) -> None:
    the_world.connect()
    customer, ski = tfso_customer(the_world), tfso_product(the_world)
    order = tfso_order(the_world, customer["Id"], sold(ski, 1), sold(ski, 5))
    transfer(the_world)
    rows = [{"RowId": order["InvoiceRows"][1]["RowId"], "ChangeState": "Delete"}]
    the_world.tfso.edit("orders", order["OrderId"], {"InvoiceRows": rows})
    transfer(the_world)
    assert Decimal(str(draft_of(the_world, order)["total_subtotal"])) == Decimal("3499.90")


def test_two_pulls_in_a_row_record_nothing_new(the_world: World) -> None:
    the_world.connect()
    order = tfso_order(the_world, tfso_customer(the_world)["Id"], sold(tfso_product(the_world)))
    assert the_world.pull("order") == 1
    the_world.work()
    the_world.settle()
    the_world.reset_calls()
    assert the_world.pull("order") == 0
    assert change_of(the_world, order).outcome == "created"
    assert the_world.tfso.calls()["by_operation"]["GetInvoices"] == 1  # found again, recognised


def test_two_pulls_before_the_workers_come_make_one_draft(the_world: World) -> None:
    the_world.connect()
    order = tfso_order(the_world, tfso_customer(the_world)["Id"], sold(tfso_product(the_world)))
    assert [the_world.pull("order"), the_world.pull("order")] == [1, 1]
    the_world.work()
    the_world.settle()
    assert len(drafts(the_world)) == 1
    assert change_of(the_world, order).outcome == "created"


def test_an_order_found_while_its_pull_was_rounded_to_the_minute_is_not_missed(
    the_world: World,
) -> None:
    the_world.connect()
    customer, ski = tfso_customer(the_world), tfso_product(the_world)
    tfso_order(the_world, customer["Id"], sold(ski))
    transfer(the_world)
    # Of this order the time of change is that of the first one, or earlier.
    later = tfso_order(the_world, customer["Id"], sold(ski, 2))
    assert the_world.pull("order") == 1
    the_world.work()
    assert draft_of(the_world, later)["lines"][0]["quantity"] == 2


def test_an_expired_session_in_the_middle_of_a_pull_is_renewed_unnoticed(
    the_world: World,
) -> None:
    the_world.connect()
    order = tfso_order(the_world, tfso_customer(the_world)["Id"], sold(tfso_product(the_world)))
    the_world.work()
    the_world.reset_calls()
    the_world.tfso.edit("orders", order["OrderId"], {"InvoiceTitle": "Ny"})
    the_world.tfso.fault(operation="GetInvoices", effect="slow", delay=0.4)
    expiry = threading.Timer(0.2, the_world.tfso.post, ["/sessions/expire"])
    expiry.start()
    assert the_world.pull("order") == 1
    expiry.join()
    calls = the_world.tfso.calls()["by_operation"]
    assert (calls["GetOrderSyncList"], calls["GetInvoices"], calls["Login"]) == (1, 2, 1)
    the_world.settle()
    assert draft_of(the_world, order)["heading"] == "Ny"


# -- what does not arrive -----------------------------------------------------------------------


def test_an_order_in_another_status_is_taken_when_its_status_becomes_one_of_ours(
    the_world: World,
) -> None:
    the_world.connect()
    customer, ski = tfso_customer(the_world), tfso_product(the_world)
    order = tfso_order(the_world, customer["Id"], sold(ski), OrderStatus="Offer")
    assert the_world.pull("order") == 0
    the_world.tfso.edit("orders", order["OrderId"], {"OrderStatus": "Confirmed"})
    transfer(the_world)
    assert len(draft_of(the_world, order)["lines"]) == 1


def test_the_statuses_to_take_can_be_chosen(the_world: World) -> None:
    the_world.connect(order={"pull_statuses": ["Offer"]})
    customer, ski = tfso_customer(the_world), tfso_product(the_world)
    offer = tfso_order(the_world, customer["Id"], sold(ski), OrderStatus="Offer")
    tfso_order(the_world, customer["Id"], sold(ski), OrderStatus="Confirmed")
    transfer(the_world)
    assert [draft["number"] for draft in drafts(the_world)] == [
        draft_of(the_world, offer)["number"]
    ]


def test_a_change_of_an_order_that_is_booked_in_rackbeat_is_parked(the_world: World) -> None:
    the_world.connect()
    customer, ski = tfso_customer(the_world), tfso_product(the_world)
    order = tfso_order(the_world, customer["Id"], sold(ski))
    transfer(the_world)
    draft = draft_of(the_world, order)
    the_world.rackbeat.edit("orders", draft["number"], {"is_booked": True})
    the_world.settle()
    row = order["InvoiceRows"][0]["RowId"]
    rows = [{"RowId": row, "ChangeState": "Edit", "Quantity": 9}]
    the_world.tfso.edit("orders", order["OrderId"], {"InvoiceRows": rows})
    transfer(the_world)
    (change,) = [c for c in the_world.changes(kind="order") if c.state == "parked"]
    assert change.failure_class == "unmappable"
    assert "booked" in str(change.message)
    assert str(draft["number"]) in str(change.message)
    assert draft_of(the_world, order)["lines"][0]["quantity"] == 1


def freight(the_world: World, **settings: Any) -> Json:
    """An order with a line that costs something and names no product."""
    the_world.connect(order=settings)
    customer, ski = tfso_customer(the_world), tfso_product(the_world)
    return tfso_order(
        the_world, customer["Id"], sold(ski), {"Name": "Frakt", "Price": "99", "VatRate": "25"}
    )


def test_a_priced_line_without_a_product_is_parked_naming_the_setting(the_world: World) -> None:
    order = freight(the_world)
    transfer(the_world)
    change = change_of(the_world, order)
    assert (change.state, change.failure_class) == ("parked", "unmappable")
    assert "'Frakt'" in str(change.message)
    assert "order.item_for_text" in str(change.message)
    assert drafts(the_world) == []


def test_a_priced_line_without_a_product_is_carried_by_the_product_that_is_set(
    the_world: World,
) -> None:
    carrier = tfso_product(the_world, No="FRAKT", Name="Frakt og gebyr", EAN1="")
    order = freight(the_world, item_for_text=carrier["No"])
    the_world.pull("product")
    the_world.work()
    transfer(the_world)
    draft = draft_of(the_world, order)
    assert [(x["child_id"], x["name"]) for x in draft["lines"]] == [
        ("SKI-205", "Fjellski 205 cm"),
        ("FRAKT", "Frakt"),
    ]
    assert Decimal(str(draft["total_subtotal"])) == Decimal("3598.90")


def test_an_order_is_parked_naming_the_setting_where_its_product_is_missing(
    the_world: World,
) -> None:
    order = freight(the_world, item_for_text="FRAKT")
    transfer(the_world)
    change = change_of(the_world, order)
    assert (change.state, change.failure_class) == ("parked", "unmappable")
    assert "Rackbeat has no product FRAKT, which the setting order.item_for_text" in str(
        change.message
    )
    assert drafts(the_world) == []
    rackbeat_goods(the_world, "FRAKT")
    Operations(the_world.engine, actor="test").retry_parked(SLUG, change.id)
    the_world.settle()
    assert [line["child_id"] for line in draft_of(the_world, order)["lines"]] == [
        "SKI-205",
        "FRAKT",
    ]


def test_an_order_that_rounding_would_change_keeps_its_total(the_world: World) -> None:
    the_world.connect()
    customer, ski = tfso_customer(the_world), tfso_product(the_world)
    order = tfso_order(
        the_world, customer["Id"], *(sold(ski, 1, Price="0.335", VatRate=0) for _ in range(3))
    )
    transfer(the_world)
    change = change_of(the_world, order)
    assert (change.state, change.outcome) == ("done", "created")
    (draft,) = drafts(the_world)
    assert Decimal(str(draft["total_subtotal"])) == Decimal("1.01")  # not 3 times 0.34
    assert any("0.335" in note for note in change.notes)


def test_vat_of_two_rates_that_rounding_would_change_comes_to_the_same(the_world: World) -> None:
    the_world.connect()
    customer, ski = tfso_customer(the_world), tfso_product(the_world)
    rows = (sold(ski, 1, Price="0.10", VatRate=rate) for rate in (25, 15))  # 0.025 and 0.015 VAT
    order = tfso_order(the_world, customer["Id"], *rows)
    transfer(the_world)
    assert change_of(the_world, order).state == "done"
    assert Decimal(str(draft_of(the_world, order)["total_total"])) == Decimal("0.24")


# Without VAT 100.02, with it 125.02: Rackbeat's VAT of 100.02 is 25.01, that of 100.01 is 25.00.
BETWEEN_TWO_ORE: Json = {"Price": "117.66588", "DiscountRate": 15, "VatRate": 25}


def test_an_order_whose_total_with_vat_would_differ_by_an_ore_is_parked_not_sent(
    the_world: World,
) -> None:
    the_world.connect()
    customer, ski = tfso_customer(the_world), tfso_product(the_world)
    order = tfso_order(the_world, customer["Id"], sold(ski, 1, **BETWEEN_TWO_ORE))
    transfer(the_world)
    change = change_of(the_world, order)
    assert change.state == "parked"
    assert "order.item_for_text" in str(change.message)


def test_a_line_takes_up_the_ore_that_no_price_can(the_world: World) -> None:
    carrier = tfso_product(the_world, No="DIV", Name="Diverse", EAN1="")
    the_world.connect(order={"item_for_text": carrier["No"]})
    customer, ski = tfso_customer(the_world), tfso_product(the_world)
    order = tfso_order(the_world, customer["Id"], sold(ski, 1, **BETWEEN_TWO_ORE))
    the_world.pull("product")
    the_world.work()
    transfer(the_world)
    draft = draft_of(the_world, order)
    assert [(x["child_id"], x["name"]) for x in draft["lines"]] == [
        ("SKI-205", "Fjellski 205 cm"),
        ("DIV", "Øreavrunding"),
    ]
    assert [Decimal(str(draft[name])) for name in ("total_subtotal", "total_total")] == [
        Decimal("100.02"),
        Decimal("125.02"),
    ]


@pytest.mark.parametrize("origin", ["off", "rackbeat"])
def test_orders_are_not_pulled_where_24so_is_not_their_origin(
    the_world: World, origin: str
) -> None:
    the_world.connect(order={"origin": origin})
    tfso_order(the_world, tfso_customer(the_world)["Id"], sold(tfso_product(the_world)))
    the_world.work()
    the_world.settle()
    assert the_world.changes(kind="order") == []
    assert drafts(the_world) == []
