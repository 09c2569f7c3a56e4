"""Stock levels: from Rackbeat to 24SevenOffice, as absolute figures."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.harness.mission import (
    OFF,
    at_rackbeat,
    configure,
    later,
    of,
    rackbeat_goods,
    rackbeat_invoice,
    rackbeat_order,
    reconcile,
    row,
)
from tests.harness.people import linked, rackbeat_group, tfso_customer, tfso_order, tfso_product
from tests.harness.world import World


def sent(the_world: World, number: str = "TELT-2") -> str:
    """A product of Rackbeat's that has arrived in 24SevenOffice; its Id there."""
    rackbeat_goods(the_world, number)
    the_world.rackbeat.edit("products", number, {"description": "Til fjells"})
    the_world.settle()
    (link,) = [each for each in the_world.links("product") if each.rackbeat_key == number]
    the_world.reset_calls()
    return link.tfso_key


def count(the_world: World, number: str, quantity: object) -> None:
    """What a person does who counts."""
    the_world.rackbeat.edit("products", number, {"stock_quantity": quantity})


def count_at(the_world: World, location: int, number: str, quantity: object) -> None:
    """What a person does who counts one location."""
    counted = {"item_id": number, "adjustment_type": "quantity", "quantity": quantity}
    made = at_rackbeat(the_world, "/inventory-adjustments", location=location, **counted)
    at_rackbeat(the_world, f"/inventory-adjustments/{made['inventory_regulation']['id']}/book")


def stock_in_24so(the_world: World, key: str) -> Decimal:
    return Decimal(the_world.in_tfso("products", key)["Stock"])


def test_a_counted_quantity_is_set_in_24so_as_it_is(the_world: World) -> None:
    the_world.connect()
    key = sent(the_world)
    for quantity in ("12", "7.5", "0"):
        count(the_world, "TELT-2", quantity)
        the_world.settle()
        assert stock_in_24so(the_world, key) == Decimal(quantity)
    assert the_world.writes() == {"SetStockQuantity": 3}


def test_many_movements_before_the_workers_come_are_one_write(the_world: World) -> None:
    the_world.connect()
    key = sent(the_world)
    for quantity in range(1, 9):
        count(the_world, "TELT-2", quantity)
    the_world.settle()
    assert stock_in_24so(the_world, key) == 8
    assert the_world.writes() == {"SetStockQuantity": 1}


def test_the_stock_follows_a_product_that_is_new(the_world: World) -> None:
    the_world.connect()
    group = rackbeat_group(the_world, webhooks=False)["number"]
    made = {"number": "STAV-1", "name": "Stav", "group": group, "sales_price": 10}
    the_world.rackbeat.add("products", made, webhooks=False)
    count_silently = {"stock_quantity": 40}
    the_world.rackbeat.edit("products", "STAV-1", count_silently, webhooks=False)
    the_world.rackbeat.edit("products", "STAV-1", {"description": "Av karbon"})
    the_world.settle()
    (link,) = the_world.links("product")
    assert stock_in_24so(the_world, link.tfso_key) == 40


@pytest.mark.parametrize(("setting", "expected"), [("in_stock", 10), ("available", 7)])
def test_which_quantity_counts_is_a_setting(the_world: World, setting: str, expected: int) -> None:
    the_world.connect(stock={"quantity": setting})
    key = sent(the_world)
    rackbeat_order(the_world, of("TELT-2", 3))
    count(the_world, "TELT-2", 10)
    the_world.settle()
    assert stock_in_24so(the_world, key) == expected


def test_a_product_whose_stock_24so_does_not_keep_is_left_alone(the_world: World) -> None:
    the_world.connect()
    link = linked(the_world, "product", tfso_product(the_world, StockControlled=False))
    the_world.reset_calls()
    count(the_world, link.rackbeat_key, 5)
    the_world.settle()
    change = the_world.changes(kind="stock")[-1]
    assert (change.state, change.outcome) == ("done", "skipped")
    assert "StockControlled" in str(change.message)
    assert the_world.writes() == {}


