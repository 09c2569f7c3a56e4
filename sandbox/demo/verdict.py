"""Whether everything is as it has to be, and the report of it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from sandbox.demo.compare import Comparison
from sandbox.demo.rows import Result, created, wrong_rows
from sandbox.demo.screen import Counts, Facts

# What came from 24SevenOffice: what it was seeded with, less the two products Rackbeat cannot
# hold, and the customer, the product and the orders made later; and one record of every row.
CREATED = created() + Counter(
    {
        "product group to Rackbeat": 8,
        "product to Rackbeat": 199,
        "customer to Rackbeat": 61,
        "supplier to Rackbeat": 20,
        "order to Rackbeat": 10,
    }
)


@dataclass(frozen=True)
class Parked:
    """A change that needs a person, and why."""

    kind: str
    key: str
    message: str


@dataclass(frozen=True)
class Ending:
    """All that was found in the end.

    Attributes:
        moved_stock: products whose stock is another one in 24SevenOffice, though nobody touched it.
        misplaced: records in companies that the connection is not about.
        unknown_fields: fields sent to Rackbeat that it does not know.
    """

    facts: Facts
    comparison: Comparison
    parked: Sequence[Parked]
    moved_stock: int
    misplaced: int
    unknown_fields: Collection[str]


def problems_of(ending: Ending) -> list[str]:
    """What is not as it has to be, in sentences."""
    problems = wrong_rows(ending.facts.rows)
    problems += [str(each) for each in ending.comparison.differences]
    problems += _wrong_counts(ending.facts.counts)
    left_out = {("product", key) for key in ending.comparison.left_out}
    parked = {(each.kind, each.key) for each in ending.parked}
    problems += [f"{kind} {key} is parked." for kind, key in sorted(parked - left_out)]
    problems += [f"{kind} {key} is not parked." for kind, key in sorted(left_out - parked)]
    for system, calls in ending.facts.calls.items():
        if calls["refused"]:
            problems.append(f"{system} refused {calls['refused']} calls: its limit was exceeded.")
    if ending.moved_stock:
        problems.append(
            f"24SevenOffice shows another stock of {ending.moved_stock} products, though nobody "
            "counted any."
        )
    if ending.misplaced:
        problems.append(f"{ending.misplaced} records were written into another company.")
    problems += [f"Rackbeat knows no field '{each}'." for each in ending.unknown_fields]
    return problems


def _wrong_counts(counts: Counts) -> list[str]:
    made = {name: numbers["created"] for name, numbers in counts.items() if numbers["created"]}
    names = sorted(made.keys() | CREATED.keys())
    wrong = [
        f"{name}: {made.get(name, 0)} were created, not {CREATED[name]}."
        for name in names
        if made.get(name, 0) != CREATED[name]
    ]
    unfinished = (f"{name}: {n['under way']}" for name, n in counts.items() if n["under way"])
    return wrong + [f"Still under way: {each}." for each in unfinished]


def as_json(ending: Ending | None, problems: Sequence[str], steps: Mapping[str, float | None],
            seconds: float) -> dict[str, Any]:  # fmt: skip
    """The report for machines; times in seconds."""
    report: dict[str, Any] = {"good": not problems, "seconds": round(seconds, 1)}
    report["steps"] = {name: None if took is None else round(took, 1)
                       for name, took in steps.items()}  # fmt: skip
    report["problems"] = list(problems)
    if ending is not None:
        report |= {
            "changes": ending.facts.counts,
            "calls": ending.facts.calls,
            "latencies": {n: round(s, 3) for n, s in ending.facts.latencies.items()},
            "rows": [_row_as_json(result) for result in ending.facts.rows],
            "parked": [asdict(each) for each in ending.parked],
            "compared": dict(ending.comparison.compared),
            "differences": [asdict(each) for each in ending.comparison.differences],
        }
    return report


def _row_as_json(result: Result) -> dict[str, Any]:
    row = result.row
    return {
        "name": row.name,
        "direction": row.direction.value,
        "deed": row.deed,
        "source_key": result.source_key,
        "target_key": result.target_key,
        "outcome": result.outcome,
        "seconds": None if result.seconds is None else round(result.seconds, 3),
        "wrong": result.wrong,
    }


def write_report(report: Mapping[str, Any], path: Path) -> None:
    """Write the report, replacing an older one."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(report, default=str, ensure_ascii=False, indent=2) + "\n")


def print_ending(
    console: Console, ending: Ending | None, problems: Sequence[str], seconds: float
) -> None:
    """The report for people, below the tables."""
    if ending is not None:
        compared = ", ".join(
            f"{n} {kind.replace('_', ' ')}s" for kind, n in ending.comparison.compared.items()
        )
        console.print(f"\nCompared field by field: {compared}.", highlight=False, soft_wrap=True)
        console.print("Parked, because a person has to decide:")
        for each in ending.parked:
            console.print(Text(f"  {each.kind} {each.key}: {each.message}"), soft_wrap=True)
    if problems:
        console.print(f"\n[red]{len(problems)} things are not as they have to be:[/red]")
        for problem in problems:
            console.print(Text(f"  {problem}"), soft_wrap=True)
    else:
        console.print(f"\n[green]Everything is as it has to be[/green], after {seconds:.0f} s.")
