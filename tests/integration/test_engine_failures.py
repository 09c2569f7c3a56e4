"""What fails: for now, for a while, or until a person mends it; and what goes on meanwhile."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import select
from structlog.testing import CapturingLogger

from sandbox import rackbeat
from sandbox.control import SandboxControl
from sandbox.threads import running
from shared.engine import engine
from shared.journal import claims
from shared.journal.claims import MOST_CRASHES
from shared.journal.decide import MOST_TRANSIENT_ATTEMPTS
from shared.sweep import sweep
from shared.tables import Attempt, Change, Connection, Link, Pause
from tests.harness.people import (
    linked,
    rackbeat_group,
    rackbeat_product,
    tfso_product,
    tfso_supplier,
)
from tests.harness.poison import poison
from tests.harness.stage import without_pauses
from tests.harness.stored import empty_broker
from tests.harness.world import GENEROUS_RACKBEAT, World

QUICK_TRIES = 4  # within one call


def edited(the_world: World, name: str = "Ny") -> Link:
    """A product that is linked and has just been edited in Rackbeat; nothing else is left to do."""
    the_world.connect()
    link = linked(the_world, "product", tfso_product(the_world))
    the_world.rackbeat.edit("products", link.rackbeat_key, {"name": name})
    the_world.deliveries_done()
    the_world.reset_calls()
    return link


def pauses(the_world: World) -> list[tuple[int, str]]:
    with the_world.sessions() as session:
        return [(pause.connection_id, pause.system) for pause in session.scalars(select(Pause))]


def the_change(the_world: World) -> Any:
    return the_world.changes(kind="product", direction="rackbeat_to_24so")[-1]


def arrived(the_world: World, link: Link, name: str = "Ny") -> bool:
    return bool(the_world.in_tfso("products", link.tfso_key)["Name"] == name)


# -- for now ------------------------------------------------------------------------------------


def test_a_read_that_fails_once_is_tried_again_after_a_pause_that_grows(
    the_world: World,
) -> None:
    link = edited(the_world)
    failing = "GET /products/{number}"
    the_world.rackbeat.fault(operation=failing, effect="answer", status=500, times=2)
    the_world.work()
    first = the_change(the_world)
    assert (first.state, first.failure_class, first.attempts) == ("pending", "transient", 1)
    waited = (first.due_at - the_world.clock()).total_seconds()
    assert 0 < waited <= 5
    the_world.work()  # not before it is due
    assert the_change(the_world).attempts == 1
    the_world.clock.pass_by(seconds=6)
    the_world.work()
    second = the_change(the_world)
    assert second.attempts == 2
    assert 5 < (second.due_at - the_world.clock()).total_seconds() <= 10
    assert not arrived(the_world, link)
    the_world.settle()
    assert arrived(the_world, link)
    done = the_change(the_world)
    assert (done.state, done.failure_class, done.message) == ("done", None, None)
    with the_world.sessions() as session:
        of_it = select(Attempt).where(Attempt.change_id == done.id).order_by(Attempt.id)
        tries = session.scalars(of_it).all()
    assert [each.failure_class for each in tries] == ["transient", "transient", None]
    assert pauses(the_world) == []


def test_a_short_failure_is_sat_out_within_the_call(the_world: World) -> None:
    link = edited(the_world)
    the_world.rackbeat.fault(operation="GET /products/{number}", effect="drop_before", times=1)
    the_world.work()
    assert arrived(the_world, link)
    assert the_change(the_world).attempts == 0


@pytest.mark.parametrize("kept", [True, False])
def test_what_was_sent_and_answered_is_kept_only_where_that_is_wanted(
    the_world: World, kept: bool
) -> None:
    link = edited(the_world)
    the_world.engine = replace(the_world.engine, keep_requests=kept)
    the_world.work()
    assert arrived(the_world, link)
    with the_world.sessions() as session:
        (attempt,) = session.scalars(
            select(Attempt).where(Attempt.change_id == the_change(the_world).id)
        )
    assert (attempt.request is not None, attempt.response is not None) == (kept, kept)


# -- for a while --------------------------------------------------------------------------------


@pytest.fixture
def other_rackbeat() -> Iterator[tuple[str, SandboxControl]]:
    """A second Rackbeat account, on another server."""
    config = replace(GENEROUS_RACKBEAT, api_key="another-key", account_id=9)
    with running(rackbeat.create_app(config)) as url, SandboxControl(url) as control:
        yield url, control


def connect_other(the_world: World, url: str) -> Connection:
    return the_world.connections.add(
        the_world.new_connection(
            slug="annen",
            rackbeat_url=f"{url}/api/",
            rackbeat_api_key=SecretStr("another-key"),
            settings={"reconcile": {"nightly": False}},
        )
    )


@pytest.mark.parametrize(
    ("status", "headers", "failure_class"),
    [(429, {"Retry-After": "60"}, "limited"), (503, {"Retry-After": "60"}, "outage")],
)
def test_a_vendor_that_asks_for_a_pause_gets_it_for_that_connection_only(
    the_world: World,
    other_rackbeat: tuple[str, SandboxControl],
    status: int,
    headers: dict[str, str],
    failure_class: str,
) -> None:
    url, other = other_rackbeat
    first = the_world.connect()
    connect_other(the_world, url)
    tfso_supplier(the_world)
    the_world.rackbeat.fault(
        operation="*", effect="answer", status=status, headers=headers, times=None
    )
    the_world.work()
    assert [supplier["name"] for supplier in other.state()["suppliers"]] == ["Skifabrikken AS"]
    assert pauses(the_world) == [(first.id, "rackbeat")]
    change = the_world.change(kind="supplier", connection_id=first.id)
    assert (change.state, change.attempts) == ("pending", 0)
    assert change.failure_class == failure_class
    the_world.rackbeat.reset_calls()
    the_world.work()
    assert the_world.rackbeat.calls()["total"] == 0  # it is left alone
    the_world.rackbeat.clear_faults()
    # What the broker remembers for a minute of real time is over.
    empty_broker(the_world.configuration.broker_url.get_secret_value())
    the_world.clock.pass_by(seconds=130)
    the_world.work()
    the_world.settle()
    assert [s["name"] for s in the_world.rackbeat.state()["suppliers"]] == ["Skifabrikken AS"]
    assert the_world.change(id=change.id).attempts == 0
    assert pauses(the_world) == []


def test_a_used_up_quota_of_24so_pauses_and_burns_no_attempts(the_world: World) -> None:
    link = edited(the_world)
    until = the_world.clock().replace(microsecond=0)
    until = until.replace(year=until.year + 1)
    fault = (
        '<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>'
        "<soap:Fault><faultcode>soap:Server</faultcode><faultstring>Limit exceeded by 3. Request "
        f"is blocked. Quarantine ends at {until:%Y-%m-%dT%H:%M:%SZ}</faultstring></soap:Fault>"
        "</soap:Body></soap:Envelope>"
    )
    the_world.tfso.fault(
        operation="*", effect="answer", status=500, body=fault, times=None,
        headers={"Content-Type": "text/xml; charset=utf-8"},
    )  # fmt: skip
    the_world.work()
    change = the_change(the_world)
    assert (change.state, change.failure_class, change.attempts) == ("pending", "limited", 0)
    assert [system for _, system in pauses(the_world)] == ["24so"]
    assert not arrived(the_world, link)


def test_a_record_rackbeat_refuses_is_parked_with_rackbeats_own_words(the_world: World) -> None:
    the_world.connect()
    body = {"message": "The given data was invalid.", "errors": {"name": ["Navnet er opptatt."]}}
    the_world.rackbeat.fault(
        operation="POST /suppliers", effect="answer", status=422, body=json.dumps(body)
    )
    refused = tfso_supplier(the_world)
    other = tfso_supplier(the_world, Name="Stavfabrikken AS", OrganizationNumber="911222444")
    the_world.pull("supplier")
    the_world.work()
    change = the_world.change(kind="supplier", state="parked")
    assert change.failure_class == "rejected"
    assert "Navnet er opptatt." in str(change.message)
    assert {str(refused["Id"]), str(other["Id"])} >= {change.key}
    assert len(the_world.rackbeat.state()["suppliers"]) == 1
    assert len(the_world.changes(kind="supplier", state="done", outcome="created")) == 1


def test_a_record_24so_refuses_is_parked_with_its_own_words_until_it_is_edited(
    the_world: World,
) -> None:
    the_world.connect()
    group = rackbeat_group(the_world)
    the_world.settle()
    (link,) = the_world.links("product_group")
    the_world.tfso.remove("categories", link.tfso_key)
    made = rackbeat_product(the_world, group["number"])
    the_world.settle()
    change = the_world.change(kind="product")
    assert (change.state, change.failure_class) == ("parked", "rejected")
    assert "CategoryId is required" in str(change.message)
    the_world.settle()
    assert the_world.writes()["SaveProducts"] == 1  # not retried by itself
    other = rackbeat_group(the_world, name="Andre staver")
    the_world.settle()
    the_world.rackbeat.edit("products", made["number"], {"group": other["number"]})
    the_world.settle()
    assert [p["Name"] for p in the_world.all_in_tfso("products") if p.get("No") == "STAV-140"] == [
        "Skistav 140"
    ]


def test_an_unexpected_error_in_one_record_parks_only_that_one_after_three_tries(
    the_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    the_world.connect()
    linked(the_world, "product", tfso_product(the_world, No="FØRST", EAN1=""))
    poison(monkeypatch)
    tfso_product(the_world, No="GIFT", EAN1="")
    tfso_product(the_world, No="FRISK", EAN1="")
    log = CapturingLogger()
    monkeypatch.setattr(engine, "log", log)
    the_world.pull("product")
    the_world.settle()
    change = the_world.change(kind="product", state="parked")
    assert (change.failure_class, change.attempts) == ("bug", 3)
    assert "KeyError" in str(change.message)
    assert the_world.in_rackbeat("products", "FRISK")["number"] == "FRISK"
    unexpected = [call for call in log.calls if call.args == ("unexpected error",)]
    assert [call.kwargs["error"] for call in unexpected] == ["KeyError"] * 3
    assert not any("exc_info" in call.kwargs for call in unexpected)
    assert "hemmelighet" not in str(change.message) + str(log.calls)


def test_a_record_that_only_ever_fails_for_now_is_parked_in_the_end_and_stops_no_other(
    the_world: World,
) -> None:
    link = edited(the_world)
    without_pauses(the_world.vendors)
    failing = "GET /products/{number}"
    the_world.rackbeat.fault(operation=failing, effect="answer", status=500, times=None)
    the_world.work()
    with the_world.sessions.begin() as session:  # days later
        change = session.get_one(Change, the_change(the_world).id)
        change.attempts = MOST_TRANSIENT_ATTEMPTS - 1
    the_world.clock.pass_by(hours=2)
    tfso_supplier(the_world)
    the_world.work()
    parked = the_change(the_world)
    assert (parked.state, parked.failure_class) == ("parked", "transient")
    assert parked.attempts == MOST_TRANSIENT_ATTEMPTS
    assert "HTTP 500" in str(parked.message)
    assert not arrived(the_world, link)
    assert [s["name"] for s in the_world.rackbeat.state()["suppliers"]] == ["Skifabrikken AS"]


def test_a_record_that_stops_every_worker_is_kept_back_after_five(the_world: World) -> None:
    edited(the_world)
    change = the_change(the_world).id
    for _ in range(MOST_CRASHES):
        now = the_world.clock()
        with the_world.sessions.begin() as session:
            until = now + timedelta(minutes=3)
            assert claims.claim(session, change, token="dead", now=now, until=until)
        the_world.clock.pass_by(minutes=4)
        sweep(the_world.engine)
    parked = the_change(the_world)
    assert (parked.state, parked.failure_class, parked.attempts) == ("parked", "bug", MOST_CRASHES)
    assert "workers have stopped" in str(parked.message)


def test_a_record_that_has_failed_often_may_also_lose_a_worker(the_world: World) -> None:
    edited(the_world)
    now, change = the_world.clock(), the_change(the_world).id
    with the_world.sessions.begin() as session:
        session.get_one(Change, change).attempts = MOST_CRASHES
        until = now + timedelta(minutes=3)
        assert claims.claim(session, change, token="dead", now=now, until=until)
    the_world.clock.pass_by(minutes=4)
    sweep(the_world.engine)
    assert the_change(the_world).state == "pending"


def test_a_parked_record_is_tried_again_when_it_is_edited(the_world: World) -> None:
    the_world.connect()
    the_world.rackbeat.fault(operation="POST /suppliers", effect="answer", status=422)
    made = tfso_supplier(the_world)
    the_world.pull("supplier")
    the_world.work()
    assert the_world.change(kind="supplier").state == "parked"
    the_world.tfso.edit("companies", made["Id"], {"Name": "Skifabrikken Norge AS"})
    the_world.pull("supplier")
    the_world.work()
    assert the_world.change(kind="supplier", direction="24so_to_rackbeat").outcome == "created"
