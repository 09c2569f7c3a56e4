"""What people do with orders, invoices and stock in both systems, for the tests of all kinds."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypeVar

import httpx
import pytest
from sqlalchemy import update

from sandbox.rackbeat import API_KEY
from sandbox.tfso.config import FJELLHEIM
from sandbox.tls import tls
from shared.operations import Operations
from shared.runs import start_run
from shared.settings import Settings
from shared.tables import Connection, Run
from shared.words import Cause, Direction, System
from tests.harness.people import (
    rackbeat_customer,
    rackbeat_group,
    tfso_customer,
    tfso_order,
    tfso_product,
)
from tests.harness.world import SLUG, Json, World

# Enough for every pull to be due again.
A_PULL_LATER = 11
OFF = {"origin": "off"}
Test = TypeVar("Test", bound=Callable[..., None])


def later(world: World, minutes: float = A_PULL_LATER) -> None:
    """Let time pass, pulls come round and both systems come to rest."""
    world.clock.pass_by(minutes=minutes)
    world.work()
    world.settle()


def connected_long_ago(world: World) -> None:
    """Let the connection be older than all that the test dates, its first pulls done."""
    world.work()
    with world.sessions.begin() as session:
        session.execute(update(Connection).values(created_at=datetime(2020, 1, 1, tzinfo=UTC)))


def configure(world: World, **changes: Any) -> Settings:
    """Change settings, named as order__origin."""
    named = {name.replace("__", "."): value for name, value in changes.items()}
    return Operations(world.engine, actor="test").change_settings(SLUG, named)


def reconcile(world: World) -> dict[str, dict[str, int]]:
    """A whole reconciliation, and what it found of each kind."""
    run_id = start_run(world.engine, SLUG, Cause.RECONCILE)
    world.work()
    world.settle()
    with world.sessions() as session:
        return dict(session.get_one(Run, run_id).listed)


# -- at Rackbeat --------------------------------------------------------------------------------


def at_rackbeat(world: World, path: str, *, method: str = "POST", **body: Any) -> Json:
    """What a person does with a button that is a call of Rackbeat's interface, too."""
    answer = httpx.request(
        method,
        f"{world.rackbeat_url}/api{path}",
        json=body,
        headers={"Authorization": f"Bearer {API_KEY}"},
        trust_env=False,
        verify=tls(),
    )
    assert answer.is_success, answer.text
    found: Json = answer.json()
    return found


def rackbeat_goods(world: World, *numbers: str, **fields: Any) -> list[Json]:
    """Products in a group of their own; nothing is told of them."""
    group = rackbeat_group(world, name="Telt", webhooks=False)["number"]
    given = {"name": "Fjelltelt", "group": group, "sales_price": "1000"}
    return [
        world.rackbeat.add("products", given | {"number": number} | fields, webhooks=False)
        for number in numbers
    ]


def of(product: str, quantity: object = 1, price: object = 1000, **fields: Any) -> Json:
    """A line of an order or an invoice in Rackbeat."""
    return {"item_id": product, "quantity": quantity, "line_price": price, **fields}


def rackbeat_order(world: World, *lines: Json, booked: bool = True, **fields: Any) -> Json:
    """An order of a customer that nothing has been told of."""
    if "customer_id" not in fields:
        fields["customer_id"] = rackbeat_customer(world, webhooks=False)["number"]
    return world.rackbeat.add("orders", {"lines": list(lines), "is_booked": booked, **fields})


def rackbeat_invoice(world: World, *lines: Json, **fields: Any) -> Json:
    """A booked invoice without an order."""
    if "customer_id" not in fields:
        fields["customer_id"] = rackbeat_customer(world, webhooks=False)["number"]
    given = {"lines": list(lines), "is_booked": True, **fields}
    return world.rackbeat.add("customer_invoices", given)


def book(world: World, order: object) -> None:
    at_rackbeat(world, f"/orders/{order}/book")


def invoice_all(world: World, order: object) -> int:
    """Invoice what is left of a booked order; the invoice's number."""
    return int(at_rackbeat(world, f"/orders/{order}/convert-to-invoice?book=true")["invoice_id"])


def invoice_part(world: World, order: object, *quantities: object) -> int:
    """Invoice so many of each line of a booked order; the invoice's number."""
    lines = world.in_rackbeat("orders", order)["lines"]
    parts = [
        {"id": line["id"], "quantity": quantity}
        for line, quantity in zip(lines, quantities, strict=True)
    ]
    return int(world.rackbeat.post(f"/orders/{order}/invoice-part", {"lines": parts})["invoice_id"])


