"""At most one worker acts on one record, whatever is delivered twice and whoever is late."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import select, text, update

from sandbox.stack import wait_until
from shared.engine.engine import Engine
from shared.journal import claims, settle
from shared.journal.record import News, record
from shared.links import find_link
from shared.operations import Operations
from shared.points import Point
from shared.sweep import sweep
from shared.tables import Change
from shared.words import Cause, Direction, Outcome, State, System
from tests.harness.people import (
    Killed,
    kill_at,
    linked,
    rackbeat_customer,
    rackbeat_group,
    rackbeat_product,
    tfso_customer,
    tfso_product,
    tfso_supplier,
)
from tests.harness.world import SLUG, World

CLAIM_SECONDS = 180
WAIT = 20  # seconds that no test should need


@dataclass
class Halt:
    """Stops the worker that comes to a point, until the test lets it go on."""

    point: Point
    arrived: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)

    def __call__(self, there: Point) -> None:
        if there is self.point and not self.arrived.is_set():
            self.arrived.set()
            assert self.go_on.wait(WAIT)


@contextmanager
def halted(engine: Engine, change_id: int, point: Point) -> Iterator[Engine]:
    """One worker stands still at a point of a change; another worker is handed to the test."""
    halt = Halt(point)
    slow = replace(engine, reached=halt)
    with ThreadPoolExecutor(1) as pool:
        work = pool.submit(slow.process, change_id)
        try:
            assert halt.arrived.wait(WAIT), work.exception(0)
            yield replace(engine)
        finally:
            halt.go_on.set()
        work.result(WAIT)


def a_new_product(the_world: World) -> int:
    """A product whose group is linked already; its change, not yet worked on."""
    the_world.connect()
    linked(the_world, "product", tfso_product(the_world, No="FØRST", EAN1=""))
    made = tfso_product(the_world)
    the_world.pull("product")
    the_world.messages.clear()
    the_world.reset_calls()
    return the_world.change(kind="product", key=str(made["Id"])).id


def somebody_waits(the_world: World) -> bool:
    """Whether a statement waits for a lock of another one."""
    waiting = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
    with the_world.sessions() as session:
        return bool(session.scalar(waiting))


def copies(the_world: World) -> int:
    return sum(p["number"] == "SKI-205" for p in the_world.rackbeat.state()["products"])


# -- delivered twice ----------------------------------------------------------------------------


def test_a_message_delivered_twice_is_worked_on_once(the_world: World) -> None:
    change = a_new_product(the_world)
    the_world.engine.process(change)
    the_world.engine.process(change)
    assert the_world.writes() == {"POST /products": 1}
    assert the_world.change(id=change).outcome == "created"


def test_a_message_about_a_change_that_does_not_exist_any_more_does_nothing(
    the_world: World,
) -> None:
    the_world.connect()
    the_world.engine.process(123456)
    assert the_world.changes() == []


def test_of_many_workers_with_the_same_message_one_does_the_work(the_world: World) -> None:
    change = a_new_product(the_world)
    together = threading.Barrier(6)

    def work(engine: Engine) -> None:
        together.wait(WAIT)
        engine.process(change)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, [replace(the_world.engine) for _ in range(6)]))
    assert the_world.writes() == {"POST /products": 1}
    assert copies(the_world) == 1
    assert the_world.change(id=change).attempts == 0


def test_many_workers_on_many_records_transfer_each_of_them_once(the_world: World) -> None:
    the_world.connect()
    numbers = [f"{number}" for number in range(900000100, 900000112)]
    for number in numbers:
        tfso_supplier(the_world, Name=f"Leverandør {number}", OrganizationNumber=number)
    assert the_world.pull("supplier") == len(numbers)
    due = [message.change_id for message in the_world.messages] * 3
    the_world.messages.clear()
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(replace(the_world.engine).process, due))
    the_world.settle()
    assert len(the_world.rackbeat.state()["suppliers"]) == len(numbers)
    assert the_world.writes()["POST /suppliers"] == len(numbers)
    assert the_world.states() == []


# -- at the same time ---------------------------------------------------------------------------


def test_a_record_that_one_worker_has_claimed_is_left_alone_by_another(the_world: World) -> None:
    change = a_new_product(the_world)
    with halted(the_world.engine, change, Point.AFTER_KEY) as other:
        other.process(change)
        assert the_world.change(id=change).state == "running"
        assert the_world.writes() == {}
    assert the_world.writes() == {"POST /products": 1}


def test_a_record_that_somebody_makes_while_it_is_being_created_is_linked(
    the_world: World,
) -> None:
    change = a_new_product(the_world)
    with halted(the_world.engine, change, Point.AFTER_KEY):
        group = rackbeat_group(the_world, webhooks=False)["number"]
        rackbeat_product(the_world, group, number="SKI-205", webhooks=False)
    assert the_world.change(id=change).state == "done"
    assert "SKI-205" in {link.rackbeat_key for link in the_world.links("product")}
    assert copies(the_world) == 1


def test_a_record_that_the_other_direction_links_while_it_is_looked_for_is_not_created(
    the_world: World,
) -> None:
    the_world.connect(product={"origin": "both"})
    group = rackbeat_group(the_world)["number"]
    the_world.settle()
    rackbeat_product(the_world, group, number="SKI-205", barcode=None)
    the_world.deliveries_done()
    change = the_world.change(kind="product").id
    with halted(the_world.engine, change, Point.BEFORE_KEY) as other:
        category = int(the_world.links("product_group")[0].tfso_key)
        made = tfso_product(the_world, EAN1="", CategoryId=category)
        the_world.pull("product")
        other.process(the_world.change(key=str(made["Id"])).id)
        assert [link.tfso_key for link in the_world.links("product")] == [str(made["Id"])]
    the_world.settle()
    numbers = [each.get("No") for each in the_world.all_in_tfso("products")]
    assert numbers.count("SKI-205") == 1
    assert the_world.states() == []


def a_branch(the_world: World, number: int, name: str) -> int:
    """A customer in Rackbeat with the organisation number of all the others; its change."""
    rackbeat_customer(the_world, number=number, company_name=name, company_vat="999888777")
    the_world.deliveries_done()
    return the_world.change(kind="customer", key=str(number)).id


def two_branches(the_world: World) -> int:
    """The change of the first branch, which is taken for the only company there is; that is really
    the second one, which is not there yet."""
    the_world.connect(customer={"origin": "rackbeat"})
    tfso_customer(the_world, Name="Vidda")
    return a_branch(the_world, 71, "Vidda Geilo")


def each_has_its_own(the_world: World) -> None:
    the_world.settle()
    assert the_world.states() == []
    links = {link.rackbeat_key: link.tfso_key for link in the_world.links("customer")}
    assert the_world.in_tfso("companies", links["71"])["Name"] == "Vidda Geilo"
    assert the_world.in_tfso("companies", links["72"])["Name"] == "Vidda"
    chain = [each for each in the_world.all_in_tfso("companies")
             if each.get("OrganizationNumber") == "999888777"]  # fmt: skip
    assert len(chain) == 2


def test_what_another_record_is_linked_to_meanwhile_is_not_overwritten(the_world: World) -> None:
    first = two_branches(the_world)
    with halted(the_world.engine, first, Point.BEFORE_KEY) as other:
        other.process(a_branch(the_world, 72, "Vidda"))
        assert [link.rackbeat_key for link in the_world.links("customer")] == ["72"]
    each_has_its_own(the_world)


def test_what_another_record_is_just_written_onto_is_left_to_that(the_world: World) -> None:
    first = two_branches(the_world)
    with halted(the_world.engine, first, Point.AFTER_KEY) as other:
        second = a_branch(the_world, 72, "Vidda")
        other.process(second)
        assert the_world.change(id=second).state == "pending"
        assert the_world.writes().get("SaveCompanies") is None
    each_has_its_own(the_world)


def killed_while_it_writes(the_world: World) -> int:
    """The change of the first of two branches, whose worker is killed before its call."""
    first = two_branches(the_world)
    with pytest.raises(Killed):
        replace(the_world.engine, reached=kill_at(Point.AFTER_KEY)).process(first)
    return first


def test_what_a_dead_worker_was_about_to_write_onto_is_left_to_the_next(the_world: World) -> None:
    killed_while_it_writes(the_world)
    second = a_branch(the_world, 72, "Vidda")
    the_world.engine.process(second)
    assert the_world.change(id=second).state == "pending"
    the_world.clock.pass_by(seconds=CLAIM_SECONDS + 1)
    each_has_its_own(the_world)


def test_what_waits_for_a_write_without_an_answer_is_parked_with_that(the_world: World) -> None:
    first = killed_while_it_writes(the_world)
    parks = {"state": "parked", "claim": None, "claim_expires_at": None}
    with the_world.sessions.begin() as session:
        session.execute(update(Change).where(Change.id == first).values(parks))
    second = a_branch(the_world, 72, "Vidda")
    the_world.engine.process(second)
    parked = the_world.change(id=second)
    assert (parked.state, parked.failure_class) == ("parked", "dependency")
    assert "Rackbeat record 71" in str(parked.message)
    Operations(the_world.engine, actor="test").retry_parked(SLUG)
    each_has_its_own(the_world)


def test_what_is_being_written_onto_another_record_is_not_overwritten_from_there(
    the_world: World,
) -> None:
    the_world.connect(customer={"origin": "both"})
    there = tfso_customer(the_world, Name="Vidda")
    first = a_branch(the_world, 71, "Vidda Geilo")
    with halted(the_world.engine, first, Point.AFTER_KEY) as other:
        rackbeat_customer(
            the_world, number=72, company_name="Vidda", company_vat="999888777", webhooks=False
        )
        the_world.pull("customer")
        for change in the_world.changes(kind="customer", direction="24so_to_rackbeat"):
            other.process(change.id)
            assert the_world.change(id=change.id).state in {"pending", "parked"}
        assert the_world.links("customer") == []
    the_world.settle()
    links = {link.rackbeat_key: link.tfso_key for link in the_world.links("customer")}
    assert links["71"] == str(there["Id"])
    assert the_world.in_tfso("companies", there["Id"])["Name"] == "Vidda Geilo"
    assert the_world.in_rackbeat("customers", 72)["name"] == "Vidda"


def test_another_record_is_transferred_meanwhile(the_world: World) -> None:
    change = a_new_product(the_world)
    supplier = tfso_supplier(the_world)
    the_world.pull("supplier")
    (message,) = the_world.messages
    with halted(the_world.engine, change, Point.AFTER_KEY) as other:
        other.process(message.change_id)
        assert the_world.in_rackbeat("suppliers", supplier["Id"])["name"] == "Skifabrikken AS"
        assert the_world.change(id=change).state == "running"


def test_an_edit_during_a_transfer_waits_for_its_end_and_is_not_lost(the_world: World) -> None:
    change = a_new_product(the_world)
    key = the_world.change(id=change).key
    with halted(the_world.engine, change, Point.AFTER_CALL) as other:
        the_world.tfso.edit("products", key, {"Name": "Nyere navn"})
        the_world.pull("product")
        newer = the_world.change(kind="product", key=key, state="pending").id
        other.process(newer)
        assert the_world.writes() == {"POST /products": 1}
        assert the_world.change(id=newer).state == "pending"
    the_world.clock.pass_by(seconds=3)
    the_world.work()
    the_world.settle()
    assert the_world.in_rackbeat("products", "SKI-205")["name"] == "Nyere navn"
    assert copies(the_world) == 1


def test_a_change_put_back_gives_way_to_one_that_is_recorded_in_that_moment(
    the_world: World,
) -> None:
    first = the_world.change(id=a_new_product(the_world))
    now = the_world.clock()

    def put_back() -> bool:
        with the_world.sessions.begin() as session:
            change = session.get_one(Change, first.id)
            return claims.reopen(session, change, State.WAITING, due_at=now)

    with the_world.sessions.begin() as session:
        until = now + timedelta(seconds=CLAIM_SECONDS)
        assert claims.claim(session, first.id, token="a", now=now, until=until)
    news = News("product", Direction.TFSO_TO_RACKBEAT, first.key, Cause.POLL)
    with ThreadPoolExecutor(1) as pool:
        with the_world.sessions.begin() as session:
            record(session, first.connection_id, [news], now=now)
            putting = pool.submit(put_back)
            wait_until(lambda: somebody_waits(the_world), WAIT, "nobody waits for the other")
        assert putting.result(WAIT) is False
    found = the_world.changes(kind="product", key=first.key)
    assert [(c.state, c.outcome) for c in found] == [("done", "superseded"), ("pending", None)]


def test_the_two_directions_of_one_pair_exclude_each_other(the_world: World) -> None:
    the_world.connect()
    link = linked(the_world, "product", tfso_product(the_world))
    the_world.reset_calls()
    the_world.tfso.edit("products", link.tfso_key, {"Price": "10"})
    the_world.pull("product")
    (message,) = the_world.messages
    the_world.messages.clear()
    with halted(the_world.engine, message.change_id, Point.AFTER_KEY) as other:
        the_world.rackbeat.edit("products", link.rackbeat_key, {"description": "Fra Rackbeat"})
        the_world.deliveries_done()
        back = the_world.change(direction="rackbeat_to_24so", state="pending")
        other.process(back.id)
        assert the_world.change(id=back.id).state == "pending"
        assert the_world.writes() == {}


def test_a_record_asked_for_by_hand_while_it_is_transferred_is_transferred_after_that(
    the_world: World,
) -> None:
    change = a_new_product(the_world)
    key = the_world.change(id=change).key
    with halted(the_world.engine, change, Point.AFTER_KEY) as other:
        other.by_hand(SLUG, "product", Direction.TFSO_TO_RACKBEAT, key)
        assert the_world.writes() == {}
    the_world.settle()
    assert copies(the_world) == 1
    assert {c.outcome for c in the_world.changes(kind="product", key=key)} == {
        "created",
        "unchanged",
    }


# -- nobody waits for each other ----------------------------------------------------------------


def test_whoever_ends_a_change_can_wake_the_next_one_while_that_is_being_claimed(
    the_world: World,
) -> None:
    """Both need the link and the next change; in opposite orders they would wait for ever."""
    change = a_new_product(the_world)
    the_world.settle()
    key = the_world.change(id=change).key
    the_world.tfso.edit("products", key, {"Name": "Nyere navn"})
    the_world.pull("product")
    again = the_world.change(kind="product", key=key, state="pending").id
    with ThreadPoolExecutor(1) as pool:
        with the_world.sessions.begin() as ending:
            connection_id = the_world.change(id=again).connection_id
            link = find_link(ending, connection_id, "product", System.TFSO, key, lock=True)
            assert link is not None
            claiming = pool.submit(the_world.engine.process, again)
            wait_until(lambda: somebody_waits(the_world), WAIT, "nobody waits for the link")
            ending.execute(update(Change).where(Change.id == again).values(enqueued_at=None))
        claiming.result(WAIT)
    assert the_world.change(id=again).outcome == "updated"


def test_a_sweep_leaves_alone_what_somebody_is_just_storing(the_world: World) -> None:
    change = a_new_product(the_world)
    with the_world.sessions.begin() as session:
        session.execute(update(Change).values(enqueued_at=None))
    with the_world.sessions.begin() as storing:
        storing.execute(select(Change.id).with_for_update())
        assert change not in {message.change_id for message in sweep(the_world.engine).changes}
    assert change in {message.change_id for message in sweep(the_world.engine).changes}


# -- too late -----------------------------------------------------------------------------------


def test_a_worker_whose_claim_has_expired_before_its_write_writes_nothing(
    the_world: World,
) -> None:
    change = a_new_product(the_world)
    with halted(the_world.engine, change, Point.BEFORE_KEY):
        the_world.clock.pass_by(seconds=CLAIM_SECONDS + 1)
        the_world.work()  # another worker takes over
        assert copies(the_world) == 1
        done = the_world.change(id=change)
        assert (done.state, done.outcome) == ("done", "created")
    assert the_world.writes() == {"POST /products": 1}
    after = the_world.change(id=change)
    assert (after.finished_at, after.attempts) == (done.finished_at, done.attempts)


def test_a_worker_whose_claim_has_expired_after_its_write_leaves_the_outcome_to_the_next(
    the_world: World,
) -> None:
    change = a_new_product(the_world)
    with halted(the_world.engine, change, Point.AFTER_CALL):
        the_world.clock.pass_by(seconds=CLAIM_SECONDS + 1)
        the_world.work()
        done = the_world.change(id=change)
        assert (done.state, done.outcome) == ("done", "matched")
    assert the_world.writes() == {"POST /products": 1}
    assert the_world.change(id=change).outcome == "matched"
    assert copies(the_world) == 1


def test_what_waits_for_a_record_waits_for_its_own_direction_only(the_world: World) -> None:
    """The two systems' keys may be equal without meaning the same record."""
    connection = the_world.connect().id
    now = the_world.clock()
    forth, back = Direction.RACKBEAT_TO_24SO, Direction.TFSO_TO_RACKBEAT
    news = [
        News("product", back, "501", Cause.RESYNC),
        News("product_group", forth, "11", Cause.RESYNC),
        News("product_group", back, "11", Cause.RESYNC),
    ]
    end = partial(
        settle.finish, outcome=Outcome.UNCHANGED, target_key="90", message=None, notes=[], now=now
    )
    with the_world.sessions.begin() as session:
        waiting, other, needed = (
            session.get_one(Change, id)
            for each in news
            for id in record(session, connection, [each], now=now)
        )
        waiting.state = State.RUNNING.value
        session.flush()
        settle.wait_for(session, waiting, kind="product_group", key="11", now=now)
        session.flush()
        end(session, other)
        session.refresh(waiting)
        assert waiting.state == "waiting"
        end(session, needed)
        session.refresh(waiting)
        assert waiting.state == "pending"
