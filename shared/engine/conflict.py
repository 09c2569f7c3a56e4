"""Two edits of the same record: which is the newer one, and what is given up for it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from shared.engine.emptying import emptied_since
from shared.engine.writing import Result
from shared.entity import Entity, Seen, differences
from shared.journal.record import is_record, which_record
from shared.kind import Kind, Note, Record
from shared.links import counterpart, seen
from shared.tables import Change, Link
from shared.words import Direction, Outcome, System


def winner(
    session: Session,
    change: Change,
    kind: Kind[Any],
    by_setting: System | None,
    *,
    record: Record,
    existing: Record,
) -> System:
    """The system whose edit counts, of a record and its counterpart."""
    if by_setting is not None:
        return by_setting
    direction = Direction(change.direction)
    source, target = kind.side(direction.source), kind.side(direction.target)
    return newest_wins(
        session,
        change,
        source_changed_at=source.changed_at(record),
        target_key=target.key_of(existing),
        target_changed_at=target.changed_at(existing),
    )


def newest_wins(
    session: Session,
    change: Change,
    *,
    source_changed_at: datetime | None,
    target_key: str,
    target_changed_at: datetime | None,
) -> System:
    """The system whose edit is newer; the change's own source where that cannot be told.

    24SevenOffice tells when a record was changed, by a clock like ours. Rackbeat's times have no
    zone; what counts is when its webhook told us, which is at once. Asked from either side, the
    answer is the same.
    """
    direction = Direction(change.direction)
    ours = source_changed_at or _last_told(session, change, direction, change.key)
    theirs = target_changed_at or _last_told(session, change, direction.reverse, target_key)
    if theirs is not None and (ours is None or theirs > ours):
        return direction.target
    return direction.source


def _last_told(session: Session, change: Change, direction: Direction, key: str) -> datetime | None:
    which = which_record(change.connection_id, change.kind, direction.value, key)
    return session.scalar(_LAST_TOLD, which)


_LAST_TOLD = select(func.max(Change.recorded_at)).where(is_record())


def lost(desired: Entity, current: Entity, link: Link, direction: Direction, note: Note) -> Result:
    """The source's edit is given up for that of the target, which travels the other way. The values
    that are not transferred are kept in the journal."""
    differing = differences(desired.seen(), current.seen())
    given_up = {name: ours for name, (ours, _theirs) in differing.items()}
    source, target = direction.source.title, direction.target.title
    note(f"Values in {source} that were given up: {given_up}")
    return Result(
        Outcome.SKIPPED,
        counterpart(link, direction.source),
        message=f"Edited in both systems; the edit in {target} counts and is brought to {source}.",
        source_seen=seen(link, direction.source),
        target_seen=seen(link, direction.target),
        reverse=True,
    )


def overwritten(current: Entity, after: Seen, known: Seen) -> Seen:
    """The target's values that a write replaces, and what was emptied there since it was known."""
    emptied = emptied_since(known, current)
    return {
        name: theirs
        for name, (theirs, _ours) in differences(current.seen(), after).items()
        if theirs is not None or name in emptied
    }
