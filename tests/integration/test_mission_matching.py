"""Records that exist in both systems already are recognised, and never guessed."""

from __future__ import annotations

import pytest

from shared.operations import Operations
from shared.runs import start_run
from shared.words import Cause, Direction
from tests.harness.mission import OFF, later, rackbeat_goods, reconcile
from tests.harness.people import (
    linked,
    rackbeat_customer,
    rackbeat_group,
    rackbeat_product,
    rackbeat_supplier,
    tfso_category,
    tfso_customer,
    tfso_product,
    tfso_supplier,
)
from tests.harness.world import FEW, SLUG, Json, World

FORTH = Direction.RACKBEAT_TO_24SO


def links(the_world: World, kind: str) -> list[tuple[str, str]]:
    return [(link.rackbeat_key, link.tfso_key) for link in the_world.links(kind)]


def test_a_customer_of_the_same_number_and_name_is_linked(the_world: World) -> None:
    the_world.connect()
    there = tfso_customer(the_world, OrganizationNumber="")
    rackbeat_customer(
        the_world, number=there["Id"], company_name="Vidda Friluft AS", company_vat=None
    )
    the_world.settle()
    assert links(the_world, "customer") == [(str(there["Id"]), str(there["Id"]))]
    assert len([c for c in the_world.all_in_tfso("companies") if c["Type"] == "Business"]) == (
        FEW.customers + 1
    )


@pytest.mark.parametrize(
    ("here", "there"),
    [
        ("988777666", "988777666"),
        ("988777666", "988 777 666"),
        ("NO 988 777 666 MVA", "988777666"),
        ("988 777 666", "NO988777666MVA"),
        ("988777666", "NO 988 777 666 MVA"),
    ],
)
def test_a_customer_of_the_same_organisation_number_is_linked_however_it_is_written(
    the_world: World, here: str, there: str
) -> None:
    the_world.connect()
    company = tfso_customer(the_world, Name="Dalen", OrganizationNumber=there)
    made = rackbeat_customer(the_world, number=77, company_vat=here)
    the_world.settle()
    assert links(the_world, "customer") == [(str(made["number"]), str(company["Id"]))]


def test_a_customer_of_the_same_name_and_oddly_written_organisation_number_is_linked(
    the_world: World,
) -> None:
    the_world.connect()
    company = tfso_customer(the_world, Name="Dalen Sport AS", OrganizationNumber="98.87.77.666")
    made = rackbeat_customer(the_world, number=77, company_vat="988777666")
    the_world.settle()
    assert links(the_world, "customer") == [(str(made["number"]), str(company["Id"]))]


def test_two_customers_of_one_organisation_number_are_parked_however_it_is_written(
    the_world: World,
) -> None:
    the_world.connect(customer={"origin": "rackbeat"})
    for name, written in (("Dalen Øst", "988777666"), ("Dalen Vest", "988 777 666")):
        tfso_customer(the_world, Name=name, OrganizationNumber=written)
    rackbeat_customer(the_world, number=77, company_vat="988777666")
    the_world.deliveries_done()
    the_world.work()
    change = the_world.change(kind="customer")
    assert change.state == "parked"
    for name in ("Dalen Øst", "Dalen Vest"):
        assert name in str(change.message)


@pytest.mark.parametrize("how", ["webhook", "initial"])
@pytest.mark.parametrize("number", ["id", "external_id"])
def test_the_number_counts_before_the_organisation_number(
    the_world: World, number: str, how: str
) -> None:
    the_world.connect(customer={"number": number, "origin": "rackbeat"})
    by_number = tfso_customer(the_world, Name="A", ExternalId="7001", OrganizationNumber="")
    tfso_customer(the_world, Name="B", OrganizationNumber="988777666")
    given = by_number["Id"] if number == "id" else 7001
    rackbeat_customer(
        the_world, number=given, company_name="A", company_vat="988777666",
        webhooks=how == "webhook",
    )  # fmt: skip
    if how == "initial":
        start_run(the_world.engine, SLUG, Cause.INITIAL, direction=FORTH, kinds=["customer"])
        the_world.work()
    the_world.settle()
    assert links(the_world, "customer") == [(str(given), str(by_number["Id"]))]
    assert the_world.states() == []


