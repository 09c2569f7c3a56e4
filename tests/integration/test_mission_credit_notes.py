"""Credit notes, both ways."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from shared.operations import Operations
from shared.pulls import OVERLAP
from shared.words import Direction, System
from tasks.kinds import KINDS
from tests.harness.mission import (
    answers_lost,
    arrived,
    at_rackbeat,
    configure,
    connected_long_ago,
    credit,
    credit_in_tfso,
    invoice_all,
    invoice_part,
    invoices,
    later,
    of,
    others,
    quantities,
    rackbeat_goods,
    rackbeat_invoice,
    rackbeat_order,
    refresh,
    row,
    tfso_goods,
    total,
)
from tests.harness.people import tfso_order
from tests.harness.world import GENEROUS_RACKBEAT, SLUG, Json, World, world

FROM_24SO = {"origin": "24so"}
CREDITED_ON = "2026-03-05T00:00:00"

OfSign = Callable[[bool], World]


@pytest.fixture
def world_of(
    database_url: str, broker_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[OfSign]:
    """A world whose Rackbeat writes the quantities of credit notes with that sign."""
    with ExitStack() as stack:

        def open_it(negative: bool) -> World:
            config = replace(GENEROUS_RACKBEAT, negative_creditnotes=negative)
            made = world(database_url, broker_url, monkeypatch, rackbeat_config=config)
            return stack.enter_context(made)

        yield open_it


# -- from Rackbeat ------------------------------------------------------------------------------


@pytest.mark.parametrize("negative", [True, False])
@pytest.mark.parametrize("status", ["ForInvoicing", "Invoiced"])
def test_a_credit_note_has_negative_quantities_and_refers_to_what_it_credits(
    world_of: OfSign, negative: bool, status: str
) -> None:
    the_world = world_of(negative)
    the_world.connect(invoice={"status": status})
    order, number = arrived(the_world)
    invoice = invoice_all(the_world, number)
    the_world.settle()
    note = credit(the_world, invoice)
    the_world.settle()
    assert the_world.states() == []
    (there,) = others(the_world, order)
    assert quantities(there) == [Decimal(-3)]
    assert there["ReferenceOrderId"] == order["OrderId"]
    assert there["ReferenceNumber"] == f"Rackbeat faktura {note}"
    assert there["OrderStatus"] == status
    credited = refresh(the_world, order)
    assert there.get("ReferenceInvoiceId") == credited.get("InvoiceId")
    assert Decimal(there["OrderTotalIncVat"]) == -Decimal(credited["OrderTotalIncVat"])
    assert quantities(credited) == [Decimal(3)]


def test_a_credit_note_of_one_of_several_invoices_refers_to_the_one_with_its_goods(
    the_world: World,
) -> None:
    the_world.connect()
    order, number = arrived(the_world)
    first = invoice_part(the_world, number, 1)
    invoice_all(the_world, number)
    the_world.settle()
    number = credit(the_world, first)
    the_world.settle()
    assert the_world.states() == []
    there = {each["ReferenceNumber"]: each for each in others(the_world, order)}
    credited, note = there[f"Rackbeat faktura {first}"], there[f"Rackbeat faktura {number}"]
    assert quantities(note) == [Decimal(-1)]
    assert note["ReferenceOrderId"] == credited["OrderId"]


def test_a_credit_note_that_fits_several_invoices_refers_to_their_order_and_says_so(
    the_world: World,
) -> None:
    the_world.connect()
    order, number = arrived(the_world)
    first = invoice_part(the_world, number, 1)
    invoice_part(the_world, number, 1)
    the_world.settle()
    note = credit(the_world, first)
    the_world.settle()
    assert the_world.states() == []
    assert others(the_world, order)[-1]["ReferenceOrderId"] == order["OrderId"]
    (told,) = the_world.change(kind="invoice", key=str(note)).notes
    assert "in 24SevenOffice it refers to its order alone" in told


def test_a_credit_note_without_an_order_refers_to_the_invoice_of_the_customer(
    the_world: World,
) -> None:
    the_world.connect()
    rackbeat_goods(the_world, "TELT-2")
    invoice = rackbeat_invoice(the_world, of("TELT-2", 2))
    buyer = invoice["customer"]["number"]
    rackbeat_invoice(the_world, of("TELT-2", 5), customer_id=buyer)
    rackbeat_invoice(the_world, of("TELT-2", 2), customer_id=buyer, is_booked=False)
    the_world.settle()
    number = credit(the_world, invoice["number"])
    the_world.settle()
    there = {each["ReferenceNumber"]: each for each in the_world.all_in_tfso("orders")}
    credited, note = (
        there[f"Rackbeat faktura {invoice['number']}"],
        there[f"Rackbeat faktura {number}"],
    )
    assert quantities(note) == [Decimal(-2)]
    assert note["ReferenceOrderId"] == credited["OrderId"]
    assert the_world.states() == []


def test_a_credit_note_that_fits_no_invoice_says_that_it_refers_to_nothing(
    the_world: World,
) -> None:
    the_world.connect()
    rackbeat_goods(the_world, "TELT-2")
    invoice = rackbeat_invoice(the_world, of("TELT-2", 2))
    buyer = invoice["customer"]["number"]
    rackbeat_invoice(the_world, of("TELT-2", 2), customer_id=buyer)
    the_world.settle()
    note = credit(the_world, invoice["number"])
    the_world.settle()
    document = the_world.all_in_tfso("orders")[-1]
    assert "ReferenceOrderId" not in document
    (told,) = the_world.change(kind="invoice", key=str(note)).notes
    assert "not just one fits it: in 24SevenOffice it refers to nothing" in told


def test_a_credit_note_without_an_answer_is_not_made_once_more_when_the_origin_changes(
    the_world: World,
) -> None:
    the_world.connect(invoice={"status": "Invoiced"})
    order, number = arrived(the_world)
    invoice = invoice_all(the_world, number)
    the_world.settle()
    the_world.tfso.fault(operation="SaveInvoices", effect="drop_after", times=1)
    note = credit(the_world, invoice)
    the_world.deliveries_done()
    the_world.work()
    configure(the_world, invoice__origin="24so")
    later(the_world)
    later(the_world)
    (there,) = others(the_world, order)
    assert [each["number"] for each in invoices(the_world)] == [invoice, note]
    links = {link.rackbeat_key: link.tfso_key for link in the_world.links("invoice")}
    assert links[str(note)] == str(there["OrderId"])
    assert the_world.states() == []


@pytest.mark.parametrize("negative", [True, False])
@pytest.mark.parametrize("effect", [None, "drop_after"], ids=["answered", "answer lost"])
def test_a_credit_note_gives_back_the_deposit_that_its_invoice_took_off(
    world_of: OfSign, negative: bool, effect: str | None
) -> None:
    the_world = world_of(negative)
    the_world.connect()
    rackbeat_goods(the_world, "TELT-2", "DEPOSITUM")
    made = rackbeat_invoice(the_world, of("TELT-2", 3), of("DEPOSITUM", -1, 200))
    the_world.settle()
    (invoice,) = the_world.all_in_tfso("orders")
    if effect is not None:
        the_world.tfso.fault(operation="SaveInvoices", effect=effect, times=1)
    credit(the_world, made["number"])
    the_world.settle(rounds=60)
    (note,) = others(the_world, invoice)
    assert quantities(note) == [Decimal(-3), Decimal(1)]
    assert Decimal(note["OrderTotalIncVat"]) == -Decimal(invoice["OrderTotalIncVat"])
    assert the_world.states() == []


@pytest.mark.parametrize("effect", [None, "drop_after"], ids=["answered", "answer lost"])
def test_an_invoice_that_comes_to_less_than_nothing_is_made_once(
    the_world: World, effect: str | None
) -> None:
    the_world.connect()
    rackbeat_goods(the_world, "TELT-2", "RETUR")
    made = rackbeat_order(the_world, of("TELT-2", 1), of("RETUR", -3))
    the_world.settle()
    if effect is not None:
        the_world.tfso.fault(operation="SaveInvoices", effect=effect, times=1)
    invoice_part(the_world, made["number"], 1, -2)
    the_world.settle(rounds=60)
    assert len(the_world.all_in_tfso("orders")) == len(the_world.links("invoice")) == 1
    assert the_world.states() == []


def test_a_credit_note_of_goods_that_the_only_invoice_did_not_sell_refers_to_nothing(
    the_world: World,
) -> None:
    the_world.connect()
    rackbeat_goods(the_world, "TELT-2", "TELT-3")
    buyer = rackbeat_invoice(the_world, of("TELT-2", 2))["customer"]["number"]
    the_world.settle()
    note = rackbeat_invoice(the_world, of("TELT-3", 7), customer_id=buyer, is_creditnote=True)
    the_world.settle()
    (document,) = [
        each
        for each in the_world.all_in_tfso("orders")
        if each["ReferenceNumber"] == f"Rackbeat faktura {note['number']}"
    ]
    assert "ReferenceOrderId" not in document


def test_a_credit_note_of_an_invoice_that_is_not_transferred_names_it(the_world: World) -> None:
    rackbeat_goods(the_world, "TELT-2")
    invoice = rackbeat_invoice(the_world, of("TELT-2", 2))
    the_world.connect()
    connected_long_ago(the_world)
    note = credit(the_world, invoice["number"])
    the_world.settle()
    (told,) = the_world.change(kind="invoice", key=str(note)).notes
    assert f"It credits invoice {invoice['number']}, which has not been transferred" in told


# -- from 24SevenOffice -------------------------------------------------------------------------


def invoiced(the_world: World, *rows: Json, **fields: Any) -> Json:
    """An invoice of 24SevenOffice's that has arrived in Rackbeat."""
    customer, product = tfso_goods(the_world)
    rows = rows or (row(product, 3, "99.90"),)
    made = tfso_order(the_world, customer["Id"], *rows, OrderStatus="Invoiced", **fields)
    later(the_world)
    return refresh(the_world, made)


