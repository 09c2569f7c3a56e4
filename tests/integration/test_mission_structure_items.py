"""Structure items (bills of materials): products to 24SevenOffice, never written over."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from shared.runs import start_run
from shared.words import Cause, Direction
from tests.harness.mission import configure, convert, later, rackbeat_goods, reconcile
from tests.harness.people import linked, rackbeat_group, tfso_category, tfso_product
from tests.harness.world import SLUG, Json, World


def structure_item(the_world: World, *, webhooks: bool = True, **fields: object) -> Json:
    group = rackbeat_group(the_world, name="Pakker", webhooks=False)["number"]
    parts = [{"item_id": "TELT-2", "quantity": 1}, {"item_id": "PLUGG", "quantity": 12}]
    given = {"number": "TURPAKKE", "name": "Turpakke", "group": group, "sales_price": 1590}
    return the_world.rackbeat.add("lots", given | {"lines": parts} | fields, webhooks=webhooks)


def test_a_structure_item_is_transferred_as_a_product(the_world: World) -> None:
    the_world.connect()
    rackbeat_goods(the_world, "TELT-2", "PLUGG")
    structure_item(the_world)
    the_world.settle()
    (product,) = [p for p in the_world.all_in_tfso("products") if p.get("No") == "TURPAKKE"]
    assert (product["Name"], Decimal(product["Price"])) == ("Turpakke", 1590)
    assert the_world.writes()["SaveProducts"] == 1
    the_world.rackbeat.edit("lots", "TURPAKKE", {"sales_price": 1690})
    the_world.settle()
    assert Decimal(the_world.in_tfso("products", product["Id"])["Price"]) == 1690


def resync(the_world: World) -> None:
    way = Direction.RACKBEAT_TO_24SO
    start_run(the_world.engine, SLUG, Cause.RESYNC, direction=way, kinds=["product"])
    the_world.work()
    the_world.settle()


@pytest.mark.parametrize("look", [reconcile, resync])
def test_a_structure_item_and_its_edits_are_found_in_lists_though_no_webhook_came(
    the_world: World, look: Callable[[World], object]
) -> None:
    the_world.connect()
    rackbeat_goods(the_world, "TELT-2", "PLUGG")
    reconcile(the_world)  # the first sees what was there before
    structure_item(the_world, webhooks=False)
    look(the_world)
    (product,) = [p for p in the_world.all_in_tfso("products") if p.get("No") == "TURPAKKE"]
    assert Decimal(product["Price"]) == 1590
    edit = {"name": "Fjellpakke", "sales_price": 1690}
    the_world.rackbeat.edit("lots", "TURPAKKE", edit, webhooks=False)
    look(the_world)
    there = the_world.in_tfso("products", product["Id"])
    assert (there["Name"], Decimal(there["Price"])) == ("Fjellpakke", 1690)
    lot = the_world.in_rackbeat("lots", "TURPAKKE")
    parts = [(part["product_id"], part["quantity"]) for part in lot["lines"]]
    assert parts == [("TELT-2", 1), ("PLUGG", 12)]
    assert the_world.states() == []


def test_an_initial_sync_finds_structure_items(the_world: World) -> None:
    the_world.connect()
    rackbeat_goods(the_world, "TELT-2", "PLUGG")
    structure_item(the_world, webhooks=False)
    start_run(the_world.engine, SLUG, Cause.INITIAL, direction=Direction.RACKBEAT_TO_24SO)
    the_world.work()
    the_world.settle()
    numbers = {product.get("No") for product in the_world.all_in_tfso("products")}
    assert {"TELT-2", "PLUGG", "TURPAKKE"} <= numbers


def test_a_structure_item_without_a_group_gets_the_category_that_is_set_or_says_so(
    the_world: World,
) -> None:
    the_world.connect()
    category = tfso_category(the_world, Name="Pakker")["Id"]
    rackbeat_goods(the_world, "TELT-2", "PLUGG")
    structure_item(the_world, group=None)
    the_world.settle()
    parked = the_world.change(kind="product", key="TURPAKKE")
    assert (parked.state, parked.failure_class) == ("parked", "unmappable")
    assert "choose the Id of a category for product.category" in str(parked.message)
    configure(the_world, product__category=category)
    the_world.settle()
    (product,) = [p for p in the_world.all_in_tfso("products") if p.get("No") == "TURPAKKE"]
    assert product["CategoryId"] == category
    change = the_world.changes(kind="product", key="TURPAKKE")[-1]
    assert f"category {category} is used (the default)" in str(change.notes)


def test_structure_items_stay_in_rackbeat_where_that_is_set(the_world: World) -> None:
    the_world.connect(product={"structure_items": False})
    rackbeat_goods(the_world, "TELT-2", "PLUGG")
    structure_item(the_world)
    the_world.settle()
    change = the_world.change(kind="product")
    assert (change.outcome, change.key) == ("skipped", "TURPAKKE")
    assert the_world.writes() == {}


def test_a_product_of_24so_converted_in_rackbeat_keeps_its_link_and_stays_active(
    the_world: World,
) -> None:
    the_world.connect()
    link = linked(the_world, "product", tfso_product(the_world))
    the_world.reset_calls()
    convert(the_world, link.rackbeat_key)  # announces that the product was deleted
    the_world.settle()
    assert [(li.rackbeat_key, li.tfso_key) for li in the_world.links("product")] == [
        (link.rackbeat_key, link.tfso_key)
    ]
    assert the_world.in_tfso("products", link.tfso_key)["StatusId"] == 1
    assert the_world.states() == []
    reconcile(the_world)
    later(the_world)
    assert the_world.in_tfso("products", link.tfso_key)["StatusId"] == 1
    assert the_world.writes() == {"POST /products/{number}/convert": 1}


def test_an_edit_in_24so_reaches_the_name_of_a_converted_product_and_never_its_parts(
    the_world: World,
) -> None:
    the_world.connect()
    rackbeat_goods(the_world, "PLUGG")
    link = linked(the_world, "product", tfso_product(the_world))
    convert(the_world, link.rackbeat_key)
    the_world.rackbeat.edit(
        "lots", link.rackbeat_key, {"lines": [{"item_id": "PLUGG", "quantity": 4}]}
    )
    the_world.settle()
    the_world.tfso.edit("products", link.tfso_key, {"Name": "Skipakke", "Price": "1"})
    later(the_world)
    lot = the_world.in_rackbeat("lots", link.rackbeat_key)
    assert lot["name"] == "Skipakke"
    assert [(p["product_id"], p["quantity"]) for p in lot["lines"]] == [("PLUGG", 4)]
    assert the_world.rackbeat.state()["products"][0]["number"] == "PLUGG"
    assert len(the_world.rackbeat.state()["products"]) == 1
    assert the_world.states() == []


def test_what_a_structure_item_does_not_take_from_24so_is_in_the_journal(the_world: World) -> None:
    the_world.connect()
    link = linked(the_world, "product", tfso_product(the_world))
    convert(the_world, link.rackbeat_key)
    the_world.settle()
    edit = {"Name": "Skipakke", "Price": "1", "EAN1": "7090000000026"}
    the_world.tfso.edit("products", link.tfso_key, edit)
    later(the_world)
    change = the_world.changes(kind="product", direction="24so_to_rackbeat")[-1]
    said = [note for note in change.notes if "structure item" in note]
    assert [note.partition(",")[0] for note in said] == [
        "It is a structure item in Rackbeat: its sales price stays 3499.9 there",
        "It is a structure item in Rackbeat: its EAN stays 7090000000019 there",
    ]
    assert the_world.in_rackbeat("lots", link.rackbeat_key)["name"] == "Skipakke"


def test_an_edit_of_a_converted_product_in_rackbeat_still_reaches_24so(the_world: World) -> None:
    the_world.connect()
    link = linked(the_world, "product", tfso_product(the_world))
    convert(the_world, link.rackbeat_key)
    the_world.settle()
    the_world.rackbeat.edit("lots", link.rackbeat_key, {"name": "Skipakke", "sales_price": 5000})
    the_world.settle()
    there = the_world.in_tfso("products", link.tfso_key)
    assert (there["Name"], Decimal(there["Price"])) == ("Skipakke", 5000)


def test_an_edit_of_a_structure_item_does_not_lose_to_one_that_it_does_not_take(
    the_world: World,
) -> None:
    the_world.connect(conflict={"wins": "24so"})
    link = linked(the_world, "product", tfso_product(the_world))
    convert(the_world, link.rackbeat_key)
    the_world.settle()
    the_world.rackbeat.edit("lots", link.rackbeat_key, {"sales_price": 5000})
    the_world.tfso.edit("products", link.tfso_key, {"Price": "10"})
    later(the_world)
    there = the_world.in_tfso("products", link.tfso_key)
    assert Decimal(there["Price"]) == 5000
    change = next(c for c in the_world.changes(kind="product") if c.outcome == "updated")
    assert "given up: {'sales_price': '10'" in str(change.notes)
    the_world.rackbeat.edit("lots", link.rackbeat_key, {"name": "Skipakke"})
    the_world.tfso.edit("products", link.tfso_key, {"Name": "Turpakke"})
    later(the_world)
    assert the_world.in_rackbeat("lots", link.rackbeat_key)["name"] == "Turpakke"
    assert the_world.in_tfso("products", link.tfso_key)["Name"] == "Turpakke"