def test_a_product_of_the_same_ean_is_linked(the_world: World) -> None:
    the_world.connect()
    there = tfso_product(the_world)
    group = rackbeat_group(the_world, webhooks=False)["number"]
    rackbeat_product(the_world, group, number="EGET-NR", barcode="7090000000019")
    the_world.settle()
    assert links(the_world, "product") == [("EGET-NR", str(there["Id"]))]
    assert len(the_world.all_in_tfso("products")) == FEW.products + 1


def test_the_number_counts_before_the_ean(the_world: World) -> None:
    the_world.connect()
    by_number = tfso_product(the_world, No="STAV-140", EAN1="")
    tfso_product(the_world, No="ANNEN", EAN1="7090000000019")
    group = rackbeat_group(the_world, webhooks=False)["number"]
    rackbeat_product(the_world, group, number="STAV-140", barcode="7090000000019")
    the_world.settle()
    assert ("STAV-140", str(by_number["Id"])) in links(the_world, "product")


def test_several_products_of_one_number_are_named_and_parked(the_world: World) -> None:
    the_world.connect(product={"origin": "rackbeat"})
    twins = [tfso_product(the_world, No="STAV-140", EAN1="", Name=f"Stav {n}") for n in "AB"]
    group = rackbeat_group(the_world, webhooks=False)["number"]
    rackbeat_product(the_world, group, number="STAV-140")
    the_world.deliveries_done()
    the_world.work()
    change = the_world.change(kind="product", direction="rackbeat_to_24so")
    assert (change.state, change.failure_class) == ("parked", "unmappable")
    for twin in twins:
        assert str(twin["Id"]) in str(change.message)
        assert twin["Name"] in str(change.message)
    assert the_world.writes().get("SaveProducts") is None


# -- branches of a chain, which have one organisation number ------------------------------------


def names_there(the_world: World, number: str) -> list[str]:
    companies = the_world.all_in_tfso("companies")
    return sorted(c["Name"] for c in companies if c.get("OrganizationNumber") == number)


def names_here(the_world: World, number: str) -> list[str]:
    customers = the_world.rackbeat.state()["customers"]
    return sorted(c["name"] for c in customers if c.get("company_vat") == number)


def test_the_second_branch_of_a_chain_gets_a_record_of_its_own_from_either_side(
    the_world: World,
) -> None:
    the_world.connect()
    first = linked(the_world, "customer", tfso_customer(the_world, Name="Vidda Geilo"))
    rackbeat_customer(the_world, number=88, company_name="Vidda Ål", company_vat="999888777")
    the_world.settle()
    tfso_customer(the_world, Name="Vidda Gol")
    later(the_world)
    chain = ["Vidda Geilo", "Vidda Gol", "Vidda Ål"]
    assert names_there(the_world, "999888777") == names_here(the_world, "999888777") == chain
    assert the_world.states() == []
    notes = str(the_world.change(kind="customer", key="88", outcome="created").notes)
    for named in ("organisation number", first.rackbeat_key, first.tfso_key):
        assert named in notes
    the_world.reset_calls()
    reconcile(the_world)
    assert the_world.writes() == {}


def test_an_initial_sync_makes_the_branches_that_are_missing(the_world: World) -> None:
    the_world.connect(product=OFF, product_group=OFF, order=OFF, supplier=OFF)
    linked(the_world, "customer", tfso_customer(the_world, Name="Vidda Geilo"))
    rackbeat_customer(
        the_world, number=88, company_name="Vidda Ål", company_vat="999888777", webhooks=False
    )
    start_run(the_world.engine, SLUG, Cause.INITIAL, direction=FORTH)
    the_world.work()
    the_world.settle()
    assert names_there(the_world, "999888777") == ["Vidda Geilo", "Vidda Ål"]
    assert the_world.states() == []


def two_branches_here(the_world: World, there: str) -> int:
    """Both are in Rackbeat before one of them is looked at; the Id of the company there is."""
    the_world.connect(customer={"origin": "rackbeat"})
    company = tfso_customer(the_world, Name=there)
    for number, name in ((71, "Vidda Geilo"), (72, "Vidda Ål")):
        rackbeat_customer(the_world, number=number, company_name=name, company_vat="999888777")
    the_world.settle()
    return int(company["Id"])


def test_of_two_branches_the_one_that_is_called_like_the_company_is_it(the_world: World) -> None:
    company = two_branches_here(the_world, "Vidda Ål")
    assert names_there(the_world, "999888777") == ["Vidda Geilo", "Vidda Ål"]
    assert the_world.in_tfso("companies", company)["Name"] == "Vidda Ål"
    assert ("72", str(company)) in links(the_world, "customer")
    assert the_world.states() == []


