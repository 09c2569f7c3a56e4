"""Lists that are interrupted: they give their slot back, and go on with the page they lack."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import func, select, update

from shared.limits import LONGEST_WAIT
from shared.pages import FRESH_FOR, Pages, remembered, remembering
from shared.retention import clean_up
from shared.runs import LISTING, list_run, start_run
from shared.tables import ListedPage, Run
from shared.words import Cause, Direction
from tests.harness.mission import OFF
from tests.harness.people import rackbeat_supplier
from tests.harness.stored import empty_broker
from tests.harness.world import GENEROUS_RACKBEAT, SLUG, World, world

ONLY_SUPPLIERS = {"product": OFF, "product_group": OFF, "customer": OFF, "order": OFF}
PAGES = 7
LIST = "GET /suppliers"


@pytest.fixture
def small(database_url: str, broker_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Rackbeat shows one supplier a page, of which there are seven; we make five calls a minute,
    four of them for bulk work."""
    with world(
        database_url,
        broker_url,
        monkeypatch,
        rackbeat_config=replace(GENEROUS_RACKBEAT, page_size=1),
        rackbeat_calls_per_minute=5,
    ) as made:
        made.connect(**ONLY_SUPPLIERS)
        for number in range(1, PAGES + 1):
            rackbeat_supplier(made, number=number, webhooks=False)
        a_minute_passes(made)
        made.reset_calls()
        yield made


def a_minute_passes(the_world: World) -> None:
    """The calls made so far count no more; the broker is where they are counted."""
    empty_broker(the_world.configuration.broker_url.get_secret_value())
    the_world.clock.pass_by(minutes=1)


def a_run(the_world: World) -> int:
    return start_run(
        the_world.engine, SLUG, Cause.RESYNC, direction=Direction.RACKBEAT_TO_24SO, kinds="supplier"
    )


def stored(the_world: World, run: int) -> Run:
    with the_world.sessions() as session:
        return session.get_one(Run, run)


def pages_kept(the_world: World) -> int:
    with the_world.sessions() as session:
        return session.scalars(select(func.count()).select_from(ListedPage)).one()


def lists_asked_for(the_world: World) -> int:
    found: int = the_world.rackbeat.calls()["by_operation"].get(LIST, 0)
    return found


def test_a_list_whose_calls_are_used_up_gives_its_slot_back_and_goes_on_later(small: World) -> None:
    run = a_run(small)
    begun = time.monotonic()
    list_run(small.engine, run)
    assert time.monotonic() - begun < LONGEST_WAIT.total_seconds() + 1
    waiting = stored(small, run)
    assert waiting.listed == {}
    assert "used up" in str(waiting.message)
    assert waiting.lease_expires_at is not None
    assert waiting.lease_expires_at <= small.clock() + timedelta(minutes=1)
    assert lists_asked_for(small) == pages_kept(small) == 4
    a_minute_passes(small)
    list_run(small.engine, run)
    assert stored(small, run).listed == {"supplier": {"listed": PAGES}}
    assert lists_asked_for(small) == PAGES
    assert pages_kept(small) == 0
    keys = [change.key for change in small.changes(kind="supplier", cause="resync")]
    assert keys == [str(number) for number in range(1, PAGES + 1)]


def test_what_somebody_waits_for_is_transferred_while_a_list_waits_for_calls(small: World) -> None:
    run = a_run(small)
    list_run(small.engine, run)
    small.rackbeat.edit("suppliers", 3, {"company_name": "Stavfabrikken Nord AS"})
    small.deliveries_done()
    small.work()
    assert small.change(kind="supplier", cause="webhook").outcome == "created"
    waiting = stored(small, run)
    assert (waiting.state, waiting.listed) == (LISTING, {})
    assert small.rackbeat.calls()["total"] == 5


def test_a_list_goes_on_after_an_outage_or_the_end_of_its_worker(the_world: World) -> None:
    the_world.connect()
    the_world.tfso.fault(operation="GetProducts", effect="slow", times=2)  # these go well
    the_world.tfso.fault(operation="GetProducts", effect="answer", status=503, times=None)
    run = start_run(the_world.engine, SLUG, Cause.RESYNC, kinds="product")
    list_run(the_world.engine, run)
    assert stored(the_world, run).listed == {}
    assert pages_kept(the_world) == 3  # the categories, and the products of two of them
    the_world.tfso.clear_faults()
    the_world.clock.pass_by(minutes=10)
    the_world.reset_calls()
    list_run(the_world.engine, run)
    assert "product" in stored(the_world, run).listed
    calls = the_world.tfso.calls()["by_operation"]
    assert "GetCategories" not in calls
    assert calls["GetProducts"] == len(the_world.all_in_tfso("categories")) - 2


def test_old_pages_are_read_anew_and_deleted_with_the_rest_that_is_old(small: World) -> None:
    run = a_run(small)
    list_run(small.engine, run)
    with small.sessions.begin() as session:
        old = ListedPage.read_at - FRESH_FOR
        session.execute(update(ListedPage).values(read_at=old))
    a_minute_passes(small)
    list_run(small.engine, run)
    assert lists_asked_for(small) == 8
    with small.sessions.begin() as session:
        session.execute(update(ListedPage).values(read_at=old))
        assert clean_up(session, days=1, now=small.clock())["pages"] == 4
    assert pages_kept(small) == 0


@pytest.mark.parametrize(
    "answer",
    [
        None,
        [],
        [None, {}],
        {"Stock": Decimal("12.50"), "Price": Decimal("1E+3"), "Rate": Decimal("NaN")},
        [{"DateChanged": datetime(2026, 11, 27, 8, 30, 0, 250, tzinfo=UTC), "Active": False}],
        {"Name": "Blåbær 🎿 \0 \ud83d", "Count": 2**40, "Ratio": 0.1, "decimal": "1"},
    ],
)
def test_what_was_kept_is_what_was_answered(the_world: World, answer: Any) -> None:
    the_world.connect()
    run = start_run(the_world.engine, SLUG, Cause.RESYNC, kinds="supplier")
    asked: list[Any] = []

    def ask() -> Any:
        asked.append(answer)
        return answer

    request = {"since": datetime(2026, 1, 1, tzinfo=UTC), "page": 1}
    with remembering(Pages(the_world.sessions, run, the_world.clock)):
        assert repr(remembered(request, ask)) == repr(answer)
        assert repr(remembered(request, ask)) == repr(answer)
        assert asked == [answer]
        remembered({**request, "page": 2}, ask)
    remembered(request, ask)
    assert len(asked) == 3
