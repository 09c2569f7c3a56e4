"""What is deleted or barred is switched off on the other side, never deleted there."""

from __future__ import annotations

import pytest

from tests.harness.mission import later, reconcile
from tests.harness.people import (
    linked,
    rackbeat_customer,
    tfso_category,
    tfso_customer,
    tfso_product,
)
from tests.harness.world import World


def test_a_product_deleted_in_rackbeat_is_expired_in_24so(the_world: World) -> None:
    the_world.connect()
    link = linked(the_world, "product", tfso_product(the_world))
    the_world.reset_calls()
    the_world.rackbeat.remove("products", link.rackbeat_key)
    the_world.settle()
    assert the_world.in_tfso("products", link.tfso_key)["StatusId"] == 0
    assert the_world.writes() == {"SaveProducts": 1}
    assert "deleted in Rackbeat" in str(the_world.changes(kind="product")[-1].notes)
    later(the_world)
    reconcile(the_world)
    assert the_world.rackbeat.state()["products"] == []
    assert the_world.states() == []
    assert the_world.writes() == {"SaveProducts": 1}


def test_a_product_barred_in_rackbeat_is_expired_in_24so_and_comes_back(the_world: World) -> None:
    the_world.connect()
    link = linked(the_world, "product", tfso_product(the_world))
    for barred, status in ((True, 0), (False, 1)):
        the_world.rackbeat.edit("products", link.rackbeat_key, {"is_barred": barred})
        the_world.settle()
        assert the_world.in_tfso("products", link.tfso_key)["StatusId"] == status


def test_a_product_expired_in_24so_is_barred_in_rackbeat(the_world: World) -> None:
    the_world.connect()
    link = linked(the_world, "product", tfso_product(the_world))
    the_world.tfso.edit("products", link.tfso_key, {"StatusId": 0})
    later(the_world)
    assert the_world.in_rackbeat("products", link.rackbeat_key)["is_barred"] is True


@pytest.mark.parametrize(
    ("kind", "in_tfso", "in_rackbeat"),
    [("customer", "companies", "customers"), ("product", "products", "products")],
)
def test_what_is_deleted_in_24so_is_barred_in_rackbeat_by_reconciliation(
    the_world: World, kind: str, in_tfso: str, in_rackbeat: str
) -> None:
    the_world.connect()
    make = tfso_customer if kind == "customer" else tfso_product
    link = linked(the_world, kind, make(the_world))
    the_world.tfso.remove(in_tfso, link.tfso_key)
    assert reconcile(the_world)[kind]["gone_in_24so"] == 1
    assert the_world.in_rackbeat(in_rackbeat, link.rackbeat_key)["is_barred"] is True
    assert the_world.states() == []
    assert reconcile(the_world)[kind].get("gone_in_24so") is None


@pytest.mark.parametrize("gone", [21, 20], ids=["too many", "not too many"])
def test_nothing_is_switched_off_where_more_than_half_of_all_seems_to_be_gone(
    the_world: World, gone: int
) -> None:
    the_world.connect()
    made = [tfso_customer(the_world, OrganizationNumber=None) for _ in range(21)]
    later(the_world)
    assert len(the_world.links("customer")) == len(made)
    for customer in made[:gone]:
        the_world.tfso.remove("companies", customer["Id"])
    the_world.reset_calls()
    found = reconcile(the_world)["customer"]
    barred = [each for each in the_world.rackbeat.state()["customers"] if each["is_barred"]]
    if gone > 20:
        assert (found["too_many_gone_in_24so"], barred) == (gone, [])
        assert "gone_in_24so" not in found
        assert the_world.writes() == {}
    else:
        assert (found["gone_in_24so"], len(barred)) == (gone, gone)


def test_a_deletion_at_a_side_that_is_not_the_origin_switches_nothing_off(
    the_world: World,
) -> None:
    the_world.connect(product={"origin": "24so"})
    link = linked(the_world, "product", tfso_product(the_world))
    the_world.rackbeat.remove("products", link.rackbeat_key)
    the_world.settle()
    assert reconcile(the_world)["product"]["gone_in_rackbeat"] == 1
    assert the_world.in_tfso("products", link.tfso_key)["StatusId"] == 1


def test_a_deletion_is_believed_only_when_it_is_read(the_world: World) -> None:
    the_world.connect()
    link = linked(the_world, "product", tfso_product(the_world))
    the_world.reset_calls()
    the_world.rackbeat.post(
        "/deliveries/repeat", {"event": "product.deleted", "key": link.rackbeat_key}
    )
    the_world.settle()
    assert the_world.in_tfso("products", link.tfso_key)["StatusId"] == 1
    assert the_world.writes() == {}


@pytest.mark.parametrize("how", ["deleted", "barred"])
def test_a_customer_for_whom_24so_has_no_inactive_state_is_left_and_the_journal_says_so(
    the_world: World, how: str
) -> None:
    the_world.connect()
    made = rackbeat_customer(the_world)
    the_world.settle()
    the_world.reset_calls()
    if how == "deleted":
        the_world.rackbeat.remove("customers", made["number"])
    else:
        the_world.rackbeat.edit("customers", made["number"], {"is_barred": True})
    the_world.settle()
    assert the_world.in_tfso("companies", made["number"])["Active"] is True
    assert the_world.writes() == {}
    change = the_world.changes(kind="customer")[-1]
    if how == "deleted":
        assert change.outcome == "skipped"
        assert "no inactive state" in str(change.message)
    else:
        assert change.notes == ["It is barred in Rackbeat, which 24SevenOffice has no state for."]
    assert "made inactive" not in str(change.notes)


def test_a_group_deleted_in_rackbeat_is_left_in_24so(the_world: World) -> None:
    the_world.connect()
    the_world.work()
    link = linked(the_world, "product_group", tfso_category(the_world))
    the_world.rackbeat.remove("product_groups", link.rackbeat_key)
    the_world.settle()
    change = the_world.changes(kind="product_group")[-1]
    assert (change.outcome, "no inactive state" in str(change.message)) == ("skipped", True)
    assert the_world.in_tfso("categories", link.tfso_key)["Name"] == "Skiutstyr"


def test_a_record_deleted_at_its_target_is_not_made_again_behind_anybodys_back(
    the_world: World,
) -> None:
    the_world.connect(product={"origin": "24so"})
    link = linked(the_world, "product", tfso_product(the_world))
    the_world.rackbeat.remove("products", link.rackbeat_key)
    the_world.tfso.edit("products", link.tfso_key, {"Name": "Endret"})
    later(the_world)
    parked = the_world.change(kind="product", state="parked")
    assert "has been deleted in Rackbeat" in str(parked.message)
    assert the_world.rackbeat.state()["products"] == []
