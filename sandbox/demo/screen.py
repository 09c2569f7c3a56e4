"""What the demo shows while it runs: a live table in a terminal, plain lines anywhere else."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import TracebackType
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from sandbox.demo.rows import Result
from shared.words import System

COLUMNS = ("created", "updated", "unchanged", "other", "under way", "parked")
SHORT = "24SO"
LINE_SECONDS = 5.0  # between two plain lines about the same step

Counts = dict[str, dict[str, int]]
"""What travelled ("product to Rackbeat"), by one of the columns."""


class Progress(StrEnum):
    """How a step stands."""

    TO_DO = "to do"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


MARKS = {
    Progress.TO_DO: "[dim]·[/dim]",
    Progress.RUNNING: "[yellow]…[/yellow]",
    Progress.DONE: "[green]✓[/green]",
    Progress.FAILED: "[red]✗[/red]",
}


@dataclass
class Step:
    """One step, and what is to be said of it."""

    title: str
    progress: Progress = Progress.TO_DO
    detail: str = ""
    began: float = 0.0
    seconds: float | None = None


@dataclass
class Facts:
    """What is known so far.

    Attributes:
        calls: system to "total" and "refused".
        latencies: what was waited for, to seconds.
        rows: what came of one record of every kind and direction.
    """

    counts: Counts = field(default_factory=dict)
    calls: dict[str, dict[str, int]] = field(default_factory=dict)
    latencies: dict[str, float] = field(default_factory=dict)
    rows: list[Result] = field(default_factory=list)


def tally_counts(rows: Any) -> Counts:
    """Rows of the report's tally, in the columns shown."""
    counts: Counts = {}
    for _connection, kind, direction, state, outcome, number in rows:
        target = "Rackbeat" if direction.endswith("rackbeat") else "24SevenOffice"
        of_kind = counts.setdefault(
            f"{kind.replace('_', ' ')} to {target}", dict.fromkeys(COLUMNS, 0)
        )
        if state == "parked":
            column = "parked"
        elif state != "done":
            column = "under way"
        else:
            column = outcome if outcome in COLUMNS else "other"
        of_kind[column] += number
    return counts


def counts_table(counts: Counts) -> Table:
    """What became of the changes."""
    table = Table(title="Changes", title_justify="left", collapse_padding=True)
    table.add_column("what travelled", no_wrap=True)
    for column in COLUMNS:
        table.add_column(column, justify="right")
    for name, numbers in sorted(counts.items()):
        shown = name.replace(System.TFSO.title, SHORT)  # a terminal may have only 80 columns
        table.add_row(shown, *(str(numbers[column] or "") for column in COLUMNS))
    return table


def calls_table(calls: Mapping[str, Mapping[str, int]]) -> Table:
    """How many calls both systems have had."""
    table = Table("system", title="Calls", title_justify="left")
    table.add_column("calls", justify="right")
    table.add_column("refused", justify="right")
    for system, numbers in calls.items():
        table.add_row(system, str(numbers["total"]), str(numbers["refused"]))
    return table


def latencies_table(latencies: Mapping[str, float]) -> Table:
    """How long it took until a change was to be seen on the other side."""
    table = Table("from the edit until it is there", title="Latency", title_justify="left")
    table.add_column("seconds", justify="right")
    for name, seconds in latencies.items():
        table.add_row(name, f"{seconds:.2f}")
    return table


def rows_table(results: list[Result]) -> Table:
    """One record of every kind in each direction."""
    table = Table(title="One record of every row", title_justify="left", collapse_padding=True)
    table.add_column("record", no_wrap=True)
    table.add_column("to", no_wrap=True)
    table.add_column("a person", min_width=9)
    for name in ("source", "target", "became"):
        table.add_column(name, no_wrap=True)
    table.add_column("s", justify="right", no_wrap=True)
    for result in results:
        table.add_row(
            result.row.name,
            result.row.direction.target.title.replace(System.TFSO.title, SHORT),
            Text(result.row.deed, no_wrap=True, overflow="ellipsis"),
            result.source_key,
            result.target_key,
            f"[red]{result.outcome}[/red]" if result.wrong else result.outcome or "…",
            "" if result.seconds is None else f"{result.seconds:.2f}",
        )
    return table


def facts_tables(facts: Facts) -> Group:
    """The tables about which there is something to say."""
    tables: list[RenderableType] = []
    if facts.rows:
        tables.append(rows_table(facts.rows))
    if facts.counts:
        tables.append(counts_table(facts.counts))
    if facts.calls:
        tables.append(calls_table(facts.calls))
    if facts.latencies:
        tables.append(latencies_table(facts.latencies))
    return Group(*tables)


class Screen:
    """Shows the steps and the facts."""

    def __init__(self, console: Console, titles: list[str]) -> None:
        self.console = console
        self.facts = Facts()
        self.steps = [Step(title) for title in titles]
        self._started = time.monotonic()
        self._latest_line = 0.0
        self._live = (
            Live(get_renderable=self.render, console=console, refresh_per_second=4)
            if console.is_terminal
            else None
        )

    def __enter__(self) -> Screen:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._started

    def begin(self, step: Step) -> None:
        step.progress, step.began = Progress.RUNNING, time.monotonic()
        self._line(f"{step.title} ...")

    def tell(self, step: Step, detail: str) -> None:
        """Say how far a step is."""
        is_news, step.detail = detail != step.detail, detail
        if is_news and time.monotonic() - self._latest_line > LINE_SECONDS:
            self._line(f"  {detail}")

    def end(self, step: Step, detail: str, *, good: bool = True) -> None:
        step.progress = Progress.DONE if good else Progress.FAILED
        step.detail = detail
        step.seconds = time.monotonic() - step.began
        self._line(f"  {'done' if good else 'FAILED'} in {step.seconds:.1f} s: {detail}")

    def _line(self, text: str) -> None:
        if self._live is None:
            self._latest_line = time.monotonic()
            self.console.print(
                f"{self.seconds:5.1f} s  {text}", markup=False, highlight=False, soft_wrap=True
            )

    def render(self) -> RenderableType:
        """All that is known at this moment."""
        steps = Table.grid(padding=(0, 1))
        for step in self.steps:
            seconds = "" if step.seconds is None else f"{step.seconds:.1f} s"
            steps.add_row(MARKS[step.progress], step.title, f"[dim]{step.detail}[/dim]", seconds)
        return Group(steps, facts_tables(self.facts))