def credit(world: World, invoice: object) -> int:
    """Credit all of a booked invoice; the credit note's number."""
    return int(world.rackbeat.post(f"/customer-invoices/{invoice}/credit")["invoice_id"])


def convert(world: World, product: str) -> None:
    """Make a structure item of a product."""
    at_rackbeat(world, f"/products/{product}/convert")


# -- at 24SevenOffice ---------------------------------------------------------------------------


def tfso_goods(world: World) -> tuple[Json, Json]:
    """A customer and a product to be ordered."""
    return tfso_customer(world), tfso_product(world)


def row(product: Json, quantity: object = 1, price: object = "1000", **fields: Any) -> Json:
    """A row of an order in 24SevenOffice."""
    return {
        "ProductId": product["Id"],
        "Quantity": quantity,
        "Price": price,
        "VatRate": "25",
        **fields,
    }


def credit_in_tfso(
    world: World, invoice: Json, *, quantity: int | None = None, **fields: Any
) -> Json:
    """A credit note of 24SevenOffice's, for all of an invoice or so many of its first row."""
    rows = invoice["InvoiceRows"]
    rows = rows if quantity is None else [{**rows[0], "Quantity": quantity}]
    back = [{**each, "RowId": None, "Quantity": str(-Decimal(each["Quantity"]))} for each in rows]
    if not fields.keys() & {"ReferenceOrderId", "ReferenceInvoiceId"}:
        fields["ReferenceOrderId"] = invoice["OrderId"]
    return tfso_order(world, invoice["CustomerId"], *back, OrderStatus="Invoiced", **fields)


def refresh(world: World, order: Json) -> Json:
    """An order of 24SevenOffice's as it is now."""
    return world.in_tfso("orders", order["OrderId"])


def the_only_order(world: World) -> Json:
    (order,) = world.all_in_tfso("orders")
    return order


def drafts_of(world: World, order: Json) -> list[Json]:
    """The orders in Rackbeat that carry the mark of an order of 24SevenOffice's."""
    mark = f"24SO {order['OrderId']}"
    return [o for o in world.rackbeat.state()["orders"] if o["other_reference"] == mark]


def the_only_draft(world: World) -> Json:
    (order,) = world.rackbeat.state()["orders"]
    found: Json = order
    return found


# -- both ---------------------------------------------------------------------------------------


def arrived(world: World, *rows: Json, **fields: Any) -> tuple[Json, int]:
    """An order of 24SevenOffice's, and the number of its booked copy in Rackbeat."""
    customer, product = tfso_goods(world)
    rows = rows or (row(product, 3),)
    order = tfso_order(world, customer["Id"], *rows, **fields)
    later(world)
    number = the_only_draft(world)["number"]
    book(world, number)
    world.settle()
    return order, number


def quantities(order: Json) -> list[Decimal]:
    """Those of the rows of an order in 24SevenOffice."""
    return [Decimal(each["Quantity"]) for each in order["InvoiceRows"]]


def others(world: World, order: Json) -> list[Json]:
    """All documents in 24SevenOffice but this order."""
    return [o for o in world.all_in_tfso("orders") if o["OrderId"] != order["OrderId"]]


def total(world: World, invoice: int) -> Decimal:
    """What an invoice in Rackbeat comes to, with VAT."""
    return Decimal(str(world.in_rackbeat("customer_invoices", invoice)["total_total"]))


def invoices(world: World) -> list[Json]:
    """All invoices and credit notes in Rackbeat."""
    found: list[Json] = world.rackbeat.state()["customer_invoices"]
    return found


def answers_lost(beginning: str) -> Callable[[Test], Test]:
    """Loses each answer in turn while Rackbeat makes an invoice of something that is there. (Calls
    that are lost before they are carried out are among the crash points.)

    The test takes `operation`, that of the fault.

    Args:
        beginning: the call that makes the draft, which is then dated and booked.
    """
    operations = [
        beginning,
        "PUT /customer-invoices/{number}",
        "POST /customer-invoices/{number}/book",
    ]
    return pytest.mark.parametrize("operation", operations)


def let_documents(world: World, direction: Direction) -> None:
    """Orders and invoices travel in one direction only; choose it."""
    origin = direction.source.value
    configure(world, order__origin=origin, invoice__origin=origin)


def all_in(world: World, system: System) -> Json:
    """All records of a system, by what it calls them."""
    if system is System.RACKBEAT:
        return world.rackbeat.state()
    found: Json = world.tfso.state()[str(FJELLHEIM.client_id)]
    return found
