"""What has to be true when everything is at rest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import select

from shared.tables import Change
from shared.words import Direction, State, System
from tests.simulation.fate import Hazard
from tests.simulation.people import Thing
from tests.simulation.vendors import POISON, key_of
from tests.simulation.world import World

# After these, what was written is not known, or not kept: it may rightly be written once more.
REWRITTEN_AFTER = (
    Hazard.DEATH,
    Hazard.FREEZE,
    Hazard.REQUEST_LOST,
    Hazard.REPLY_LOST,
    Hazard.ARRIVES_LATE,
)

ALL = select(Change).order_by(Change.id)


def broken(world: World) -> list[str]:
    """Everything that does not hold; each begins with the invariant's name."""
    with world.database.sessions() as session:
        changes = list(session.scalars(ALL))
    found = [f"I4: written at the same time: {each}" for each in world.calls.overlaps]
    found += _journal(changes)
    parked = {(c.kind, c.direction, c.key) for c in changes if c.state == State.PARKED.value}
    for thing in world.people.things:
        if not _is_unforeseen_twin(world, thing, parked):
            found += _of(world, thing, parked)
    found += _writes(world)
    return found


def _journal(changes: list[Change]) -> Iterator[str]:
    for change in changes:
        what = f"{change.kind} {change.key} {change.direction}: {change.message}"
        if change.state not in (State.DONE.value, State.PARKED.value):
            yield f"I1: still {change.state}: {what}"
        if change.state == State.PARKED.value and not change.message:
            yield f"I6: parked without a reason: {what}"
        if change.failure_class == "bug":
            yield f"I6: a bug: {what}"


def _of(world: World, thing: Thing, parked: set[tuple[str, str, str]]) -> Iterator[str]:
    people = world.people
    for system in System:
        times = len(people.all(thing, system))
        if times > 1:
            yield f"I2: {thing} is {times} records in {system.title}"
    shown = {system: people.shown(thing, system) for system in System}
    if POISON in str(shown) or _needs_poison(world, thing):
        if not parked:
            yield f"I6: {thing} is poisoned, and nothing is parked"
        return
    ours, theirs = shown.values()
    if ours != theirs:
        yield f"I3: {thing} differs: {ours} in Rackbeat, {theirs} in 24SevenOffice"
        return
    for name, value in (ours or {}).items():
        if value not in thing.acceptable[name]:
            yield f"I3: {thing}: {name} is '{value}', not one of {sorted(thing.acceptable[name])}"
    if thing.must_show not in (None, ours):
        yield f"I3: {thing}: the edit that counts is {thing.must_show}, not {ours}"
    if _is_parked(world, thing, parked):
        yield f"I6: {thing} is parked without need"


def _is_unforeseen_twin(world: World, thing: Thing, parked: set[tuple[str, str, str]]) -> bool:
    """Whether a person made its twin between a look for it and its creation, and is told so."""
    unforeseen = any((thing.kind, thing.number) in each.unforeseen for each in world.vendors)
    return unforeseen and len(thing.made_in) > 1 and _is_parked(world, thing, parked)


def _is_parked(world: World, thing: Thing, parked: set[tuple[str, str, str]]) -> bool:
    keys = {
        (thing.kind, Direction.away_from(system).value, key_of(record))
        for system in System
        if (record := world.people.find(thing, system)) is not None
    }
    return bool(keys & parked)


def _needs_poison(world: World, thing: Thing) -> bool:
    """Whether anything it refers to, near or far, is refused."""
    return any(
        POISON in str([world.people.shown(needed, system) for system in System])
        or _needs_poison(world, needed)
        for needed in thing.needs.values()
    )


def _writes(world: World) -> Iterator[str]:
    """One edit, one write, in all and of each thing; more only where it is not known what became
    of one."""
    written = [(vendor.system, each) for vendor in world.vendors for each in vendor.written]
    things = world.people.things
    yield from _too_many("all edits", _most(world, things), [what for _, what in written])
    for thing in things:
        names = {system: _written_as(world, thing, system) for system in System}
        its_own = [what for system, what in written if what.endswith(names[system])]
        yield from _too_many(str(thing), _most(world, [thing]), its_own)


def _most(world: World, things: Sequence[Thing]) -> int:
    """How often they may be written. An order is changed by two calls, one of them for its line:
    where that is refused, both are made again."""
    orders = [thing for thing in things if thing.kind == "order"]
    interrupted = world.rackbeat.interrupted if orders else 0
    # Made by two people at once, a thing may be written both ways before the two are linked.
    twins = [thing for thing in things if len(thing.made_in) > 1]
    edits = sum(thing.actions for thing in (*things, *orders)) + len(twins) + interrupted
    return edits + sum(world.fate.times[hazard] for hazard in REWRITTEN_AFTER)


def _written_as(world: World, thing: Thing, system: System) -> tuple[str, ...]:
    """How a system calls a thing in what it says of a write."""
    if thing.kind != "order" or system is System.TFSO:
        return (f" {thing}",)
    # Rackbeat numbers orders itself, when they are made by their mark.
    keys = [key_of(record) for record in world.people.all(thing, system)]
    return tuple(f" order {name}" for name in (f"24SO {thing.number}", *keys))


def _too_many(whose: str, most: int, written: list[str]) -> Iterator[str]:
    if len(written) > most:
        yield f"I5: {whose} may cause {most} writes, not {len(written)}: {written}"
