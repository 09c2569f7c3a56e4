"""A vendor that is down, or refuses the login, is left alone; one call at a time finds it back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
import redis
from pydantic import SecretStr
from sqlalchemy import select

from sandbox import rackbeat
from sandbox.tfso.config import SandboxConfig
from shared.journal.decide import BETWEEN_LOGINS, MOST_BETWEEN_PROBES
from shared.journal.record import News, WakeUp
from shared.probing import probe
from shared.queues import Queue
from shared.report import pauses
from shared.runs import start_run
from shared.sweep import sweep
from shared.tables import Attempt, Change, Connection, Link, Pause
from shared.vault import TFSO_PASSWORD, Vault
from shared.words import Cause, Direction, System
from tasks.kinds import KINDS
from tests.harness.people import linked, tfso_customer, tfso_product, tfso_supplier
from tests.harness.stage import without_pauses
from tests.harness.world import GENEROUS_RACKBEAT, SLUG, Clock, Json, World, world

OFF = {"origin": "off"}


@pytest.fixture
def the_world(the_world: World) -> World:
    """What a client tries again within a call it tries at once: here only minutes matter."""
    without_pauses(the_world.vendors)
    return the_world


def edited(the_world: World) -> Link:
    """A product that is linked and has just been edited in Rackbeat; nothing else is left to do."""
    the_world.connect()
    link = linked(the_world, "product", tfso_product(the_world))
    the_world.rackbeat.edit("products", link.rackbeat_key, {"name": "Ny"})
    the_world.deliveries_done()
    the_world.reset_calls()
    return link


def arrived(the_world: World, link: Link) -> bool:
    return bool(the_world.in_tfso("products", link.tfso_key)["Name"] == "Ny")


def the_pause(the_world: World) -> Pause:
    with the_world.sessions() as session:
        return session.scalars(select(Pause)).one()


def no_pauses(the_world: World) -> bool:
    with the_world.sessions() as session:
        return not session.scalars(select(Pause)).all()


def pass_until_next_probe(the_world: World) -> float:
    """Seconds that had to pass."""
    left = (the_pause(the_world).until - the_world.clock()).total_seconds()
    the_world.clock.pass_by(seconds=left + 0.5)
    return left


def test_during_an_outage_there_is_one_cheap_call_at_a_time_and_ever_fewer(
    the_world: World,
) -> None:
    link = edited(the_world)
    the_world.tfso.fault(operation="*", effect="answer", status=503, times=None)
    the_world.work()
    waits = []
    for _ in range(7):
        waits.append(pass_until_next_probe(the_world))
        the_world.reset_calls()
        the_world.work()
        assert set(the_world.tfso.calls()["by_operation"]) == {"GetIdentity"}
        assert the_world.rackbeat.calls()["total"] == 0
    assert waits[0] < waits[1] < waits[2]
    assert max(waits) <= MOST_BETWEEN_PROBES.total_seconds()
    change = the_world.change(kind="product", direction="rackbeat_to_24so", state="pending")
    assert (change.attempts, change.failure_class) == (0, "outage")
    the_world.tfso.clear_faults()
    the_world.work()
    assert not arrived(the_world, link)  # nobody has looked yet
    pass_until_next_probe(the_world)
    the_world.work()
    assert arrived(the_world, link)
    assert no_pauses(the_world)


def test_a_pause_is_shown_with_its_reason_and_the_next_look(the_world: World) -> None:
    edited(the_world)
    the_world.tfso.fault(operation="*", effect="answer", status=503, times=None)
    the_world.work()
    began = the_world.clock()
    for _ in range(3):
        pass_until_next_probe(the_world)
        the_world.work()
    with the_world.sessions() as session:
        (shown,) = pauses(session, SLUG, now=the_world.clock())
    assert (shown["connection"], shown["system"], shown["bulk_only"]) == (SLUG, "24so", False)
    assert "24SevenOffice is out of order (HTTP 503)" in shown["message"]
    assert began - timedelta(minutes=1) < shown["since"] <= began
    assert shown["next_look_at"] > the_world.clock()


def test_a_dead_workers_probe_is_made_up_for(the_world: World) -> None:
    link = edited(the_world)
    the_world.tfso.fault(operation="*", effect="answer", status=503, times=None)
    the_world.work()
    the_world.tfso.clear_faults()
    pass_until_next_probe(the_world)
    assert sweep(the_world.engine).probes == [(SLUG, "24so")]  # and whoever has it dies
    assert sweep(the_world.engine).probes == []
    the_world.clock.pass_by(seconds=MOST_BETWEEN_PROBES.total_seconds() + 1)
    the_world.work()
    assert arrived(the_world, link)


def three_times_the_login_is_tried_again(the_world: World) -> None:
    """The change waits and has burnt no attempt. Only the calls since then are counted."""
    change = the_world.change(kind="product", direction="rackbeat_to_24so", state="pending")
    assert (change.failure_class, change.attempts) == ("auth", 0)
    the_world.reset_calls()
    for _ in range(3):
        the_world.clock.pass_by(seconds=BETWEEN_LOGINS.total_seconds() + 1)
        the_world.work()
        the_world.work()


def test_a_key_that_is_not_accepted_any_more_is_tried_every_quarter_of_an_hour(
    the_world: World,
) -> None:
    link = edited(the_world)
    the_world.rackbeat.fault(operation="*", effect="answer", status=401, times=None)
    the_world.work()
    pause = the_pause(the_world)
    assert (pause.system, pause.failure_class) == ("rackbeat", "auth")
    assert "does not accept the API key" in pause.message
    assert rackbeat.API_KEY not in pause.message
    three_times_the_login_is_tried_again(the_world)
    assert the_world.rackbeat.calls()["by_operation"] == {"GET /self": 3}
    assert the_world.tfso.calls()["total"] == 0
    the_world.rackbeat.clear_faults()
    the_world.clock.pass_by(seconds=BETWEEN_LOGINS.total_seconds() + 1)
    the_world.settle()
    assert arrived(the_world, link)


def test_a_password_that_is_not_accepted_any_more_is_tried_every_quarter_of_an_hour(
    the_world: World,
) -> None:
    link = edited(the_world)
    store_password(the_world, "the one before")
    the_world.tfso.post("/sessions/expire")
    the_world.work()
    pause = the_pause(the_world)
    assert (pause.system, pause.failure_class) == ("24so", "auth")
    assert "does not accept" in pause.message
    assert "the one before" not in pause.message
    three_times_the_login_is_tried_again(the_world)
    # By the real clock its client has just been refused, and does not log in again so soon.
    assert the_world.tfso.calls()["by_operation"] == {"GetIdentity": 3}
    assert the_world.rackbeat.calls()["total"] == 0
    store_password(the_world, SandboxConfig().password)
    the_world.clock.pass_by(seconds=BETWEEN_LOGINS.total_seconds() + 1)
    the_world.settle()
    assert arrived(the_world, link)


def store_password(the_world: World, password: str) -> None:
    """Without the check that it is accepted."""
    with the_world.sessions.begin() as session:
        connection = session.scalars(select(Connection.id)).one()
        store = Vault(the_world.configuration.secret_keys)
        store.put(session, connection, TFSO_PASSWORD, SecretStr(password), the_world.clock())


def test_a_person_who_has_mended_the_login_waits_for_no_probe(the_world: World) -> None:
    link = edited(the_world)
    the_world.rackbeat.fault(operation="*", effect="answer", status=401, times=None)
    the_world.work()
    the_world.rackbeat.clear_faults()
    the_world.connections.resume(SLUG)
    the_world.work()
    assert arrived(the_world, link)


def test_what_a_person_has_paused_is_neither_probed_nor_resumed(the_world: World) -> None:
    link = edited(the_world)
    the_world.tfso.fault(operation="*", effect="answer", status=503, times=None)
    the_world.work()
    the_world.connections.pause(SLUG, "varetelling")
    the_world.tfso.clear_faults()
    the_world.reset_calls()
    the_world.clock.pass_by(hours=2)
    the_world.work()
    assert the_world.tfso.calls()["total"] == the_world.rackbeat.calls()["total"] == 0
    assert the_world.connections.find(SLUG).pause_reason == "varetelling"
    the_world.connections.resume(SLUG)
    the_world.work()
    assert arrived(the_world, link)


def test_a_run_is_not_listed_during_an_outage_and_goes_on_after_it(the_world: World) -> None:
    the_world.connect()
    the_world.tfso.fault(operation="*", effect="answer", status=503, times=None)
    start_run(the_world.engine, SLUG, Cause.INITIAL, kinds=["product_group"])
    the_world.work()
    the_world.reset_calls()
    for _ in range(5):
        the_world.clock.pass_by(minutes=10)
        the_world.work()
    assert set(the_world.tfso.calls()["by_operation"]) == {"Login"}  # there was no session yet
    the_world.tfso.clear_faults()
    the_world.clock.pass_by(minutes=3)
    the_world.work()
    the_world.clock.pass_by(minutes=1)
    the_world.work()
    assert len(the_world.rackbeat.state()["product_groups"]) > 1


# -- twelve hours -------------------------------------------------------------------------------

A_MINUTE = 60  # calls
URGENCY = list(Queue)


def drain(the_world: World) -> list[Change]:
    """Work as workers do, the most urgent queue first, until nothing is left; what ended, in order.

    What waits for new calls waits for the next minute.
    """
    ended: list[int] = []
    for _minute in range(60):
        the_world.messages += sweep_and_probe(the_world)
        while the_world.messages:
            message = min(the_world.messages, key=urgency)
            the_world.messages.remove(message)
            the_world.engine.process(message.change_id)
            if the_world.change(id=message.change_id).state == "done":
                ended.append(message.change_id)
        if not the_world.states():
            return [the_world.change(id=change) for change in ended]
        a_minute_passes(the_world)
    raise AssertionError(the_world.states())


def urgency(message: WakeUp) -> int:
    return URGENCY.index(Queue.BULK if message.bulk else KINDS[message.kind].queue)


def sweep_and_probe(the_world: World) -> list[WakeUp]:
    found = sweep(the_world.engine)
    for slug, system in found.probes:
        probe(the_world.engine, slug, System(system))
    return list(found.changes)


def a_minute_passes(the_world: World) -> None:
    """For us, for Rackbeat, and for the calls that are counted."""
    the_world.clock.pass_by(seconds=61)
    with redis.Redis.from_url(the_world.configuration.broker_url.get_secret_value()) as broker:
        for window in broker.scan_iter("LIMITS*"):
            broker.delete(window)


def tell(
    the_world: World, connection_id: int, kind: str, made: Json, *, bulk: bool = False
) -> None:
    news = News(kind, Direction.TFSO_TO_RACKBEAT, str(made["Id"]), Cause.POLL, bulk=bulk)
    the_world.engine.announce(connection_id, [news])


@pytest.fixture
def limited(database_url: str, broker_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A Rackbeat with a real limit, whose clock is the world's."""
    clock = Clock()
    with world(
        database_url, broker_url, monkeypatch, clock=clock,
        rackbeat_config=replace(GENEROUS_RACKBEAT, requests_per_minute=A_MINUTE, now=clock),
        rackbeat_calls_per_minute=A_MINUTE - 5,
    ) as made:  # fmt: skip
        without_pauses(made.vendors)
        yield made


