"""A little of everything the product does, with every request it sends written down."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache

import pytest
from sqlalchemy import select

from sandbox.servers import Postgres, Valkey
from shared.runs import start_run
from shared.tables import WebhookSubscription
from shared.words import Cause, Direction
from tests.harness.mission import (
    at_rackbeat,
    book,
    configure,
    convert,
    credit,
    credit_in_tfso,
    drafts_of,
    invoice_all,
    invoice_part,
    later,
    of,
    rackbeat_goods,
    rackbeat_invoice,
    rackbeat_order,
    reconcile,
    refresh,
    row,
    tfso_goods,
)
from tests.harness.people import (
    rackbeat_customer,
    rackbeat_group,
    rackbeat_product,
    rackbeat_supplier,
    tfso_category,
    tfso_customer,
    tfso_order,
    tfso_product,
    tfso_supplier,
)
from tests.harness.recording import Recorder, Sent
from tests.harness.stage import Stage, stage
from tests.harness.world import SLUG, World

# Master data, and what 24SevenOffice calls it.
KINDS = {
    "product_group": "categories",
    "product": "products",
    "customer": "companies",
    "supplier": "companies",
}


# -- the journeys -------------------------------------------------------------------------------


def master_data(world: World) -> None:
    """Made, edited, switched off and compared, in both systems."""
    tfso_product(world, CategoryId=tfso_category(world)["Id"], StockControlled=True)
    for make in (tfso_customer, tfso_supplier):
        make(world, PaymentTime=21, CurrencyId="SEK", PhoneNumbers={"Work": {"Value": "22000001"}})
    tfso_customer(world, Name="Fjell", FirstName="Kari", Type="Consumer", OrganizationNumber="")
    world.connect_by_hand(stock={"locations": [1]}, product={"unit": "par"})
    world.initial_sync()
    later(world)
    group = rackbeat_group(world, number=700)
    pole = rackbeat_product(world, 700, description="Bambus", barcode="7090000000101",
                            recommended_cost_price="200.125")  # fmt: skip
    rackbeat_customer(world, number=7001, contact_phone="22000002", currency="EUR")
    rackbeat_supplier(world, number=7002, address_street="Havna 1", address_city="Moss")
    world.settle()
    world.rackbeat.edit("product_groups", group["number"], {"name": "Staver og remmer"})
    world.rackbeat.edit("products", pole["number"], {"stock_quantity": 12, "is_barred": True})
    world.rackbeat.edit("customers", 7001, {"company_name": "Dalen AS", "address_city": "Røros"})
    world.rackbeat.edit("suppliers", 7002, {"company_name": "Havna AS"})
    world.settle()
    for kind, plural in KINDS.items():
        world.tfso.edit(plural, world.links(kind)[0].tfso_key, {"Name": f"Et annet {kind}"})
    later(world)
    convert(world, "SKI-205")
    world.settle()
    world.tfso.edit("products", world.links("product")[0].tfso_key, {"Name": "Pakke"})
    later(world)
    for kind in KINDS:
        world.engine.by_hand(SLUG, kind, Direction.TFSO_TO_RACKBEAT, world.links(kind)[0].tfso_key)
    reconcile(world)
    start_run(world.engine, SLUG, Cause.RESYNC)
    world.work()
    world.settle()
    world.rackbeat.remove("products", pole["number"])
    world.settle()
    world.connections.test(SLUG)
    with world.sessions.begin() as session:
        session.delete(session.scalars(select(WebhookSubscription)).first())
    world.connections.subscribe(SLUG)


def orders_from_tfso(world: World) -> None:
    """Placed, changed, cancelled, invoiced in parts, credited."""
    world.connect()
    customer, product = tfso_goods(world)
    address = {"Name": "Lager", "Street": "Kaia 2", "PostalCode": "0150", "PostalArea": "Oslo"}
    order = tfso_order(
        world, customer["Id"],
        row(product, 4, DiscountRate="10"), {"Type": "Text", "Name": "Ring først"},
        YourReference="Kari", InvoiceTitle="Vinter", InvoiceText="Bak huset",
        Currency={"Symbol": "SEK", "Rate": "1.05", "Unit": 1},
        DateOrdered="2026-03-02T12:00:00", DeliveryDate="2026-03-09T12:00:00",
        Addresses={"Invoice": address, "Delivery": address},
    )  # fmt: skip
    cancelled = tfso_order(world, customer["Id"], row(product))
    later(world)
    first = refresh(world, order)["InvoiceRows"][0]
    changed = {"RowId": first["RowId"], "ChangeState": "Edit", "Quantity": 6}
    world.tfso.edit("orders", order["OrderId"], {"InvoiceRows": [changed, row(product, 2)]})
    world.tfso.edit("orders", cancelled["OrderId"], {"OrderStatus": "Inactive"})
    later(world)
    number = drafts_of(world, order)[0]["number"]
    book(world, number)
    invoice = invoice_part(world, number, 1, 1)
    world.settle()
    invoice_all(world, number)
    world.settle()
    credit(world, invoice)
    rackbeat_invoice(world, of("SKI-205", 2, "100.5"), heading="Uten ordre")
    world.settle()


def orders_from_rackbeat(world: World) -> None:
    """Booked, changed, cancelled; invoiced whole; texts; other numbers, other names of customers,
    and groups below another."""
    world.connect(
        order={"origin": "rackbeat", "item_for_text": "TEKST"},
        customer={"number": "external_id"},
        product_group={"number": "no", "parent": str(world.all_in_tfso("categories")[0]["Id"])},
        invoice={"status": "Invoiced", "distributor": "Auto"},
    )
    rackbeat_goods(world, "TELT-2", "TELT-4", "TEKST")
    buyer = rackbeat_customer(world, webhooks=False)["number"]
    said = of("TEKST", 0, 0, name="Ring før levering")
    made = rackbeat_order(
        world, of("TELT-2", 2, "1500.50", discount_percentage=10), said, of("TELT-4"),
        customer_id=buyer, heading="Sommer", note="Bak huset",
        order_date="2026-03-02", deliver_at="2026-06-01",
        currency="SEK", currency_rate="1.05", address_name="Dalen", address_street="Elva 2",
        address_city="Os", address_zipcode="2550", delivery_address_street="Fjellvegen 3",
        delivery_address_city="Geilo", delivery_address_zipcode="3580",
    )  # fmt: skip
    gone = rackbeat_order(world, of("TELT-4", 5), customer_id=buyer)
    world.settle()
    at_rackbeat(world, f"/orders/{made['number']}/reopen")
    lines = [of("TELT-2", 3, "1500.50"), of("TELT-4", 1), said, of("TELT-2", 1)]
    world.rackbeat.edit("orders", made["number"], {"lines": lines})
    book(world, made["number"])
    world.rackbeat.edit("orders", gone["number"], {"is_cancelled": True})
    world.settle()
    invoice = invoice_all(world, made["number"])
    world.settle()
    credit(world, invoice)
    world.settle()


def invoices_from_tfso(world: World) -> None:
    """Drafts and booked at once, invoiced and credited over there; and one without an order."""
    world.connect(invoice={"origin": "24so"})
    customer, product = tfso_goods(world)
    order = tfso_order(world, customer["Id"], row(product, 3))
    later(world)
    configure(world, order__book=True)
    tfso_order(world, customer["Id"], row(product, 1))
    later(world)
    world.tfso.edit("orders", order["OrderId"], {"OrderStatus": "Invoiced"})
    tfso_order(world, customer["Id"], row(product, 2), OrderStatus="Invoiced", InvoiceTitle="Kasse")
    later(world)
    credit_in_tfso(world, refresh(world, order))
    later(world)


JOURNEYS: tuple[Callable[[World], None], ...] = (
    master_data,
    orders_from_tfso,
    orders_from_rackbeat,
    invoices_from_tfso,
)


@dataclass
class Recording:
    """What all journeys sent.

    Attributes:
        unknown_fields: what Rackbeat was sent and does not have.
        parked: what was not transferred, by journey.
    """

    to_rackbeat: list[Sent] = field(default_factory=list)
    to_tfso: list[Sent] = field(default_factory=list)
    unknown_fields: list[str] = field(default_factory=list)
    parked: dict[str, list[tuple[str, ...]]] = field(default_factory=dict)


@cache
def recorded(postgres: Postgres, broker: Valkey) -> Recording:
    """Go on every journey, once for all tests of what was sent on them."""
    rackbeat, tfso = Recorder("Varebro"), Recorder()
    recording = Recording(rackbeat.requests, tfso.requests)
    with pytest.MonkeyPatch.context() as monkeypatch:
        set_up = stage(
            postgres.create_database("journeys", template="template"),
            broker.url,
            monkeypatch,
            around_rackbeat=rackbeat.around,
            around_tfso=tfso.around,
        )
        with set_up as the_stage:
            for journey in JOURNEYS:
                _go(the_stage, journey, recording)
    return recording


def _go(the_stage: Stage, journey: Callable[[World], None], recording: Recording) -> None:
    with the_stage.world() as world:
        if journey is not master_data:
            tfso_category(world)
        journey(world)
        recording.unknown_fields += world.rackbeat.calls()["unknown_fields"]
        recording.parked[journey.__name__] = world.states()
