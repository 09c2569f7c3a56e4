"""Numbers changed in Rackbeat: the link follows, or a person is asked."""

from __future__ import annotations

import httpx
import pytest

from sandbox.rackbeat import Config
from shared.connections import NotUsable
from shared.operations import Operations
from shared.words import Direction
from tests.harness.mission import later, rackbeat_goods, reconcile
from tests.harness.people import (
    known_token,
    linked,
    rackbeat_customer,
    rackbeat_group,
    tfso_customer,
    tfso_product,
)
from tests.harness.world import FEW, SLUG, Json, World

TOKEN = "a-token-that-the-test-knows-too"


def deliver(the_world: World, event: str, body: Json) -> httpx.Response:
    """A webhook as the documentation describes it, which the sandbox does not send."""
    known_token(the_world, TOKEN)
    headers = {
        "Rackbeat-Webhook-Token": TOKEN,
        "Rackbeat-Webhook-Event": event,
        "Rackbeat-Account-Id": str(Config().account_id),
    }
    url = f"{the_world.web_url}/webhooks/rackbeat/{SLUG}"
    return httpx.post(url, json=body, headers=headers, trust_env=False)


def a_ski(the_world: World) -> str:
    """A product in both systems, called SKI-205 in Rackbeat; its Id in 24SevenOffice."""
    the_world.connect()
    the_world.work()
    made = tfso_product(the_world, StockControlled=True)
    later(the_world)
    the_world.rackbeat.edit("products", "SKI-205", {"stock_quantity": 4})
    the_world.settle()
    assert {link.rackbeat_key for link in the_world.links("stock")} == {"SKI-205"}
    the_world.reset_calls()
    return str(made["Id"])


def renumber(the_world: World, new: str = "SKI-206", **more: object) -> None:
    the_world.rackbeat.edit("products", "SKI-205", {"number": new, **more}, webhooks=False)


def keys(the_world: World) -> set[tuple[str, str]]:
    links = [*the_world.links("product"), *the_world.links("stock")]
    return {(link.rackbeat_key, link.tfso_key) for link in links}


def test_a_webhook_with_both_numbers_takes_the_link_and_the_stock_along(
    the_world: World,
) -> None:
    key = a_ski(the_world)
    renumber(the_world)
    body = {
        "key_name": "number", "key": "SKI-206", "event": "product.updated",
        "old_key": "SKI-205", "new_key": "SKI-206", "changed": ["number"],
    }  # fmt: skip
    assert deliver(the_world, "product.updated", body).status_code == 202
    the_world.settle()
    assert keys(the_world) == {("SKI-206", key)}
    assert the_world.states() == []
    the_world.rackbeat.edit("products", "SKI-206", {"name": "Ny ski", "stock_quantity": 9})
    the_world.settle()
    there = the_world.in_tfso("products", key)
    assert (there["Name"], there["No"], float(there["Stock"])) == ("Ny ski", "SKI-206", 9)
    assert the_world.writes() == {"SaveProducts": 2, "SetStockQuantity": 1}


def test_a_certain_twin_under_a_new_number_is_linked_again_by_reconciliation(
    the_world: World,
) -> None:
    key = a_ski(the_world)
    renumber(the_world)
    assert reconcile(the_world)["product"]["renumbered"] == 1
    assert keys(the_world) == {("SKI-206", key)}
    assert the_world.in_tfso("products", key)["StatusId"] == 1
    assert the_world.states() == []
    assert the_world.in_tfso("products", key)["No"] == "SKI-206"
    assert the_world.writes() == {"SaveProducts": 1}
    assert reconcile(the_world)["product"].get("renumbered") is None


def test_a_doubtful_twin_is_parked_with_both_numbers_named(the_world: World) -> None:
    key = a_ski(the_world)
    renumber(the_world, sales_price=1)
    assert reconcile(the_world)["product"]["perhaps_renumbered"] == 1
    parked = the_world.change(kind="product", state="parked")
    assert "SKI-205" in str(parked.message)
    assert "SKI-206" in str(parked.message)
    assert the_world.in_tfso("products", key)["StatusId"] == 1
    assert len(the_world.all_in_tfso("products")) == FEW.products + 1


