"""Runs of many connections at once: lists leave room for what is urgent."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from shared.runs import LISTED_AT_ONCE, list_run, start_run
from shared.sweep import sweep
from shared.tables import Run
from shared.words import Cause
from tasks.kinds import KINDS
from tests.harness.mission import OFF
from tests.harness.people import tfso_supplier
from tests.harness.world import SLUG, World


@pytest.fixture
def runs(the_world: World) -> list[int]:
    """Runs of one connection more than may be listed at a time; all others are being listed."""
    slugs = [f"company-{number}" for number in range(LISTED_AT_ONCE + 1)]
    for slug in slugs:
        the_world.connect(slug)
        the_world.give_another_account(slug)
    begun = [start_run(the_world.engine, slug, Cause.RESYNC, kinds=["supplier"]) for slug in slugs]
    lease(the_world, begun[:-1], seconds=45)
    return begun


def lease(the_world: World, runs: list[int], **values: object) -> None:
    seconds = values.pop("seconds", None)
    if isinstance(seconds, int):
        values["lease_expires_at"] = the_world.clock() + timedelta(seconds=seconds)
    with the_world.sessions.begin() as session:
        session.execute(update(Run).where(Run.id.in_(runs)).values(**values))


def is_listed(the_world: World, run: int) -> bool:
    list_run(the_world.engine, run)
    with the_world.sessions() as session:
        return bool(session.get_one(Run, run).listed)


def test_no_more_than_a_few_runs_are_listed_at_a_time(the_world: World, runs: list[int]) -> None:
    assert not is_listed(the_world, runs[-1])
    lease(the_world, runs[:1], lease_expires_at=None)
    assert is_listed(the_world, runs[-1])


def test_a_run_that_was_interrupted_keeps_no_other_from_being_listed(
    the_world: World, runs: list[int]
) -> None:
    lease(the_world, runs[:1], message="The calls are used up for now.")
    assert is_listed(the_world, runs[-1])


def test_the_sweep_hands_out_few_runs_and_in_the_end_all(the_world: World, runs: list[int]) -> None:
    lease(the_world, runs, lease_expires_at=None)
    assert list(sweep(the_world.engine).runs) == runs[:-1]
    the_world.work()
    with the_world.sessions() as session:
        assert set(session.scalars(select(Run.state)).all()) == {"done"}


def test_the_initial_sync_copies_a_kind_whose_origin_is_rackbeat_from_then_on(
    the_world: World,
) -> None:
    others = {kind: OFF for kind in KINDS if kind != "supplier"}
    the_world.connect(supplier={"origin": "rackbeat"}, **others)
    made = tfso_supplier(the_world)
    the_world.initial_sync()
    assert str(made["Id"]) in {link.tfso_key for link in the_world.links("supplier")}


def test_a_run_whose_changes_are_not_done_keeps_no_new_one_from_looking(the_world: World) -> None:
    the_world.connect()
    made = tfso_supplier(the_world)
    first = start_run(the_world.engine, SLUG, Cause.INITIAL)
    assert start_run(the_world.engine, SLUG, Cause.INITIAL) == first
    list_run(the_world.engine, first)  # what it has found is still to be transferred
    later_on = tfso_supplier(the_world, Name="Ny AS", OrganizationNumber="")
    second = start_run(the_world.engine, SLUG, Cause.INITIAL)
    assert second != first
    the_world.work()
    the_world.settle()
    keys = {link.tfso_key for link in the_world.links("supplier")}
    assert {str(made["Id"]), str(later_on["Id"])} <= keys
    with the_world.sessions() as session:
        assert set(session.scalars(select(Run.state)).all()) == {"done"}
