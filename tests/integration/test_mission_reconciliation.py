"""Reconciliation: what no webhook told, and what has drifted, is found every night in few calls."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from shared import listing
from shared.tables import Run
from shared.words import Cause
from tasks.kinds import KINDS
from tests.harness.mission import (
    OFF,
    configure,
    of,
    rackbeat_goods,
    rackbeat_order,
    reconcile,
)
from tests.harness.people import (
    linked,
    rackbeat_customer,
    tfso_product,
    tfso_supplier,
)
from tests.harness.stored import engine_of
from tests.harness.world import Json, World

GOODS = ("product_group", "product")
HOUR = 4  # UTC, in which the nightly one begins: not the default


def only(*kinds: str) -> dict[str, Json]:
    """Settings in which all other kinds are off, and need not be listed."""
    return {kind: OFF for kind in KINDS if kind not in kinds}


def reconciliations(the_world: World) -> int:
    query = select(Run).where(Run.cause == Cause.RECONCILE.value)
    with the_world.sessions() as session:
        return len(session.scalars(query).all())


def names(the_world: World) -> set[str]:
    return {company["Name"] for company in the_world.all_in_tfso("companies")}


def test_records_imported_into_rackbeat_are_found_though_no_webhook_came(
    the_world: World,
) -> None:
    the_world.connect(**only("customer"))
    rackbeat_customer(the_world, number=7000, company_name="Var der AS", webhooks=False)
    reconcile(the_world)  # the first sees what was there before
    for number in (7001, 7002):
        rackbeat_customer(
            the_world, number=number, company_name=f"Importert {number}", company_vat="",
            webhooks=False,
        )  # fmt: skip
    assert reconcile(the_world)["customer"]["new_in_rackbeat"] == 2
    assert {"Importert 7001", "Importert 7002"} <= names(the_world)
    assert "Var der AS" not in names(the_world)
    the_world.reset_calls()
    reconcile(the_world)
    assert the_world.writes() == {}


def test_an_import_that_changed_a_record_in_rackbeat_is_found(the_world: World) -> None:
    the_world.connect(**only(*GOODS))
    link = linked(the_world, "product", tfso_product(the_world))
    reconcile(the_world)
    the_world.rackbeat.edit("products", link.rackbeat_key, {"name": "Ny ski"}, webhooks=False)
    assert reconcile(the_world)["product"]["changed_in_rackbeat"] == 1
    assert the_world.in_tfso("products", link.tfso_key)["Name"] == "Ny ski"


@pytest.mark.parametrize(("origin", "name"), [("24so", "Fabrikken AS"), ("rackbeat", "Drevet AS")])
def test_what_has_drifted_is_set_right_by_the_origin(
    the_world: World, origin: str, name: str
) -> None:
    the_world.connect(**only("supplier"))
    made = tfso_supplier(the_world, Name="Fabrikken AS")
    link = linked(the_world, "supplier", made)
    configure(the_world, supplier__origin=origin)
    edit = {"company_name": "Drevet AS"}
    the_world.rackbeat.edit("suppliers", link.rackbeat_key, edit, webhooks=False)
    assert reconcile(the_world)["supplier"]["changed_in_rackbeat"] == 1
    assert the_world.in_rackbeat("suppliers", link.rackbeat_key)["name"] == name
    assert the_world.in_tfso("companies", made["Id"])["Name"] == name


def test_old_documents_that_are_listed_are_no_new_ones_and_their_edits_are_found(
    the_world: World,
) -> None:
    """The newest of a small company's orders may be older than the lists of 24SevenOffice."""
    rackbeat_goods(the_world, "TENT")
    the_world.connect(order={"origin": "rackbeat"})
    order = rackbeat_order(the_world, of("TENT"))
    the_world.settle()
    the_world.clock.pass_by(days=70)
    the_world.settle()
    assert reconcile(the_world)["order"] == {}
    the_world.rackbeat.edit("orders", order["number"], {"heading": "Til vinteren"}, webhooks=False)
    assert reconcile(the_world)["order"] == {"changed_in_rackbeat": 1}
    (link,) = the_world.links("order")
    assert the_world.in_tfso("orders", link.tfso_key)["InvoiceTitle"] == "Til vinteren"


def test_without_repair_it_is_only_reported(the_world: World) -> None:
    the_world.connect(reconcile={"nightly": False, "repair": False}, **only("customer", *GOODS))
    link = linked(the_world, "product", tfso_product(the_world))
    reconcile(the_world)
    the_world.rackbeat.edit("products", link.rackbeat_key, {"name": "Ny ski"}, webhooks=False)
    rackbeat_customer(the_world, number=7003, webhooks=False)
    the_world.reset_calls()
    found = reconcile(the_world)
    assert found["product"]["changed_in_rackbeat"] == found["customer"]["new_in_rackbeat"] == 1
    with the_world.sessions() as session:
        (run,) = session.scalars(select(Run).order_by(Run.id.desc()).limit(1))
    assert run.keys["product"] == {"changed_in_rackbeat": [link.rackbeat_key]}
    assert run.keys["customer"] == {"new_in_rackbeat": ["7003"]}
    assert the_world.writes() == {}
    assert the_world.states() == []