def notes(the_world: World) -> list[Json]:
    return [each for each in invoices(the_world) if each["is_creditnote"]]


def test_a_credit_note_from_24so_is_rounded_as_its_invoice_is(the_world: World) -> None:
    the_world.connect(invoice=FROM_24SO)
    connected_long_ago(the_world)
    customer, product = tfso_goods(the_world)
    rows = [row(product, 7, "210.19", VatRate="25"), row(product, 2, "182.88", VatRate="15")]
    made = tfso_order(the_world, customer["Id"], *rows, OrderStatus="Invoiced")
    later(the_world)
    credit_in_tfso(the_world, refresh(the_world, made))
    later(the_world)
    assert the_world.states() == []
    (note,) = notes(the_world)
    assert note["is_booked"]


@pytest.mark.parametrize("negative", [True, False])
@pytest.mark.parametrize("reference", ["ReferenceOrderId", "ReferenceInvoiceId"])
def test_a_credit_note_from_24so_credits_the_invoice_it_refers_to(
    world_of: OfSign, negative: bool, reference: str
) -> None:
    the_world = world_of(negative)
    the_world.connect(invoice=FROM_24SO)
    connected_long_ago(the_world)
    order, number = arrived(the_world)
    the_world.tfso.edit("orders", order["OrderId"], {"OrderStatus": "Invoiced"})
    later(the_world)
    invoice = refresh(the_world, order)
    named = invoice[reference.removeprefix("Reference")]
    made = credit_in_tfso(the_world, invoice, DateInvoiced=CREDITED_ON, **{reference: named})
    later(the_world)
    (note,) = notes(the_world)
    assert (note["is_booked"], note["invoice_date"]) == (True, CREDITED_ON[:10])
    assert note["other_reference"] == f"24SO {made['OrderId']}"
    assert note["orders"] == [number]
    assert abs(total(the_world, note["number"])) == -Decimal(made["OrderTotalIncVat"])
    link = the_world.links("invoice")[-1]
    assert (link.rackbeat_key, link.tfso_key) == (str(note["number"]), str(made["OrderId"]))
    the_world.reset_calls()
    later(the_world)
    assert the_world.writes() == {}
    assert the_world.states() == []


