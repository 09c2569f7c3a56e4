"""Errors nobody expected, in what is no transfer: they are told, stop nothing else, and pass."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select, update
from structlog.testing import CapturingLogger

from shared import listing, pulls, runs
from shared.journal.decide import LONGEST_WAIT
from shared.report import failed_pulls
from shared.runs import SOON, start_run
from shared.sweep import sweep
from shared.tables import Connection, Cursor, Run
from shared.words import Cause
from tests.harness.people import linked, tfso_product, tfso_supplier
from tests.harness.poison import SECRET, fail, poison
from tests.harness.world import SLUG, World


def logged(module: Any, monkeypatch: pytest.MonkeyPatch) -> CapturingLogger:
    log = CapturingLogger()
    monkeypatch.setattr(module, "log", log)
    return log


def unexpected(log: CapturingLogger) -> list[str]:
    """The types of the errors nobody expected; nothing else of them is to be in the log."""
    assert SECRET not in str(log.calls)
    found = [call for call in log.calls if call.args == ("unexpected error",)]
    assert all(call.kwargs["where"] for call in found)
    return [call.kwargs["error"] for call in found]


def the_cursor(the_world: World, kind: str) -> Cursor:
    with the_world.sessions() as session:
        return session.scalars(select(Cursor).where(Cursor.kind == kind)).one()


# -- pulls --------------------------------------------------------------------------------------


def test_a_pull_that_fails_unexpectedly_says_so_and_comes_again_at_its_turn(
    the_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    the_world.connect()
    the_world.work()
    tfso_supplier(the_world)
    log = logged(pulls, monkeypatch)
    with monkeypatch.context() as broken:
        broken.setattr(pulls, "_newest", fail)
        the_world.clock.pass_by(minutes=10)
        the_world.work()
        assert "KeyError" in unexpected(log)
        with the_world.sessions() as session:
            told = [text for text in failed_pulls(session, SLUG) if f"{SLUG} supplier" in text]
        assert len(told) == 1
        assert "fault in Varebro" in told[0]
        assert the_cursor(the_world, "supplier").next_at > the_world.clock()
    the_world.clock.pass_by(minutes=10)
    the_world.work()
    assert the_cursor(the_world, "supplier").message is None
    assert [s["name"] for s in the_world.rackbeat.state()["suppliers"]] == ["Skifabrikken AS"]


def test_a_record_that_breaks_the_look_at_it_stops_no_other_of_the_same_pull(
    the_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    the_world.connect()
    link = linked(the_world, "product", tfso_product(the_world, No="GIFT", EAN1=""))
    poison(monkeypatch)
    the_world.tfso.edit("products", int(link.tfso_key), {"Name": "Ny"})
    tfso_product(the_world, No="FRISK", EAN1="")
    the_world.pull("product")
    the_world.settle()
    parked = the_world.change(kind="product", state="parked")
    assert (parked.key, parked.failure_class) == (link.tfso_key, "bug")
    assert the_world.in_rackbeat("products", "FRISK")["number"] == "FRISK"
    assert the_world.pull("product") == 0  # it is known, and no news until it is edited


# -- runs ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("cause", [Cause.INITIAL, Cause.RESYNC, Cause.RECONCILE])
def test_a_record_that_breaks_the_look_at_it_stops_no_run(
    the_world: World, monkeypatch: pytest.MonkeyPatch, cause: Cause
) -> None:
    the_world.connect()
    linked(the_world, "product", tfso_product(the_world, No="GIFT", EAN1=""))
    poison(monkeypatch)
    run_id = start_run(the_world.engine, SLUG, cause, kinds=["product"])
    the_world.work()
    the_world.settle()
    the_world.work()
    with the_world.sessions() as session:
        assert session.get_one(Run, run_id).state == runs.DONE
    assert the_world.change(kind="product", state="parked").failure_class == "bug"


def test_a_run_that_fails_unexpectedly_says_so_is_tried_ever_less_often_and_ends(
    the_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    the_world.connect()
    run_id = start_run(the_world.engine, SLUG, Cause.INITIAL, kinds=["product_group"])
    log = logged(runs, monkeypatch)
    waits = []
    with monkeypatch.context() as broken:
        broken.setattr(listing, "for_initial_sync", fail)
        for _ in range(8):
            the_world.work()
            with the_world.sessions() as session:
                run = session.get_one(Run, run_id)
            assert run.lease_expires_at is not None
            assert "fault in Varebro" in str(run.message)
            waits.append(round((run.lease_expires_at - the_world.clock()) / SOON))
            the_world.clock.pass_by(seconds=(waits[-1] + 1) * SOON.total_seconds())
    assert unexpected(log) == ["KeyError"] * 8
    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (1, LONGEST_WAIT / SOON)
    the_world.work()
    the_world.settle()
    the_world.work()
    with the_world.sessions() as session:
        run = session.get_one(Run, run_id)
    assert (run.state, run.message) == (runs.DONE, None)


# -- the sweep ----------------------------------------------------------------------------------


def test_settings_that_are_not_usable_stop_no_other_connection(
    the_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = the_world.connect("annen")
    the_world.give_another_account("annen")
    the_world.connect()
    with the_world.sessions.begin() as session:
        session.execute(
            update(Connection)
            .where(Connection.id == broken.id)
            .values(settings={"conflict": {"wins": "whom a newer version knows"}})
        )
    log = CapturingLogger()
    monkeypatch.setattr("shared.settings.log", log)
    assert {slug for slug, _ in sweep(the_world.engine).pulls} == {SLUG}
    assert {call.kwargs["connection"] for call in log.calls} == {"annen"}
