"""Sales invoices, both ways."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from shared.operations import Operations
from shared.words import Direction
from tests.harness.mission import (
    OFF,
    answers_lost,
    arrived,
    at_rackbeat,
    book,
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
    reconcile,
    refresh,
    row,
    tfso_goods,
    the_only_draft,
    the_only_order,
    total,
)
from tests.harness.people import rackbeat_customer, tfso_customer, tfso_order
from tests.harness.world import SLUG, Json, World

# -- of an order that 24SevenOffice knows -------------------------------------------------------


def test_the_invoice_of_an_order_from_24so_gives_that_order_the_status_and_no_second_one(
    the_world: World,
) -> None:
    the_world.connect()
    order, number = arrived(the_world)
    invoice = invoice_all(the_world, number)
    the_world.settle()
    there = the_only_order(the_world)
    assert there["OrderId"] == order["OrderId"]
    assert there["OrderStatus"] == "ForInvoicing"
    assert there["ReferenceNumber"] == f"Rackbeat faktura {invoice}"
    assert quantities(there) == [Decimal(3)]
    assert Decimal(there["OrderTotalIncVat"]) == total(the_world, invoice)
    change = the_world.change(kind="invoice")
    assert (change.outcome, change.target_key) == ("updated", str(order["OrderId"]))


def test_an_invoice_of_several_orders_refers_to_the_first_and_names_them_all(
    the_world: World,
) -> None:
    the_world.connect(order={"origin": "rackbeat"})
    rackbeat_goods(the_world, "TELT-2")
    buyer = rackbeat_customer(the_world)["number"]
    made = [rackbeat_order(the_world, of("TELT-2", n), customer_id=buyer) for n in (1, 2)]
    the_world.settle()
    numbers = [order["number"] for order in made]
    rackbeat_invoice(the_world, of("TELT-2", 3), customer_id=buyer, orders=numbers)
    the_world.settle()
    keys = [the_world.change(kind="order", key=str(number)).target_key for number in numbers]
    change = the_world.change(kind="invoice")
    there = the_world.in_tfso("orders", change.target_key)
    assert str(there["ReferenceOrderId"]) == keys[0]
    assert quantities(there) == [Decimal(3)]
    (note,) = change.notes
    assert f"several orders: {numbers[0]}, {numbers[1]}" in note
    assert the_world.states() == []


def test_what_a_person_wrote_as_the_orders_reference_is_kept_beside_our_mark(
    the_world: World,
) -> None:
    the_world.connect()
    order, number = arrived(the_world, ReferenceNumber="PO 4711 (haster)")
    invoice = invoice_all(the_world, number)
    later(the_world)
    there = the_only_order(the_world)
    assert there["OrderId"] == order["OrderId"]
    assert there["ReferenceNumber"] == f"Rackbeat faktura {invoice} (PO 4711 (haster))"
    assert the_world.states() == []
    the_world.reset_calls()
    reconcile(the_world)
    assert the_world.writes() == {}
    credit(the_world, invoice)
    the_world.settle()
    (note,) = others(the_world, order)
    assert note["ReferenceOrderId"] == order["OrderId"]


def test_an_order_with_text_and_references_is_at_rest_after_its_invoice_has_come_back(
    the_world: World,
) -> None:
    the_world.connect()
    customer, product = tfso_goods(the_world)
    tfso_order(
        the_world,
        customer["Id"],
        {"Type": "Text", "Name": "Ring før levering"},
        row(product, 2),
        YourReference="Kari Vidda",
    )
    later(the_world)
    number = the_only_draft(the_world)["number"]
    book(the_world, number)
    invoice = invoice_all(the_world, number)
    the_world.settle()
    there = the_only_order(the_world)
    assert Decimal(there["OrderTotalIncVat"]) == total(the_world, invoice)
    assert there["InvoiceText"] == "Ring før levering"
    assert there["YourReference"] == "Kari Vidda"
    the_world.reset_calls()
    later(the_world)
    assert the_world.states() == []
    assert the_world.writes() == {}


def rows_said(order: Json) -> list[tuple[str, str]]:
    return [(each["Type"], each["Name"]) for each in order["InvoiceRows"]]


def test_texts_and_lines_stay_as_they_are_when_the_invoice_of_an_order_comes_back(
    the_world: World,
) -> None:
    rackbeat_goods(the_world, "TEKST")
    the_world.connect(order={"item_for_text": "TEKST"})
    customer, product = tfso_goods(the_world)
    texts = ({"Type": "TextBold", "Name": "Til hytta:"}, {"Type": "Text", "Name": "Ring først"})
    tfso_order(the_world, customer["Id"], texts[0], row(product, 2), texts[1], InvoiceText="Hei")
    later(the_world)
    number = the_only_draft(the_world)["number"]
    before = the_only_order(the_world)
    book(the_world, number)
    invoice = invoice_all(the_world, number)
    the_world.settle()
    there = the_only_order(the_world)
    assert there["OrderStatus"] == "ForInvoicing"
    kept = ("InvoiceText", "OrderTotalIncVat", "OrderTotalVat")
    assert {name: there[name] for name in kept} == {name: before[name] for name in kept}
    assert rows_said(there) == rows_said(before)
    assert Decimal(there["OrderTotalIncVat"]) == total(the_world, invoice)
    reconcile(the_world)
    later(the_world)
    assert the_world.states() == []
    assert the_world.writes()["SaveInvoices"] == 1


def test_the_invoice_of_an_order_sent_to_24so_turns_that_order_into_the_invoice(
    the_world: World,
) -> None:
    the_world.connect(order={"origin": "rackbeat"})
    rackbeat_goods(the_world, "TELT-2")
    made = rackbeat_order(the_world, of("TELT-2", 2))
    the_world.settle()
    order = the_only_order(the_world)
    invoice = invoice_all(the_world, made["number"])
    the_world.settle()
    there = the_only_order(the_world)
    assert there["OrderId"] == order["OrderId"]
    assert there["OrderStatus"] == "ForInvoicing"
    mark = f"Rackbeat faktura {invoice}, ordre {made['number']}"
    assert there["ReferenceNumber"] == mark
    assert the_world.states() == []


def test_an_invoice_has_the_reference_of_its_order_also_where_24so_does_not_know_that(
    the_world: World,
) -> None:
    the_world.connect(order={"origin": "off"}, invoice={"status": "Invoiced"})
    rackbeat_goods(the_world, "TELT-2")
    made = rackbeat_order(the_world, of("TELT-2", 2), their_reference="Kari Vidda")
    invoice_all(the_world, made["number"])
    the_world.settle()
    there = the_only_order(the_world)
    assert (there["OrderStatus"], there["YourReference"]) == ("Invoiced", "Kari Vidda")
    reconcile(the_world)
    later(the_world)
    assert the_world.states() == []
    assert the_world.writes()["SaveInvoices"] == 1


def test_the_invoice_of_an_order_the_workers_have_not_seen_yet_is_made_by_itself(
    the_world: World,
) -> None:
    the_world.connect()
    rackbeat_goods(the_world, "TELT-2")
    made = rackbeat_order(the_world, of("TELT-2", 2))
    invoice = invoice_all(the_world, made["number"])
    the_world.settle()
    there = the_only_order(the_world)
    assert there["OrderStatus"] == "ForInvoicing"
    assert Decimal(there["OrderTotalIncVat"]) == total(the_world, invoice)
    assert "ReferenceOrderId" not in there


@pytest.mark.parametrize("quantity", [1, 2], ids=["partial", "whole"])
def test_an_invoice_that_overtakes_the_message_of_its_order_is_not_sold_twice(
    the_world: World, quantity: int
) -> None:
    the_world.connect(order={"origin": "rackbeat"})
    rackbeat_goods(the_world, "TELT-2")
    customer = rackbeat_customer(the_world)["number"]
    rackbeat_order(the_world, of("TELT-2", 1), customer_id=customer)
    the_world.settle()  # nothing but the order is missing for the next one
    earlier = the_only_order(the_world)["OrderId"]
    made = rackbeat_order(the_world, of("TELT-2", 2), customer_id=customer)
    the_world.deliveries_done()
    invoice_part(the_world, made["number"], quantity)
    the_world.deliveries_done()
    the_world.engine.process(the_world.change(kind="invoice").id)
    assert "on its way" in str(the_world.change(kind="invoice").message)
    the_world.settle()
    first, *orders, invoice = the_world.all_in_tfso("orders")
    assert first["OrderId"] == earlier
    assert invoice["OrderStatus"] == "ForInvoicing"
    # Of a whole order nothing is left but the invoice; a partial one refers to its order.
    assert [order["OrderId"] for order in orders] == (
        [] if quantity == 2 else [invoice["ReferenceOrderId"]]
    )
    assert the_world.states() == []


def test_an_order_that_was_invoiced_before_it_was_looked_at_is_not_sold_twice(
    the_world: World,
) -> None:
    the_world.connect(order={"origin": "rackbeat"})
    rackbeat_goods(the_world, "TELT-2")
    the_world.settle()
    made = rackbeat_order(the_world, of("TELT-2", 2))
    invoice_all(the_world, made["number"])
    the_world.settle()
    assert the_only_order(the_world)["OrderStatus"] == "ForInvoicing"
    assert the_world.change(kind="order").outcome == "skipped"
    assert the_world.states() == []


def test_a_partial_invoice_is_a_document_of_its_own_that_refers_to_its_order(
    the_world: World,
) -> None:
    the_world.connect()
    order, number = arrived(the_world)
    invoice = invoice_part(the_world, number, 1)
    the_world.settle()
    assert refresh(the_world, order)["OrderStatus"] == "Confirmed"
    (partial,) = others(the_world, order)
    assert partial["ReferenceOrderId"] == order["OrderId"]
    assert partial["ReferenceNumber"] == f"Rackbeat faktura {invoice}"
    assert quantities(partial) == [Decimal(1)]
    assert Decimal(partial["OrderTotalIncVat"]) == total(the_world, invoice)


def an_order_of(the_world: World, made_in: str) -> tuple[Json, int]:
    """An order of three pieces that is in both systems: in 24SevenOffice, and its number in
    Rackbeat."""
    if made_in == "24so":
        return arrived(the_world)
    rackbeat_goods(the_world, "TELT-2")
    number = rackbeat_order(the_world, of("TELT-2", 3))["number"]
    the_world.settle()
    return the_only_order(the_world), number


@pytest.mark.parametrize("made_in", ["24so", "rackbeat"])
def test_a_partial_invoice_refers_to_its_order_though_the_link_of_that_is_lost(
    the_world: World, made_in: str
) -> None:
    the_world.connect(order={"origin": made_in})
    order, number = an_order_of(the_world, made_in)
    configure(the_world, order__origin="off")  # nobody looks at the order again
    Operations(the_world.engine, actor="test").unlink(SLUG, "order", str(number))
    invoice = invoice_part(the_world, number, 1)
    the_world.settle()
    (partial,) = others(the_world, order)
    assert partial["ReferenceOrderId"] == order["OrderId"]
    assert partial["ReferenceNumber"] == f"Rackbeat faktura {invoice}"
    credit(the_world, invoice)
    the_world.settle()
    assert the_world.states() == []


@pytest.mark.parametrize("mark", ["24SO {}", "24SO 99999999999"], ids=["another's", "nobody's"])
def test_a_partial_invoice_does_not_refer_to_what_is_not_its_customers_order(
    the_world: World, mark: str
) -> None:
    the_world.connect(order=OFF)
    rackbeat_goods(the_world, "TELT-2")
    other = tfso_order(the_world, tfso_customer(the_world)["Id"])
    written = mark.format(other["OrderId"])
    made = rackbeat_order(the_world, of("TELT-2", 2), other_reference=written)
    invoice_part(the_world, made["number"], 1)
    the_world.settle()
    (partial,) = others(the_world, other)
    assert "ReferenceOrderId" not in partial
    assert the_world.states() == []


def test_several_invoices_of_one_order_are_as_many_documents(the_world: World) -> None:
    the_world.connect()
    order, number = arrived(the_world)
    first = invoice_part(the_world, number, 1)
    the_world.settle()
    second = invoice_all(the_world, number)
    the_world.settle()
    documents = others(the_world, order)
    assert [quantities(each) for each in documents] == [[Decimal(1)], [Decimal(2)]]
    assert [each["ReferenceNumber"] for each in documents] == [
        f"Rackbeat faktura {first}",
        f"Rackbeat faktura {second}",
    ]
    assert {each["ReferenceOrderId"] for each in documents} == {order["OrderId"]}
    assert the_world.states() == []


@pytest.mark.parametrize("status", ["ForInvoicing", "Invoiced"])
@pytest.mark.parametrize("origin", ["24so", "rackbeat"])
def test_an_order_that_is_invoiced_in_parts_is_inactive_once_all_of_it_is(
    the_world: World, origin: str, status: str
) -> None:
    """So nobody invoices it once more; and in Rackbeat nothing happens to it."""
    the_world.connect(order={"origin": origin}, invoice={"status": status})
    order, number = an_order_of(the_world, origin)
    invoice_part(the_world, number, 1)
    the_world.settle()
    assert refresh(the_world, order)["OrderStatus"] == "Confirmed"
    invoice_part(the_world, number, 1)
    invoice_all(the_world, number)
    the_world.settle()
    assert refresh(the_world, order)["OrderStatus"] == "Inactive"
    assert {each["OrderStatus"] for each in others(the_world, order)} == {status}
    told = str([change.notes for change in the_world.changes(kind="order")])
    assert told.count("All of it is invoiced in Rackbeat") == 1
    before = the_world.in_rackbeat("orders", number)
    the_world.reset_calls()
    later(the_world)
    assert reconcile(the_world)["order"] == {}
    assert the_world.writes() == {}
    assert the_world.states() == []
    assert the_world.in_rackbeat("orders", number) == before


@pytest.mark.parametrize("origin", ["24so", "rackbeat"])
def test_an_order_is_made_inactive_though_the_answer_to_its_last_invoice_is_lost(
    the_world: World, origin: str
) -> None:
    the_world.connect(order={"origin": origin})
    order, number = an_order_of(the_world, origin)
    invoice_part(the_world, number, 1)
    the_world.settle()
    the_world.tfso.fault(operation="SaveInvoices", effect="drop_after")
    invoice_all(the_world, number)
    the_world.settle()
    assert refresh(the_world, order)["OrderStatus"] == "Inactive"
    assert len(others(the_world, order)) == 2
    assert the_world.states() == []


def test_an_order_of_rackbeat_is_open_again_once_an_invoice_of_it_is_taken_back(
    the_world: World,
) -> None:
    the_world.connect(order={"origin": "rackbeat"})
    order, number = an_order_of(the_world, "rackbeat")
    invoice_part(the_world, number, 1)
    last = invoice_all(the_world, number)
    the_world.settle()
    assert refresh(the_world, order)["OrderStatus"] == "Inactive"
    deleted(the_world, last)
    the_world.settle()
    assert refresh(the_world, order)["OrderStatus"] == "Confirmed"
    assert the_world.states() == []


def test_an_invoice_that_people_make_inactive_in_24so_stays_so(the_world: World) -> None:
    the_world.connect()
    rackbeat_goods(the_world, "TELT-2")
    made = rackbeat_invoice(the_world, of("TELT-2", 2))["number"]
    the_world.settle()
    (document,) = the_world.all_in_tfso("orders")
    the_world.tfso.edit("orders", document["OrderId"], {"OrderStatus": "Inactive"})
    the_world.rackbeat.edit("customer_invoices", made, {"heading": "Takk"})
    the_world.settle()
    assert refresh(the_world, document)["OrderStatus"] == "Inactive"
    assert "so it stays" in str(the_world.changes(kind="invoice")[-1].notes)


def test_orders_that_are_invoiced_together_are_inactive(the_world: World) -> None:
    the_world.connect(order={"origin": "rackbeat"})
    rackbeat_goods(the_world, "TELT-2")
    first = rackbeat_order(the_world, of("TELT-2", 3))
    buyer = first["customer"]["number"]
    second = rackbeat_order(the_world, of("TELT-2", 2), customer_id=buyer)
    the_world.settle()
    orders = the_world.all_in_tfso("orders")
    both = [first["number"], second["number"]]
    rackbeat_invoice(the_world, of("TELT-2", 5), customer_id=buyer, orders=both)
    for number in both:
        the_world.rackbeat.edit("orders", number, {"is_invoiced": True}, webhooks=False)
    the_world.settle()
    assert [refresh(the_world, each)["OrderStatus"] for each in orders] == ["Inactive", "Inactive"]
    assert the_world.states() == []


def test_an_order_invoiced_with_something_added_is_a_document_apart_and_the_order_inactive(
    the_world: World,
) -> None:
    the_world.connect()
    order, number = arrived(the_world)
    rackbeat_goods(the_world, "FRAKT")
    made = at_rackbeat(the_world, f"/orders/{number}/convert-to-invoice?book=false")["invoice_id"]
    draft = the_world.in_rackbeat("customer_invoices", made)
    sold = [of(line["child_id"], line["quantity"], line["line_price"]) for line in draft["lines"]]
    with_freight = {"lines": [*sold, of("FRAKT", 1, 149)], "is_booked": True}
    the_world.rackbeat.edit("customer_invoices", made, with_freight)
    the_world.settle()
    (document,) = others(the_world, order)
    assert quantities(document) == [Decimal(3), Decimal(1)]
    assert refresh(the_world, order)["OrderStatus"] == "Inactive"
    assert the_world.states() == []


def test_an_order_invoiced_in_24so_beside_its_invoices_from_rackbeat_is_parked(
    the_world: World,
) -> None:
    the_world.connect()
    order, number = arrived(the_world)
    invoice_part(the_world, number, 1)
    the_world.settle()
    the_world.tfso.edit("orders", order["OrderId"], {"OrderStatus": "Invoiced"})
    invoice_all(the_world, number)
    the_world.settle()
    parked = the_world.change(kind="order", state="parked")
    assert "beside the invoices from Rackbeat. Credit one of them." in str(parked.message)


def test_an_order_invoiced_once_more_gets_a_second_document_and_its_credit_note_names_that(
    the_world: World,
) -> None:
    the_world.connect(invoice={"status": "Invoiced"})
    order, number = arrived(the_world)
    first = invoice_all(the_world, number)
    the_world.settle()
    credit(the_world, first)
    again = [of("SKI-205", 3)]
    buyer = the_world.in_rackbeat("orders", number)["customer"]["number"]
    second = rackbeat_invoice(the_world, *again, customer_id=buyer, orders=[number])["number"]
    the_world.settle()
    note = credit(the_world, second)
    the_world.settle()
    there = {each["ReferenceNumber"]: each for each in the_world.all_in_tfso("orders")}
    assert there[f"Rackbeat faktura {first}"]["OrderId"] == order["OrderId"]
    assert there[f"Rackbeat faktura {second}"]["ReferenceOrderId"] == order["OrderId"]
    credited = there[f"Rackbeat faktura {second}"]
    assert there[f"Rackbeat faktura {note}"]["ReferenceOrderId"] == credited["OrderId"]
    assert there[f"Rackbeat faktura {note}"]["ReferenceInvoiceId"] == credited["InvoiceId"]
    assert the_world.states() == []


def test_the_invoice_an_order_has_become_is_found_without_its_link_and_with_other_lines(
    the_world: World,
) -> None:
    the_world.connect()
    order, number = arrived(the_world)
    invoice = invoice_all(the_world, number)
    the_world.settle()
    operations = Operations(the_world.engine, actor="test")
    operations.unlink(SLUG, "invoice", str(invoice))
    the_world.rackbeat.edit("orders", number, {"lines": [of("SKI-205", 5)]}, webhooks=False)
    operations.resync(SLUG, "invoice", [str(invoice)], Direction.RACKBEAT_TO_24SO)
    the_world.settle()
    assert the_only_order(the_world)["OrderId"] == order["OrderId"]
    assert the_world.states() == []


def test_an_order_that_has_become_an_invoice_is_not_written_over_by_the_order(
    the_world: World,
) -> None:
    the_world.connect(order={"origin": "rackbeat"})
    rackbeat_goods(the_world, "TELT-2")
    number = rackbeat_order(the_world, of("TELT-2", 3))["number"]
    the_world.settle()
    invoice_all(the_world, number)
    the_world.settle()
    before = the_only_order(the_world)
    the_world.rackbeat.edit("orders", number, {"heading": "Haster"})
    the_world.settle()
    assert the_only_order(the_world) == before
    assert "has become 'Rackbeat faktura" in str(the_world.changes(kind="order")[-1].message)


def test_an_invoice_does_not_take_over_what_is_not_its_customers_order(the_world: World) -> None:
    the_world.connect(order=OFF)
    rackbeat_goods(the_world, "TELT-2")
    other = tfso_order(the_world, tfso_customer(the_world)["Id"])
    made = rackbeat_order(the_world, of("TELT-2", 2), other_reference=f"24SO {other['OrderId']}")
    invoice_all(the_world, made["number"])
    the_world.settle()
    assert refresh(the_world, other)["OrderStatus"] == "Confirmed"
    assert len(others(the_world, other)) == 1


def test_a_reply_lost_after_a_partial_invoice_was_saved_does_not_double_it(
    the_world: World,
) -> None:
    the_world.connect()
    order, number = arrived(the_world)
    the_world.tfso.fault(operation="SaveInvoices", effect="drop_after", times=1)
    invoice_part(the_world, number, 1)
    the_world.settle(rounds=60)
    assert len(others(the_world, order)) == 1
    assert the_world.states() == []


def test_a_reply_lost_after_the_order_became_the_invoice_does_no_harm(the_world: World) -> None:
    the_world.connect(invoice={"status": "Invoiced"})
    arrived(the_world)
    the_world.tfso.fault(operation="SaveInvoices", effect="drop_after", times=1)
    invoice_all(the_world, the_only_draft(the_world)["number"])
    the_world.settle(rounds=60)
    assert the_only_order(the_world)["OrderStatus"] == "Invoiced"
    assert the_world.states() == []


# -- without an order ---------------------------------------------------------------------------


def test_an_invoice_without_an_order_brings_its_customer_and_products_along(
    the_world: World,
) -> None:
    the_world.connect()
    rackbeat_goods(the_world, "TELT-2")
    made = rackbeat_invoice(the_world, of("TELT-2", 2, "99.90"), heading="Butikksalg")
    the_world.settle()
    there = the_only_order(the_world)
    assert the_world.in_tfso("companies", there["CustomerId"])["Name"] == "Dalen Sport AS"
    assert (there["InvoiceTitle"], there["OrderStatus"]) == ("Butikksalg", "ForInvoicing")
    assert there["ReferenceNumber"] == f"Rackbeat faktura {made['number']}"
    assert Decimal(there["OrderTotalIncVat"]) == total(the_world, made["number"])


@pytest.mark.parametrize("what", ["orders", "customer-invoices"])
def test_what_is_unbooked_in_rackbeat_stays_as_it_is_in_24so_until_it_is_booked_again(
    the_world: World, what: str
) -> None:
    the_world.connect(order={"origin": "rackbeat"})
    rackbeat_goods(the_world, "TELT-2")
    make = rackbeat_order if what == "orders" else rackbeat_invoice
    number = make(the_world, of("TELT-2", 3), of("TELT-2", 2))["number"]
    the_world.settle()
    (before,) = the_world.all_in_tfso("orders")
    at_rackbeat(the_world, f"/{what}/{number}/{'reopen' if what == 'orders' else 'unbook'}")
    half_edited = {"lines": [of("TELT-2", 1)], "heading": "Under arbeid"}
    the_world.rackbeat.edit(what.replace("-", "_"), number, half_edited)
    the_world.settle()
    found = reconcile(the_world)
    assert found["order"] == found["invoice"] == {}
    assert the_world.all_in_tfso("orders") == [before]
    at_rackbeat(the_world, f"/{what}/{number}/book")
    the_world.settle()
    (after,) = the_world.all_in_tfso("orders")
    assert (len(after["InvoiceRows"]), after["InvoiceTitle"]) == (1, "Under arbeid")
    assert the_world.states() == []


def test_a_draft_invoice_is_not_sent(the_world: World) -> None:
    the_world.connect()
    rackbeat_goods(the_world, "TELT-2")
    rackbeat_invoice(the_world, of("TELT-2"), is_booked=False)
    the_world.settle()
    assert the_world.change(kind="invoice").outcome == "skipped"
    assert the_world.all_in_tfso("orders") == []


DAYS = (
    ("2026-02-28", "2026-03-30", 30),
    ("2026-01-31", "2026-01-31", -4),  # as its terms say: at the end of the month
    ("2025-10-26", "2025-11-05", 10),  # the day on which winter time begins
)


@pytest.mark.parametrize("status", ["Draft", "ForInvoicing", "Invoiced"])
def test_an_invoice_has_the_status_that_is_set_and_the_days_it_has_in_rackbeat(
    the_world: World, status: str
) -> None:
    the_world.connect(invoice={"status": status})
    rackbeat_goods(the_world, "TELT-2")
    customer = rackbeat_customer(the_world)["number"]
    made = [
        rackbeat_invoice(
            the_world,
            of("TELT-2"),
            customer_id=customer,
            invoice_date=dated,
            due_date=due,
            payment_terms_id=4,
        )
        for dated, due, _time in DAYS
    ]
    the_world.settle()
    assert the_world.states() == []
    for invoice, (dated, _due, time) in zip(made, DAYS, strict=True):
        change = the_world.change(kind="invoice", key=str(invoice["number"]))
        there = the_world.in_tfso("orders", change.target_key)
        assert there["OrderStatus"] == status
        assert ("InvoiceId" in there) is (status == "Invoiced")
        assert there["DateInvoiced"].startswith(f"{dated}T00:00:00")
        assert there["PaymentTime"] == time


def test_the_invoice_of_an_order_gives_it_its_date_and_payment_terms(the_world: World) -> None:
    the_world.connect(invoice={"status": "Invoiced"})
    _, number = arrived(the_world, PaymentTime=45)
    made = at_rackbeat(the_world, f"/orders/{number}/convert-to-invoice?book=false")["invoice_id"]
    days = {"invoice_date": "2026-02-28", "due_date": "2026-03-20"}
    the_world.rackbeat.edit("customer_invoices", made, {**days, "is_booked": True})
    the_world.settle()
    there = the_only_order(the_world)
    assert there["DateInvoiced"].startswith("2026-02-28T00:00:00")
    assert (there["OrderStatus"], there["PaymentTime"]) == ("Invoiced", 20)
    the_world.reset_calls()
    later(the_world)
    assert the_world.writes() == {}
    assert the_world.states() == []


def test_an_invoiced_document_whose_due_date_changes_in_rackbeat_is_parked(
    the_world: World,
) -> None:
    the_world.connect(invoice={"status": "Invoiced"})
    rackbeat_goods(the_world, "TELT-2")
    made = rackbeat_invoice(the_world, of("TELT-2"))
    the_world.settle()
    the_world.reset_calls()
    the_world.rackbeat.edit("customer_invoices", made["number"], {"due_date": "2027-01-31"})
    the_world.settle()
    parked = the_world.change(kind="invoice", state="parked")
    assert "cannot be changed there any more" in str(parked.message)
    assert the_world.writes() == {}


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [("Draft", "ForInvoicing"), ("Draft", "Invoiced"), ("ForInvoicing", "Invoiced")],
)
def test_an_invoice_that_people_take_further_in_24so_is_as_it_should_be(
    the_world: World, ours: str, theirs: str
) -> None:
    the_world.connect(invoice={"status": ours})
    rackbeat_goods(the_world, "TELT-2")
    made = rackbeat_invoice(the_world, of("TELT-2", 2))["number"]
    the_world.settle()
    (document,) = the_world.all_in_tfso("orders")
    the_world.tfso.edit("orders", document["OrderId"], {"OrderStatus": theirs})
    assert reconcile(the_world)["invoice"] == {}
    the_world.reset_calls()
    operations = Operations(the_world.engine, actor="test")
    operations.resync(SLUG, "invoice", [str(made)], Direction.RACKBEAT_TO_24SO)
    the_world.settle()
    assert the_world.writes() == {}
    assert the_world.changes(kind="invoice")[-1].outcome == "unchanged"
    if theirs == "ForInvoicing":  # a later edit follows, and leaves it there
        the_world.rackbeat.edit("customer_invoices", made, {"heading": "Takk for handelen"})
        the_world.settle()
        (document,) = the_world.all_in_tfso("orders")
        assert document["InvoiceTitle"] == "Takk for handelen"
        assert document["OrderStatus"] == theirs
    assert the_world.states() == []


def deleted(the_world: World, invoice: object) -> None:
    """What a person does who takes an invoice back: only drafts can be deleted."""
    at_rackbeat(the_world, f"/customer-invoices/{invoice}/unbook")
    the_world.settle()
    # No webhook is known to tell of it.
    at_rackbeat(the_world, f"/customer-invoices/{invoice}", method="DELETE")
    reconcile(the_world)


@pytest.mark.parametrize("status", ["Draft", "ForInvoicing"])
def test_an_invoice_deleted_in_rackbeat_is_made_inactive_in_24so(
    the_world: World, status: str
) -> None:
    the_world.connect(invoice={"status": status})
    rackbeat_goods(the_world, "TELT-2")
    made = rackbeat_invoice(the_world, of("TELT-2", 2))["number"]
    the_world.settle()
    deleted(the_world, made)
    (document,) = the_world.all_in_tfso("orders")
    assert document["OrderStatus"] == "Inactive"
    assert "to be inactive in 24SevenOffice" in str(the_world.changes(kind="invoice")[-1].notes)
    assert the_world.states() == []
    assert reconcile(the_world)["invoice"] == {}


def test_an_invoice_deleted_in_rackbeat_that_is_invoiced_in_24so_is_parked(
    the_world: World,
) -> None:
    the_world.connect()
    rackbeat_goods(the_world, "TELT-2")
    made = rackbeat_invoice(the_world, of("TELT-2", 2))["number"]
    the_world.settle()
    (document,) = the_world.all_in_tfso("orders")
    the_world.tfso.edit("orders", document["OrderId"], {"OrderStatus": "Invoiced"})
    deleted(the_world, made)
    parked = the_world.change(kind="invoice", state="parked")
    assert "Make a credit note there" in str(parked.message)
    assert the_world.all_in_tfso("orders")[0]["OrderStatus"] == "Invoiced"


def test_an_order_of_24so_whose_invoice_is_deleted_in_rackbeat_is_for_a_person_to_decide(
    the_world: World,
) -> None:
    the_world.connect()
    _, number = arrived(the_world)
    made = invoice_all(the_world, number)
    the_world.settle()
    before = the_only_order(the_world)
    deleted(the_world, made)
    parked = the_world.change(kind="invoice", state="parked")
    assert "was there before. Give the order the status" in str(parked.message)
    assert the_only_order(the_world) == before
    seen_to = {"ReferenceNumber": "PO 7", "OrderStatus": "Confirmed"}
    the_world.tfso.edit("orders", before["OrderId"], seen_to)
    Operations(the_world.engine, actor="test").retry_parked(SLUG, parked.id)
    the_world.settle()
    assert the_world.changes(kind="invoice", state="parked") == []
    assert "gone_in_rackbeat" not in reconcile(the_world)["invoice"]


def test_our_invoice_that_a_person_makes_an_order_again_does_not_come_back_as_one(
    the_world: World,
) -> None:
    the_world.connect()
    rackbeat_goods(the_world, "TELT-2")
    rackbeat_invoice(the_world, of("TELT-2", 2))
    the_world.settle()
    (document,) = the_world.all_in_tfso("orders")
    reopened = {"OrderStatus": "Confirmed", "IncludeVAT": False}
    the_world.tfso.edit("orders", document["OrderId"], reopened)
    later(the_world)
    assert the_world.rackbeat.state()["orders"] == []


@pytest.mark.parametrize("distributor", ["Default", "Manual", "Auto"])
def test_whether_24so_sends_the_invoice_out_is_a_setting(
    the_world: World, distributor: str
) -> None:
    the_world.connect(invoice={"distributor": distributor})
    rackbeat_goods(the_world, "TELT-2")
    rackbeat_invoice(the_world, of("TELT-2"))
    the_world.settle()
    assert the_only_order(the_world).get("Distributor", "Default") == distributor


def test_a_general_discount_is_taken_off_every_line_of_an_invoice(the_world: World) -> None:
    the_world.connect()
    rackbeat_goods(the_world, "TELT-2")
    made = rackbeat_invoice(the_world, of("TELT-2", 3, "333.33"), general_discount=10)
    the_world.settle()
    there = the_only_order(the_world)
    assert [Decimal(each["DiscountRate"]) for each in there["InvoiceRows"]] == [10]
    assert Decimal(there["OrderTotalIncVat"]) == total(the_world, made["number"])


# Rackbeat rounds each line, 24SevenOffice only the sum: together these come to an øre more.
ROUNDED_UP = (of("TELT-2", 3, "0.335"), of("TELT-2", 3, "0.335"))


def test_an_ore_that_rounding_makes_is_taken_up_by_a_price_and_told(the_world: World) -> None:
    the_world.connect()
    rackbeat_goods(the_world, "TELT-2")
    made = rackbeat_invoice(the_world, *ROUNDED_UP)
    the_world.settle()
    assert Decimal(the_only_order(the_world)["OrderTotalIncVat"]) == total(
        the_world, made["number"]
    )
    assert any("round at different places" in n for n in the_world.change(kind="invoice").notes)


def test_an_invoice_whose_total_would_not_be_the_same_is_parked_not_sent(
    the_world: World,
) -> None:
    the_world.connect()
    rackbeat_goods(the_world, "TELT-2")
    # A price of so many pieces cannot take up an øre.
    made = rackbeat_invoice(the_world, *(of("TELT-2", 1_000_003, "0.10555") for _ in range(2)))
    the_world.settle()
    change = the_world.change(kind="invoice")
    assert (change.state, change.failure_class) == ("parked", "unmappable")
    assert str(made["number"]) in str(change.message)
    assert "total would not be the same" in str(change.message)
    assert the_world.all_in_tfso("orders") == []
    assert the_world.writes().get("SaveInvoices") is None


def test_an_invoiced_document_whose_invoice_changes_in_rackbeat_is_parked(
    the_world: World,
) -> None:
    the_world.connect(invoice={"status": "Invoiced"})
    rackbeat_goods(the_world, "TELT-2")
    made = rackbeat_invoice(the_world, of("TELT-2"))
    the_world.settle()
    the_world.rackbeat.edit(
        "customer_invoices", made["number"], {"lines": [of("TELT-2", 2)], "is_booked": True}
    )
    the_world.settle()
    parked = the_world.change(kind="invoice", state="parked")
    assert "cannot be changed there any more" in str(parked.message)
    assert quantities(the_only_order(the_world)) == [Decimal(1)]


@pytest.mark.parametrize("origin", ["24so", "off"])
def test_an_invoice_stays_in_rackbeat_where_that_is_not_the_origin(
    the_world: World, origin: str
) -> None:
    the_world.connect(invoice={"origin": origin})
    rackbeat_goods(the_world, "TELT-2")
    rackbeat_invoice(the_world, of("TELT-2"))
    the_world.deliveries_done()
    the_world.work()
    assert the_world.changes(kind="invoice") == []
    assert the_world.all_in_tfso("orders") == []


# -- from 24SevenOffice -------------------------------------------------------------------------

FROM_24SO = {"origin": "24so"}


def test_an_order_invoiced_in_24so_is_invoiced_in_rackbeat_and_linked_to_it(
    the_world: World,
) -> None:
    the_world.connect(invoice=FROM_24SO)
    connected_long_ago(the_world)
    customer, product = tfso_goods(the_world)
    order = tfso_order(the_world, customer["Id"], row(product, 3))
    later(the_world)
    the_world.tfso.edit(
        "orders",
        order["OrderId"],
        {"OrderStatus": "Invoiced", "DateInvoiced": "2026-03-02T00:00:00"},
    )
    later(the_world)
    (invoice,) = invoices(the_world)
    # Dated as in 24SevenOffice, whenever it is transferred: it belongs to that period.
    assert (invoice["is_booked"], invoice["invoice_date"]) == (True, "2026-03-02")
    assert invoice["orders"] == [the_only_draft(the_world)["number"]]
    assert total(the_world, invoice["number"]) == Decimal(
        refresh(the_world, order)["OrderTotalIncVat"]
    )
    the_world.reset_calls()
    later(the_world)
    assert the_world.writes() == {}
    assert the_world.states() == []


@pytest.mark.parametrize("of_an_order", [True, False], ids=["of an order", "without one"])
@pytest.mark.parametrize(("time", "due"), [(45, "2026-04-16"), (-4, "2026-03-31")])
def test_an_invoice_of_24so_is_due_in_rackbeat_on_the_same_day(
    the_world: World, time: int, due: str, of_an_order: bool
) -> None:
    the_world.connect(invoice=FROM_24SO)
    connected_long_ago(the_world)
    invoiced = {"OrderStatus": "Invoiced", "DateInvoiced": "2026-03-02T00:00:00"}
    if of_an_order:
        order, _ = arrived(the_world, PaymentTime=time)
        the_world.tfso.edit("orders", order["OrderId"], invoiced)
    else:
        customer, product = tfso_goods(the_world)
        tfso_order(the_world, customer["Id"], row(product), PaymentTime=time, **invoiced)
    later(the_world)
    (invoice,) = invoices(the_world)
    assert (invoice["invoice_date"], invoice["due_date"]) == ("2026-03-02", due)
    assert the_world.states() == []
    the_world.reset_calls()
    later(the_world)
    assert the_world.writes() == {}


def test_a_note_written_into_an_order_is_in_its_invoice_and_credit_note_where_24so_has_no_text(
    the_world: World,
) -> None:
    the_world.connect(invoice=FROM_24SO)
    order, number = arrived(the_world, YourReference="Kari Vidda")
    note = "Ring først\nDeres referanse: Kari Vidda"
    the_world.rackbeat.edit("orders", number, {"note": note})
    the_world.tfso.edit("orders", order["OrderId"], {"OrderStatus": "Invoiced"})
    later(the_world)
    credit_in_tfso(the_world, refresh(the_world, order), YourReference="Kari Vidda")
    later(the_world)
    made = invoices(the_world)
    assert [(each["is_creditnote"], each["note"]) for each in made] == [(False, note), (True, note)]
    assert the_world.states() == []


@pytest.mark.parametrize("made_in", ["24so", "rackbeat"])
def test_an_order_whose_link_is_lost_is_invoiced_all_the_same(
    the_world: World, made_in: str
) -> None:
    """As after an older backup was put back, and the order invoiced before it was looked at."""
    the_world.connect(invoice=FROM_24SO, order={"origin": made_in})
    if made_in == "24so":
        order, number = arrived(the_world)
    else:
        rackbeat_goods(the_world, "TELT-2")
        number = rackbeat_order(the_world, of("TELT-2", 2))["number"]
        the_world.settle()
        order = the_only_order(the_world)
    Operations(the_world.engine, actor="test").unlink(SLUG, "order", str(number))
    the_world.tfso.edit("orders", order["OrderId"], {"OrderStatus": "Invoiced"})
    later(the_world)
    (invoice,) = invoices(the_world)
    assert (invoice["orders"], invoice["is_booked"]) == ([number], True)
    assert the_only_draft(the_world)["is_invoiced"]
    assert the_world.states() == []


@pytest.mark.parametrize(
    ("told", "day"),
    [
        ("2026-03-02T00:00:00", "2026-03-02"),
        ("2026-11-30T23:00:00", "2026-12-01"),  # midnight in Norway, and another VAT period
        ("2026-08-31T21:59:59", "2026-08-31"),
        ("2026-08-31T22:00:00", "2026-09-01"),
    ],
)
def test_an_invoice_of_24so_without_an_order_is_made_in_rackbeat(
    the_world: World, told: str, day: str
) -> None:
    the_world.connect(invoice=FROM_24SO)
    connected_long_ago(the_world)
    customer, product = tfso_goods(the_world)
    made = tfso_order(
        the_world,
        customer["Id"],
        row(product, 2, "99.90"),
        OrderStatus="Invoiced",
        DateInvoiced=told,
    )
    later(the_world)
    (invoice,) = invoices(the_world)
    assert (invoice["is_booked"], invoice["invoice_date"]) == (True, day)
    assert invoice["other_reference"] == f"24SO {made['OrderId']}"
    assert total(the_world, invoice["number"]) == Decimal(made["OrderTotalIncVat"])
    assert the_world.rackbeat.state()["orders"] == []


@pytest.mark.parametrize("edit", [{"Price": "900"}, {"VatRate": "15"}], ids=["price", "VAT"])
def test_an_order_booked_with_other_prices_than_were_invoiced_in_24so_is_parked(
    the_world: World, edit: Json
) -> None:
    the_world.connect(invoice=FROM_24SO)
    order, _ = arrived(the_world)
    row_id = refresh(the_world, order)["InvoiceRows"][0]["RowId"]
    the_world.tfso.edit(
        "orders",
        order["OrderId"],
        {
            "InvoiceRows": [{"RowId": row_id, "ChangeState": "Edit", **edit}],
            "OrderStatus": "Invoiced",
        },
    )
    later(the_world)
    assert invoices(the_world) == []
    parked = the_world.change(kind="invoice", state="parked")
    assert "Rackbeat" in str(parked.message)


def test_a_discount_given_to_the_order_in_rackbeat_is_not_booked_as_the_invoice_of_24so(
    the_world: World,
) -> None:
    the_world.connect(invoice=FROM_24SO)
    order, number = arrived(the_world)
    the_world.rackbeat.edit("orders", number, {"general_discount": 10})
    the_world.tfso.edit("orders", order["OrderId"], {"OrderStatus": "Invoiced"})
    later(the_world)
    parked = the_world.change(kind="invoice", state="parked")
    assert "other quantities, prices, discounts or VAT" in str(parked.message)
    assert invoices(the_world) == []


def edited_and_invoiced(the_world: World) -> Json:
    """An order that is not booked in Rackbeat yet, as it is edited and invoiced in one go."""
    the_world.connect(invoice=FROM_24SO)
    customer, product = tfso_goods(the_world)
    order = tfso_order(the_world, customer["Id"], row(product, 3))
    later(the_world)
    row_id = refresh(the_world, order)["InvoiceRows"][0]["RowId"]
    rows = [{"RowId": row_id, "ChangeState": "Edit", "Quantity": "4"}]
    changes = {"InvoiceRows": rows, "OrderStatus": "Invoiced"}
    the_world.tfso.edit("orders", order["OrderId"], changes)
    return refresh(the_world, order)


def is_invoiced_as(the_world: World, order: Json) -> None:
    (invoice,) = invoices(the_world)
    assert invoice["is_booked"]
    assert total(the_world, invoice["number"]) == Decimal(order["OrderTotalIncVat"])
    assert the_world.states() == []


@pytest.mark.parametrize("first", ["order", "invoice"])
def test_an_order_that_is_edited_and_invoiced_at_once_is_invoiced_as_edited(
    the_world: World, first: str
) -> None:
    order = edited_and_invoiced(the_world)
    the_world.pull("order")
    the_world.pull("invoice")
    (change,) = [c for c in the_world.changes(kind=first) if c.state == "pending"]
    the_world.engine.process(change.id)
    later(the_world)
    is_invoiced_as(the_world, order)


def test_an_invoice_that_is_pulled_before_the_edit_of_its_order_follows_that_by_itself(
    the_world: World,
) -> None:
    order = edited_and_invoiced(the_world)
    the_world.pull("invoice")
    the_world.engine.process(the_world.change(kind="invoice").id)
    parked = the_world.change(kind="invoice", state="parked")
    assert "as soon as the edit has been transferred" in str(parked.message)
    later(the_world)
    is_invoiced_as(the_world, order)


def test_an_invoice_whose_order_is_transferred_while_it_is_looked_at_is_not_parked(
    the_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = edited_and_invoiced(the_world)
    the_world.pull("invoice")
    invoice = the_world.change(kind="invoice")
    failed = the_world.engine._failed

    def the_order_first(*about: Any) -> None:
        monkeypatch.setattr(the_world.engine, "_failed", failed)
        the_world.pull("order")
        (edit,) = [c for c in the_world.changes(kind="order") if c.state == "pending"]
        the_world.engine.process(edit.id)
        failed(*about)

    monkeypatch.setattr(the_world.engine, "_failed", the_order_first)
    the_world.engine.process(invoice.id)
    assert the_world.change(kind="invoice").state == "pending"
    the_world.settle()
    is_invoiced_as(the_world, order)


def test_a_discount_given_in_both_systems_is_taken_off_once(the_world: World) -> None:
    the_world.connect(invoice=FROM_24SO)
    order, number = arrived(the_world)
    the_world.rackbeat.edit("orders", number, {"general_discount": 10})
    (line,) = refresh(the_world, order)["InvoiceRows"]
    rows = [{"RowId": line["RowId"], "ChangeState": "Edit", "DiscountRate": "10"}]
    the_world.tfso.edit(
        "orders", order["OrderId"], {"OrderStatus": "Invoiced", "InvoiceRows": rows}
    )
    later(the_world)
    (invoice,) = invoices(the_world)
    assert invoice["is_booked"]
    assert total(the_world, invoice["number"]) == Decimal("3375.00")


@pytest.mark.parametrize("of_an_order", [True, False], ids=["of an order", "without one"])
def test_the_customers_general_discount_in_rackbeat_is_not_taken_off_what_24so_has_sold(
    the_world: World, of_an_order: bool
) -> None:
    the_world.connect(invoice=FROM_24SO)
    customer, product = tfso_goods(the_world)
    the_world.pull("customer")
    the_world.work()
    the_world.settle()
    (link,) = the_world.links("customer")
    ten = {"general_discount_percentage": 10}
    the_world.rackbeat.edit("customers", int(link.rackbeat_key), ten)
    the_world.settle()
    made = tfso_order(
        the_world,
        customer["Id"],
        row(product, 3),
        OrderStatus="Confirmed" if of_an_order else "Invoiced",
    )
    later(the_world)
    if of_an_order:
        assert Decimal(str(the_only_draft(the_world)["total_total"])) == Decimal("3750.00")
        the_world.tfso.edit("orders", made["OrderId"], {"OrderStatus": "Invoiced"})
        later(the_world)
    (invoice,) = invoices(the_world)
    assert invoice["is_booked"]
    assert total(the_world, invoice["number"]) == Decimal("3750.00")


def test_a_draft_whose_total_is_another_is_not_booked_before_somebody_has_mended_it(
    the_world: World,
) -> None:
    """A discount of less than an øre on each line, but of an øre on both together."""
    the_world.connect(invoice=FROM_24SO)
    customer, product = tfso_goods(the_world)
    rows = [row(product, 1, "0.05", VatRate="0") for _ in range(2)]
    order = tfso_order(the_world, customer["Id"], *rows)
    later(the_world)
    number = the_only_draft(the_world)["number"]
    book(the_world, number)
    the_world.rackbeat.edit("orders", number, {"general_discount": 10})
    the_world.tfso.edit("orders", order["OrderId"], {"OrderStatus": "Invoiced"})
    later(the_world)
    parked = the_world.change(kind="invoice", state="parked")
    assert "It is not booked" in str(parked.message)
    (draft,) = invoices(the_world)
    assert not draft["is_booked"]
    the_world.rackbeat.edit("customer_invoices", draft["number"], {"general_discount": 0})
    Operations(the_world.engine, actor="test").retry_parked(SLUG, parked.id)
    the_world.work()
    the_world.settle()
    (invoice,) = invoices(the_world)
    assert invoice["is_booked"]
    assert total(the_world, invoice["number"]) == Decimal("0.10")


@answers_lost("POST /orders/{number}/convert-to-invoice")
def test_an_answer_lost_anywhere_in_the_conversion_neither_doubles_the_invoice_nor_leaves_a_draft(
    the_world: World, operation: str
) -> None:
    the_world.connect(invoice=FROM_24SO)
    connected_long_ago(the_world)
    order, _ = arrived(the_world)
    the_world.rackbeat.fault(operation=operation, effect="drop_after", times=1)
    the_world.tfso.edit(
        "orders",
        order["OrderId"],
        {"OrderStatus": "Invoiced", "DateInvoiced": "2026-03-02T00:00:00"},
    )
    later(the_world)
    the_world.settle(rounds=60)
    (invoice,) = invoices(the_world)
    assert (invoice["is_booked"], invoice["invoice_date"]) == (True, "2026-03-02")
    assert the_world.states() == []


def test_a_draft_that_somebody_has_begun_in_rackbeat_becomes_the_invoice_of_24so(
    the_world: World,
) -> None:
    the_world.connect(invoice=FROM_24SO)
    order, number = arrived(the_world)
    at_rackbeat(the_world, f"/orders/{number}/convert-to-invoice?book=false")
    the_world.tfso.edit("orders", order["OrderId"], {"OrderStatus": "Invoiced"})
    later(the_world)
    (invoice,) = invoices(the_world)
    assert invoice["is_booked"]
    assert the_world.states() == []


def test_a_part_invoiced_in_24so_is_booked_once_a_person_has_begun_it_in_rackbeat(
    the_world: World,
) -> None:
    the_world.connect(invoice=FROM_24SO)
    order, number = arrived(the_world)
    customer, product = order["CustomerId"], order["InvoiceRows"][0]
    sold = {"ProductId": product["ProductId"], "Quantity": "1", "Price": product["Price"]}
    reference = {"OrderStatus": "Invoiced", "ReferenceOrderId": order["OrderId"]}
    part = tfso_order(the_world, customer, sold, **reference)
    later(the_world)
    assert invoices(the_world) == []
    parked = the_world.change(kind="invoice", state="parked")
    mark = f"24SO {part['OrderId']}"
    assert f"leave it a draft, make its other reference '{mark}'" in str(parked.message)
    (line,) = the_world.in_rackbeat("orders", number)["lines"]
    by_hand = {"lines": [{"id": line["id"], "quantity": 1}], "book": False}
    begun = the_world.rackbeat.post(f"/orders/{number}/invoice-part", by_hand)["invoice_id"]
    the_world.rackbeat.edit("customer_invoices", begun, {"other_reference": mark})
    Operations(the_world.engine, actor="test").retry_parked(SLUG, parked.id)
    the_world.settle()
    (invoice,) = invoices(the_world)
    assert (invoice["number"], invoice["is_booked"]) == (begun, True)
    assert the_world.states() == []


def test_a_draft_in_rackbeat_that_sells_something_else_is_left_to_people(the_world: World) -> None:
    the_world.connect(invoice=FROM_24SO)
    order, number = arrived(the_world)
    made = at_rackbeat(the_world, f"/orders/{number}/convert-to-invoice?book=false")["invoice_id"]
    (line,) = the_world.in_rackbeat("customer_invoices", made)["lines"]
    the_world.rackbeat.edit("customer_invoices", made, {"lines": [of(line["child_id"], 1)]})
    the_world.tfso.edit("orders", order["OrderId"], {"OrderStatus": "Invoiced"})
    later(the_world)
    (invoice,) = invoices(the_world)
    assert not invoice["is_booked"]
    parked = the_world.change(kind="invoice", state="parked")
    assert str(parked.message).startswith(f"The draft invoice {made} in Rackbeat has other")


def test_our_own_invoice_that_comes_back_is_not_doubled_when_the_origin_changes(
    the_world: World,
) -> None:
    the_world.connect(invoice={"status": "Invoiced"})
    _, number = arrived(the_world)
    invoice_all(the_world, number)
    the_world.settle()
    configure(the_world, invoice__origin="24so")
    the_world.reset_calls()
    later(the_world)
    assert len(invoices(the_world)) == 1
    assert the_world.writes() == {}


def test_our_own_invoice_whose_link_is_gone_is_not_doubled_when_the_origin_changes(
    the_world: World,
) -> None:
    the_world.connect(invoice={"status": "Invoiced"})
    rackbeat_goods(the_world, "TELT-2")
    number = rackbeat_invoice(the_world, of("TELT-2"))["number"]
    the_world.settle()
    Operations(the_world.engine, actor="test").unlink(SLUG, "invoice", str(number))
    configure(the_world, invoice__origin="24so")
    key = str(the_only_order(the_world)["OrderId"])
    the_world.engine.by_hand(SLUG, "invoice", Direction.TFSO_TO_RACKBEAT, key)
    assert [each["number"] for each in invoices(the_world)] == [number]
    (parked,) = [c for c in the_world.changes(kind="invoice") if c.state == "parked"]
    assert f"'Rackbeat faktura {number}'" in str(parked.message)
    assert "not made once more" in str(parked.message)


def test_an_invoice_made_of_one_of_24so_is_not_sent_back_when_the_origin_changes(
    the_world: World,
) -> None:
    the_world.connect(invoice={"origin": "24so"})
    customer, product = tfso_goods(the_world)
    tfso_order(the_world, customer["Id"], row(product), OrderStatus="Invoiced")
    later(the_world)
    (made,) = invoices(the_world)
    Operations(the_world.engine, actor="test").unlink(SLUG, "invoice", str(made["number"]))
    configure(the_world, invoice__origin="rackbeat")
    the_world.rackbeat.edit("customer_invoices", made["number"], {"note": "Betalt"})
    the_world.settle()
    assert len(the_world.all_in_tfso("orders")) == 1
    skipped = the_world.changes(kind="invoice")[-1]
    assert (skipped.outcome, skipped.direction) == ("skipped", "rackbeat_to_24so")
    assert "It was made of the document" in str(skipped.message)


@pytest.mark.parametrize("effect", ["drop_before", "drop_after"])
def test_a_partial_invoice_without_an_answer_is_no_other_one_when_the_origin_changes(
    the_world: World, effect: str
) -> None:
    the_world.connect(invoice={"status": "Invoiced"})
    order, number = arrived(the_world)
    the_world.tfso.fault(operation="SaveInvoices", effect=effect, times=4)
    invoice = invoice_part(the_world, number, 1)
    the_world.deliveries_done()
    the_world.work()
    configure(the_world, invoice__origin="24so")
    later(the_world)
    later(the_world)
    made = 1 if effect == "drop_after" else 0
    assert len(others(the_world, order)) == made
    assert [each["number"] for each in invoices(the_world)] == [invoice]
    assert [link.rackbeat_key for link in the_world.links("invoice")] == [str(invoice)] * made
    change = the_world.changes(kind="invoice")[0]
    assert (change.outcome, "is linked to invoice" in str(change.message)) == ("skipped", made == 1)
    assert the_world.states() == []


@answers_lost("POST /orders/{number}/convert-to-invoice")
def test_an_invoice_of_24so_without_an_answer_is_not_sent_back_when_the_origin_changes(
    the_world: World, operation: str
) -> None:
    the_world.connect(invoice=FROM_24SO)
    order, _ = arrived(the_world)
    times = 4 if operation.startswith("PUT") else 1  # a PUT is repeated at once
    the_world.rackbeat.fault(operation=operation, effect="drop_after", times=times)
    the_world.tfso.edit("orders", order["OrderId"], {"OrderStatus": "Invoiced"})
    the_world.clock.pass_by(minutes=11)
    the_world.work()
    configure(the_world, invoice__origin="rackbeat")
    later(the_world)
    (invoice,) = invoices(the_world)
    if not invoice["is_booked"]:
        at_rackbeat(the_world, f"/customer-invoices/{invoice['number']}/book")
    the_world.rackbeat.edit("customer_invoices", invoice["number"], {"is_booked": True})
    later(the_world)
    assert [each["OrderId"] for each in the_world.all_in_tfso("orders")] == [order["OrderId"]]
    assert the_world.links("invoice")[0].rackbeat_key == str(invoice["number"])
    assert "complete it by hand" in str(the_world.changes(kind="invoice")[0].message)


@pytest.mark.parametrize("status", ["Draft", "ForInvoicing", "Invoiced"])
def test_invoices_that_are_not_booked_in_24so_yet_are_not_gone(
    the_world: World, status: str
) -> None:
    the_world.connect(invoice={"status": status})
    _, number = arrived(the_world)
    invoice_part(the_world, number, 1)
    the_world.settle()
    credit(the_world, invoices(the_world)[0]["number"])
    the_world.settle()
    assert len(the_world.links("invoice")) == 2
    assert [reconcile(the_world)["invoice"] for _ in range(2)] == [{}, {}]