def test_two_records_that_might_be_it_are_both_named_and_nothing_is_relinked(
    the_world: World,
) -> None:
    key = a_ski(the_world)
    twin = the_world.in_rackbeat("products", "SKI-205")
    renumber(the_world)
    copied = ("name", "sales_price", "recommended_cost_price", "barcode", "description")
    fields = {name: twin[name] for name in copied if twin[name] is not None}
    same = {"number": "SKI-207", "group": twin["group"]["number"], **fields}
    the_world.rackbeat.add("products", same, webhooks=False)
    reconcile(the_world)
    for new in ("SKI-206", "SKI-207"):
        parked = the_world.change(kind="product", state="parked", key=new)
        assert all(each in str(parked.message) for each in ("SKI-205", "SKI-206", "SKI-207"))
    assert ("SKI-205", key) in keys(the_world)
    assert the_world.writes() == {}


def test_a_person_says_what_the_new_number_is(the_world: World) -> None:
    key = a_ski(the_world)
    renumber(the_world, sales_price=1)
    reconcile(the_world)
    Operations(the_world.engine, actor="test").relink(SLUG, "product", "SKI-205", "SKI-206")
    the_world.settle()
    assert keys(the_world) == {("SKI-206", key)}
    assert float(the_world.in_tfso("products", key)["Price"]) == 1
    with pytest.raises(NotUsable, match="not linked"):
        Operations(the_world.engine, actor="test").relink(SLUG, "product", "SKI-205", "SKI-9")


# -- what 24SevenOffice has of the number ------------------------------------------------------


def relink(the_world: World, kind: str, old: object, new: object) -> None:
    Operations(the_world.engine, actor="test").relink(SLUG, kind, str(old), str(new))
    the_world.settle()


@pytest.mark.parametrize("number", ["id", "external_id"])
def test_a_customers_new_number_replaces_its_external_id_and_the_journal_says_that_its_id_stays(
    the_world: World, number: str
) -> None:
    the_world.connect(customer={"number": number})
    rackbeat_customer(the_world, number=71001)
    the_world.settle()
    (link,) = the_world.links("customer")
    the_world.rackbeat.edit("customers", 71001, {"number": 71002}, webhooks=False)
    relink(the_world, "customer", 71001, 71002)
    assert the_world.in_tfso("companies", link.tfso_key)["ExternalId"] == "71002"
    said = "its Id stays 71001" in str(the_world.changes(key="71002")[-1].notes)
    assert said is (number == "id")
    the_world.reset_calls()
    later(the_world)
    reconcile(the_world)
    assert the_world.writes() == {}
    assert the_world.states() == []


def test_a_groups_new_number_replaces_the_one_we_wrote(the_world: World) -> None:
    the_world.connect()
    rackbeat_group(the_world, number=700)
    the_world.settle()
    (link,) = [link for link in the_world.links("product_group") if link.rackbeat_key == "700"]
    the_world.rackbeat.edit("product_groups", 700, {"number": 701}, webhooks=False)
    relink(the_world, "product_group", 700, 701)
    assert the_world.in_tfso("categories", link.tfso_key)["No"] == "701"


def test_a_number_that_people_chose_in_24so_stays(the_world: World) -> None:
    key = a_ski(the_world)
    the_world.tfso.edit("products", key, {"No": "EGET"})
    renumber(the_world)
    relink(the_world, "product", "SKI-205", "SKI-206")
    assert the_world.in_tfso("products", key)["No"] == "EGET"
    assert the_world.writes() == {}


def test_a_number_that_another_product_of_24so_has_is_not_given_twice(the_world: World) -> None:
    key = a_ski(the_world)
    other = tfso_product(the_world, No="SKI-206", EAN1="", Name="En annen")
    renumber(the_world)
    relink(the_world, "product", "SKI-205", "SKI-206")
    assert the_world.in_tfso("products", key)["No"] == "SKI-205"
    said = f"No stays SKI-205, as SKI-206 is that of {other['Id']}"
    assert said in str(the_world.changes(kind="product", key="SKI-206")[-1].notes)