def test_what_many_credit_notes_refer_to_is_asked_for_once(the_world: World) -> None:
    connection = the_world.connect(invoice=FROM_24SO)
    customer, product = tfso_goods(the_world)
    credited = {}
    for _ in range(3):
        invoice = tfso_order(the_world, customer["Id"], row(product), OrderStatus="Invoiced")
        made = credit_in_tfso(the_world, invoice, ReferenceInvoiceId=invoice["InvoiceId"])
        credited[str(made["OrderId"])] = invoice["OrderId"]
    client = the_world.vendors.clients(connection.id).of(System.TFSO)
    the_world.reset_calls()
    listed = KINDS["invoice"].tfso.changed_since(client, connection.created_at - OVERLAP)
    named = {each.key: each.record.get("credited") for each in listed}
    assert {key: named[key] for key in credited} == credited
    assert the_world.tfso.calls()["by_operation"]["GetInvoices"] == 2


@answers_lost("POST /customer-invoices/{number}/create-creditnote")
def test_an_answer_lost_anywhere_in_crediting_neither_doubles_the_note_nor_leaves_a_draft(
    the_world: World, operation: str
) -> None:
    the_world.connect(invoice=FROM_24SO)
    connected_long_ago(the_world)
    invoice = invoiced(the_world)
    the_world.rackbeat.fault(operation=operation, effect="drop_after", times=1)
    made = credit_in_tfso(the_world, invoice, DateInvoiced=CREDITED_ON)
    later(the_world)
    the_world.settle(rounds=60)
    (note,) = notes(the_world)
    assert (note["is_booked"], note["invoice_date"]) == (True, CREDITED_ON[:10])
    assert note["other_reference"] == f"24SO {made['OrderId']}"
    assert the_world.states() == []


