"""The initial sync: everything there is in 24SevenOffice, once, into Rackbeat."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from sandbox.tfso.config import Size
from sandbox.tfso.seed import SHARED_NUMBER, TOO_LONG_NUMBER
from shared import runs
from shared.connections import NotUsable
from shared.runs import list_run, start_run
from shared.tables import Run
from shared.words import Cause
from tests.harness.people import (
    NET_14,
    Killed,
    rackbeat_group,
    rackbeat_product,
    rackbeat_supplier,
    tfso_customer,
    tfso_product,
    tfso_supplier,
)
from tests.harness.world import FEW, GENEROUS_TFSO, SLUG, World, world

OFF = {"origin": "off"}
ONLY_SUPPLIERS = {"product": OFF, "product_group": OFF, "customer": OFF, "order": OFF}
ONLY_CUSTOMERS = {"product": OFF, "product_group": OFF, "supplier": OFF, "order": OFF}
ONLY_PRODUCTS = {"customer": OFF, "supplier": OFF, "order": OFF}
SOME = Size(customers=40, suppliers=10, products=60)
ALL = {"customer": 40, "supplier": 10, "product_group": 8, "product": 58}
PLURALS = {kind: f"{kind}s" for kind in ALL}


def the_run(the_world: World, run: int) -> Run:
    with the_world.sessions() as session:
        return session.get_one(Run, run)


def in_rackbeat(the_world: World) -> dict[str, int]:
    state = the_world.rackbeat.state()
    return {kind: len(state[plural]) for kind, plural in PLURALS.items()}


# -- all of it ----------------------------------------------------------------------------------


@pytest.fixture
def whole_world(
    database_url: str, broker_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[World]:
    """A world in which 24SevenOffice is as odd as it comes. (As full it is in `make demo`.)"""
    config = replace(GENEROUS_TFSO, size=SOME)
    with world(database_url, broker_url, monkeypatch, tfso_config=config) as made:
        yield made


def test_everything_is_copied_once_and_a_second_sync_changes_nothing(whole_world: World) -> None:
    whole_world.connect()
    run = whole_world.initial_sync()
    created = Counter(change.kind for change in whole_world.changes(outcome="created"))
    assert created == ALL
    assert in_rackbeat(whole_world) == ALL
    assert {kind: len(whole_world.links(kind)) for kind in ALL} == ALL
    assert the_run(whole_world, run).state == runs.DONE
    parked = whole_world.changes(state="parked")
    assert len(parked) == 2
    assert sum(TOO_LONG_NUMBER in str(change.message) for change in parked) == 1
    assert sum(f"'{SHARED_NUMBER}'" in str(change.message) for change in parked) == 1

    before = whole_world.rackbeat.state()
    whole_world.reset_calls()
    again = whole_world.initial_sync()
    assert again != run
    assert whole_world.writes() == {}
    assert whole_world.rackbeat.state() == before
    assert {change.outcome for change in whole_world.changes(run_id=again, state="done")} == {
        "unchanged"
    }
    assert len(whole_world.changes(state="parked")) == 2


def test_a_copy_equals_its_original(the_world: World) -> None:
    the_world.connect(**ONLY_CUSTOMERS)
    made = tfso_customer(
        the_world,
        EmailAddresses={"Primary": {"Value": "post@vidda.example; ordre@vidda.example"}},
        PaymentTime=37,
        Country="SE",
    )
    the_world.initial_sync()
    copy = the_world.in_rackbeat("customers", made["Id"])
    assert copy["name"] == "Vidda Friluft AS"
    assert copy["company_vat"] == "999888777"
    assert copy["contact_email"] == "post@vidda.example"
    assert (copy["address_street"], copy["address_zipcode"]) == ("Storgata 1", "3580")
    assert (copy["address_city"], copy["address_country"]) == ("Geilo", "SE")
    assert copy["payment_terms"]["maturity_days"] == 37
    assert copy["currency"] == "NOK"
    change = the_world.change(key=str(made["Id"]), direction="24so_to_rackbeat")
    assert any("post@vidda.example" in note for note in change.notes)


def test_leads_and_other_types_are_not_copied(the_world: World) -> None:
    the_world.connect(**ONLY_CUSTOMERS)
    made = tfso_customer(the_world, Type="Lead", OrganizationNumber="911911911")
    the_world.initial_sync()
    assert len(the_world.changes(kind="customer")) == FEW.customers
    assert the_world.changes(key=str(made["Id"])) == []


# -- interruptions ------------------------------------------------------------------------------


def test_a_sync_killed_between_two_kinds_goes_on_with_the_next_when_the_lease_is_over(
    the_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    the_world.connect(product=OFF, customer=OFF, order=OFF)
    run = start_run(the_world.engine, SLUG, Cause.INITIAL)
    listed: list[str] = []
    list_kind = runs._list_kind

    def die_at_the_second(engine: Any, run_id: int, kind: Any) -> None:
        listed.append(kind.name)
        if len(listed) == 2:
            raise Killed
        list_kind(engine, run_id, kind)

    monkeypatch.setattr(runs, "_list_kind", die_at_the_second)
    with pytest.raises(Killed):
        list_run(the_world.engine, run)
    list_run(the_world.engine, run)  # the lease of the dead worker still holds
    assert listed == ["product_group", "supplier"]
    the_world.clock.pass_by(minutes=6)
    the_world.work()
    the_world.settle()
    assert listed == ["product_group", "supplier", "supplier"]
    assert in_rackbeat(the_world) == {
        "customer": 0,
        "supplier": FEW.suppliers,
        "product_group": ALL["product_group"],
        "product": 0,
    }
    assert the_run(the_world, run).state == runs.DONE
    assert the_world.writes()["POST /suppliers"] == FEW.suppliers


def test_a_sync_that_meets_an_outage_comes_back_and_says_why_it_waits(the_world: World) -> None:
    the_world.connect(**ONLY_SUPPLIERS)
    the_world.tfso.fault(operation="GetCompanies", effect="answer", status=503, times=None)
    run = start_run(the_world.engine, SLUG, Cause.INITIAL)
    list_run(the_world.engine, run)
    interrupted = the_run(the_world, run)
    assert interrupted.state == runs.LISTING
    assert interrupted.message is not None
    assert "24SevenOffice" in interrupted.message
    the_world.tfso.clear_faults()
    the_world.clock.pass_by(minutes=2)
    the_world.work()
    the_world.settle()
    assert in_rackbeat(the_world)["supplier"] == FEW.suppliers
    assert the_run(the_world, run).message is None


def test_a_sync_asked_for_twice_is_one_run(the_world: World) -> None:
    the_world.connect(**ONLY_SUPPLIERS)
    first = start_run(the_world.engine, SLUG, Cause.INITIAL)
    assert start_run(the_world.engine, SLUG, Cause.INITIAL) == first


def test_a_sync_of_an_unknown_connection_is_refused_by_name(the_world: World) -> None:
    with pytest.raises(NotUsable, match="dalen"):
        start_run(the_world.engine, "dalen", Cause.INITIAL)


def test_an_edit_made_during_the_sync_is_not_overwritten_by_what_was_listed(
    the_world: World,
) -> None:
    the_world.connect(**ONLY_SUPPLIERS)
    run = start_run(the_world.engine, SLUG, Cause.INITIAL)
    list_run(the_world.engine, run)
    supplier = next(c for c in the_world.all_in_tfso("companies") if c["Type"] == "Supplier")
    the_world.tfso.edit("companies", supplier["Id"], {"Name": "Nytt navn AS"})
    the_world.work()
    the_world.settle()
    assert the_world.in_rackbeat("suppliers", supplier["Id"])["name"] == "Nytt navn AS"


# -- what is there already ----------------------------------------------------------------------


def test_a_supplier_with_the_same_number_and_organisation_number_is_linked(
    the_world: World,
) -> None:
    made = tfso_supplier(the_world, Name="Vidda Friluft AS", OrganizationNumber="999888777")
    rackbeat_supplier(the_world, number=made["Id"], company_vat="NO 999 888 777 MVA")
    the_world.connect(**ONLY_SUPPLIERS)
    the_world.initial_sync()
    assert in_rackbeat(the_world)["supplier"] == FEW.suppliers + 1
    assert the_world.in_rackbeat("suppliers", made["Id"])["name"] == "Vidda Friluft AS"
    assert the_world.change(key=str(made["Id"]), direction="24so_to_rackbeat").state == "done"


def test_a_supplier_with_another_number_is_recognised_by_its_organisation_number(
    the_world: World,
) -> None:
    made = tfso_supplier(the_world, Name="Vidda Friluft AS", OrganizationNumber="999888777")
    there = rackbeat_supplier(the_world, number=7, company_vat="999888777")
    the_world.connect(**ONLY_SUPPLIERS)
    the_world.initial_sync()
    (link,) = [li for li in the_world.links("supplier") if li.tfso_key == str(made["Id"])]
    assert link.rackbeat_key == str(there["number"])
    assert in_rackbeat(the_world)["supplier"] == FEW.suppliers + 1


def test_a_product_with_another_number_is_recognised_by_its_ean(the_world: World) -> None:
    made = tfso_product(the_world, EAN1="7090000000019")
    group = rackbeat_group(the_world, number=900)
    rackbeat_product(the_world, group["number"], number="GAMMEL-1", barcode="7090000000019")
    the_world.connect(**ONLY_PRODUCTS)
    the_world.work()
    the_world.settle()
    (link,) = the_world.links("product")
    assert (link.tfso_key, link.rackbeat_key) == (str(made["Id"]), "GAMMEL-1")
    assert [p["number"] for p in the_world.rackbeat.state()["products"]] == ["GAMMEL-1"]


def test_a_record_that_is_the_same_already_is_linked_without_a_write(the_world: World) -> None:
    rackbeat_supplier(
        the_world,
        number=20001,
        company_name="Skiheisen AS",
        company_vat="911000111",
        address_country="NO",
    )
    made = tfso_supplier(
        the_world,
        Id=20001,
        ExplicitlySpecifyNewCompanyId=True,
        Name="Skiheisen AS",
        OrganizationNumber="911000111",
        EmailAddresses=None,
        Addresses=None,
    )
    the_world.connect(**ONLY_SUPPLIERS)
    the_world.initial_sync()
    assert the_world.change(key=str(made["Id"])).outcome == "matched"
    assert "PUT /suppliers/{number}" not in the_world.writes()


def test_several_suppliers_with_one_organisation_number_are_named_and_parked(
    the_world: World,
) -> None:
    made = tfso_supplier(the_world, Name="Vidda Friluft AS", OrganizationNumber="999888777")
    for number, name in ((7, "Vidda Nord"), (8, "Vidda Sør")):
        rackbeat_supplier(the_world, number=number, company_name=name, company_vat="999888777")
    the_world.connect(**ONLY_SUPPLIERS)
    the_world.initial_sync()
    change = the_world.change(key=str(made["Id"]))
    assert (change.state, change.failure_class) == ("parked", "unmappable")
    for name in ("Vidda Nord", "Vidda Sør", "Vidda Friluft AS"):
        assert name in str(change.message)
    assert in_rackbeat(the_world)["supplier"] == FEW.suppliers + 2
    the_world.rackbeat.edit("suppliers", 8, {"company_vat": "900000000"})
    the_world.tfso.edit("companies", made["Id"], {"Name": "Vidda Friluft"})
    the_world.clock.pass_by(minutes=11)
    the_world.work()
    the_world.settle()
    assert the_world.in_rackbeat("suppliers", 7)["name"] == "Vidda Friluft"


def test_a_supplier_whose_number_somebody_else_has_is_parked_with_both_names(
    the_world: World,
) -> None:
    made = tfso_supplier(the_world, Name="Vidda Friluft AS", OrganizationNumber="999888777")
    rackbeat_supplier(
        the_world, number=made["Id"], company_name="Helt Andre AS", company_vat="900111222"
    )
    the_world.connect(**ONLY_SUPPLIERS)
    the_world.initial_sync()
    change = the_world.change(key=str(made["Id"]), direction="24so_to_rackbeat")
    assert (change.state, change.failure_class) == ("parked", "unmappable")
    assert "Helt Andre AS" in str(change.message)
    assert "Vidda Friluft AS" in str(change.message)
    assert "900111222" in str(change.message)
    assert the_world.in_rackbeat("suppliers", made["Id"])["name"] == "Helt Andre AS"


def test_a_number_taken_after_the_lists_were_compared_is_noticed_when_it_is_refused(
    the_world: World,
) -> None:
    the_world.connect(**ONLY_SUPPLIERS)
    made = tfso_supplier(the_world, Name="Vidda Friluft AS", OrganizationNumber="999888777")
    run = start_run(the_world.engine, SLUG, Cause.INITIAL)
    list_run(the_world.engine, run)
    the_world.rackbeat.add(
        "suppliers",
        {
            "number": made["Id"], "company_name": "Vidda Friluft AS",
            "company_vat": "999888777", "payment_terms_id": NET_14,
        },
        webhooks=False,
    )  # fmt: skip
    the_world.work()
    the_world.settle()
    assert the_world.change(key=str(made["Id"]), direction="24so_to_rackbeat").state == "done"
    assert in_rackbeat(the_world)["supplier"] == FEW.suppliers + 1
