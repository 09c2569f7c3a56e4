"""How far bulk jobs are, and how long they will still take."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from shared.config import Configuration
from shared.limits import BULK_SHARE
from shared.runs import DONE, LISTING
from shared.tables import Change, Connection, Run
from shared.words import Direction, State, System


@dataclass(frozen=True)
class Progress:
    """How far one bulk job is.

    Attributes:
        listed: by kind, what was found.
        keys: by kind, the first keys of what was found and somebody may want to look at.
        done, total: how many of its changes have ended or need a person, and how many there are.
        left: an estimate; none where it is done.
    """

    connection: str
    run: int
    cause: str
    state: str
    listed: dict[str, dict[str, int]]
    keys: dict[str, dict[str, list[str]]]
    done: int
    total: int
    left: timedelta | None
    message: str | None

    def __str__(self) -> str:
        state = f"done: {self.total}"
        if self.left is not None:
            # What is not listed yet comes on top.
            about = "at least" if self.state == LISTING else "about"
            state = f"{self.state}: {self.done} of {self.total}, {about} {_told(self.left)} left"
        found = ", ".join(f"{kind} {_numbers(what)}" for kind, what in self.listed.items())
        told = f"{self.connection}: {self.cause} {self.run} {state}. {found}. {self.message or ''}"
        return "\n".join([told.rstrip(), *self._named()])

    def _named(self) -> Iterator[str]:
        for kind, found in self.keys.items():
            for what, keys in found.items():
                more = self.listed[kind][what] - len(keys)
                others = f" and {more} more" if more else ""
                yield f"  {kind} {what.replace('_', ' ')}: {', '.join(keys)}{others}"


def progress(
    session: Session, of: ColumnElement[bool], configuration: Configuration, *, now: datetime
) -> Iterator[Progress]:
    """How far the bulk jobs of some connections are, the oldest first."""
    runs = session.execute(
        select(Run, Connection.slug)
        .join(Connection, Connection.id == Run.connection_id)
        .where(of)
        .order_by(Run.id)
    )
    ended = Change.state.in_([State.DONE.value, State.PARKED.value])
    for run, connection in runs:
        done, total, began = session.execute(
            select(func.count().filter(ended), func.count(), func.min(Change.recorded_at)).where(
                Change.run_id == run.id
            )
        ).one()
        pace = writes_a_minute(Direction(run.direction).target, configuration)
        took = now - (began or now)
        yield Progress(
            connection=connection,
            run=run.id,
            cause=run.cause,
            state=run.state,
            listed=run.listed,
            keys=run.keys,
            done=done,
            total=total,
            left=None if run.state == DONE else time_left(total - done, done, took, pace),
            message=run.message,
        )


def writes_a_minute(target: System, configuration: Configuration) -> float:
    """The most records a minute that bulk work may write with a single call each."""
    calls = (
        configuration.rackbeat_calls_per_minute
        if target is System.RACKBEAT
        else configuration.tfso_calls_per_hour / 60
    )
    return calls * BULK_SHARE


def time_left(left: int, done: int, took: timedelta, writes: float) -> timedelta:
    """How long the rest will take: at the pace so far, and no less than the quota asks for.

    Args:
        took: how long what is done has taken.
        writes: the most records a minute that the target's quota allows.
    """
    by_quota = timedelta(minutes=left / writes)
    by_pace = took * left / done if done else timedelta(0)
    return max(by_quota, by_pace)


def _told(span: timedelta) -> str:
    minutes = -(-int(span.total_seconds()) // 60)
    if minutes <= 1:
        return "a minute"
    hours, rest = divmod(minutes, 60)
    return f"{minutes} minutes" if not hours else f"{hours} h {rest} min"


def _numbers(found: dict[str, Any]) -> str:
    return " and ".join(f"{count} {what.replace('_', ' ')}" for what, count in found.items())