def test_a_credit_note_of_a_part_is_begun_by_hand_and_ended_by_itself(the_world: World) -> None:
    the_world.connect(invoice=FROM_24SO)
    made = credit_in_tfso(the_world, invoiced(the_world), quantity=1)
    later(the_world)
    (invoice,) = invoices(the_world)
    parked = the_world.change(kind="invoice", state="parked")
    assert f"The credit note of invoice {invoice['number']} has other quant" in str(parked.message)
    assert f"'24SO {made['OrderId']}'" in str(parked.message)
    answer = at_rackbeat(the_world, f"/customer-invoices/{invoice['number']}/create-creditnote")
    draft = answer["customer_invoice"]["number"]
    (line,) = the_world.in_rackbeat("customer_invoices", draft)["lines"]
    by_hand = {
        "lines": [of(line["child_id"], 1, "99.90")],
        "other_reference": f"24SO {made['OrderId']}",
    }
    the_world.rackbeat.edit("customer_invoices", draft, by_hand)
    Operations(the_world.engine, actor="test").retry_parked(SLUG, parked.id)
    the_world.settle()
    (note,) = notes(the_world)
    assert (note["number"], note["is_booked"]) == (draft, True)
    assert the_world.states() == []


@pytest.mark.parametrize("negative", [True, False])
@pytest.mark.parametrize("reference", ["ReferenceOrderId", "ReferenceInvoiceId"])
def test_a_credit_note_from_24so_gives_back_the_deposit_that_its_invoice_took_off(
    world_of: OfSign, negative: bool, reference: str
) -> None:
    the_world = world_of(negative)
    the_world.connect(invoice=FROM_24SO)
    customer, product = tfso_goods(the_world)
    rows = (row(product, 3, "1000"), row(product, -1, "200"))
    tfso_order(the_world, customer["Id"], *rows, OrderStatus="Invoiced")
    later(the_world)
    invoice = the_world.all_in_tfso("orders")[-1]
    named = invoice[reference.removeprefix("Reference")]
    back = (row(product, -3, "1000"), row(product, 1, "200"))
    note = tfso_order(the_world, customer["Id"], *back, **{reference: named})
    later(the_world)
    assert the_world.rackbeat.state()["orders"] == []  # it is no order before it is invoiced
    the_world.tfso.edit("orders", note["OrderId"], {"OrderStatus": "Invoiced"})
    later(the_world)
    (note,) = notes(the_world)
    assert note["is_booked"]
    assert abs(total(the_world, note["number"])) == Decimal("3500.00")
    assert len(invoices(the_world)) == 2
    assert the_world.states() == []
    the_world.reset_calls()
    later(the_world)
    assert the_world.writes() == {}


