"""What becomes of records that are there already, done by real processes: edits of every kind on
both sides, an edit on both at once, a new number, deletions, cancellations and credit notes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import pytest

from shared.tables import Link
from tests.chaos.check import pull_now
from tests.chaos.plant import SLUG, Plant, plant
from tests.harness.at_work import at_rest, choose, until, world_of
from tests.harness.mission import (
    book,
    credit,
    credit_in_tfso,
    drafts_of,
    invoice_all,
    invoices,
    quantities,
    refresh,
    row,
)
from tests.harness.people import (
    rackbeat_customer,
    rackbeat_group,
    rackbeat_product,
    rackbeat_supplier,
    tfso_order,
)
from tests.harness.world import Json, World

pytestmark = pytest.mark.timeout(300)
SOON = 0.01  # minutes: whatever is due is pulled by each sweep
SETTINGS: Json = {
    "reconcile": {"nightly": False},
    "pull_minutes": SOON,
    "order": {"pull_minutes": SOON},
}
GROUP = 910
CANCELLED = "Kansellert i 24SevenOffice"


class Made(NamedTuple):
    """A record that the tests edit: what both systems call its kind, its number in Rackbeat, and
    the field of its name there."""

    kind: str
    here: str
    there: str
    number: str
    name: str


MADE = (
    Made("product_group", "product_groups", "categories", str(GROUP), "name"),
    Made("customer", "customers", "companies", "91001", "company_name"),
    Made("supplier", "suppliers", "companies", "91002", "company_name"),
    Made("product", "products", "products", "STAV-140", "name"),
    Made("product", "lots", "products", "SETT", "name"),
)


@pytest.fixture(scope="module")
def processes() -> Iterator[Plant]:
    with plant(settings=SETTINGS) as made:
        pull_now(made)
        yield made


@pytest.fixture(scope="module")
def the_world(processes: Plant) -> World:
    """A record of each kind, made in Rackbeat and arrived in 24SevenOffice."""
    world = world_of(processes)
    rackbeat_group(world, number=GROUP)
    rackbeat_product(world, GROUP)
    rackbeat_customer(world, number=91001)
    rackbeat_supplier(world, number=91002)
    parts = [{"item_id": "STAV-140", "quantity": 2}]
    item = {"number": "SETT", "name": "Sett", "group": GROUP, "sales_price": 10}
    world.rackbeat.add("lots", item | {"lines": parts})
    for made in MADE:
        link_of(world, made.kind, made.number)
    at_rest(world)
    return world


def link_of(world: World, kind: str, number: str) -> Link:
    def found() -> list[Link]:
        return [link for link in world.links(kind) if link.rackbeat_key == number]

    until(found, f"{kind} {number} does not arrive")
    return found()[0]


def name_here(world: World, made: Made) -> str:
    return str(world.in_rackbeat(made.here, made.number)["name"])


def name_there(world: World, made: Made) -> str:
    return str(world.in_tfso(made.there, link_of(world, made.kind, made.number).tfso_key)["Name"])


def at_tfso(world: World, kind: str, number: str) -> Json:
    there = next(made.there for made in MADE if made.kind == kind)
    return world.in_tfso(there, link_of(world, kind, number).tfso_key)


# -- master data --------------------------------------------------------------------------------


def test_an_edit_of_any_kind_in_rackbeat_reaches_24so(the_world: World) -> None:
    for made in MADE:
        the_world.rackbeat.edit(made.here, made.number, {made.name: f"{made.here} her"})
    for made in MADE:
        until(
            lambda made=made: name_there(the_world, made) == f"{made.here} her",  # type: ignore[misc]
            f"the edit of {made.here} does not arrive",
        )


def test_an_edit_of_any_kind_in_24so_reaches_rackbeat(the_world: World) -> None:
    at_rest(the_world)
    for made in MADE:
        key = link_of(the_world, made.kind, made.number).tfso_key
        the_world.tfso.edit(made.there, key, {"Name": f"{made.here} der"})
    for made in MADE:
        until(
            lambda made=made: name_here(the_world, made) == f"{made.here} der",  # type: ignore[misc]
            f"the edit of {made.here} does not arrive",
        )


def test_a_structure_item_takes_a_name_and_keeps_its_parts_and_its_price_reaches_24so(
    the_world: World,
) -> None:
    the_world.rackbeat.edit("lots", "SETT", {"sales_price": 12})
    until(lambda: float(at_tfso(the_world, "product", "SETT")["Price"]) == 12, "no price arrives")
    lines = the_world.in_rackbeat("lots", "SETT")["lines"]
    assert [(part["product_id"], part["quantity"]) for part in lines] == [("STAV-140", 2)]


def test_of_two_edits_the_one_that_the_settings_prefer_counts_on_both_sides(
    the_world: World,
) -> None:
    at_rest(the_world)
    choose(the_world, {**SETTINGS, "conflict": {"wins": "rackbeat"}})
    customer = next(made for made in MADE if made.kind == "customer")
    key = link_of(the_world, "customer", customer.number).tfso_key
    # Nothing tells of this edit: the pull finds the other one, and then meets this one.
    edit = {"company_name": "Valgt AS"}
    the_world.rackbeat.edit("customers", customer.number, edit, webhooks=False)
    the_world.tfso.edit("companies", key, {"Name": "Vraket AS"})
    until(lambda: name_there(the_world, customer) == "Valgt AS", "no edit wins")
    at_rest(the_world)
    assert name_here(the_world, customer) == "Valgt AS"
    said = [str(change.notes) for change in the_world.changes(kind="customer")]
    assert any("given up" in each and "Vraket AS" in each for each in said)
    choose(the_world, SETTINGS)


def test_stock_that_changes_in_rackbeat_is_set_in_24so(the_world: World) -> None:
    the_world.rackbeat.edit("products", "STAV-140", {"stock_quantity": 7})
    until(
        lambda: float(at_tfso(the_world, "product", "STAV-140").get("Stock") or 0) == 7,
        "no stock arrives",
    )


# -- documents ----------------------------------------------------------------------------------


def ordered(world: World, quantity: int) -> Json:
    """An order of 24SevenOffice's that has arrived in Rackbeat."""
    buyer = at_tfso(world, "customer", "91001")
    order = tfso_order(world, buyer["Id"], row(at_tfso(world, "product", "STAV-140"), quantity))
    until(lambda: drafts_of(world, order), "the order does not arrive")
    return order


