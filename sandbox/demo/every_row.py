"""Goes through every row: changes settings, lets people do their deeds, looks at what arrives."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import httpx
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from sandbox.demo.people import UNWANTED_EVENT, People
from sandbox.demo.rows import Phase, Result, Row
from shared.tables import Change, WebhookDelivery
from shared.words import Outcome, State, System

NOT_SENT = "not sent"
# What a draft, or a second look at an unchanged record, comes to: not what a row is about.
BESIDES = (Outcome.SKIPPED.value, Outcome.UNCHANGED.value, Outcome.SUPERSEDED.value)
Json = dict[str, Any]


@dataclass
class EveryRow:
    """All rows on a started system.

    Attributes:
        results: what came of the rows, as shown and reported; grows.
        settings_url: where a person's program changes the connection's settings.
        wait: waits for something to be there, or says what is missing.
    """

    people: People
    sessions: sessionmaker[Session]
    results: list[Result]
    settings_url: str
    token: str
    clock: Callable[[], datetime]
    wait: Callable[[Callable[[], Any], float, str], Any]

    def go_through(self, phase: Phase, seconds: float) -> None:
        """Change the settings in flight, then do and await all rows.

        Raises:
            Stuck: one of them has not arrived in that time.
        """
        answer = httpx.patch(
            self.settings_url,
            json=dict(phase.settings),
            headers={"Authorization": f"Bearer {self.token}"},
            trust_env=False,
        )
        answer.raise_for_status()
        begun = [self._begin(row) for row in phase.rows]

        def all_there() -> bool:
            with self.sessions() as session:
                for result, since in begun:
                    if not result.outcome:
                        _look(session, result, since)
            return all(result.outcome for result, _ in begun)

        self.wait(all_there, seconds, "not every row has arrived")
        states = {System.RACKBEAT: self.people.rackbeat.state(), System.TFSO: self.people.client()}
        for result, _ in begun:
            result.wrong = wrong(result, states[result.row.direction.target])

    def _begin(self, row: Row) -> tuple[Result, datetime]:
        since = self.clock()
        result = Result(row, row.do(self.people))
        self.people.made[row.title] = result.source_key
        self.results.append(result)
        return result, since


def _look(session: Session, result: Result, since: datetime) -> None:
    """Note what has come of a row, if anything has."""
    row = result.row
    changes = select(Change).where(Change.key == result.source_key, Change.recorded_at >= since)
    if row.outcome is None:
        # Whoever sends nothing can only be seen to have been told, and to have no change.
        told = WebhookDelivery.event == UNWANTED_EVENT
        if session.scalar(select(WebhookDelivery.id).where(told)) is not None:
            sent = session.scalars(changes).first()
            result.outcome = NOT_SENT if sent is None else f"recorded as {sent.kind}"
        return
    of_row = changes.where(Change.kind == row.kind, Change.direction == row.direction.value)
    for change in session.scalars(of_row.order_by(Change.id)):
        if change.state == State.PARKED.value:
            result.outcome, result.wrong = State.PARKED.value, change.message or ""
        elif change.state == State.DONE.value and change.outcome not in BESIDES:
            result.outcome, result.target_key = str(change.outcome), change.target_key
            if change.finished_at is not None:
                result.seconds = (change.finished_at - since).total_seconds()
            return


def wrong(result: Result, target: Mapping[str, Any]) -> str:
    """What is not as it has to be: what became of the record, or what is seen of it.

    Args:
        target: the target's records by kind.
    """
    row = result.row
    wanted = NOT_SENT if row.outcome is None else row.outcome.value
    if result.outcome != wanted:
        return f"it is {result.outcome} instead of {wanted}. {result.wrong}".rstrip()
    if row.outcome is None:
        return ""
    record = _record(target[row.target], result.target_key)
    if record is None:
        return f"there is no {row.target} {result.target_key} in {row.direction.target.title}."
    seen = {path: _at(record, path) for path in row.shown}
    differing = [
        f"{path} is {seen[path]!r} instead of {value!r}"
        for path, value in row.shown.items()
        if not _same(seen[path], value)
    ]
    return "; ".join(differing)


def _record(records: Iterable[Json], key: str | None) -> Json | None:
    names = ("number", "OrderId", "Id")
    for record in records:
        if str(next(record[name] for name in names if name in record)) == key:
            return record
    return None


def _at(record: Any, path: str) -> Any:
    """What stands in a record at a path such as "lines.0.quantity"."""
    for part in path.split("."):
        if isinstance(record, list):
            record = record[int(part)] if int(part) < len(record) else None
        else:
            record = (record or {}).get(part)
    return record


def _same(found: Any, wanted: Any) -> bool:
    """Whether two values are the same, amounts in whatever spelling."""
    if found == wanted:
        return True
    try:
        return Decimal(str(found)) == Decimal(str(wanted))
    except InvalidOperation:
        return False