@answers_lost("POST /customer-invoices/{number}/create-creditnote")
def test_a_credit_note_of_24so_without_an_answer_is_not_sent_back_when_the_origin_changes(
    the_world: World, operation: str
) -> None:
    the_world.connect(invoice=FROM_24SO)
    invoice = invoiced(the_world)
    times = 4 if operation.startswith("PUT") else 1  # a PUT is repeated at once
    the_world.rackbeat.fault(operation=operation, effect="drop_after", times=times)
    made = credit_in_tfso(the_world, invoice)
    the_world.clock.pass_by(minutes=11)
    the_world.work()
    configure(the_world, invoice__origin="rackbeat")
    later(the_world)
    (note,) = notes(the_world)
    if not note["is_booked"]:
        at_rackbeat(the_world, f"/customer-invoices/{note['number']}/book")
    the_world.rackbeat.edit("customer_invoices", note["number"], {"is_booked": True})
    later(the_world)
    assert [each["OrderId"] for each in others(the_world, invoice)] == [made["OrderId"]]
    links = {link.rackbeat_key: link.tfso_key for link in the_world.links("invoice")}
    assert links[str(note["number"])] == str(made["OrderId"])


def test_a_credit_note_of_an_invoice_that_is_not_known_is_parked_and_follows_it(
    the_world: World,
) -> None:
    customer, product = tfso_goods(the_world)
    old = tfso_order(the_world, customer["Id"], row(product, 2), OrderStatus="Invoiced")
    the_world.clock.pass_by(hours=1)  # no pull finds it
    the_world.connect(invoice=FROM_24SO)
    operations = Operations(the_world.engine, actor="test")

    def transfer(document: Json) -> None:
        operations.resync(SLUG, "invoice", [str(document["OrderId"])], Direction.TFSO_TO_RACKBEAT)
        the_world.settle()

    transfer(credit_in_tfso(the_world, refresh(the_world, old)))
    assert invoices(the_world) == []
    parked = the_world.change(kind="invoice", state="parked")
    assert "names no invoice that has been transferred to Rackbeat" in str(parked.message)
    transfer(old)
    operations.retry_parked(SLUG, parked.id)
    the_world.settle()
    assert [each["is_creditnote"] for each in invoices(the_world)] == [False, True]
    assert the_world.states() == []


@pytest.mark.parametrize("origin", ["24so", "rackbeat"])
def test_an_order_that_only_takes_goods_back_is_no_order_in_rackbeat(
    the_world: World, origin: str
) -> None:
    the_world.connect(invoice={"origin": origin})
    customer, product = tfso_goods(the_world)
    order = tfso_order(the_world, customer["Id"], row(product, -2))
    later(the_world)
    assert the_world.rackbeat.state()["orders"] == []
    if origin == "24so":  # it comes as a credit note, once it has been invoiced
        assert the_world.changes(kind="order") == []
    else:
        parked = the_world.change(kind="order", key=str(order["OrderId"]), state="parked")
        assert "Credit the invoice in Rackbeat" in str(parked.message)
