"""The vendors' real limits, kept by all workers together: no call is ever refused."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from functools import partial

import httpx
import pytest
from sqlalchemy import select

from sandbox.tfso.config import SandboxConfig
from shared.clock import utc_now
from shared.failures import Limited
from shared.runs import list_run, start_run
from shared.tables import Pause
from shared.tfso.protocol import Service
from shared.vendors import Vendors
from shared.words import Cause, System
from tests.harness.limited import until_limited
from tests.harness.people import tfso_supplier
from tests.harness.stored import empty_broker
from tests.harness.world import GENEROUS_RACKBEAT, GENEROUS_TFSO, NO_LIMIT, SLUG, World, world

OFF = {"origin": "off"}
ONLY_SUPPLIERS = {"product": OFF, "product_group": OFF, "customer": OFF, "order": OFF}
RACKBEAT_LIMIT = 60


@pytest.fixture
def narrow(database_url: str, broker_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Rackbeat takes 60 calls a minute, 24SevenOffice as many a second as the real one."""
    tfso = replace(GENEROUS_TFSO, requests_per_second=SandboxConfig().requests_per_second)
    with world(
        database_url,
        broker_url,
        monkeypatch,
        rackbeat_config=replace(GENEROUS_RACKBEAT, requests_per_minute=RACKBEAT_LIMIT),
        tfso_config=tfso,
        rackbeat_calls_per_minute=RACKBEAT_LIMIT - 1,
        tfso_calls_per_second=20,
    ) as made:
        yield made


def new_suppliers(the_world: World, count: int) -> None:
    for number in range(910000000, 910000000 + count):
        tfso_supplier(the_world, Name=f"Leverandør {number}", OrganizationNumber=str(number))


def a_minute_passes(the_world: World) -> None:
    """The calls made so far count no more; the broker is where they are counted."""
    empty_broker(the_world.configuration.broker_url.get_secret_value())


def test_work_that_would_need_more_calls_than_rackbeat_allows_waits_for_new_ones(
    narrow: World,
) -> None:
    narrow.connect(**ONLY_SUPPLIERS)
    new_suppliers(narrow, RACKBEAT_LIMIT)
    narrow.work()
    calls = narrow.rackbeat.calls()
    assert calls["refused"] == 0
    assert calls["total"] <= RACKBEAT_LIMIT - 1
    waiting = narrow.changes(kind="supplier", direction="24so_to_rackbeat", state="pending")
    assert waiting
    assert {change.attempts for change in waiting} == {0}
    with narrow.sessions() as session:
        (pause,) = session.scalars(select(Pause)).all()
    assert (pause.system, pause.failure_class) == ("rackbeat", "limited")
    assert 0 < (pause.until - utc_now()).total_seconds() <= 60


