"""A vendor that takes calls and never answers: the vendor, or only what it is asked for?"""

from __future__ import annotations

from functools import partial

import httpx
import pytest
from sqlalchemy import select

from shared import vendors
from shared.journal.decide import MOST_TRANSIENT_ATTEMPTS
from shared.rackbeat import client as rackbeat_client
from shared.tables import Change, Cursor, Pause
from shared.tfso.client import TfsoClient
from tests.harness.people import linked, tfso_product, tfso_supplier
from tests.harness.stage import without_pauses
from tests.harness.world import World

PATIENCE = 0.2  # seconds, instead of the half minute and more of real calls
FOR_EVER = 0.6
TRIES = 2  # within one call


@pytest.fixture
def the_world(the_world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    impatient = httpx.Timeout(PATIENCE, connect=5.0)
    monkeypatch.setattr(rackbeat_client, "_TIMEOUT", impatient)
    monkeypatch.setattr(vendors, "TfsoClient", partial(TfsoClient, timeout=impatient))
    without_pauses(the_world.vendors)
    return the_world


def pauses(the_world: World) -> list[tuple[str, str]]:
    with the_world.sessions() as session:
        return [(pause.system, pause.failure_class) for pause in session.scalars(select(Pause))]


def attempts(the_world: World) -> int:
    return sum(change.attempts for change in the_world.changes())


def suppliers(the_world: World) -> list[str]:
    return sorted(supplier["name"] for supplier in the_world.rackbeat.state()["suppliers"])


def test_a_vendor_that_answers_nothing_is_left_alone_like_one_that_is_down(
    the_world: World,
) -> None:
    the_world.connect()
    the_world.work()
    names = [f"Leverandør {number}" for number in range(5)]
    for number, name in enumerate(names):
        tfso_supplier(the_world, Name=name, OrganizationNumber=f"91000000{number}")
    the_world.rackbeat.fault(operation="*", effect="drop_before", delay=FOR_EVER, times=None)
    the_world.pull("supplier")
    the_world.work()
    assert attempts(the_world) == 1  # whoever found it out
    the_world.reset_calls()
    for _ in range(4):
        the_world.clock.pass_by(hours=3)
        the_world.work()
    assert pauses(the_world) == [("rackbeat", "outage")]
    assert the_world.rackbeat.calls()["by_operation"] == {"GET /self": 4 * TRIES}
    assert attempts(the_world) == 1
    the_world.rackbeat.clear_faults()
    the_world.clock.pass_by(minutes=3)
    the_world.work()
    the_world.settle()
    assert suppliers(the_world) == names
    assert pauses(the_world) == []


def test_a_record_that_never_gets_an_answer_is_parked_in_the_end_and_stops_no_other(
    the_world: World,
) -> None:
    the_world.connect()
    link = linked(the_world, "product", tfso_product(the_world))
    the_world.rackbeat.edit("products", link.rackbeat_key, {"name": "Ny"})
    the_world.deliveries_done()
    silent = "GET /products/{number}"
    the_world.rackbeat.fault(operation=silent, effect="drop_before", delay=FOR_EVER, times=None)
    for attempt in range(1, 4):
        the_world.work()
        stuck = the_world.change(kind="product", state="pending")
        assert (stuck.attempts, stuck.failure_class) == (attempt, "transient")
        assert pauses(the_world) == []  # the probe was answered
        the_world.clock.pass_by(minutes=1)
    with the_world.sessions.begin() as session:  # days later
        session.get_one(Change, stuck.id).attempts = MOST_TRANSIENT_ATTEMPTS - 1
    tfso_supplier(the_world)
    the_world.pull("supplier")
    the_world.work()
    parked = the_world.change(id=stuck.id)
    assert (parked.state, parked.attempts) == ("parked", MOST_TRANSIENT_ATTEMPTS)
    assert "did not answer" in str(parked.message)
    assert suppliers(the_world) == ["Skifabrikken AS"]
    assert pauses(the_world) == []


def test_a_write_that_was_carried_out_without_an_answer_in_time_is_found_and_not_repeated(
    the_world: World,
) -> None:
    the_world.connect()
    the_world.work()
    tfso_supplier(the_world)
    the_world.rackbeat.fault(operation="POST /suppliers", effect="late", delay=FOR_EVER)
    the_world.pull("supplier")
    the_world.work()
    assert attempts(the_world) == 1
    the_world.settle()
    assert suppliers(the_world) == ["Skifabrikken AS"]
    assert the_world.rackbeat.calls()["by_operation"]["POST /suppliers"] == 1
    assert pauses(the_world) == []


def test_pulls_do_not_go_on_asking_a_vendor_that_answers_nothing(the_world: World) -> None:
    the_world.connect()
    the_world.work()
    the_world.tfso.fault(operation="*", effect="drop_before", delay=FOR_EVER, times=None)
    the_world.reset_calls()
    the_world.clock.pass_by(hours=1)
    the_world.work()
    assert pauses(the_world) == [("24so", "outage")]
    assert the_world.tfso.calls()["total"] == 2 * TRIES  # one pull, one probe
    the_world.tfso.clear_faults()
    the_world.clock.pass_by(hours=1)
    the_world.work()
    assert pauses(the_world) == []
    with the_world.sessions() as session:
        assert {cursor.message for cursor in session.scalars(select(Cursor))} == {None}