def test_which_of_two_branches_a_company_is_a_person_says_by_its_name(the_world: World) -> None:
    company = two_branches_here(the_world, "Vidda")
    parked = {change.key: str(change.message) for change in the_world.changes(state="parked")}
    assert "72 ('Vidda Ål')" in parked["71"]
    assert "71 ('Vidda Geilo')" in parked["72"]
    the_world.tfso.edit("companies", company, {"Name": "Vidda Ål"})
    Operations(the_world.engine, actor="test").retry_parked(SLUG)
    the_world.settle()
    assert names_there(the_world, "999888777") == ["Vidda Geilo", "Vidda Ål"]
    assert ("72", str(company)) in links(the_world, "customer")
    assert the_world.states() == []


def test_a_branch_with_the_number_of_a_supplier_is_parked(the_world: World) -> None:
    the_world.connect()
    linked(the_world, "customer", tfso_customer(the_world, Name="Vidda Geilo"))
    there = tfso_supplier(the_world)
    given = {"number": there["Id"], "company_name": "Vidda Ål", "company_vat": "999888777"}
    rackbeat_customer(the_world, **given)
    the_world.settle()
    change = the_world.change(kind="customer", key=str(there["Id"]))
    assert (change.state, change.failure_class) == ("parked", "unmappable")
    assert there["Name"] in str(change.message)
    assert the_world.in_tfso("companies", there["Id"]) == there


def test_a_customer_made_again_under_another_number_is_parked_with_what_to_do(
    the_world: World,
) -> None:
    the_world.connect()
    link = linked(the_world, "customer", tfso_customer(the_world))
    the_world.rackbeat.remove("customers", link.rackbeat_key)
    the_world.settle()
    the_world.reset_calls()
    rackbeat_customer(the_world, number=88, company_name="Ny AS", company_vat="999888777")
    the_world.settle()
    change = the_world.change(kind="customer", key="88")
    assert change.state == "parked"
    for named in ("Ny AS", link.rackbeat_key, link.tfso_key, "link renumber", "link remove"):
        assert named in str(change.message)
    assert the_world.writes() == {}


@pytest.mark.parametrize("applied", [True, False])
def test_a_branch_is_not_taken_for_another_one_whose_creation_was_not_answered(
    the_world: World, applied: bool
) -> None:
    the_world.connect(customer={"number": "external_id"})
    effect = "drop_after" if applied else "drop_before"
    the_world.tfso.fault(operation="SaveCompanies", effect=effect)
    for number, name in ((71, "Vidda Geilo"), (72, "Vidda Ål")):
        rackbeat_customer(the_world, number=number, company_name=name, company_vat="999888777")
        the_world.deliveries_done()
        the_world.work()
    the_world.clock.pass_by(minutes=10)
    the_world.settle()
    companies = {each["ExternalId"]: each for each in the_world.all_in_tfso("companies")
                 if each.get("OrganizationNumber") == "999888777"}  # fmt: skip
    assert {key: each["Name"] for key, each in companies.items()} == {
        "71": "Vidda Geilo", "72": "Vidda Ål",
    }  # fmt: skip
    assert len(names_there(the_world, "999888777")) == 2
    expected = [(key, str(each["Id"])) for key, each in companies.items()]
    assert sorted(links(the_world, "customer")) == sorted(expected)
    later(the_world)
    assert len(names_here(the_world, "999888777")) == 2
    assert the_world.states() == []


def test_a_lost_answer_does_not_double_the_second_branch(the_world: World) -> None:
    the_world.connect()
    first = linked(the_world, "customer", tfso_customer(the_world, Name="Vidda Geilo"))
    the_world.tfso.fault(operation="SaveCompanies", effect="drop_after")
    rackbeat_customer(the_world, number=88, company_name="Vidda Ål", company_vat="999888777")
    the_world.settle()
    later(the_world)
    assert names_there(the_world, "999888777") == ["Vidda Geilo", "Vidda Ål"]
    assert names_here(the_world, "999888777") == ["Vidda Geilo", "Vidda Ål"]
    assert (first.rackbeat_key, first.tfso_key) in links(the_world, "customer")
    assert the_world.states() == []