def test_a_product_whose_stock_24so_begins_to_keep_gets_it(the_world: World) -> None:
    the_world.connect()
    made = tfso_product(the_world, StockControlled=False)
    link = linked(the_world, "product", made)
    count(the_world, link.rackbeat_key, 5)
    the_world.settle()
    reconcile(the_world)
    assert stock_in_24so(the_world, link.tfso_key) == 0
    the_world.tfso.edit("products", link.tfso_key, {"StockControlled": True})
    assert reconcile(the_world)["stock"]["changed_in_24so"] == 1
    assert stock_in_24so(the_world, link.tfso_key) == 5
    the_world.tfso.edit("products", link.tfso_key, {"StockControlled": False})
    count(the_world, link.rackbeat_key, 7)
    the_world.settle()
    assert stock_in_24so(the_world, link.tfso_key) == 5
    the_world.tfso.edit("products", link.tfso_key, {"StockControlled": True})
    assert reconcile(the_world)["stock"]["changed_in_24so"] == 1
    assert stock_in_24so(the_world, link.tfso_key) == 7
    assert the_world.states() == []


def test_the_stock_of_a_product_that_is_not_linked_is_passed_over(the_world: World) -> None:
    the_world.connect()
    rackbeat_goods(the_world, "TELT-2")
    the_world.reset_calls()
    count(the_world, "TELT-2", 5)
    the_world.settle()
    change = the_world.change(kind="stock")
    assert (change.state, change.outcome) == ("done", "skipped")
    assert "not linked" in str(change.message)
    assert the_world.writes() == {}


def test_stock_that_is_off_stays_in_rackbeat(the_world: World) -> None:
    the_world.connect(stock=OFF)
    key = sent(the_world)
    count(the_world, "TELT-2", 5)
    the_world.deliveries_done()
    the_world.work()
    assert stock_in_24so(the_world, key) == 0
    assert the_world.changes(kind="stock", state="pending") == []


@pytest.mark.parametrize(("origin", "left"), [("rackbeat", 5), ("off", 3)])
def test_an_invoice_takes_from_the_stock_in_24so_only_where_rackbeat_does_not_say_it(
    the_world: World, origin: str, left: int
) -> None:
    the_world.connect(stock={"origin": origin}, invoice={"status": "Invoiced"})
    key = sent(the_world)
    the_world.tfso.edit("products", key, {"Stock": "5"})
    rackbeat_invoice(the_world, of("TELT-2", 2))
    the_world.settle()
    assert the_world.all_in_tfso("orders")[0]["OrderStatus"] == "Invoiced"
    assert stock_in_24so(the_world, key) == left


def test_a_quantity_edited_in_24so_never_reaches_rackbeat_and_is_set_right_by_reconciliation(
    the_world: World,
) -> None:
    the_world.connect()
    key = sent(the_world)
    count(the_world, "TELT-2", 5)
    the_world.settle()
    the_world.tfso.edit("products", key, {"Stock": "99"})
    later(the_world)
    assert the_world.in_rackbeat("products", "TELT-2")["stock_quantity"] == 5
    assert reconcile(the_world)["stock"]["changed_in_24so"] == 1
    assert stock_in_24so(the_world, key) == 5


def test_a_stock_webhook_that_never_came_is_made_good_by_reconciliation(the_world: World) -> None:
    the_world.connect()
    key = sent(the_world)
    the_world.rackbeat.edit("products", "TELT-2", {"stock_quantity": 6}, webhooks=False)
    assert reconcile(the_world)["stock"]["changed_in_rackbeat"] == 1
    assert stock_in_24so(the_world, key) == 6


