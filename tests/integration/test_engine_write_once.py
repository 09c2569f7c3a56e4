"""Whatever is lost on the way, there is one record at the target in the end, and it is linked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from sqlalchemy import select

from sandbox.faults import Effect
from shared.points import Point, pass_by
from shared.tables import IdempotencyKey
from tests.harness.people import (
    Killed,
    kill_at,
    linked,
    rackbeat_customer,
    rackbeat_group,
    rackbeat_product,
    tfso_category,
    tfso_customer,
    tfso_order,
    tfso_product,
    tfso_supplier,
)
from tests.harness.world import World

SETTLE_SECONDS = 90  # Configuration's default
CLAIM_SECONDS = 180


@dataclass(frozen=True)
class Creation:
    """A record that is made on one side, and what it becomes on the other.

    Attributes:
        make: makes it, with what it needs already transferred.
        copies: how many copies the other side has.
    """

    kind: str
    operation: str
    make: Callable[[World], object]
    copies: Callable[[World], int]

    def __str__(self) -> str:
        return self.operation


def in_rackbeat(plural: str, name: str) -> Callable[[World], int]:
    return lambda world: sum(r["name"] == name for r in world.rackbeat.state()[plural])


def in_tfso(plural: str, name: str) -> Callable[[World], int]:
    return lambda world: sum(r["Name"] == name for r in world.all_in_tfso(plural))


def a_tfso_product(world: World) -> None:
    linked(world, "product", tfso_product(world, No="FØRST", EAN1=""))  # its group is there now
    tfso_product(world, Name="Enestående")
    world.pull("product")


def a_tfso_order(world: World) -> None:
    customer, product = tfso_customer(world), tfso_product(world)
    linked(world, "customer", customer)
    linked(world, "product", product)
    tfso_order(world, customer["Id"], {"ProductId": product["Id"], "Quantity": 1})
    world.pull("order")


def a_tfso_category(world: World) -> None:
    tfso_category(world, Name="Enestående")
    world.pull("product_group")


def a_tfso_supplier(world: World) -> None:
    tfso_supplier(world, Name="Enestående")
    world.pull("supplier")


def a_rackbeat_product(world: World) -> None:
    group = rackbeat_group(world)
    world.settle()
    rackbeat_product(world, group["number"], name="Enestående")
    world.deliveries_done()


def a_rackbeat_group(world: World) -> None:
    rackbeat_group(world, name="Enestående")
    world.deliveries_done()


def a_rackbeat_customer(world: World) -> None:
    rackbeat_customer(world, company_name="Enestående")
    world.deliveries_done()


CREATIONS = (
    Creation("product", "POST /products", a_tfso_product, in_rackbeat("products", "Enestående")),
    Creation(
        "order",
        "POST /orders/drafts",
        a_tfso_order,
        lambda world: len(world.rackbeat.state()["orders"]),
    ),
    Creation(
        "product_group",
        "POST /product-groups",
        a_tfso_category,
        in_rackbeat("product_groups", "Enestående"),
    ),
    Creation(
        "supplier", "POST /suppliers", a_tfso_supplier, in_rackbeat("suppliers", "Enestående")
    ),
    Creation("customer", "SaveCompanies", a_rackbeat_customer, in_tfso("companies", "Enestående")),
    Creation("product", "SaveProducts", a_rackbeat_product, in_tfso("products", "Enestående")),
    Creation(
        "product_group", "SaveCategories", a_rackbeat_group, in_tfso("categories", "Enestående")
    ),
)
every_creation = pytest.mark.parametrize("creation", CREATIONS, ids=str)


def fault(world: World, operation: str, effect: Effect) -> None:
    control = world.rackbeat if "/" in operation else world.tfso
    control.fault(operation=operation, effect=effect)


def prepared(world: World, creation: Creation) -> int:
    """A connection, the record made and its change recorded; the links there are before."""
    world.connect()
    world.work()
    creation.make(world)
    world.reset_calls()
    return len(world.links(creation.kind))


def keys(world: World, state: str) -> int:
    with world.sessions() as session:
        return len(session.scalars(select(IdempotencyKey).filter_by(state=state)).all())


def pass_on(world: World) -> None:
    """Let all go on until it has come to rest, the next pulls included."""
    world.work()
    world.settle()
    world.clock.pass_by(minutes=11)
    world.work()
    world.settle()


# -- replies ------------------------------------------------------------------------------------


@every_creation
def test_a_reply_lost_after_the_save_is_looked_up_and_the_record_adopted(
    the_world: World, creation: Creation
) -> None:
    links = prepared(the_world, creation)
    fault(the_world, creation.operation, Effect.DROP_AFTER)
    the_world.work()
    pass_on(the_world)
    assert creation.copies(the_world) == 1
    assert the_world.writes()[creation.operation] == 1
    assert len(the_world.links(creation.kind)) == links + 1
    assert keys(the_world, "started") == 0
    assert the_world.states() == []


@every_creation
def test_a_call_lost_before_the_save_is_repeated_only_when_its_absence_is_proven(
    the_world: World, creation: Creation
) -> None:
    links = prepared(the_world, creation)
    fault(the_world, creation.operation, Effect.DROP_BEFORE)
    the_world.work()
    for _ in range(3):
        the_world.clock.pass_by(seconds=20)
        the_world.work()
    assert the_world.writes()[creation.operation] == 1
    assert creation.copies(the_world) == 0
    the_world.clock.pass_by(seconds=SETTLE_SECONDS - 60)
    pass_on(the_world)
    assert the_world.writes()[creation.operation] == 2
    assert creation.copies(the_world) == 1
    assert len(the_world.links(creation.kind)) == links + 1
    assert the_world.states() == []


def test_an_answer_cut_in_half_counts_as_no_answer(the_world: World) -> None:
    creation = CREATIONS[0]
    prepared(the_world, creation)
    fault(the_world, creation.operation, Effect.TRUNCATE)
    pass_on(the_world)
    assert creation.copies(the_world) == 1
    assert the_world.writes()[creation.operation] == 1


def test_a_record_deleted_by_a_person_is_not_made_again_by_a_late_message(
    the_world: World,
) -> None:
    the_world.connect()
    made = tfso_product(the_world)
    link = linked(the_world, "product", made)
    the_world.rackbeat.remove("products", link.rackbeat_key, webhooks=False)
    the_world.tfso.edit("products", made["Id"], {"Name": "Ny"})
    the_world.pull("product")
    the_world.work()
    assert the_world.rackbeat.state()["products"] == []
    (change,) = the_world.changes(kind="product", state="parked")
    assert "deleted in Rackbeat" in str(change.message)


# -- crashes ------------------------------------------------------------------------------------


def test_a_worker_killed_before_it_has_done_anything_is_replaced_when_its_claim_ends(
    the_world: World,
) -> None:
    prepared(the_world, CREATIONS[0])
    the_world.engine.reached = kill_at(Point.BEFORE_KEY)
    with pytest.raises(Killed):
        the_world.work()
    the_world.engine.reached = pass_by
    the_world.clock.pass_by(seconds=CLAIM_SECONDS - 30)
    the_world.work()
    assert CREATIONS[0].copies(the_world) == 0  # somebody may still be working on it
    the_world.clock.pass_by(seconds=31)
    the_world.work()
    assert CREATIONS[0].copies(the_world) == 1
