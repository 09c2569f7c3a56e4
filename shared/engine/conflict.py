"""Which of two edits of the same record is the newer one."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

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
