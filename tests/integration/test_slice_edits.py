"""Edits of master data, from either system into the other, and their echoes."""

from __future__ import annotations

import pytest

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
from tests.harness.world import Json, World

# Enough for every pull to be due again.
A_PULL_LATER = 11


# -- from Rackbeat to 24SevenOffice -------------------------------------------------------------


def test_an_edit_of_a_customer_in_rackbeat_is_written_once_and_its_echo_ends(
    the_world: World,
) -> None:
    the_world.connect()
    link = linked(the_world, "customer", tfso_customer(the_world))
    the_world.reset_calls()
    edit = {"company_name": "Vidda Sport AS", "contact_email": "ny@vidda.example"}
    the_world.rackbeat.edit("customers", link.rackbeat_key, edit)
    the_world.settle()
    there = the_world.in_tfso("companies", link.tfso_key)
    assert there["Name"] == "Vidda Sport AS"
    assert there["EmailAddresses"]["Primary"]["Value"] == "ny@vidda.example"
    assert there["OrganizationNumber"] == "999888777"
    the_world.clock.pass_by(minutes=A_PULL_LATER)
    the_world.work()
    the_world.settle()
    assert the_world.writes() == {"SaveCompanies": 1}


def test_an_edit_of_a_supplier_in_rackbeat_is_written_once(the_world: World) -> None:
    the_world.connect()
    link = linked(the_world, "supplier", tfso_supplier(the_world))
    the_world.reset_calls()
    the_world.rackbeat.edit("suppliers", link.rackbeat_key, {"address_city": "Otta"})
    the_world.settle()
    assert the_world.in_tfso("companies", link.tfso_key)["Addresses"]["Post"]["PostalArea"] == (
        "Otta"
    )
    assert the_world.writes() == {"SaveCompanies": 1}


def test_an_edit_of_a_product_in_rackbeat_is_written_once_and_its_echo_ends(
    the_world: World,
) -> None:
    the_world.connect()
    link = linked(the_world, "product", tfso_product(the_world))
    the_world.reset_calls()
    edit = {"name": "Fjellski 210 cm", "sales_price": "3599.5", "barcode": "7090000000026"}
    the_world.rackbeat.edit("products", link.rackbeat_key, edit)
    the_world.settle()
    there = the_world.in_tfso("products", link.tfso_key)
    assert (there["Name"], there["EAN1"]) == ("Fjellski 210 cm", "7090000000026")
    assert float(there["Price"]) == 3599.5
    assert there["No"] == "SKI-205"
    the_world.clock.pass_by(minutes=A_PULL_LATER)
    the_world.work()
    the_world.settle()
    assert the_world.writes() == {"SaveProducts": 1}


def test_an_edit_of_a_product_group_in_rackbeat_is_written_once(the_world: World) -> None:
    the_world.connect()
    the_world.work()  # groups do not say when they were made: the first pull only counts them
    link = linked(the_world, "product_group", tfso_category(the_world))
    the_world.reset_calls()
    the_world.rackbeat.edit("product_groups", link.rackbeat_key, {"name": "Ski og staver"})
    the_world.settle()
    assert the_world.in_tfso("categories", link.tfso_key)["Name"] == "Ski og staver"
    assert the_world.writes() == {"SaveCategories": 1}


def test_several_edits_in_rackbeat_before_the_workers_come_are_one_write(
    the_world: World,
) -> None:
    the_world.connect()
    link = linked(the_world, "product", tfso_product(the_world))
    the_world.reset_calls()
    for price in ("1", "2", "3"):
        the_world.rackbeat.edit("products", link.rackbeat_key, {"sales_price": price})
    the_world.settle()
    assert float(the_world.in_tfso("products", link.tfso_key)["Price"]) == 3
    assert the_world.writes() == {"SaveProducts": 1}


def test_webhooks_delivered_in_reverse_order_end_with_the_latest_values(the_world: World) -> None:
    the_world.connect()
    link = linked(the_world, "product", tfso_product(the_world))
    the_world.rackbeat.post("/webhooks/hold")
    for name in ("første", "andre", "siste"):
        the_world.rackbeat.edit("products", link.rackbeat_key, {"name": name})
    the_world.rackbeat.post("/webhooks/release")
    the_world.settle()
    assert the_world.in_tfso("products", link.tfso_key)["Name"] == "siste"