def test_a_new_number_arrives_though_an_edit_in_24so_is_brought_to_rackbeat_first(
    the_world: World,
) -> None:
    key = a_ski(the_world)
    renumber(the_world)
    the_world.clock.pass_by(minutes=60)
    the_world.tfso.edit("products", key, {"Name": "Ny ski"})
    reconcile(the_world)
    later(the_world)
    the_world.settle()
    assert the_world.in_rackbeat("products", "SKI-206")["name"] == "Ny ski"
    assert the_world.in_tfso("products", key)["No"] == "SKI-206"
    assert the_world.states() == []
    the_world.reset_calls()
    reconcile(the_world)
    assert the_world.writes() == {}


def test_the_number_of_what_was_gone_arrives_once_it_is_back_under_another(
    the_world: World,
) -> None:
    key = a_ski(the_world)
    twin = the_world.in_rackbeat("products", "SKI-205")
    the_world.rackbeat.remove("products", "SKI-205")
    the_world.settle()
    (link,) = the_world.links("product")
    assert link.rackbeat_seen == {}
    fields = {"name": twin["name"], "barcode": twin["barcode"], "sales_price": 7}
    fields["group"] = twin["group"]["number"]
    the_world.rackbeat.add("products", {"number": "SKI-206", **fields})
    the_world.settle()
    relink(the_world, "product", "SKI-205", "SKI-206")
    there = the_world.in_tfso("products", key)
    assert (there["No"], float(there["Price"])) == ("SKI-206", 7)
    the_world.rackbeat.remove("products", "SKI-206")
    the_world.settle()
    assert reconcile(the_world)["product"].get("gone_in_rackbeat") is None


def test_what_is_gone_and_has_a_new_number_is_not_overwritten_by_another(the_world: World) -> None:
    the_world.connect()
    link = linked(the_world, "customer", tfso_customer(the_world))
    the_world.rackbeat.remove("customers", link.rackbeat_key)
    the_world.settle()
    rackbeat_customer(the_world, number=88, company_name="Helt Annen AS", company_vat="922222222")
    the_world.deliveries_done()
    relink(the_world, "customer", link.rackbeat_key, 88)
    parked = the_world.change(kind="customer", state="parked", key="88")
    assert "Vidda Friluft AS" in str(parked.message)
    assert the_world.in_tfso("companies", link.tfso_key)["Name"] == "Vidda Friluft AS"


@pytest.mark.parametrize("effect", ["drop_before", "drop_after"])
def test_a_new_number_arrives_though_an_answer_is_lost(the_world: World, effect: str) -> None:
    key = a_ski(the_world)
    renumber(the_world)
    the_world.tfso.fault(operation="SaveProducts", effect=effect)
    relink(the_world, "product", "SKI-205", "SKI-206")
    assert the_world.in_tfso("products", key)["No"] == "SKI-206"
    assert the_world.states() == []
    the_world.reset_calls()
    reconcile(the_world)
    assert the_world.writes() == {}


def test_a_person_says_that_it_was_deleted(the_world: World) -> None:
    key = a_ski(the_world)
    renumber(the_world, sales_price=1)
    reconcile(the_world)
    Operations(the_world.engine, actor="test").resync(
        SLUG, "product", ["SKI-205"], Direction.RACKBEAT_TO_24SO
    )
    the_world.settle()
    assert the_world.in_tfso("products", key)["StatusId"] == 0


def test_a_number_that_another_link_has_is_not_followed(the_world: World) -> None:
    key = a_ski(the_world)
    rackbeat_goods(the_world, "TELT-2")
    other = linked(the_world, "product", tfso_product(the_world, No="STAV", EAN1=""))
    body = {"key": "STAV", "old_key": "SKI-205", "new_key": other.rackbeat_key}
    deliver(the_world, "product.updated", body)
    the_world.settle()
    links = {link.rackbeat_key: link.tfso_key for link in the_world.links("product")}
    assert links == {"SKI-205": key, "STAV": other.tfso_key}


# -- as production really tells of it: the new number alone ------------------------------------


def told_of(the_world: World, number: str = "SKI-206") -> None:
    """What was seen in production carries one key."""
    body = {"key_name": "number", "key": number}
    assert deliver(the_world, "product.updated", body).status_code == 202
    the_world.settle()