def test_a_company_with_the_number_of_one_branch_is_not_taken_for_another(
    the_world: World,
) -> None:
    the_world.connect(customer={"origin": "rackbeat"})
    there = tfso_customer(the_world, Name="Vidda Geilo")
    given = {"company_vat": "999888777", "webhooks": False}
    rackbeat_customer(the_world, number=there["Id"], company_name="Vidda Geilo", **given)
    rackbeat_customer(the_world, number=88, company_name="Vidda Ål", company_vat="999888777")
    the_world.settle()
    assert ("88", str(there["Id"])) not in links(the_world, "customer")
    assert names_there(the_world, "999888777") == ["Vidda Geilo", "Vidda Ål"]


@pytest.mark.parametrize("origin", ["rackbeat", "both"])
def test_a_matched_record_takes_the_values_of_the_side_that_was_edited(
    the_world: World, origin: str
) -> None:
    the_world.connect(product={"origin": origin})
    there = tfso_product(the_world, No="TELT-2", EAN1="", Price="1")
    rackbeat_goods(the_world, "TELT-2")
    the_world.rackbeat.edit("products", "TELT-2", {"sales_price": "1234.5"})
    the_world.settle()
    assert float(the_world.in_tfso("products", there["Id"])["Price"]) == 1234.5
    later(the_world)
    assert links(the_world, "product") == [("TELT-2", str(there["Id"]))]
    assert the_world.states() == []


# -- companies of two kinds, numbered from one series in 24SevenOffice ---------------------------


def test_a_supplier_with_the_number_of_a_customer_is_parked_and_changes_nothing(
    the_world: World,
) -> None:
    the_world.connect()
    there = tfso_customer(the_world)
    rackbeat_supplier(the_world, number=there["Id"])
    the_world.settle()
    change = the_world.change(kind="supplier")
    assert (change.state, change.failure_class) == ("parked", "unmappable")
    for named in ("'Stavfabrikken AS'", "'Vidda Friluft AS'", str(there["Id"]), "supplier.number"):
        assert named in str(change.message)
    assert "SaveCompanies" not in the_world.writes()
    assert the_world.in_tfso("companies", there["Id"]) == there


def test_an_initial_sync_parks_a_supplier_with_the_number_of_a_customer_that_was_there(
    the_world: World,
) -> None:
    the_world.connect(product=OFF, product_group=OFF, customer=OFF, order=OFF)
    there = tfso_customer(the_world)
    rackbeat_supplier(the_world, webhooks=False, number=there["Id"])
    start_run(the_world.engine, SLUG, Cause.INITIAL, direction=FORTH)
    the_world.work()
    change = the_world.change(kind="supplier")
    assert "'Vidda Friluft AS'" in str(change.message)
    assert the_world.writes() == {}


def test_an_initial_sync_parks_a_supplier_with_the_number_of_a_customer_that_it_has_copied(
    the_world: World,
) -> None:
    the_world.connect(product=OFF, product_group=OFF, order=OFF)
    rackbeat_customer(the_world, webhooks=False, number=70001)
    rackbeat_supplier(the_world, webhooks=False, number=70001)
    start_run(the_world.engine, SLUG, Cause.INITIAL, direction=FORTH)
    the_world.work()
    change = the_world.change(kind="supplier")
    for named in ("'Stavfabrikken AS'", "'Dalen Sport AS'", "70001"):
        assert named in str(change.message)
    assert the_world.writes() == {"SaveCompanies": 1}
    assert the_world.in_tfso("companies", 70001)["Name"] == "Dalen Sport AS"


# -- products that share a number in 24SevenOffice, which Rackbeat's cannot ---------------------

ONLY_PRODUCTS = {"customer": OFF, "supplier": OFF, "order": OFF}


def old_and_new(the_world: World, *statuses: int) -> list[Json]:
    """Two products numbered 100 in 24SevenOffice, and the one that Rackbeat has."""
    rackbeat_goods(the_world, "100", name="Ny sekk", sales_price="999")
    named = zip(("Gammel sekk", "Ny sekk"), ("10", "999"), statuses, strict=True)
    return [
        tfso_product(the_world, No="100", EAN1="", Name=name, Price=price, StatusId=status)
        for name, price, status in named
    ]


def transfer(the_world: World, how: str) -> None:
    if how == "initial":
        the_world.initial_sync()
    else:
        later(the_world)
    the_world.settle()