@pytest.mark.parametrize(
    ("stock", "expected"),
    [
        ({}, 13),
        ({"locations": [1]}, 10),
        ({"locations": [2]}, 3),
        ({"locations": [2, 1, 2]}, 13),
        ({"locations": [1], "quantity": "available"}, 6),
        ({"locations": [2], "quantity": "available"}, 3),
    ],
)
def test_which_locations_count_is_a_setting(
    the_world: World, stock: dict[str, object], expected: int
) -> None:
    the_world.connect(stock=stock)
    key = sent(the_world, "TELT 2/3")
    rackbeat_order(the_world, of("TELT 2/3", 4))
    count_at(the_world, 1, "TELT 2/3", 10)
    count_at(the_world, 2, "TELT 2/3", 3)
    the_world.settle()
    assert stock_in_24so(the_world, key) == expected
    assert the_world.writes()["SetStockQuantity"] == 1


def test_a_location_that_does_not_exist_is_named_and_nothing_is_sent(the_world: World) -> None:
    the_world.connect(stock={"locations": [1, 9]})
    key = sent(the_world)
    the_world.tfso.edit("products", key, {"Stock": "5"})
    count(the_world, "TELT-2", 8)
    the_world.settle()
    change = the_world.changes(kind="stock")[-1]
    assert change.state == "parked"
    assert "at location 9, which the setting stock.locations names" in str(change.message)
    assert stock_in_24so(the_world, key) == 5


def test_reconciliation_compares_the_locations_that_count(the_world: World) -> None:
    the_world.connect(stock={"locations": [2]})
    key = sent(the_world)
    count_at(the_world, 2, "TELT-2", 4)
    count_at(the_world, 1, "TELT-2", 100)
    the_world.settle()
    assert reconcile(the_world)["stock"]["read_one_by_one"] == 1
    change = the_world.changes(kind="stock")[-1]
    assert (change.cause, change.outcome) == ("reconcile", "unchanged")
    the_world.tfso.edit("products", key, {"Stock": "104"})
    assert reconcile(the_world)["stock"]["changed_in_24so"] == 1
    assert stock_in_24so(the_world, key) == 4


def test_other_locations_that_are_chosen_are_found_by_reconciliation(the_world: World) -> None:
    the_world.connect(stock={"locations": [2]})
    key = sent(the_world)
    count_at(the_world, 1, "TELT-2", 100)
    count_at(the_world, 2, "TELT-2", 4)
    the_world.settle()
    configure(the_world, stock__locations=[1])
    assert reconcile(the_world)["stock"]["read_one_by_one"] == 1
    assert stock_in_24so(the_world, key) == 100


def test_what_is_invoiced_in_24so_is_not_taken_off_twice(the_world: World) -> None:
    """24SevenOffice takes it off its own figure; Rackbeat's, set anew, knows what was shipped."""
    the_world.connect(invoice={"origin": "24so"})
    key = sent(the_world)
    count(the_world, "TELT-2", 12)
    customer = tfso_customer(the_world)
    order = tfso_order(the_world, customer["Id"], row({"Id": int(key)}, 5))
    later(the_world)
    the_world.tfso.edit("orders", order["OrderId"], {"OrderStatus": "Invoiced"})
    assert stock_in_24so(the_world, key) == 7
    the_world.reset_calls()
    later(the_world)
    assert stock_in_24so(the_world, key) == 12  # nothing has been shipped
    assert the_world.writes()["SetStockQuantity"] == 1
    (line,) = the_world.in_rackbeat("orders", the_world.links("order")[0].rackbeat_key)["lines"]
    assert line["quantity"] == 5


def test_what_is_ordered_is_not_available_any_more(the_world: World) -> None:
    the_world.connect(order={"origin": "rackbeat"}, stock={"quantity": "available"})
    key = sent(the_world)
    count(the_world, "TELT-2", 12)
    the_world.settle()
    rackbeat_order(the_world, of("TELT-2", 5))
    the_world.settle()
    assert stock_in_24so(the_world, key) == 7
