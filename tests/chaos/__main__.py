"""Break everything that can break, one after the other, and see what is lost: `make chaos`.

The system runs as real processes of this machine. Each fault strikes while people work at both
vendors, some also in the middle of an initial sync. Afterwards every part has to do new work within
a minute, without anybody's help, and both vendors have to hold the same.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from sandbox.demo.interrupt import interruptible
from sandbox.stack import DidNotStart, wait_until
from sandbox.tfso.config import FJELLHEIM
from tests.chaos.check import ASK_SECONDS, Canary, Finding, judge, pull_now, under_way
from tests.chaos.faults import FAULTS, Fault
from tests.chaos.plant import CHECKOUT, SLUG, Plant, plant
from tests.chaos.traffic import Traffic

REPORT = CHECKOUT / ".local" / "chaos.json"
RECOVERED_WITHIN = 60.0
GIVE_UP_SECONDS = 90.0
AT_REST_WITHIN = 180.0
# A fault strikes when so many changes have not ended, or after so many seconds.
ENOUGH_IN_FLIGHT, DENSE_WITHIN = 24, 15.0
# Calls that take as long as real ones, or longer, so that faults strike in the middle of them.
SLOW_SYNC, SLOW_TRAFFIC = 0.6, 0.15
MIXED, SYNC = "mixed traffic", "initial sync"
console = Console()


@dataclass(frozen=True)
class Outcome:
    """One row of the table."""

    fault: str
    during: str
    times: int
    in_flight: int
    lost: Sequence[str]
    doubled: Sequence[str]
    recovered: float | None

    @property
    def is_good(self) -> bool:
        in_time = self.recovered is not None and self.recovered <= RECOVERED_WITHIN
        return in_time and not self.lost and not self.doubled


@dataclass(frozen=True)
class _Struck:
    """A fault that has happened; what was lost is not known yet."""

    fault: Fault
    during: str
    in_flight: int
    recovered: float | None

    def judged(self, found: Finding) -> Outcome:
        return Outcome(
            self.fault.name,
            self.during,
            self.fault.times,
            self.in_flight,
            found.lost,
            found.doubled,
            self.recovered,
        )


def strike(plant: Plant, canary: Canary, fault: Fault, during: str) -> _Struck:
    """Let a fault happen, and wait until everything works again."""
    in_flight = under_way(plant)
    console.print(f"{fault.name}, in the middle of {during}: {in_flight} changes in flight")
    fault.happen(plant)
    recovered = canary.recovery(GIVE_UP_SECONDS)
    console.print(f"  new work everywhere after {_seconds(recovered)} s")
    return _Struck(fault, during, in_flight, recovered)


def _seconds(recovered: float | None) -> str:
    return "never" if recovered is None else f"{recovered:.1f}"


def in_sync(
    plant: Plant, traffic: Traffic, canary: Canary, faults: Sequence[Fault]
) -> list[Outcome]:
    """Faults in the middle of the one initial sync; what was lost shows when it has ended."""
    struck = []
    wait_until_dense(plant)
    for fault in faults:
        with traffic.flowing():
            struck.append(strike(plant, canary, fault, SYNC))
    slow_down(plant, SLOW_TRAFFIC)
    found = judge(plant, AT_REST_WITHIN)
    console.print(f"  {len(found.lost)} lost, {len(found.doubled)} doubled")
    return [each.judged(found) for each in struck]


def in_traffic(plant: Plant, traffic: Traffic, canary: Canary, fault: Fault) -> Outcome:
    """A fault in the middle of what people do at both vendors."""
    traffic.burst()
    with traffic.flowing():
        pull_now(plant)
        wait_until_dense(plant)
        struck = strike(plant, canary, fault, MIXED)
    found = judge(plant, AT_REST_WITHIN)
    console.print(f"  {len(found.lost)} lost, {len(found.doubled)} doubled")
    return struck.judged(found)


def wait_until_dense(plant: Plant) -> None:
    """Wait until so much is under way that a fault strikes in the middle of it."""
    with suppress(DidNotStart):  # then in the middle of what there is
        wait_until(lambda: under_way(plant) >= ENOUGH_IN_FLIGHT, DENSE_WITHIN, "too few changes")


def slow_down(plant: Plant, seconds: float) -> None:
    """Let every call to a vendor take so long."""
    for vendor in (plant.rackbeat, plant.tfso):
        vendor.clear_faults()
        vendor.fault(operation="*", effect="slow", delay=seconds, times=None)


def begin_sync(plant: Plant) -> int:
    """Begin the initial sync; the number of a product group that has arrived."""
    slow_down(plant, SLOW_SYNC)
    plant.run("sync", "initial", SLUG)
    known = {each["Id"] for each in plant.tfso.state()[str(FJELLHEIM.client_id)]["categories"]}

    def arrived() -> list[int]:
        groups = plant.rackbeat.state()["product_groups"]
        return [each["number"] for each in groups if each["number"] in known]

    deadline = time.monotonic() + AT_REST_WITHIN
    while not (found := arrived()):
        if time.monotonic() > deadline:
            raise DidNotStart("The initial sync transfers nothing.")
        time.sleep(ASK_SECONDS)
    return found[0]


def run(faults: Sequence[Fault], workers: int) -> list[Outcome]:
    """Let all faults happen; how each of them ended."""
    with plant(workers) as made:
        group = begin_sync(made)
        traffic, canary = Traffic(made, group), Canary(made, group)
        outcomes = in_sync(made, traffic, canary, [each for each in faults if each.in_sync])
        outcomes += [in_traffic(made, traffic, canary, each) for each in faults]
        console.print(f"{traffic.made} edits, {made.restarts} processes started again")
    return outcomes


def show(outcomes: Sequence[Outcome]) -> None:
    """The table, and below it what is wrong."""
    table = Table(
        "fault", "in the middle of", "times", "in flight", "lost", "doubled", "recovered s"
    )
    for each in outcomes:
        table.add_row(
            each.fault,
            each.during,
            str(each.times),
            str(each.in_flight),
            str(len(each.lost)),
            str(len(each.doubled)),
            _seconds(each.recovered),
            style=None if each.is_good else "red",
        )
    console.print(table)
    for each in outcomes:
        for problem in (*each.lost, *each.doubled):
            console.print(f"{each.fault}: {problem}", markup=False, highlight=False)


def main(
    only: Annotated[str, typer.Option(help="Faults with this in their names")] = "",
    workers: Annotated[int, typer.Option(help="Worker processes")] = 2,
) -> None:
    """Break what can break, and see what is lost."""
    began = time.monotonic()
    with interruptible():  # whatever ends this ends what it has started
        outcomes = run([each for each in FAULTS if only in each.name], workers)
    show(outcomes)
    report = {
        "good": all(each.is_good for each in outcomes),
        "seconds": round(time.monotonic() - began),
        "faults": [asdict(each) for each in outcomes],
    }
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n")
    sys.exit(0 if report["good"] else 1)


if __name__ == "__main__":
    typer.run(main)
