"""An older backup of the database is put back after both systems have gone on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import psycopg
import pytest

from sandbox.servers import Postgres, Valkey
from tests.harness.mission import (
    OFF,
    book,
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
from tests.harness.stage import Stage, stage
from tests.harness.world import GENEROUS_RACKBEAT, Json, World

# Lists come in pages; what was made since the backup does not fit on the newest.
SMALL_PAGES = replace(GENEROUS_RACKBEAT, page_size=2)
NAME, BACKUP = "restored", "restored.backup"


@dataclass
class Backup:
    """A backup of the database, made and put back as the guide for operators says."""

    server: Postgres
    world: World

    def make(self) -> None:
        url = self.server.url(NAME)
        self.server.run("pg_dump", "--format=custom", f"--file={BACKUP}", f"--dbname={url}")

    def put_back(self) -> None:
        self.world.sessions.kw["bind"].dispose()
        self.world.messages.clear()
        with psycopg.connect(self.server.url(), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {NAME} WITH (FORCE)")
        url = self.server.create_database(NAME)
        self.server.run("pg_restore", "--exit-on-error", f"--dbname={url}", BACKUP)


@pytest.fixture(scope="module")
def the_stage(postgres: Postgres, broker: Valkey) -> Iterator[Stage]:
    url = postgres.create_database(NAME, template="template")
    with (
        pytest.MonkeyPatch.context() as monkeypatch,
        stage(url, broker.url, monkeypatch, rackbeat_config=SMALL_PAGES) as made,
    ):
        yield made


# -- what people do, the nth time ---------------------------------------------------------------


def master_data(world: World, n: int) -> None:
    """One new record of each kind in both systems; earlier ones are edited."""
    for each in world.rackbeat.state()["customers"][:2]:
        world.rackbeat.edit("customers", each["number"], {"address_city": f"By {n}"})
    for each in world.all_in_tfso("products")[:2]:
        world.tfso.edit("products", each["Id"], {"Name": f"{each['Name']} {n}"})
    later(world)
    category = tfso_category(world, Name=f"Ski {n}", No=f"{90 + n}")
    ean = f"709000000002{n}"
    tfso_product(world, No=f"SKI-{n}", CategoryId=category["Id"], StockControlled=True, EAN1=ean)
    tfso_customer(world, Name=f"Kari {n}", OrganizationNumber=None)
    tfso_supplier(world, OrganizationNumber=f"91122233{n}")
    rackbeat_group(world, number=700 + n, name=f"Staver {n}")
    rackbeat_product(world, 700 + n, number=f"STAV-{n}")
    rackbeat_customer(world, number=7000 + n, company_name=f"Ola {n}", company_vat=None)
    rackbeat_supplier(world, number=7100 + n, company_name=f"Fabrikk {n}")
    later(world)


def orders_from_tfso(world: World, n: int) -> None:
    """Invoiced in Rackbeat whole, in parts, not at all; and an invoice without an order."""
    customer, product = _tfso_goods(world, n)
    orders = [tfso_order(world, customer["Id"], row(product, n + 1)) for _ in range(3)]
    later(world)
    (whole,), (partly,) = (drafts_of(world, each) for each in reversed(orders[1:]))
    for draft in (whole, partly):
        book(world, draft["number"])
    invoice_part(world, partly["number"], 1)
    credit(world, invoice_all(world, whole["number"]))
    rackbeat_invoice(world, of(product["No"], n), customer_id=customer["Id"])
    later(world)


def orders_from_rackbeat(world: World, n: int) -> None:
    rackbeat_goods(world, f"TELT-{n}")
    buyer = rackbeat_customer(world, company_vat=None)["number"]
    orders = [rackbeat_order(world, of(f"TELT-{n}", 2), customer_id=buyer) for _ in range(3)]
    world.settle()
    invoice_all(world, orders[0]["number"])
    later(world)


def invoices_from_tfso(world: World, n: int) -> None:
    """Of an order, and without one; and a credit note of either."""
    customer, product = _tfso_goods(world, n)
    rows = row(product, 3)
    orders = [tfso_order(world, customer["Id"], rows) for _ in range(3)]
    later(world)
    world.tfso.edit("orders", orders[0]["OrderId"], {"OrderStatus": "Invoiced"})
    bare = tfso_order(world, customer["Id"], rows, OrderStatus="Invoiced")
    later(world)
    for each in (orders[0], bare):
        credit_in_tfso(world, refresh(world, each))
    later(world)


def _tfso_goods(world: World, n: int) -> tuple[Json, Json]:
    category = tfso_category(world, No=f"{90 + n}")["Id"]
    product = tfso_product(world, No=f"SKI-{n}", CategoryId=category, StockControlled=True, EAN1="")
    return tfso_customer(world, OrganizationNumber=f"99988877{n}"), product


# -- what has to be true ------------------------------------------------------------------------

GoOn = Callable[[World, int], None]
CASES: dict[str, tuple[GoOn, dict[str, Any]]] = {
    "master data": (master_data, {}),
    "orders from 24SevenOffice": (orders_from_tfso, {}),
    "orders from Rackbeat": (orders_from_rackbeat, {"order": {"origin": "rackbeat"}}),
    "invoices from 24SevenOffice": (
        invoices_from_tfso, {"order": {"book": True}, "invoice": {"origin": "24so"}},
    ),
}  # fmt: skip


def pairs(world: World) -> set[tuple[str, str, str]]:
    kinds = world.engine.kinds
    return {(k, link.rackbeat_key, link.tfso_key) for k in kinds for link in world.links(k)}


@pytest.mark.parametrize(("go_on", "settings"), CASES.values(), ids=CASES)
def test_after_an_older_backup_all_is_recognised_and_nothing_written_again(
    the_stage: Stage, postgres: Postgres, go_on: GoOn, settings: dict[str, Any]
) -> None:
    with the_stage.world() as world:
        backup = Backup(postgres, world)
        world.connect(stock=OFF, **settings)
        reconcile(world)
        go_on(world, 1)
        backup.make()
        before = pairs(world)
        go_on(world, 2)
        since = pairs(world)
        assert since > before
        assert world.states() == []
        backup.put_back()
        assert pairs(world) == before
        world.reset_calls()
        reconcile(world)
        later(world)
        assert world.writes() == {}
        assert world.states() == []
        assert {pair for pair in since - pairs(world) if pair[0] != "order"} == set()
