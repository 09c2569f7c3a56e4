"""Orders, invoices and credit notes in foreign money, both ways."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.harness.mission import (
    arrived,
    book,
    credit,
    credit_in_tfso,
    invoice_all,
    invoice_part,
    invoices,
    later,
    of,
    others,
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
from tests.harness.world import Json, World

CROWNS = {"Symbol": "SEK", "Rate": "101.4", "Unit": 100}
EUROS = {"currency": "EUR", "currency_rate": "11.62"}
# Of an amount such as this, VAT is not whole øre.
PRICE = "99.99"


def money_in_tfso(order: Json) -> tuple[str, Decimal, Decimal]:
    """Currency, rate of one unit, and total with VAT."""
    currency = order["Currency"]
    rate = Decimal(currency.get("Rate", 1)) / Decimal(currency.get("Unit", 1))
    return currency["Symbol"], rate, Decimal(order["OrderTotalIncVat"])


def money_in_rackbeat(document: Json, sign: int = 1) -> tuple[str, Decimal, Decimal]:
    rate, total = (Decimal(str(document[name])) for name in ("currency_rate", "total_total"))
    return document["currency"], rate, sign * abs(total)


def test_an_order_of_24so_its_rate_and_its_invoice_are_in_the_same_foreign_money(
    the_world: World,
) -> None:
    the_world.connect(invoice={"status": "Invoiced"})
    customer, product = tfso_goods(the_world)
    rows = row(product, 3, PRICE), row(product, 1, "12.34", DiscountRate="10")
    order = tfso_order(the_world, customer["Id"], *rows, Currency=CROWNS)
    later(the_world)
    draft = the_only_draft(the_world)
    assert money_in_rackbeat(draft) == money_in_tfso(order)
    assert money_in_rackbeat(draft)[:2] == ("SEK", Decimal("1.014"))
    the_world.tfso.edit("orders", order["OrderId"], {"Currency": {**CROWNS, "Rate": "99.5"}})
    later(the_world)
    draft = the_only_draft(the_world)
    assert money_in_rackbeat(draft)[:2] == ("SEK", Decimal("0.995"))
    book(the_world, draft["number"])
    invoice = invoice_all(the_world, draft["number"])
    the_world.settle()
    there = refresh(the_world, order)
    assert there["OrderStatus"] == "Invoiced"
    made = the_world.in_rackbeat("customer_invoices", invoice)
    assert money_in_tfso(there) == money_in_rackbeat(made)
    note = credit(the_world, invoice)
    the_world.settle()
    (credited,) = others(the_world, order)
    made = the_world.in_rackbeat("customer_invoices", note)
    assert money_in_tfso(credited) == money_in_rackbeat(made, sign=-1)
    assert the_world.states() == []


def test_an_order_of_rackbeats_and_its_invoices_are_in_the_same_foreign_money(
    the_world: World,
) -> None:
    the_world.connect(order={"origin": "rackbeat"})
    rackbeat_goods(the_world, "TELT-2")
    customer = rackbeat_customer(the_world, webhooks=False)["number"]
    made = rackbeat_order(the_world, of("TELT-2", 3, PRICE), customer_id=customer, **EUROS)
    the_world.settle()
    order = the_only_order(the_world)
    assert money_in_tfso(order) == money_in_rackbeat(made)
    assert money_in_tfso(order)[:2] == ("EUR", Decimal("11.62"))
    other = rackbeat_order(the_world, of("TELT-2", 3, PRICE), customer_id=customer, **EUROS)
    the_world.settle()
    the_world.rackbeat.edit("orders", other["number"], {"is_booked": False})
    back_home = {"currency": "NOK", "currency_rate": 1, "is_booked": True}
    the_world.rackbeat.edit("orders", other["number"], back_home)
    the_world.settle()
    (there,) = others(the_world, order)
    assert money_in_tfso(there)[:2] == ("NOK", Decimal(1))
    part = invoice_part(the_world, made["number"], 2)
    bare = rackbeat_invoice(the_world, of("TELT-2", 1, PRICE), customer_id=customer, **EUROS)
    the_world.settle()
    in_tfso = {each["ReferenceNumber"]: each for each in others(the_world, order)}
    for number in (part, bare["number"]):
        invoice = the_world.in_rackbeat("customer_invoices", number)
        assert money_in_tfso(in_tfso[f"Rackbeat faktura {number}"]) == money_in_rackbeat(invoice)
    assert the_world.states() == []


def test_invoices_and_credit_notes_of_24so_are_in_the_same_foreign_money_in_rackbeat(
    the_world: World,
) -> None:
    the_world.connect(invoice={"origin": "24so"})
    order, _ = arrived(the_world, Currency=CROWNS)
    the_world.tfso.edit("orders", order["OrderId"], {"OrderStatus": "Invoiced"})
    rows = order["InvoiceRows"]
    bare = tfso_order(
        the_world,
        order["CustomerId"],
        {**rows[0], "RowId": None, "Price": PRICE},
        OrderStatus="Invoiced",
        Currency={"Symbol": "EUR", "Rate": "11.62"},
    )
    later(the_world)
    note = credit_in_tfso(the_world, bare, Currency=bare["Currency"])
    later(the_world)
    there = {each["other_reference"]: each for each in invoices(the_world)}
    for document, sign in ((refresh(the_world, order), 1), (bare, 1), (note, -1)):
        invoice = there[f"24SO {document['OrderId']}"]
        assert money_in_rackbeat(invoice, sign) == money_in_tfso(document)
    assert the_world.states() == []


def test_the_local_currency_is_the_one_that_is_set(the_world: World) -> None:
    the_world.connect(local_currency="SEK")
    arrived_in_crowns = tfso_customer(the_world)["Id"]
    sent = [
        rackbeat_customer(the_world, currency=currency, company_vat=None)["number"]
        for currency in ("SEK", "NOK")
    ]
    later(the_world)
    assert the_world.in_rackbeat("customers", arrived_in_crowns)["currency"] == "SEK"
    there = [the_world.in_tfso("companies", number)["CurrencyId"] for number in sent]
    assert there == ["LOCAL", "NOK"]


@pytest.mark.parametrize("kind", ["order", "invoice"])
def test_a_document_in_the_local_currency_of_a_customer_with_a_foreign_one_stays_in_it(
    the_world: World, kind: str
) -> None:
    the_world.connect(order={"origin": "rackbeat"})
    rackbeat_goods(the_world, "TELT-2")
    customer = rackbeat_customer(the_world, currency="EUR")["number"]
    make = rackbeat_order if kind == "order" else rackbeat_invoice
    make(the_world, of("TELT-2", 1), customer_id=customer, currency="NOK")
    the_world.settle()
    (company,) = [c for c in the_world.all_in_tfso("companies") if c["CurrencyId"] == "EUR"]
    assert the_only_order(the_world)["CustomerId"] == company["Id"]
    assert money_in_tfso(the_only_order(the_world)) == ("NOK", 1, 1250)
    reconcile(the_world)
    assert the_world.writes()["SaveInvoices"] == 1
