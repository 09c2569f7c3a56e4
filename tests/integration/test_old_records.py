"""What was there before the connection: documents are left alone, whatever becomes of them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from shared.runs import list_run, start_run
from shared.tables import Cursor
from shared.words import Cause, Direction
from tests.harness.mission import (
    at_rackbeat,
    book,
    configure,
    invoices,
    later,
    of,
    rackbeat_goods,
    rackbeat_invoice,
    rackbeat_order,
    reconcile,
    row,
    tfso_goods,
)
from tests.harness.people import rackbeat_customer, tfso_customer, tfso_order
from tests.harness.world import SLUG, Json, World

LONG_AGO = "2020-01-01 12:00:00"


def old_invoice(the_world: World, **fields: Any) -> Json:
    rackbeat_goods(the_world, "SEKK")
    buyer = rackbeat_customer(the_world, webhooks=False, address_country=None)["number"]
    address = {"address_street": "Gate 1", "address_city": "Os"}
    given = {"lines": [of("SEKK")], "is_booked": True, "customer_id": buyer} | address | fields
    return the_world.rackbeat.add("customer_invoices", given, webhooks=False)


def sent(the_world: World) -> int:
    return len(the_world.all_in_tfso("orders"))


def pulled_until(the_world: World, kind: str, *, hours: float) -> None:
    """Let the next pull begin so many hours from now."""
    position = the_world.clock() + timedelta(hours=hours)
    with the_world.sessions.begin() as session:
        session.execute(update(Cursor).where(Cursor.kind == kind).values(position=position))


def paid(the_world: World, invoice: Json) -> None:
    the_world.rackbeat.edit("customer_invoices", invoice["number"], {"is_paid": True})
    the_world.settle()


def renumbered(the_world: World, _invoice: Json) -> None:
    at_rackbeat(the_world, "/products/SEKK", method="PUT", number="SEKK-2")
    the_world.settle()
    reconcile(the_world)


def another_country(the_world: World, _invoice: Json) -> None:
    configure(the_world, customer__country="DK")
    reconcile(the_world)


def all_again(the_world: World, _invoice: Json) -> None:
    direction = Direction.RACKBEAT_TO_24SO
    start_run(the_world.engine, SLUG, Cause.RESYNC, direction=direction, kinds=["invoice"])
    the_world.work()
    the_world.settle()


@pytest.mark.parametrize("happens", [paid, renumbered, another_country, all_again])
def test_an_old_invoice_is_not_sent_whatever_becomes_of_it(the_world: World, happens: Any) -> None:
    invoice = old_invoice(the_world)
    the_world.connect()
    assert reconcile(the_world)["invoice"] == {"never_transferred_from_rackbeat": 1}
    happens(the_world, invoice)
    assert sent(the_world) == 0


def test_an_old_invoice_is_sent_when_somebody_asks_for_it(the_world: World) -> None:
    invoice = old_invoice(the_world)
    the_world.connect()
    reconcile(the_world)
    paid(the_world, invoice)
    change = the_world.changes(kind="invoice")[-1]
    assert change.outcome == "skipped"
    key = invoice["number"]
    assert f"`varebro sync resync {SLUG} invoice {key} --from rackbeat`" in str(change.message)
    the_world.engine.by_hand(SLUG, "invoice", Direction.RACKBEAT_TO_24SO, str(key))
    the_world.settle()
    assert sent(the_world) == 1


def test_an_old_invoice_asked_for_while_all_are_looked_at_again_is_sent(the_world: World) -> None:
    invoice = old_invoice(the_world)
    the_world.connect()
    reconcile(the_world)
    direction = Direction.RACKBEAT_TO_24SO
    run = start_run(the_world.engine, SLUG, Cause.RESYNC, direction=direction, kinds=["invoice"])
    list_run(the_world.engine, run)
    the_world.engine.by_hand(SLUG, "invoice", direction, str(invoice["number"]))
    the_world.work()
    the_world.settle()
    assert sent(the_world) == 1


def test_where_nothing_was_compared_the_time_tells_what_is_old(the_world: World) -> None:
    invoice = old_invoice(the_world)
    number = invoice["number"]
    stamps = {"created_at": LONG_AGO}
    the_world.rackbeat.edit("customer_invoices", number, stamps, webhooks=False)
    the_world.connect()
    paid(the_world, invoice)
    assert sent(the_world) == 0


def test_a_draft_from_before_is_sent_once_it_is_booked(the_world: World) -> None:
    invoice = old_invoice(the_world, is_booked=False)
    the_world.connect()
    reconcile(the_world)
    the_world.rackbeat.edit("customer_invoices", invoice["number"], {"is_booked": True})
    the_world.settle()
    assert sent(the_world) == 1


def test_an_invoice_made_during_the_first_comparison_is_not_taken_for_old(
    the_world: World,
) -> None:
    rackbeat_goods(the_world, "SEKK")
    the_world.connect()
    rackbeat_invoice(the_world, of("SEKK"))
    the_world.deliveries_done()
    reconcile(the_world)
    assert sent(the_world) == 1


def test_an_old_order_of_rackbeats_stays_there(the_world: World) -> None:
    rackbeat_goods(the_world, "SEKK")
    order = rackbeat_order(the_world, of("SEKK"))
    the_world.connect(order={"origin": "rackbeat"})
    reconcile(the_world)
    the_world.rackbeat.edit("orders", order["number"], {"heading": "Haster"})
    the_world.settle()
    assert sent(the_world) == 0


def test_an_old_invoice_of_24so_stays_there_and_an_order_invoiced_by_now_does_not(
    the_world: World,
) -> None:
    customer, product = tfso_goods(the_world)
    old = tfso_order(the_world, customer["Id"], row(product, 1), OrderStatus="Invoiced")
    open_one = tfso_order(the_world, customer["Id"], row(product, 2), OrderStatus="Confirmed")
    the_world.clock.pass_by(minutes=10)
    the_world.connect(invoice={"origin": "24so"})
    reconcile(the_world)
    pulled_until(the_world, "invoice", hours=-1)  # both are found, as if both had changed
    invoiced = {"OrderStatus": "Invoiced", "IncludeVAT": False}
    the_world.tfso.edit("orders", open_one["OrderId"], invoiced)
    later(the_world)
    assert {change.key for change in the_world.changes(kind="invoice")} == {
        str(each["OrderId"]) for each in (old, open_one)
    }
    (made,) = invoices(the_world)
    assert made["other_reference"] == f"24SO {open_one['OrderId']}"


def test_what_a_pull_has_missed_is_found_by_reconciliation(the_world: World) -> None:
    the_world.connect()
    reconcile(the_world)
    pulled_until(the_world, "customer", hours=1)
    made = tfso_customer(the_world, Name="Ny AS", OrganizationNumber="")
    assert reconcile(the_world)["customer"]["new_in_24so"] == 1
    assert [link.tfso_key for link in the_world.links("customer")] == [str(made["Id"])]


def test_a_booked_draft_order_from_before_is_sent(the_world: World) -> None:
    rackbeat_goods(the_world, "SEKK")
    draft = rackbeat_order(the_world, of("SEKK"), booked=False)
    the_world.connect(order={"origin": "rackbeat"})
    reconcile(the_world)
    book(the_world, draft["number"])
    the_world.settle()
    assert sent(the_world) == 1