def test_an_order_cancelled_in_24so_is_marked_so_in_rackbeat(the_world: World) -> None:
    order = ordered(the_world, 2)
    the_world.tfso.edit("orders", order["OrderId"], {"OrderStatus": "Inactive"})
    until(
        lambda: drafts_of(the_world, order)[0]["heading"] == CANCELLED,
        "the order is not cancelled",
    )


def test_an_order_of_24so_that_is_invoiced_and_credited_in_rackbeat_is_so_in_24so(
    the_world: World,
) -> None:
    order = ordered(the_world, 3)
    number = drafts_of(the_world, order)[0]["number"]
    book(the_world, number)
    invoice = invoice_all(the_world, number)
    until(
        lambda: refresh(the_world, order)["OrderStatus"] == "ForInvoicing",
        "the order is not invoiced",
    )
    reference = f"Rackbeat faktura {credit(the_world, invoice)}"

    def notes() -> list[Json]:
        documents = the_world.all_in_tfso("orders")
        return [each for each in documents if each.get("ReferenceNumber") == reference]

    until(notes, "the credit note does not arrive")
    (note,) = notes()
    assert (quantities(note), note["ReferenceOrderId"]) == ([-3], order["OrderId"])


def test_an_order_invoiced_and_credited_in_24so_is_so_in_rackbeat(the_world: World) -> None:
    choose(the_world, {**SETTINGS, "invoice": {"origin": "24so"}})
    order = ordered(the_world, 4)
    the_world.tfso.edit("orders", order["OrderId"], {"OrderStatus": "Invoiced"})
    mark = f"24SO {order['OrderId']}"

    def booked(*, credits: bool) -> list[Json]:
        found = [each for each in invoices(the_world) if each["is_booked"]]
        return [each for each in found if bool(each["is_creditnote"]) is credits]

    def invoiced() -> list[Json]:
        return [each for each in booked(credits=False) if each["other_reference"] == mark]

    until(invoiced, "the invoice does not arrive")
    before = len(booked(credits=True))
    credit_in_tfso(the_world, refresh(the_world, order))
    until(lambda: len(booked(credits=True)) == before + 1, "the credit note does not arrive")
    choose(the_world, SETTINGS)


# -- the end ------------------------------------------------------------------------------------


def test_a_product_with_a_new_number_keeps_its_counterpart(
    the_world: World, processes: Plant
) -> None:
    at_rest(the_world)
    link = link_of(the_world, "product", "STAV-140")
    the_world.rackbeat.edit("products", "STAV-140", {"number": "STAV-141"}, webhooks=False)
    processes.run("link", "renumber", SLUG, "product", "STAV-140", "STAV-141")
    the_world.rackbeat.edit("products", "STAV-141", {"name": "Omdøpt stav"})
    until(
        lambda: the_world.in_tfso("products", link.tfso_key)["Name"] == "Omdøpt stav",
        "the link does not follow",
    )
    assert link_of(the_world, "product", "STAV-141").tfso_key == link.tfso_key


def test_what_is_deleted_in_rackbeat_is_switched_off_in_24so(the_world: World) -> None:
    key = link_of(the_world, "product", "SETT").tfso_key
    the_world.rackbeat.remove("lots", "SETT")
    until(
        lambda: the_world.in_tfso("products", key)["StatusId"] == 0,
        "the deleted structure item is not switched off",
    )
    at_rest(the_world)
    assert the_world.states() == []
