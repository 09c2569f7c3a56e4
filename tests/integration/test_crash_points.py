"""The process dies at every point of every kind of write, and what it began is done once.

Death is an exception that nothing catches; another process then goes on with nothing but what is
stored. Every kind passes every point in every direction when a record is made. Several ways to make
one take turns, as do the kinds when a record is changed; `make crash` tries everything.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from sandbox.faults import Effect
from sandbox.servers import Valkey
from shared.points import Point, pass_by
from shared.tables import Connection, IdempotencyKey
from shared.vendors import Vendors
from shared.words import Direction, System
from tests.harness.mission import all_in, let_documents
from tests.harness.people import Killed, kill_at
from tests.harness.stage import without_pauses
from tests.harness.stored import empty, empty_broker
from tests.harness.world import GENEROUS_RACKBEAT, GENEROUS_TFSO, Clock, World, world
from tests.harness.writes import WRITES, Made, Written, furnish

EVERYTHING = "VAREBRO_EVERY_CRASH" in os.environ
A_CLAIM_LATER = 181
NUMBERS = count(1)
# How the names of the operations begin that change something.
WRITING = {System.RACKBEAT: ("POST", "PUT"), System.TFSO: ("Save", "SetStock")}


# -- ways to die --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Death:
    """A moment in which everything is lost that is not stored.

    Attributes:
        point: of the engine.
        request: "request" before a call that changes something is sent, "response" after it has
            been carried out.
        nth: which call of several.
        lost: the process lives, but what it sent or what was answered is lost.
    """

    name: str
    point: Point | None = None
    request: str | None = None
    nth: int = 1
    lost: Effect | None = None

    def __str__(self) -> str:
        return self.name


DEATHS = (
    *(Death(point.name.lower(), point=point) for point in Point),
    Death("before_request", request="request"),
    Death("after_request", request="response"),
    *(
        Death(f"{when}_{name}_request", request=what, nth=nth)
        for nth, name in ((2, "second"), (3, "third"), (4, "fourth"))
        for when, what in (("before", "request"), ("after", "response"))
    ),
    Death("lost_before_it_was_carried_out", lost=Effect.DROP_BEFORE),
    Death("answer_lost", lost=Effect.DROP_AFTER),
)


def changes_something(request: httpx.Request) -> bool:
    action = request.headers.get("SOAPAction")
    if action is None:
        return request.method in ("POST", "PUT")
    return action.strip('"').rpartition("/")[2].startswith(WRITING[System.TFSO])


def client_of(world: World, system: System) -> Any:
    with world.sessions() as session:
        connection = session.scalars(select(Connection.id)).one()
    return world.vendors.clients(connection).of(system)


def die_at_request(world: World, system: System, death: Death) -> None:
    """The nth call that changes something in that system is the last."""
    seen = count(1)

    def met(message: httpx.Request | httpx.Response) -> None:
        request = message.request if isinstance(message, httpx.Response) else message
        if changes_something(request) and next(seen) == death.nth:
            raise Killed(death.name)

    client_of(world, system)._http.event_hooks = {death.request: [met]}


# -- dying, and going on ------------------------------------------------------------------------


def work_and_die(world: World, write: Written, death: Death) -> None:
    """The write that is due is begun, and that is how it ends."""
    recorded(world, write)
    target = write.direction.target
    if death.lost is not None:
        control = world.rackbeat if target is System.RACKBEAT else world.tfso
        for operation in WRITING[target]:
            # A call that may be repeated at once is lost as often as it is.
            control.fault(operation=f"{operation}*", effect=death.lost, times=None)
        work_a_moment(world)
        control.clear_faults()
        return
    if death.point is not None:
        world.engine.reached = kill_at(death.point)
    else:
        die_at_request(world, target, death)
    with pytest.raises(Killed):
        work_a_moment(world)
    world.messages.clear()
    world.engine.reached = pass_by
    client_of(world, target)._http.event_hooks = {}


def work_a_moment(world: World) -> None:
    """An invoice waits that long for what its order is told of."""
    world.work()
    world.clock.pass_by(seconds=3)
    world.work()


def another_process(world: World) -> None:
    """It starts with nothing but what is stored."""
    world.vendors = Vendors(world.configuration, world.sessions, clock=world.clock)
    without_pauses(world.vendors)
    world.engine = replace(world.engine, clients=world.vendors.clients)


def recover(world: World) -> None:
    """Another process goes on when the claims of the dead have ended, and all comes to rest."""
    another_process(world)
    world.clock.pass_by(seconds=A_CLAIM_LATER)
    world.work()
    world.settle()


def recorded(world: World, write: Written) -> None:
    if write.direction.source is System.TFSO:
        world.pull(write.kind)
    world.deliveries_done()


def is_at_rest(world: World) -> bool:
    with world.sessions() as session:
        started = select(func.count()).where(IdempotencyKey.state == "started")
        return world.states() == [] and session.scalar(started) == 0


def links_of(world: World, write: Written, made: Made) -> int:
    from_rackbeat = write.direction.source is System.RACKBEAT
    keys = [li.rackbeat_key if from_rackbeat else li.tfso_key for li in world.links(write.kind)]
    return keys.count(str(made.key))


# -- the matrix ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def furnished(shared_database: str, broker: Valkey) -> Iterator[World]:
    """One world for all: what the writes refer to has been transferred."""
    empty(shared_database)
    empty_broker(broker.url)
    clock = Clock()  # also the vendors', whose changes get older with every test
    with (
        pytest.MonkeyPatch.context() as patch,
        world(
            shared_database,
            broker.url,
            patch,
            rackbeat_config=replace(GENEROUS_RACKBEAT, now=clock),
            tfso_config=replace(GENEROUS_TFSO, now=clock),
            clock=clock,
        ) as made,
    ):
        furnish(made)
        another_process(made)
        yield made


def writes(direction: Direction, death: Death) -> list[Written]:
    """The writes that die so; of several of one kind only the one whose turn it is."""
    able = [w for w in WRITES if w.direction is direction and w.requests >= death.nth]
    if EVERYTHING:
        return able
    if death.request == "request" and death.nth == 1:
        return []  # nothing is stored or sent between this and the key
    by_kind = {w.kind: [each for each in able if each.kind == w.kind] for w in able}
    return [same[DEATHS.index(death) % len(same)] for same in by_kind.values()]


@pytest.mark.parametrize(
    ("direction", "death"),
    [
        pytest.param(direction, death, id=f"{direction}-{death}")
        for direction in Direction
        for death in DEATHS
        if writes(direction, death)
    ],
)
def test_what_is_written_while_processes_die_is_there_once_and_as_it_should_be(
    furnished: World, direction: Direction, death: Death
) -> None:
    let_documents(furnished, direction)
    numbers = {write: next(NUMBERS) for write in writes(direction, death)}
    made = make_all(furnished, numbers, death)
    recover(furnished)
    assert is_at_rest(furnished), furnished.states()
    there = all_in(furnished, direction.target)
    assert {str(w): (len(w.copies(there, m)), links_of(furnished, w, m)) for w, m in made} == {
        str(w): (1, 1) for w, _ in made
    }
    edited = [
        (w, m)
        for place, (w, m) in enumerate(made)
        if w.edit is not None and w.edits >= death.nth
        if EVERYTHING or (place - DEATHS.index(death)) % 5 == 0
    ]
    for write, record in edited:
        assert write.edit is not None
        write.edit(furnished, record, said(numbers[write]))
        work_and_die(furnished, write, death)
    recover(furnished)
    assert is_at_rest(furnished), furnished.states()
    there = all_in(furnished, direction.target)
    assert {str(w): [w.said(c) for c in w.copies(there, m)] for w, m in edited} == {
        str(w): [said(numbers[w])] for w, _ in edited
    }


def make_all(world: World, numbers: dict[Written, int], death: Death) -> list[tuple[Written, Made]]:
    """Make a record of every kind, and die each time it is written."""
    before = {}
    for write, number in numbers.items():
        before[write] = write.prepare(world, number)
        recorded(world, write)
    world.work()
    world.settle()
    made = []
    for write, number in numbers.items():
        made.append((write, write.make(world, number, before[write])))
        work_and_die(world, write, death)
    return made


def said(number: int) -> str:
    """What an edit makes of a name, or of a quantity."""
    return str(70_000 + number)