def test_after_twelve_hours_everything_drains_by_urgency_and_within_the_limits(
    limited: World,
) -> None:
    connection = limited.connect(product=OFF, product_group=OFF, order=OFF)
    limited.work()
    limited.rackbeat.fault(operation="*", effect="answer", status=503, times=None)
    for number in range(12):
        made = tfso_supplier(
            limited, Name=f"Leverandør {number}", OrganizationNumber=f"9100000{number:02}"
        )
        tell(limited, connection.id, "supplier", made, bulk=True)
    limited.work()
    limited.reset_calls()
    for hour in range(12):
        made = tfso_customer(limited, Name=f"Kunde {hour}", OrganizationNumber=f"9200000{hour:02}")
        tell(limited, connection.id, "customer", made)
        for _ in range(6):
            limited.clock.pass_by(minutes=10)
            limited.work()
    assert set(limited.rackbeat.calls()["by_operation"]) == {"GET /self"}
    assert limited.tfso.calls()["total"] == 0
    assert Counter((c.state, c.attempts) for c in limited.changes()).keys() == {("pending", 0)}
    limited.rackbeat.clear_faults()
    limited.reset_calls()
    # What Rackbeat tells of our own writes is of no interest here.
    ended = [c for c in drain(limited) if c.direction == Direction.TFSO_TO_RACKBEAT.value]
    order = [change.bulk for change in ended]
    assert order == sorted(order)
    assert order.count(False) == 12
    assert order.count(True) == 12
    assert {change.outcome for change in ended} == {"created"}
    assert limited.rackbeat.calls()["refused"] == limited.tfso.calls()["refused"] == 0
    assert limited.rackbeat.calls()["total"] > A_MINUTE  # it could not all be done at once
    with limited.sessions() as session:
        tries = Counter(session.scalars(select(Attempt.failure_class)))
    assert tries["outage"] == 1  # whoever found it out; it counts as no attempt
    assert set(tries) <= {None, "limited", "outage"}
    assert no_pauses(limited)
