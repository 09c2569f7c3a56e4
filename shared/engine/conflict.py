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


def newest_wins(
    session: Session, change: Change, kind: Kind[Any], *, record: Record, existing: Record
) -> System:
    """The system whose edit is newer, of a record and its counterpart; the change's own source
    where that cannot be told.

    24SevenOffice tells when a record was changed, by a clock like ours. Rackbeat's times have no
    zone; what counts is when its webhook told us, which is at once. Asked from either side, the
    answer is the same.
    """
    direction = Direction(change.direction)
    source, target = kind.side(direction.source), kind.side(direction.target)
    ours = source.changed_at(record) or _last_told(session, change, direction, change.key)
    theirs = target.changed_at(existing) or _last_told(
        session, change, direction.reverse, target.key_of(existing)
    )
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