@pytest.mark.parametrize("ean", [True, False])
def test_the_link_follows_what_is_certainly_the_same_under_a_new_number(
    the_world: World, ean: bool
) -> None:
    key = a_ski(the_world)
    if not ean:
        the_world.tfso.edit("products", key, {"EAN1": None})
        later(the_world)
    the_world.reset_calls()
    renumber(the_world)
    told_of(the_world)
    assert keys(the_world) == {("SKI-206", key)}
    assert the_world.states() == []
    reconcile(the_world)
    assert the_world.writes() == {"SaveProducts": 1}
    there = the_world.in_tfso("products", key)
    assert (there["StatusId"], there["No"]) == (1, "SKI-206")


def test_what_only_looks_like_one_that_is_gone_waits_for_a_person(the_world: World) -> None:
    key = a_ski(the_world)
    before = len(the_world.all_in_tfso("products"))
    renumber(the_world, sales_price=1, barcode=None)
    told_of(the_world)
    parked = the_world.change(kind="product", state="parked")
    assert parked.key == "SKI-206"
    assert "SKI-205" in str(parked.message)
    assert "link renumber" in str(parked.message)
    # Neither reconciliation nor another try decides it.
    assert reconcile(the_world)["product"]["perhaps_renumbered"] == 1
    operations = Operations(the_world.engine, actor="test")
    operations.retry_parked(SLUG)
    the_world.settle()
    assert the_world.change(kind="product", key="SKI-206").state == "parked"
    assert the_world.in_tfso("products", key)["StatusId"] == 1
    assert len(the_world.all_in_tfso("products")) == before
    operations.relink(SLUG, "product", "SKI-205", "SKI-206")
    the_world.settle()
    assert keys(the_world) == {("SKI-206", key)}
    assert float(the_world.in_tfso("products", key)["Price"]) == 1


def test_one_that_was_deleted_and_one_of_the_same_name_are_two(the_world: World) -> None:
    key = a_ski(the_world)
    renumber(the_world, sales_price=1, barcode=None)
    told_of(the_world)
    operations = Operations(the_world.engine, actor="test")
    operations.resync(SLUG, "product", ["SKI-205"], Direction.RACKBEAT_TO_24SO)
    the_world.settle()
    operations.retry_parked(SLUG)
    the_world.settle()
    assert the_world.in_tfso("products", key)["StatusId"] == 0
    links = {link.rackbeat_key: link.tfso_key for link in the_world.links("product")}
    assert links["SKI-205"] == key
    assert links["SKI-206"] != key


def test_a_namesake_that_is_still_there_is_no_question(the_world: World) -> None:
    key = a_ski(the_world)
    twin = the_world.in_rackbeat("products", "SKI-205")
    group = twin["group"]["number"]
    the_world.rackbeat.add("products", {"number": "SKI-9", "name": twin["name"], "group": group,
                                        "sales_price": 5})  # fmt: skip
    the_world.settle()
    links = {link.rackbeat_key: link.tfso_key for link in the_world.links("product")}
    assert links["SKI-205"] == key
    assert links["SKI-9"] != key


def test_what_was_there_before_the_connection_is_no_new_number(the_world: World) -> None:
    rackbeat_goods(the_world, "OLD-1")
    the_world.connect()
    reconcile(the_world)
    old = the_world.in_rackbeat("products", "OLD-1")
    made = linked(the_world, "product", tfso_product(the_world, Name=old["name"], EAN1=""))
    the_world.rackbeat.remove("products", made.rackbeat_key, webhooks=False)
    assert reconcile(the_world)["product"]["gone_in_rackbeat"] == 1
    assert the_world.in_tfso("products", made.tfso_key)["StatusId"] == 0
    assert "OLD-1" not in {link.rackbeat_key for link in the_world.links("product")}


def test_a_deleted_number_that_another_company_gets_overwrites_nothing(the_world: World) -> None:
    the_world.connect()
    link = linked(the_world, "customer", tfso_customer(the_world))
    the_world.rackbeat.remove("customers", link.rackbeat_key)
    the_world.settle()
    the_world.reset_calls()
    rackbeat_customer(
        the_world, number=int(link.rackbeat_key), company_name="Helt Annen AS",
        company_vat="922222222",
    )  # fmt: skip
    the_world.settle()
    parked = the_world.change(kind="customer", state="parked")
    assert "Helt Annen AS" in str(parked.message)
    assert "Vidda Friluft AS" in str(parked.message)
    assert the_world.in_tfso("companies", link.tfso_key)["Name"] == "Vidda Friluft AS"
    assert the_world.writes() == {}