def test_it_costs_as_many_calls_for_many_records_as_for_few(the_world: World) -> None:
    the_world.connect(**only("supplier"))
    calls = []
    for number in (1, 5):
        for each in range(number):
            name = f"Fabrikk {number}-{each}"
            linked(
                the_world, "supplier", tfso_supplier(the_world, Name=name, OrganizationNumber="")
            )
        the_world.reset_calls()
        reconcile(the_world)
        calls.append(the_world.rackbeat.calls()["total"] + the_world.tfso.calls()["total"])
    assert calls[0] == calls[1]


def test_stock_that_24so_does_not_keep_costs_no_calls_and_is_not_recorded_again(
    the_world: World,
) -> None:
    the_world.connect(**only(*GOODS, "stock"))
    reconcile(the_world)  # the first sees what was there before
    calls = []
    for number in (1, 10):
        for each in range(number):
            made = tfso_product(
                the_world, No=f"SKI-{number}-{each}", EAN1="", StockControlled=False
            )
            linked(the_world, "product", made)
        reconcile(the_world)
        recorded = len(the_world.changes())
        the_world.reset_calls()
        assert "new_in_rackbeat" not in reconcile(the_world)["stock"]
        assert len(the_world.changes()) == recorded
        calls.append(the_world.rackbeat.calls()["total"] + the_world.tfso.calls()["total"])
    assert calls[0] == calls[1]


def test_no_transaction_is_open_while_the_systems_are_listed(
    the_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    the_world.connect(**only("supplier"))
    tfso_supplier(the_world)
    pool = engine_of(the_world.configuration.database_url.get_secret_value()).pool
    in_use: list[int] = []
    list_all = listing._all

    def watched(*given: Any) -> Any:
        in_use.append(pool.checkedout())
        return list_all(*given)

    monkeypatch.setattr(listing, "_all", watched)
    reconcile(the_world)
    assert in_use
    assert set(in_use) == {0}


def reconciled_at(the_world: World, *times: tuple[int, float]) -> list[int]:
    """How many there are when the workers come at these hours (UTC) of these days to come."""
    midnight = the_world.clock().replace(hour=0, minute=0, second=0, microsecond=0)
    begun = []
    for day, hour in times:
        then = midnight + timedelta(days=day, hours=hour)
        the_world.clock.ahead += then - the_world.clock()
        the_world.work()
        begun.append(reconciliations(the_world))
    return begun


def test_it_begins_by_itself_every_night(the_world: World) -> None:
    the_world.connect(reconcile={"nightly": True, "hour": HOUR}, **only("supplier"))
    # The first is begun at once, to see what there is.
    times = (1, 9), (2, HOUR - 0.5), (2, HOUR + 0.5), (2, HOUR + 0.6), (3, HOUR - 0.5), (3, HOUR)
    assert reconciled_at(the_world, *times) == [1, 1, 2, 2, 2, 3]


def test_a_kind_that_was_off_until_now_is_compared_at_once_so_that_what_comes_later_is_new(
    the_world: World,
) -> None:
    the_world.connect(reconcile={"nightly": True, "hour": HOUR}, **only("supplier"))
    rackbeat_customer(the_world, number=7000, company_name="Var der AS", webhooks=False)
    assert reconciled_at(the_world, (1, 9)) == [1]
    configure(the_world, customer__origin="both")
    assert reconciled_at(the_world, (1, 9.1), (1, 9.2)) == [2, 2]
    rackbeat_customer(
        the_world, number=7001, company_name="Senere AS", company_vat="", webhooks=False
    )
    assert reconciled_at(the_world, (2, HOUR)) == [3]
    the_world.settle()
    assert "Senere AS" in names(the_world)
    assert "Var der AS" not in names(the_world)


def test_one_at_noon_does_not_stand_for_that_of_the_night(the_world: World) -> None:
    the_world.connect(reconcile={"nightly": True, "hour": HOUR}, **only("supplier"))
    assert reconciled_at(the_world, (1, 9), (2, HOUR), (2, 12)) == [1, 2, 2]
    reconcile(the_world)
    assert reconciled_at(the_world, (1, HOUR - 0.5), (1, HOUR)) == [3, 4]


def test_a_night_that_nobody_worked_in_is_made_up_for(the_world: World) -> None:
    the_world.connect(reconcile={"nightly": True, "hour": HOUR}, **only("supplier"))
    times = (1, HOUR), (2, HOUR + 3), (2, HOUR + 4), (3, HOUR)
    assert reconciled_at(the_world, *times) == [1, 2, 2, 3]