def test_a_customer_made_in_rackbeat_is_made_in_24so_once_under_its_number(
    the_world: World,
) -> None:
    the_world.connect()
    the_world.work()
    the_world.reset_calls()
    made = rackbeat_customer(the_world)
    the_world.settle()
    there = the_world.in_tfso("companies", made["number"])
    assert (there["Name"], there["Type"]) == ("Dalen Sport AS", "Business")
    assert there["ExternalId"] == str(made["number"])
    the_world.clock.pass_by(minutes=A_PULL_LATER)
    the_world.work()
    the_world.settle()
    assert the_world.writes() == {"SaveCompanies": 1}
    (link,) = the_world.links("customer")
    assert link.rackbeat_key == link.tfso_key == str(made["number"])


def test_a_supplier_made_in_rackbeat_is_made_in_24so_as_a_supplier(the_world: World) -> None:
    the_world.connect()
    made = rackbeat_supplier(the_world)
    the_world.settle()
    assert the_world.in_tfso("companies", made["number"])["Type"] == "Supplier"
    assert the_world.change(kind="supplier").outcome == "created"


def test_a_product_made_in_rackbeat_brings_its_unknown_group_along(the_world: World) -> None:
    the_world.connect()
    the_world.work()
    the_world.reset_calls()
    group = rackbeat_group(the_world, webhooks=False)
    made = rackbeat_product(the_world, group["number"])
    the_world.settle()
    (category,) = [c for c in the_world.all_in_tfso("categories") if c["Name"] == "Staver"]
    (product,) = [p for p in the_world.all_in_tfso("products") if p.get("No") == made["number"]]
    assert product["CategoryId"] == category["Id"]
    assert the_world.change(kind="product_group").cause == "dependency"
    the_world.clock.pass_by(minutes=A_PULL_LATER)
    the_world.work()
    the_world.settle()
    assert the_world.writes() == {"SaveCategories": 1, "SaveProducts": 1}


# -- from 24SevenOffice to Rackbeat -------------------------------------------------------------


def test_an_edit_in_24so_is_pulled_written_once_and_its_webhook_ends_there(
    the_world: World,
) -> None:
    the_world.connect()
    link = linked(the_world, "product", tfso_product(the_world))
    the_world.reset_calls()
    the_world.tfso.edit("products", link.tfso_key, {"Name": "Fjellski 200 cm", "Price": "2999"})
    the_world.clock.pass_by(minutes=A_PULL_LATER)
    the_world.work()
    the_world.settle()
    there = the_world.in_rackbeat("products", link.rackbeat_key)
    assert (there["name"], float(there["sales_price"])) == ("Fjellski 200 cm", 2999)
    assert the_world.writes() == {"PUT /products/{number}": 1}


def test_a_field_that_is_not_transferred_is_no_change(the_world: World) -> None:
    the_world.connect()
    link = linked(the_world, "product", tfso_product(the_world))
    the_world.reset_calls()
    the_world.tfso.edit("products", link.tfso_key, {"Weight": "2.5"})
    assert the_world.pull("product") == 0
    the_world.rackbeat.edit("products", link.rackbeat_key, {"min_sales_quantity": 2})
    the_world.settle()
    assert the_world.writes() == {}


def test_a_product_number_over_25_characters_is_parked_until_it_is_shortened(
    the_world: World,
) -> None:
    the_world.connect()
    number = "FJELLSKI-205-CM-MED-STÅLKANT"
    made = tfso_product(the_world, No=number)
    the_world.work()
    the_world.settle()
    change = the_world.change(kind="product", key=str(made["Id"]))
    assert (change.state, change.failure_class) == ("parked", "unmappable")
    assert change.message is not None
    assert number in change.message
    assert "25" in change.message
    the_world.tfso.edit("products", made["Id"], {"No": "SKI-205-STÅL"})
    the_world.clock.pass_by(minutes=A_PULL_LATER)
    the_world.work()
    the_world.settle()
    assert the_world.in_rackbeat("products", "SKI-205-STÅL")["name"] == "Fjellski 205 cm"
    assert the_world.states() == []


def test_a_product_parked_for_its_number_stays_parked_while_nobody_touches_it(
    the_world: World,
) -> None:
    the_world.connect()
    tfso_product(the_world, No="A" * 26)
    the_world.work()
    the_world.settle()
    before = the_world.change(kind="product")
    the_world.clock.pass_by(minutes=A_PULL_LATER)
    the_world.work()
    after = the_world.change(kind="product")
    assert (after.state, after.attempts) == ("parked", before.attempts)


# -- origins ------------------------------------------------------------------------------------


