"""Customers, suppliers, product groups and products: every cell of the table, both ways."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import pytest

from tests.harness.mission import configure, later, row
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
from tests.harness.world import GENEROUS_RACKBEAT, Json, World, world


@dataclass(frozen=True)
class Row:
    """One row of the table: how people make and edit such a record in either system."""

    kind: str
    rackbeat: str
    tfso: str
    in_rackbeat: Callable[[World], Json]
    in_tfso: Callable[[World], Json]
    rackbeat_edit: Json
    tfso_edit: Json
    saves: str
    writes: dict[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.kind


ROWS = (
    Row(
        "customer", "customers", "companies", rackbeat_customer, tfso_customer,
        {"company_name": "Nytt navn"}, {"Name": "Nytt navn"}, "SaveCompanies",
    ),
    Row(
        "supplier", "suppliers", "companies", rackbeat_supplier, tfso_supplier,
        {"company_name": "Nytt navn"}, {"Name": "Nytt navn"}, "SaveCompanies",
    ),
    Row(
        "product_group", "product_groups", "categories", rackbeat_group, tfso_category,
        {"name": "Nytt navn"}, {"Name": "Nytt navn"}, "SaveCategories",
    ),
    Row(
        "product", "products", "products",
        lambda w: rackbeat_product(w, rackbeat_group(w)["number"]), tfso_product,
        {"name": "Nytt navn"}, {"Name": "Nytt navn"}, "SaveProducts",
    ),
)  # fmt: skip
OFF = {"origin": "off"}
GROUP = "product_group"
every_row = pytest.mark.parametrize("row", ROWS, ids=str)


def begun(the_world: World, **settings: Any) -> None:
    """A connection whose first pulls have been made: what comes now is new."""
    the_world.connect(**settings)
    the_world.work()


@pytest.mark.parametrize("brief", [False, True], ids=["answered whole", "answered briefly"])
def test_a_field_that_was_empty_when_its_record_was_copied_can_be_filled_in_at_the_copy(
    database_url: str, broker_url: str, monkeypatch: pytest.MonkeyPatch, brief: bool
) -> None:
    config = replace(GENEROUS_RACKBEAT, brief_answers=brief)
    with world(database_url, broker_url, monkeypatch, rackbeat_config=config) as the_world:
        copied_then_filled_in(the_world)
        reads = the_world.rackbeat.calls()["by_operation"]["GET /customers/{number}"]
    assert (reads > 1) is brief, "what the answer to the creation shows is not read again"


def copied_then_filled_in(the_world: World) -> None:
    original = tfso_customer(the_world)["Id"]
    the_world.clock.pass_by(hours=1)  # no pull finds it, and what the sync writes has no echo
    the_world.connect(product=OFF, product_group=OFF, supplier=OFF, order=OFF)
    the_world.initial_sync()
    (link,) = [link for link in the_world.links("customer") if link.tfso_key == str(original)]
    assert not the_world.in_rackbeat("customers", link.rackbeat_key)["contact_phone"]
    the_world.rackbeat.edit("customers", link.rackbeat_key, {"contact_phone": "61234567"})
    the_world.settle()
    phones = the_world.in_tfso("companies", original)["PhoneNumbers"]
    assert phones["Primary"]["Value"] == "61234567"


@every_row
def test_a_record_made_and_edited_in_rackbeat_is_the_same_in_24so_with_one_write_each(
    the_world: World, row: Row
) -> None:
    begun(the_world)
    made = row.in_rackbeat(the_world)
    the_world.settle()
    (link,) = [li for li in the_world.links(row.kind) if li.rackbeat_key == str(made["number"])]
    assert the_world.in_tfso(row.tfso, link.tfso_key)["Name"] == made["name"]
    the_world.reset_calls()
    the_world.rackbeat.edit(row.rackbeat, made["number"], row.rackbeat_edit)
    the_world.settle()
    assert the_world.in_tfso(row.tfso, link.tfso_key)["Name"] == "Nytt navn"
    later(the_world)
    assert the_world.writes() == {row.saves: 1}
    assert the_world.states() == []


@every_row
def test_a_record_made_and_edited_in_24so_is_the_same_in_rackbeat_with_one_write_each(
    the_world: World, row: Row
) -> None:
    begun(the_world)
    made = row.in_tfso(the_world)
    later(the_world)
    (link,) = [li for li in the_world.links(row.kind) if li.tfso_key == str(made["Id"])]
    assert the_world.in_rackbeat(row.rackbeat, link.rackbeat_key)["name"] == made["Name"]
    the_world.reset_calls()
    the_world.tfso.edit(row.tfso, made["Id"], row.tfso_edit)
    later(the_world)
    later(the_world)
    assert the_world.in_rackbeat(row.rackbeat, link.rackbeat_key)["name"] == "Nytt navn"
    path = row.rackbeat.replace("_", "-")
    assert the_world.writes() == {f"PUT /{path}/{{number}}": 1}
    assert the_world.states() == []


@every_row
@pytest.mark.parametrize("origin", ["24so", "off"])
def test_what_is_made_in_rackbeat_stays_there_where_it_is_not_the_origin(
    the_world: World, row: Row, origin: str
) -> None:
    begun(the_world, **origins(row.kind, origin))
    before = len(the_world.all_in_tfso(row.tfso))
    row.in_rackbeat(the_world)
    the_world.settle()
    assert [c for c in the_world.changes(kind=row.kind) if c.outcome == "created"] == []
    assert len(the_world.all_in_tfso(row.tfso)) == before


@every_row
@pytest.mark.parametrize("origin", ["rackbeat", "off"])
def test_what_is_made_in_24so_stays_there_where_it_is_not_the_origin(
    the_world: World, row: Row, origin: str
) -> None:
    begun(the_world, **origins(row.kind, origin))
    row.in_tfso(the_world)
    later(the_world)
    assert the_world.rackbeat.state()[row.rackbeat] == []


def origins(kind: str, origin: str) -> Json:
    """Settings by which one kind has that origin, and nothing else brings it along."""
    quiet = {name: {"origin": "off"} for name in ("order", "invoice")}
    if kind == "product_group":
        quiet["product"] = {"origin": "off"}
    return quiet | {kind: {"origin": origin}}


# -- settings of a kind -------------------------------------------------------------------------


def test_rackbeats_number_is_carried_by_the_external_id_where_that_is_set(
    the_world: World,
) -> None:
    begun(the_world, customer={"number": "external_id"})
    made = rackbeat_customer(the_world, number=4711)
    the_world.settle()
    (there,) = [c for c in the_world.all_in_tfso("companies") if c.get("ExternalId") == "4711"]
    assert there["Id"] != 4711
    assert there["Name"] == made["name"]
    the_world.tfso.edit("companies", there["Id"], {"Name": "Fra 24SO"})
    later(the_world)
    assert the_world.in_rackbeat("customers", 4711)["name"] == "Fra 24SO"


def test_a_number_too_large_for_an_id_is_parked_with_what_to_choose(the_world: World) -> None:
    begun(the_world)
    rackbeat_customer(the_world, number=2**31)
    the_world.settle()
    parked = the_world.change(kind="customer", state="parked")
    assert parked.failure_class == "unmappable"
    assert "'external_id' for customer.number" in str(parked.message)


@pytest.mark.parametrize(
    ("kind", "make"), [("customer", tfso_customer), ("supplier", tfso_supplier)]
)
def test_a_company_without_an_external_id_is_parked_where_that_is_its_number_until_it_has_one(
    the_world: World, kind: str, make: Callable[[World], Json]
) -> None:
    begun(the_world, **{kind: {"number": "external_id"}})
    made = make(the_world)
    later(the_world)
    message = str(the_world.change(kind=kind, state="parked").message)
    for named in (made["Name"], "has no ExternalId", f"'id' for {kind}.number"):
        assert named in message
    the_world.tfso.edit("companies", made["Id"], {"ExternalId": "8001"})
    later(the_world)
    assert the_world.in_rackbeat(f"{kind}s", 8001)["name"] == made["Name"]


def test_a_product_has_the_number_of_the_field_that_is_set(the_world: World) -> None:
    begun(the_world, product={"origin": "24so", "number": "id"})
    made = tfso_product(the_world, No="HELT-ANNET")
    later(the_world)
    assert the_world.in_rackbeat("products", made["Id"])["name"] == "Fjellski 205 cm"


def test_a_group_has_the_number_of_the_field_that_is_set(the_world: World) -> None:
    begun(the_world, product_group={"number": "no"})
    tfso_category(the_world, No="90")
    later(the_world)
    assert the_world.in_rackbeat("product_groups", 90)["name"] == "Skiutstyr"


def test_groups_made_in_rackbeat_are_put_under_the_parent_that_is_set_and_others_stay(
    the_world: World,
) -> None:
    first, second = (each["Id"] for each in the_world.all_in_tfso("categories")[:2])
    begun(the_world, product_group={"parent": first})

    def parent_of(group: Json) -> object:
        (link,) = [li for li in the_world.links(GROUP) if li.rackbeat_key == str(group["number"])]
        return the_world.in_tfso("categories", link.tfso_key).get("ParentId")

    under = rackbeat_group(the_world, number=9001, name="Under")
    the_world.settle()
    configure(the_world, product_group__parent=None)
    on_top = rackbeat_group(the_world, number=9002, name="Øverst")
    the_world.settle()
    assert (parent_of(under), parent_of(on_top)) == (first, None)
    # Parents in 24SevenOffice are theirs: they neither arrive in Rackbeat nor change.
    made = tfso_category(the_world, ParentId=second)
    later(the_world)
    there = the_world.in_rackbeat("product_groups", made["Id"])
    the_world.reset_calls()
    the_world.rackbeat.edit("product_groups", there["number"], {"name": "Ski og staver"})
    the_world.tfso.edit("categories", the_world.links(GROUP)[0].tfso_key, {"ParentId": second})
    later(the_world)
    assert (parent_of(there), parent_of(under)) == (second, second)
    assert the_world.writes() == {"SaveCategories": 1}
    configure(the_world, product_group__parent=99_999)
    rackbeat_group(the_world, number=9003, name="Ingensteds")
    the_world.settle()
    parked = the_world.change(kind=GROUP, state="parked")
    assert "99999 to be the parent" in str(parked.message)


def test_suppliers_have_a_number_terms_and_a_country_of_their_own(the_world: World) -> None:
    chosen = {"number": "external_id", "payment_terms_days": 45, "country": "DK"}
    begun(the_world, supplier=chosen)
    rackbeat_supplier(the_world, number=4711, address_street="Gate 1", address_country="Månen")
    tfso_supplier(the_world, ExternalId="8001", PaymentTime=None)
    later(the_world)
    (there,) = [c for c in the_world.all_in_tfso("companies") if c.get("ExternalId") == "4711"]
    assert there["Id"] != 4711
    assert there["Country"] == "DK"
    terms = the_world.in_rackbeat("suppliers", 8001)["payment_terms"]
    assert (terms["type"], terms["maturity_days"]) == ("net", 45)


def test_new_records_of_24so_are_put_into_the_groups_that_are_set(the_world: World) -> None:
    buyers = the_world.rackbeat.add("customer_groups", {"name": "Butikker"})["number"]
    makers = the_world.rackbeat.add("supplier_groups", {"name": "Fabrikker"})["number"]
    begun(the_world, customer={"group": buyers}, supplier={"group": makers})
    customer, supplier = tfso_customer(the_world), tfso_supplier(the_world)
    later(the_world)
    there = the_world.in_rackbeat("customers", customer["Id"])
    assert there["customer_group"]["number"] == buyers
    there = the_world.in_rackbeat("suppliers", supplier["Id"])
    assert there["supplier_group"]["number"] == makers
    the_world.reset_calls()
    later(the_world)
    assert the_world.writes() == {}
    assert the_world.states() == []


def test_a_number_that_a_setting_names_and_the_target_lacks_is_parked_with_the_setting(
    the_world: World,
) -> None:
    missing = 99_999
    begun(
        the_world,
        customer={"group": missing},
        supplier={"group": missing},
        product={"category": missing},
        product_group={"parent": missing},
    )
    tfso_customer(the_world)
    tfso_supplier(the_world)
    rackbeat_group(the_world, number=9003)
    item = {"number": "SETT", "name": "Sett", "group": None, "sales_price": 10, "lines": []}
    the_world.rackbeat.add("lots", item)
    later(the_world)
    named = {
        "customer": "customer.group",
        "supplier": "supplier.group",
        "product_group": "product_group.parent",
        "product": "product.category",
    }
    for kind, setting in named.items():
        parked = the_world.change(kind=kind, state="parked")
        assert f"The number 99999 comes from the setting {setting}:" in str(parked.message)


def test_a_refusal_for_another_field_names_no_setting(the_world: World) -> None:
    begun(the_world, customer={"group": 1})
    body = '{"message": "Ugyldig.", "errors": {"company_vat": ["Ugyldig."]}}'
    the_world.rackbeat.fault(operation="POST /customers", effect="answer", status=422, body=body)
    tfso_customer(the_world)
    later(the_world)
    assert "setting" not in str(the_world.change(kind="customer", state="parked").message)


def test_each_kind_is_pulled_as_often_as_is_set(the_world: World) -> None:
    begun(the_world, pull_minutes=8, order={"pull_minutes": 2})
    customer, product = tfso_customer(the_world), tfso_product(the_world)
    tfso_supplier(the_world)
    tfso_order(the_world, customer["Id"], row(product))
    later(the_world, minutes=3)
    there = the_world.rackbeat.state()
    assert (len(there["orders"]), len(there["suppliers"])) == (1, 0)
    later(the_world, minutes=6)
    assert len(the_world.rackbeat.state()["suppliers"]) == 1


@pytest.mark.parametrize(
    ("setting", "prices"),
    [
        ({}, ("3499.90", "1800")),
        ({"cost": "cost"}, ("3499.90", "1950")),
        ({"price": "web_price"}, ("3299", "1800")),
    ],
)
def test_the_prices_are_those_of_the_fields_that_are_set(
    the_world: World, setting: dict[str, str], prices: tuple[str, str]
) -> None:
    begun(the_world, product=setting)
    made = tfso_product(the_world, Cost="1950.00", WebPrice="3299.00")
    later(the_world)
    there = the_world.in_rackbeat("products", "SKI-205")
    found = (there["sales_price"], there["recommended_cost_price"])
    assert [Decimal(str(price)) for price in found] == [Decimal(price) for price in prices]
    edit = {"sales_price": 2999, "recommended_cost_price": 1700}
    the_world.rackbeat.edit("products", "SKI-205", edit)
    later(the_world)
    before = {"Price": "3499.90", "WebPrice": "3299.00", "InPrice": "1800.00", "Cost": "1950.00"}
    sales = {"web_price": "WebPrice"}.get(setting.get("price", ""), "Price")
    cost = {"cost": "Cost"}.get(setting.get("cost", ""), "InPrice")
    here = the_world.in_tfso("products", made["Id"])
    assert {name: Decimal(here[name]) for name in before} == {
        name: Decimal(price) for name, price in (before | {sales: "2999", cost: "1700"}).items()
    }


# -- what a record needs ------------------------------------------------------------------------


def test_units_and_terms_are_looked_up_once_and_not_once_a_record(the_world: World) -> None:
    begun(the_world)
    for number in range(6):
        tfso_product(the_world, No=f"SKI-{number}", EAN1="")
        tfso_customer(the_world, Name=f"Kunde {number}", OrganizationNumber="")
    the_world.reset_calls()
    later(the_world)
    assert len(the_world.rackbeat.state()["products"]) == 6
    assert len(the_world.rackbeat.state()["customers"]) == 6
    calls = the_world.rackbeat.calls()["by_operation"]
    assert (calls["GET /units"], calls["GET /payment-terms"]) == (1, 1)


def test_a_unit_and_terms_that_are_missing_are_made_once(the_world: World) -> None:
    begun(the_world, product={"unit": "pall"})
    tfso_product(the_world)
    tfso_product(the_world, No="SKI-2", EAN1="")
    tfso_customer(the_world, PaymentTime=37)
    tfso_customer(the_world, PaymentTime=37, Name="To AS", OrganizationNumber="911000222")
    later(the_world)
    units = [unit["name"] for unit in the_world.rackbeat.state()["units"]]
    assert units.count("pall") == 1
    assert the_world.in_rackbeat("products", "SKI-205")["unit"]["name"] == "pall"
    terms = the_world.rackbeat.state()["payment_terms"]
    assert [t["name"] for t in terms if t["maturity_days"] == 37] == ["Netto 37 dager"]
    notes = [note for change in the_world.changes() for note in change.notes]
    for added in ("unit 'pall'", "payment terms 'net:37'"):
        assert notes.count(f"Rackbeat had no {added}; it has been added there.") == 1


def test_the_end_of_the_month_is_a_term_of_rackbeats_own_kind(the_world: World) -> None:
    begun(the_world)
    made = tfso_customer(the_world, PaymentTime=-4)
    later(the_world)
    terms = the_world.in_rackbeat("customers", made["Id"])["payment_terms"]
    assert (terms["type"], terms["maturity_days"]) == ("current_month", 0)


def test_a_customer_without_terms_gets_the_default_and_the_journal_says_so(
    the_world: World,
) -> None:
    begun(the_world, customer={"payment_terms_days": 21})
    made = tfso_customer(the_world, PaymentTime=None)
    later(the_world)
    terms = the_world.in_rackbeat("customers", made["Id"])["payment_terms"]
    assert terms["maturity_days"] == 21
    change = the_world.change(kind="customer", outcome="created")
    assert any("net:21" in note and "default" in note for note in change.notes)


@pytest.mark.parametrize(
    ("written", "code"), [("Norge", "NO"), ("Sverige", "SE"), ("Denmark", "DK"), ("finland", "FI")]
)
def test_a_country_written_in_words_is_understood(
    the_world: World, written: str, code: str
) -> None:
    begun(the_world)
    made = rackbeat_customer(the_world, address_country=written)
    the_world.settle()
    assert the_world.in_tfso("companies", made["number"])["Country"] == code
    assert f"Country '{written}' is read as {code}." in the_world.change(kind="customer").notes


def test_an_unknown_country_becomes_the_default_and_the_journal_says_so(
    the_world: World,
) -> None:
    begun(the_world, customer={"country": "SE"})
    made = rackbeat_customer(the_world, address_country="Langtvekkistan")
    the_world.settle()
    assert the_world.in_tfso("companies", made["number"])["Country"] == "SE"
    notes = the_world.change(kind="customer").notes
    assert any("Langtvekkistan" in note and "SE" in note for note in notes)


@pytest.mark.parametrize(
    ("written", "sent"),
    [("tull; ordre@dalen.example, post@dalen.example", "ordre@dalen.example"), ("ring meg", None)],
)
def test_of_an_email_field_the_first_valid_address_is_sent_and_the_journal_says_so(
    the_world: World, written: str, sent: str | None
) -> None:
    begun(the_world)
    made = rackbeat_customer(the_world, contact_email=written)
    the_world.settle()
    addresses = the_world.in_tfso("companies", made["number"]).get("EmailAddresses", {})
    assert addresses.get("Primary", {}).get("Value") == sent
    assert any(written in note for note in the_world.change(kind="customer").notes)
