"""Whether the system has recovered, and whether anything was lost or doubled."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from sqlalchemy import func, select, update
from sqlalchemy.exc import OperationalError

from sandbox.demo.compare import Difference, compare
from sandbox.tfso.config import FJELLHEIM
from shared.clock import utc_now
from shared.journal.record import News, record
from shared.tables import Change, Connection, Cursor
from shared.words import Cause, Direction, State
from tests.chaos.plant import SLOTS, Plant
from tests.chaos.traffic import product

ASK_SECONDS = 0.5
CANARY = "KANARI"
UNDER_WAY = (State.PENDING.value, State.RUNNING.value, State.WAITING.value)


@dataclass(frozen=True)
class Finding:
    """What is not as it has to be, once all work is done.

    Attributes:
        lost: records of which the other system does not hold the latest state, and changes that
            have not ended.
        doubled: records that are there more than once.
    """

    lost: Sequence[str]
    doubled: Sequence[str]


def under_way(plant: Plant) -> int:
    """Changes that have not ended."""
    with plant.sessions() as session:
        counted = select(func.count()).select_from(Change).where(Change.state.in_(UNDER_WAY))
        return session.scalar(counted) or 0


@dataclass
class Canary:
    """New work of every sort, of which each part of the system has to do its share."""

    plant: Plant
    group: int
    price: int = 1000

    def __post_init__(self) -> None:
        self.plant.rackbeat.add("products", product(CANARY, self.group, self.price))

    def recovery(self, give_up: float) -> float | None:
        """Seconds until everything does new work again; None where something does not.

        Every worker carries out tasks, its own heartbeat aside; a webhook that is sent now ends
        in 24SevenOffice; and a change of which nobody was told is found by the sweep.
        """
        began = time.monotonic()
        workers = self.plant.worker_processes
        # More than it may have had in hand already.
        enough = {worker.name: self.plant.carried_out(worker) + SLOTS for worker in workers}
        first_price, swept = self.price + 1, None
        while time.monotonic() - began < give_up:
            self._edit()
            swept = swept or self._record_silently()
            if (
                all(self.plant.carried_out(each) > enough[each.name] for each in workers)
                and self._arrived() >= first_price
                and self._is_done(swept)
            ):
                return time.monotonic() - began
            time.sleep(ASK_SECONDS)
        return None

    def _edit(self) -> None:
        self.price += 1
        self.plant.rackbeat.edit("products", CANARY, {"sales_price": self.price})

    def _arrived(self) -> float:
        products = self.plant.tfso.state()[str(FJELLHEIM.client_id)]["products"]
        return max((float(p["Price"]) for p in products if p.get("No") == CANARY), default=0)

    def _record_silently(self) -> int | None:
        """A change no message tells of, of a record that has no other."""
        with suppress(OperationalError), self.plant.sessions.begin() as session:
            connection_id = session.scalars(select(Connection.id)).one()
            news = News(
                "product_group",
                Direction.RACKBEAT_TO_24SO,
                str(self.group),
                Cause.RESYNC,
                forced=True,
            )
            return record(session, connection_id, [news], now=utc_now())[0]
        return None

    def _is_done(self, change_id: int | None) -> bool:
        if change_id is None:
            return False
        with suppress(OperationalError), self.plant.sessions() as session:
            state = session.scalar(select(Change.state).where(Change.id == change_id))
            return state == State.DONE.value
        return False


def pull_now(plant: Plant) -> None:
    """Make every pull due, so that nobody waits for its turn."""
    # A sweep takes several cursors at a time, too, and in another order: one of the two is refused.
    with suppress(OperationalError), plant.sessions.begin() as session:
        session.execute(update(Cursor).values(next_at=utc_now()))


def judge(plant: Plant, give_up: float) -> Finding:
    """Wait until both systems hold the same and nothing is under way; what is wrong if never."""
    deadline = time.monotonic() + give_up
    pull_now(plant)
    while True:
        pending = plant.rackbeat.get("/deliveries")["pending"]
        quiet = not pending and not under_way(plant)
        found = _find(plant)
        if time.monotonic() > deadline or (quiet and not found.lost and not found.doubled):
            return found
        time.sleep(2)


def _find(plant: Plant) -> Finding:
    comparison = compare(plant.tfso.state()[str(FJELLHEIM.client_id)], plant.rackbeat.state())
    doubled = [str(each) for each in comparison.differences if _is_doubled(each)]
    lost = [str(each) for each in comparison.differences if not _is_doubled(each)]
    with plant.sessions() as session:
        open_changes = session.execute(
            select(Change.kind, Change.key, Change.state, Change.message).where(
                Change.state != State.DONE.value
            )
        ).all()
    for kind, key, state, message in open_changes:
        if not (state == State.PARKED.value and key in comparison.left_out):
            lost.append(f"{kind} {key} is {state}: {message}")
    return Finding(lost, doubled)


def _is_doubled(difference: Difference) -> bool:
    return difference.field == "number of records" and max(difference.tfso, difference.rackbeat) > 1
