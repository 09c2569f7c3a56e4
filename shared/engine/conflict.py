"""Two edits of the same record: which is the newer one, and what is given up for it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from shared.engine.emptying import emptied_since
from shared.entity import Entity, Seen, differences
from shared.journal.record import is_record, which_record
from shared.tables import Change
from shared.words import Direction, System


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


def given_up(desired: Entity, current: Entity) -> Seen:
    """The source's values that are not transferred."""
    differing = differences(desired.seen(), current.seen())
    return {name: ours for name, (ours, _theirs) in differing.items()}


def overwritten(current: Entity, after: Seen, known: Seen) -> Seen:
    """The target's values that a write replaces, and what was emptied there since it was known."""
    emptied = emptied_since(known, current)
    return {
        name: theirs
        for name, (theirs, _ours) in differences(current.seen(), after).items()
        if theirs is not None or name in emptied
    }