@pytest.mark.parametrize("how", ["initial", "pull"])
def test_of_two_products_with_one_number_the_only_active_one_is_taken(
    the_world: World, how: str
) -> None:
    the_world.connect(**ONLY_PRODUCTS)
    the_world.work()
    old, new = old_and_new(the_world, 0, 1)
    transfer(the_world, how)
    assert ("100", str(new["Id"])) in links(the_world, "product")
    there = the_world.in_rackbeat("products", "100")
    assert (there["name"], float(there["sales_price"])) == ("Ny sekk", 999)
    assert not there["is_barred"]
    parked = the_world.change(key=str(old["Id"]), kind="product")
    assert (parked.state, parked.failure_class) == ("parked", "unmappable")
    assert f"Only {new['Id']} is in use" in str(parked.message)
    taken = the_world.change(key=str(new["Id"]), kind="product")
    assert any("Gammel sekk" in note for note in taken.notes)


@pytest.mark.parametrize("how", ["initial", "pull"])
@pytest.mark.parametrize("status", [0, 1])
def test_of_two_products_with_one_number_and_status_none_is_guessed_and_each_names_the_other(
    the_world: World, how: str, status: int
) -> None:
    the_world.connect(**ONLY_PRODUCTS)
    the_world.work()
    twins = old_and_new(the_world, status, status)
    transfer(the_world, how)
    assert "100" not in {number for number, _ in links(the_world, "product")}
    there = the_world.in_rackbeat("products", "100")
    assert (there["name"], float(there["sales_price"])) == ("Ny sekk", 999)
    for twin, other in (twins, twins[::-1]):
        parked = the_world.change(key=str(twin["Id"]), kind="product")
        assert parked.state == "parked"
        for named in ("'100'", str(other["Id"]), other["Name"], "try all of them again"):
            assert named in str(parked.message)


def test_twins_are_found_without_a_call_for_each_product(the_world: World) -> None:
    the_world.connect(**ONLY_PRODUCTS)
    the_world.work()  # the first pull
    the_world.reset_calls()
    made = [tfso_product(the_world, No=f"SEKK-{n}", EAN1="") for n in range(5)]
    the_world.initial_sync()
    assert len(links(the_world, "product")) == FEW.products + len(made)
    categories = len(the_world.all_in_tfso("categories"))
    assert the_world.tfso.calls()["by_operation"]["GetProducts"] == categories


# -- groups, whose numbers have nothing to do with the Ids of categories -------------------------


@pytest.mark.parametrize("how", ["webhook", "initial"])
def test_a_group_with_the_number_of_another_category_is_made_beside_it(
    the_world: World, how: str
) -> None:
    the_world.connect(product_group={"origin": "both"})
    there = tfso_category(the_world, Name="Håndverktøy")
    rackbeat_group(the_world, number=there["Id"], name="Telt", webhooks=how == "webhook")
    if how == "initial":
        start_run(the_world.engine, SLUG, Cause.INITIAL, direction=FORTH, kinds=["product_group"])
        the_world.work()
    else:
        the_world.deliveries_done()
        the_world.work()
    change = the_world.change(kind="product_group", direction=FORTH.value, key=str(there["Id"]))
    assert (change.state, change.outcome) == ("done", "created")
    (made,) = [each for each in the_world.all_in_tfso("categories") if each["Name"] == "Telt"]
    assert (made["No"], made["Id"] != there["Id"]) == (str(there["Id"]), True)
    assert the_world.in_tfso("categories", there["Id"])["Name"] == "Håndverktøy"


def test_a_group_with_the_number_and_the_name_of_a_category_is_linked(the_world: World) -> None:
    the_world.connect()
    there = tfso_category(the_world, Name="Telt", No="")
    rackbeat_group(the_world, number=there["Id"], name="Telt")
    the_world.deliveries_done()
    the_world.work()
    assert (str(there["Id"]), str(there["Id"])) in links(the_world, "product_group")


def test_a_category_with_the_number_of_another_group_is_parked(the_world: World) -> None:
    the_world.connect()
    the_world.work()
    there = tfso_category(the_world, Name="Håndverktøy")
    rackbeat_group(the_world, number=there["Id"], name="Telt", webhooks=False)
    later(the_world)
    change = the_world.change(kind="product_group", key=str(there["Id"]), state="parked")
    assert "'Telt'" in str(change.message)
    assert "'Håndverktøy'" in str(change.message)