def test_bulk_work_leaves_a_fifth_of_the_calls_to_what_somebody_waits_for(
    database_url: str, broker_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with world(
        database_url, broker_url, monkeypatch, rackbeat_calls_per_minute=RACKBEAT_LIMIT
    ) as the_world:
        the_world.connect(**ONLY_SUPPLIERS)
        a_minute_passes(the_world)
        new_suppliers(the_world, RACKBEAT_LIMIT)
        the_world.reset_calls()
        list_run(the_world.engine, start_run(the_world.engine, SLUG, Cause.INITIAL))
        for change in the_world.changes(kind="supplier"):
            the_world.engine.process(change.id)
        assert the_world.rackbeat.calls()["total"] == RACKBEAT_LIMIT * 0.8
        with the_world.sessions() as session:
            (pause,) = session.scalars(select(Pause)).all()
        assert pause.bulk_only
        urgent = tfso_supplier(the_world, Name="Haster AS", OrganizationNumber="920000000")
        assert the_world.pull("supplier") >= 1
        waited_for = the_world.change(kind="supplier", key=str(urgent["Id"]))
        the_world.engine.process(waited_for.id)
        assert the_world.change(id=waited_for.id).outcome == "created"


def test_connections_to_one_24so_have_its_calls_together_and_none_takes_them_all(
    database_url: str, broker_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with world(database_url, broker_url, monkeypatch, tfso_calls_per_hour=40) as the_world:
        busy = the_world.connect(**ONLY_SUPPLIERS)
        the_world.give_another_account(SLUG)
        quiet = the_world.connect("dalen", **ONLY_SUPPLIERS)
        of_quiet, of_busy = (
            the_world.vendors.clients(each.id).of(System.TFSO) for each in (quiet, busy)
        )
        of_quiet.get_categories(["Id"])  # somebody who shares them has been heard of
        took = [
            until_limited(partial(client.get_categories, ["Id"])) for client in (of_busy, of_quiet)
        ]
        assert the_world.tfso.calls()["total"] <= 40
        assert min(took) >= 10


def test_many_workers_together_stay_below_the_calls_a_second_24so_allows(narrow: World) -> None:
    connection = narrow.connect(**ONLY_SUPPLIERS)
    # Each with clients of its own, as in processes of their own; what they share is the broker.
    workers = [Vendors(narrow.configuration, narrow.sessions) for _ in range(6)]
    narrow.reset_calls()

    def read(vendors: Vendors) -> None:
        client = vendors.clients(connection.id).of(System.TFSO)
        for _ in range(12):
            client.get_categories(["Id"])

    with ThreadPoolExecutor(len(workers)) as pool:
        list(pool.map(read, workers))
    calls = narrow.tfso.calls()
    assert calls["by_operation"]["GetCategories"] == 72
    assert calls["refused"] == 0


@pytest.fixture
def an_hour(database_url: str, broker_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """24SevenOffice takes 300 calls an hour, and we make 280."""
    with world(
        database_url, broker_url, monkeypatch,
        tfso_config=replace(GENEROUS_TFSO, requests_per_hour=300), tfso_calls_per_hour=280,
    ) as made:  # fmt: skip
        yield made


def as_many_calls_as_there_are(the_world: World, most: int, workers: int = 6) -> None:
    """Several workers read from 24SevenOffice until nobody may any more."""
    connection = the_world.connections.find(SLUG)
    left = iter(range(most))

    def read(_worker: int) -> None:
        client = Vendors(the_world.configuration, the_world.sessions).clients(connection.id)
        with suppress(Limited):
            for _ in left:
                client.of(System.TFSO).get_categories(["Id"])

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(read, range(workers)))


def test_at_full_load_no_call_is_refused_and_no_quarantine_begins(an_hour: World) -> None:
    an_hour.connect(**ONLY_SUPPLIERS)
    as_many_calls_as_there_are(an_hour, 1000)
    calls = an_hour.tfso.calls()
    assert calls["refused"] == 0
    assert 230 < calls["total"] <= 280


def test_a_broker_that_has_lost_all_figures_at_full_load_leads_to_no_quarantine(
    an_hour: World,
) -> None:
    an_hour.connect(**ONLY_SUPPLIERS)
    an_hour.pull("supplier")
    as_many_calls_as_there_are(an_hour, 200)
    empty_broker(an_hour.configuration.broker_url.get_secret_value())
    as_many_calls_as_there_are(an_hour, 1000)
    calls = an_hour.tfso.calls()
    assert calls["refused"] == 0
    assert 200 < calls["total"] < 260


def test_calls_that_another_program_makes_are_learned_of_before_the_vendor_refuses_ours(
    an_hour: World,
) -> None:
    an_hour.connect(**ONLY_SUPPLIERS)
    as_many_calls_as_there_are(an_hour, 150)
    with httpx.Client(trust_env=False) as other_program:
        for _ in range(110):
            other_program.post(f"{an_hour.tfso_url}{Service.PRODUCT.value}", content=b"<a/>")
    as_many_calls_as_there_are(an_hour, 1000, workers=2)
    assert an_hour.tfso.calls()["refused"] == 0


def test_without_our_own_limits_the_sandbox_would_have_refused_calls(
    database_url: str, broker_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The counter-test: the limits of the sandbox are real."""
    tight = replace(GENEROUS_RACKBEAT, requests_per_minute=40)
    with world(
        database_url, broker_url, monkeypatch,
        rackbeat_config=tight, rackbeat_calls_per_minute=NO_LIMIT,
    ) as the_world:  # fmt: skip
        the_world.connect(**ONLY_SUPPLIERS)
        new_suppliers(the_world, RACKBEAT_LIMIT)
        the_world.work()
        assert the_world.rackbeat.calls()["refused"] > 0