@pytest.mark.parametrize("origin", ["24so", "off"])
def test_an_edit_in_rackbeat_stays_there_where_it_is_not_an_origin(
    the_world: World, origin: str
) -> None:
    the_world.connect(supplier={"origin": origin})
    made = rackbeat_supplier(the_world)
    the_world.deliveries_done()
    the_world.work()
    assert the_world.changes(kind="supplier") == []
    assert [c for c in the_world.all_in_tfso("companies") if c["Id"] == made["number"]] == []


@pytest.mark.parametrize("origin", ["rackbeat", "off"])
def test_an_edit_in_24so_stays_there_where_it_is_not_an_origin(
    the_world: World, origin: str
) -> None:
    the_world.connect(supplier={"origin": origin})
    tfso_supplier(the_world)
    the_world.work()
    assert the_world.tfso.calls()["by_operation"].get("GetCompanies") is not None
    assert the_world.changes(kind="supplier") == []
    assert the_world.rackbeat.state()["suppliers"] == []


def test_with_origin_24so_edits_from_there_are_taken(the_world: World) -> None:
    the_world.connect(supplier={"origin": "24so"})
    linked(the_world, "supplier", tfso_supplier(the_world))
    assert [s["name"] for s in the_world.rackbeat.state()["suppliers"]] == ["Skifabrikken AS"]


def test_with_origin_rackbeat_edits_from_there_are_taken(the_world: World) -> None:
    the_world.connect(supplier={"origin": "rackbeat"})
    made = rackbeat_supplier(the_world)
    the_world.settle()
    assert the_world.in_tfso("companies", made["number"])["Name"] == "Stavfabrikken AS"


# -- what nobody has edited -----------------------------------------------------------------------


def without(record: Json, *names: str) -> Json:
    return {name: value for name, value in record.items() if name not in names}


def test_an_edit_in_rackbeat_leaves_what_nobody_edited_in_24so_as_it_is(the_world: World) -> None:
    the_world.connect(product={"origin": "both"})
    link = linked(the_world, "product", tfso_product(the_world, StockControlled=False))
    before = the_world.in_tfso("products", link.tfso_key)
    the_world.rackbeat.edit("products", link.rackbeat_key, {"sales_price": "17.5"})
    the_world.settle()
    after = the_world.in_tfso("products", link.tfso_key)
    assert float(after["Price"]) == 17.5
    assert without(after, "Price", "DateChanged") == without(before, "Price", "DateChanged")


@pytest.mark.parametrize("origin", ["both", "24so"])
def test_a_matched_record_keeps_what_is_equal_as_it_is_written_there(
    the_world: World, origin: str
) -> None:
    the_world.connect(customer={"origin": origin})
    there = tfso_customer(the_world)
    rackbeat_customer(
        the_world, number=there["Id"], webhooks=False, company_name="Vidda Friluft AS",
        company_vat="999888777", contact_email="post@vidda.example; faktura@vidda.example",
        address_street="Storgata 1", address_zipcode="3580", address_city="Geilo",
        address_country="Norge", contact_phone="22 22 22 22",
    )  # fmt: skip
    before = the_world.in_rackbeat("customers", there["Id"])
    the_world.tfso.edit("companies", there["Id"], {"PhoneNumbers": {"Work": {"Value": "33"}}})
    linked(the_world, "customer", there)
    after = the_world.in_rackbeat("customers", there["Id"])
    assert after["contact_phone"] == "33"
    edited = ("contact_phone", "updated_at")
    assert without(after, *edited) == without(before, *edited)


def test_an_edit_in_24so_leaves_what_nobody_edited_in_rackbeat_as_it_is(the_world: World) -> None:
    the_world.connect(customer={"origin": "both"})
    link = linked(the_world, "customer", tfso_customer(the_world))
    as_written = {
        "contact_email": "post@vidda.example; faktura@vidda.example",
        "address_country": "Norge",
    }
    the_world.rackbeat.edit("customers", link.rackbeat_key, as_written)
    the_world.settle()
    before = the_world.in_rackbeat("customers", link.rackbeat_key)
    the_world.tfso.edit("companies", link.tfso_key, {"PhoneNumbers": {"Work": {"Value": "33"}}})
    the_world.clock.pass_by(minutes=A_PULL_LATER)
    the_world.work()
    the_world.settle()
    after = the_world.in_rackbeat("customers", link.rackbeat_key)
    assert after["contact_phone"] == "33"
    edited = ("contact_phone", "updated_at")
    assert without(after, *edited) == without(before, *edited)
