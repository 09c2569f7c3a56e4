"""What a schedule begins with: nothing, or a few records that both systems already agree on."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime
from weakref import WeakKeyDictionary

from shared.kind import Record
from shared.words import Origin
from tests.simulation.database import Database, Rows
from tests.simulation.fate import Fate
from tests.simulation.people import Thing
from tests.simulation.world import World

Records = dict[str, dict[str, Record]]


@dataclass(frozen=True)
class Beginning:
    """A world at rest. What is in the tables comes from the engine itself."""

    connection_id: int
    now: datetime
    rackbeat: Records
    tfso: Records
    ids: int
    things: list[Thing]
    edits: int
    rows: Rows

    def take_over(self, world: World) -> None:
        """Let a world be as this one; its tables are already."""
        world.connection_id = self.connection_id
        world.fate.now = self.now
        world.rackbeat.records = deepcopy(self.rackbeat)
        world.tfso.records = deepcopy(self.tfso)
        world.tfso.ids = self.ids
        world.people.things = deepcopy(self.things)
        world.people.edits = self.edits


_kept: WeakKeyDictionary[Database, dict[bool, Beginning]] = WeakKeyDictionary()


def begin(database: Database, *, linked: bool) -> Beginning:
    """Bring the tables to a beginning; made once, and put back wherever the database lets us.

    Args:
        linked: there are a product, its group, a customer and an order, in both systems.
    """
    kept = _kept.setdefault(database, {})
    if linked in kept:
        database.put_back(kept[linked].rows)
        return kept[linked]
    database.empty()
    beginning = _made(database, linked)
    if database.in_memory:
        kept[linked] = beginning
    return beginning


def _made(database: Database, linked: bool) -> Beginning:
    world = World(database, Fate(0))
    world.connect()
    if linked:
        world.choose(Origin.BOTH, "newest")
        world.people.make_the_first()
        world.come_to_rest()
        world.people.make_an_order()
        world.come_to_rest()
        for thing in world.people.things:
            thing.actions = 0  # what they wrote is not counted, either
    return Beginning(
        world.connection_id,
        world.fate.now,
        world.rackbeat.records,
        world.tfso.records,
        world.tfso.ids,
        world.people.things,
        world.people.edits,
        database.rows() if database.in_memory else {},
    )
