"""Units and payment terms that Rackbeat lacks are added once, whatever is lost on the way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from sandbox.faults import Effect
from shared.points import Point, pass_by
from tests.harness.mission import configure
from tests.harness.people import Killed, kill_at, tfso_customer, tfso_product
from tests.harness.world import Json, World

SETTLE_SECONDS = 90  # Configuration's default
A_CLAIM_LATER = 181
NUMBER = 21


@dataclass(frozen=True)
class Value:
    """A value that is missing in a new Rackbeat; there are several, by number.

    Attributes:
        need: makes a record in 24SevenOffice that needs it.
    """

    kind: str
    register: str
    operation: str
    is_it: Callable[[Json, int], bool]
    need: Callable[[World, int], object]

    def __str__(self) -> str:
        return self.register

    def count(self, world: World, number: int = NUMBER) -> int:
        return sum(self.is_it(value, number) for value in world.rackbeat.state()[self.register])


def need_unit(world: World, number: int) -> None:
    configure(world, product__unit=f"par {number}")
    tfso_product(world, No=f"SKI-{number}", EAN1="")


def need_terms(world: World, number: int) -> None:
    vat = str(920_000_000 + number)
    tfso_customer(world, PaymentTime=number, OrganizationNumber=vat)


UNIT = Value(
    "product",
    "units",
    "POST /units",
    lambda value, number: bool(value["name"] == f"par {number}"),
    need_unit,
)
TERMS = Value(
    "customer",
    "payment_terms",
    "POST /payment-terms",
    lambda value, number: bool(value["maturity_days"] == number),
    need_terms,
)
every_register = pytest.mark.parametrize("value", [UNIT, TERMS], ids=str)


def needed(world: World, value: Value) -> None:
    world.connect()
    world.work()
    value.need(world, NUMBER)
    world.pull(value.kind)
    world.reset_calls()


@every_register
@pytest.mark.parametrize("effect", [Effect.DROP_AFTER, Effect.TRUNCATE])
def test_a_value_whose_number_was_not_told_is_found_and_not_added_again(
    the_world: World, value: Value, effect: Effect
) -> None:
    needed(the_world, value)
    the_world.rackbeat.fault(operation=value.operation, effect=effect)
    the_world.work()
    the_world.settle()
    assert value.count(the_world) == 1
    assert the_world.writes()[value.operation] == 1
    assert len(the_world.links(value.kind)) == 1
    assert the_world.states() == []


@every_register
def test_a_value_that_did_not_arrive_is_added_again_only_when_its_absence_is_proven(
    the_world: World, value: Value
) -> None:
    needed(the_world, value)
    the_world.rackbeat.fault(operation=value.operation, effect=Effect.DROP_BEFORE)
    for _ in range(5):
        the_world.work()
        the_world.clock.pass_by(seconds=15)
    assert the_world.writes()[value.operation] == 1
    the_world.clock.pass_by(seconds=SETTLE_SECONDS - 70)
    the_world.work()
    the_world.settle()
    assert the_world.writes()[value.operation] == 2
    assert value.count(the_world) == 1
    assert len(the_world.links(value.kind)) == 1


@every_register
def test_a_value_is_added_once_wherever_the_process_that_adds_it_is_killed(
    the_world: World, value: Value
) -> None:
    the_world.connect()
    the_world.work()
    for number, point in enumerate(Point, start=40):
        value.need(the_world, number)
        the_world.pull(value.kind)
        the_world.vendors.registers.reached = kill_at(point)
        with pytest.raises(Killed):
            the_world.work()
        the_world.messages.clear()
        the_world.vendors.registers.reached = pass_by
        the_world.clock.pass_by(seconds=A_CLAIM_LATER)
        the_world.work()
        assert value.count(the_world, number) == 1
    the_world.settle()
    assert the_world.writes()[value.operation] == len(Point)
    assert len(the_world.links(value.kind)) == len(Point)
    assert the_world.states() == []
