"""Records of which a vendor says what cannot be: they stop nothing but themselves."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import SystemRandom

import pytest
from sqlalchemy import select

from shared.runs import start_run
from shared.tables import Attempt
from shared.words import Cause, Direction
from tests.harness.mission import (
    A_PULL_LATER,
    later,
    of,
    rackbeat_order,
    row,
    tfso_goods,
)
from tests.harness.people import (
    rackbeat_customer,
    rackbeat_group,
    rackbeat_product,
    rackbeat_supplier,
    tfso_category,
    tfso_order,
    tfso_product,
    tfso_supplier,
)
from tests.harness.spoiled import Reply, Spoil, Spoiled
from tests.harness.spoilers import Spoiler
from tests.harness.stage import Stage, stage
from tests.harness.world import SLUG, World

NEW_SEEDS = int(os.environ.get("FUZZ_SEEDS", "0"))
ONE_SEED = os.environ.get("FUZZ_SEED")
SEEDS = [int(ONE_SEED)] if ONE_SEED else range(1, 3)
ROUNDS = 3
BOTH = {"origin": "both"}


@dataclass
class Line:
    """The stage, and the hands on what both vendors answer."""

    stage: Stage
    spoiled: list[Spoiled]

    def spoil(self, how: Spoil | None) -> None:
        for each in self.spoiled:
            each.spoil = how


@pytest.fixture
def line(database_url: str, broker_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Line]:
    spoiled: list[Spoiled] = []

    def around(app: object) -> Spoiled:
        spoiled.append(Spoiled(app))  # type: ignore[arg-type]
        return spoiled[-1]

    with stage(
        database_url, broker_url, monkeypatch, around_rackbeat=around, around_tfso=around
    ) as made:
        yield Line(made, spoiled)


@pytest.fixture
def world_of(line: Line) -> Iterator[World]:
    with line.stage.world() as made:
        made.connect()
        tfso_category(made)
        yield made


def put(line: Line, instead_of: str, text: str) -> None:
    """Let both vendors say something else wherever they say this; as JSON or XML writes it."""

    def other(_operation: str, reply: Reply) -> Reply:
        assert isinstance(reply.body, bytes)
        return replace(reply, body=reply.body.replace(instead_of.encode(), text.encode()))

    line.spoil(other)


UNSTORABLE = ["\\u0000", "\\ud800"]


@pytest.mark.parametrize("character", UNSTORABLE)
def test_a_name_that_cannot_be_stored_parks_its_record_and_no_other(
    line: Line, world_of: World, character: str
) -> None:
    group = rackbeat_group(world_of)["number"]
    put(line, "Skistav", f"Ski{character}stav")
    rackbeat_product(world_of, group)
    rackbeat_product(world_of, group, number="TELT-1", name="Telt")
    world_of.settle()
    (parked,) = world_of.changes(state="parked")
    assert (parked.key, parked.failure_class) == ("STAV-140", "unmappable")
    assert "name" in (parked.message or "")
    assert world_of.change(kind="product", key="TELT-1").outcome == "created"


@pytest.mark.parametrize("character", UNSTORABLE)
def test_a_whole_list_is_recorded_although_one_of_its_records_cannot_be_stored(
    line: Line, world_of: World, character: str
) -> None:
    group = rackbeat_group(world_of, webhooks=False)["number"]
    put(line, "Skistav", f"Ski{character}stav")
    rackbeat_product(world_of, group, webhooks=False)
    rackbeat_product(world_of, group, number="TELT-1", name="Telt", webhooks=False)
    start_run(world_of.engine, SLUG, Cause.RESYNC, direction=Direction.RACKBEAT_TO_24SO)
    world_of.work()
    assert [change.key for change in world_of.changes(state="parked")] == ["STAV-140"]
    assert world_of.change(kind="product", key="TELT-1").outcome == "created"


@pytest.mark.parametrize("character", UNSTORABLE)
def test_what_a_vendor_says_is_kept_also_where_it_cannot_be_stored(
    line: Line, world_of: World, character: str
) -> None:
    refusal = f'{{"message": "The {character} is invalid."}}'.encode()

    def refused(operation: str, reply: Reply) -> Reply:
        is_about_customers = "/api/customers" in operation
        return replace(reply, status=422, body=refusal) if is_about_customers else reply

    tfso_goods(world_of)
    line.spoil(refused)
    start_run(world_of.engine, SLUG, Cause.INITIAL)
    world_of.work()
    with world_of.sessions() as session:
        refused_tries = session.scalars(select(Attempt).filter_by(failure_class="rejected")).all()
    assert ["The \ufffd is invalid." in (a.message or "") for a in refused_tries] == [True]


@pytest.mark.parametrize("character", UNSTORABLE)
def test_a_remark_that_quotes_what_cannot_be_stored_stops_nothing(
    line: Line, world_of: World, character: str
) -> None:
    put(line, '"NO"', f'"N{character}"')
    rackbeat_customer(world_of)
    world_of.settle()
    customer = world_of.change(kind="customer")
    assert customer.outcome == "created"
    assert any("Country 'N\ufffd' is not known" in note for note in customer.notes)


def test_a_record_that_changes_in_the_far_future_holds_up_no_other(
    line: Line, world_of: World
) -> None:
    tfso_product(world_of, Name="Fra fremtiden")

    def from_the_future(operation: str, reply: Reply) -> Reply:
        assert isinstance(reply.body, bytes)
        if operation != "GetProducts":
            return reply
        said = rb"<DateChanged>9999-12-31T23:59:59</DateChanged>"
        return replace(reply, body=re.sub(rb"<DateChanged>[^<]*</DateChanged>", said, reply.body))

    line.spoil(from_the_future)
    assert world_of.pull("product") == 1
    line.spoil(None)
    later(world_of)
    tfso_product(world_of, No="TELT-1", Name="Telt", EAN1="")
    later(world_of)
    assert {p["name"] for p in world_of.rackbeat.state()["products"]} == {"Fra fremtiden", "Telt"}


# -- by chance ------------------------------------------------------------------------------------


def business(world: World) -> None:
    """People work in both systems."""
    customer, product = tfso_goods(world)
    tfso_supplier(world)
    tfso_order(world, customer["Id"], row(product))
    group = rackbeat_group(world)["number"]
    made = rackbeat_product(world, group)["number"]
    rackbeat_supplier(world)
    rackbeat_order(world, of(made))


def a_while(world: World) -> None:
    """Time passes, and everything due is tried; who was locked out is let in again."""
    world.deliveries_done()
    world.clock.pass_by(minutes=A_PULL_LATER)
    world.work()
    world.connections.resume(SLUG)


def live(line: Line, seed: int) -> None:
    spoiler = Spoiler(seed)
    with line.stage.world() as world:
        master_data = dict.fromkeys(("product", "customer", "supplier", "product_group"), BOTH)
        world.connect(**master_data, order={"origin": ("24so", "rackbeat")[seed % 2]})
        tfso_category(world)
        line.spoil(spoiler)
        business(world)
        for cause in (Cause.INITIAL, Cause.RECONCILE):
            start_run(world.engine, SLUG, cause)
            for _ in range(ROUNDS):
                a_while(world)
        line.spoil(None)
        no_bugs(world, spoiler)


def no_bugs(world: World, spoiler: Spoiler) -> None:
    with world.sessions() as session:
        attempts = session.scalars(select(Attempt)).all()
    bugs = [attempt.message for attempt in attempts if attempt.failure_class == "bug"]
    story = "\n".join([f"seed {spoiler.seed}", *spoiler.done])
    assert not bugs, f"{bugs}\n{story}"
    assert all(attempt.message for attempt in attempts if attempt.failure_class), story


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_a_record_says_it_stops_only_itself_and_is_no_bug(line: Line, seed: int) -> None:
    live(line, seed)


@pytest.mark.skipif(not NEW_SEEDS, reason="`make fuzz` does this")
@pytest.mark.timeout(0)
def test_whatever_a_record_says_at_length(line: Line) -> None:
    for seed in (SystemRandom().randrange(10**9) for _ in range(NEW_SEEDS)):
        try:
            live(line, seed)
        except Exception as error:
            raise AssertionError(f"FUZZ_SEED={seed} shows it again") from error
