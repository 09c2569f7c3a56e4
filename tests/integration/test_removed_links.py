"""Links that a person removes: what belongs to the two is forgotten, and nothing else."""

from __future__ import annotations

import pytest
from sqlalchemy import select, update

from shared.connections import NotUsable
from shared.operations import Operations
from shared.tables import Change, Connection, IdempotencyKey, Link
from tests.harness.mission import later
from tests.harness.people import linked, rackbeat_customer, tfso_product
from tests.harness.world import SLUG, World


def remove(the_world: World, kind: str, key: str) -> None:
    Operations(the_world.engine, actor="test").unlink(SLUG, kind, key)


def a_ski(the_world: World) -> Link:
    """A product in both systems whose stock is carried."""
    the_world.connect()
    link = linked(the_world, "product", tfso_product(the_world, StockControlled=True))
    the_world.rackbeat.edit("products", link.rackbeat_key, {"stock_quantity": 4})
    the_world.settle()
    assert [each.rackbeat_key for each in the_world.links("stock")] == [link.rackbeat_key]
    return link


def test_stock_goes_to_the_product_that_is_linked_anew(the_world: World) -> None:
    link = a_ski(the_world)
    remove(the_world, "product", link.rackbeat_key)
    assert the_world.links("product") == the_world.links("stock") == []
    the_world.tfso.edit("products", link.tfso_key, {"No": "OLD", "EAN1": ""})
    the_world.rackbeat.edit("products", link.rackbeat_key, {"name": "Ny ski"})
    the_world.settle()
    (new,) = [each for each in the_world.links("product") if each.rackbeat_key == "SKI-205"]
    assert new.tfso_key != link.tfso_key
    the_world.rackbeat.edit("products", link.rackbeat_key, {"stock_quantity": 9})
    later(the_world)
    assert float(the_world.in_tfso("products", new.tfso_key)["Stock"]) == 9
    assert float(the_world.in_tfso("products", link.tfso_key)["Stock"]) == 4


def test_what_was_begun_with_another_record_of_that_number_is_not_forgotten(
    the_world: World,
) -> None:
    the_world.connect()
    number = str(rackbeat_customer(the_world, number=500)["number"])
    the_world.settle()
    with the_world.sessions.begin() as session:
        begun = IdempotencyKey(
            connection_id=session.scalars(select(Connection.id)).one(), kind="customer",
            direction="24so_to_rackbeat", key=number, operation="create", state="started",
            request_fingerprint="", started_at=the_world.clock(),
        )  # fmt: skip
        session.add(begun)
    the_world.links("customer")
    with the_world.sessions.begin() as session:
        session.execute(update(Link).values(tfso_key="501"))  # its Id is another
    remove(the_world, "customer", number)
    with the_world.sessions() as session:
        left = session.scalars(select(IdempotencyKey.direction)).all()
    assert left == ["24so_to_rackbeat"]


@pytest.mark.parametrize("direction", ["rackbeat_to_24so", "24so_to_rackbeat"])
def test_no_link_is_removed_while_its_record_is_being_transferred(
    the_world: World, direction: str
) -> None:
    link = a_ski(the_world)
    key = link.rackbeat_key if direction == "rackbeat_to_24so" else link.tfso_key
    running = update(Change).where(Change.kind == "product", Change.key == key)
    with the_world.sessions.begin() as session:
        session.execute(running.where(Change.direction == direction).values(state="running"))
        assert session.scalar(select(Change.id).where(Change.state == "running"))
    with pytest.raises(NotUsable, match="Try again in a moment"):
        remove(the_world, "product", link.rackbeat_key)
    assert the_world.links("product")
