"""Whether a record is to be transferred at all."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from shared.baseline import is_old
from shared.kind import Kind, Record
from shared.settings import Settings
from shared.tables import Change, Connection, Cursor
from shared.words import Cause, Direction, Origin, System


def not_wanted(change: Change, kind: Kind[Any], settings: Settings) -> str | None:
    """Why a change does not travel in its direction; None where it does."""
    direction = Direction(change.direction)
    if direction not in kind.directions:
        return f"{kind.title} is never transferred in this direction."
    reason = against_the_origin(kind, direction, settings)
    brought_along = change.cause in (Cause.DEPENDENCY, Cause.INITIAL)
    if brought_along and settings.of(kind.name).origin is not Origin.OFF:
        return None
    return reason


def against_the_origin(kind: Kind[Any], direction: Direction, settings: Settings) -> str | None:
    """Why a kind does not travel in a direction by its setting; None where it does."""
    part = settings.of(kind.name)
    if part.lets(direction):
        return None
    return (
        f"The setting {kind.name}.origin is '{part.origin}': {kind.title} is not transferred from "
        f"{direction.source.title} to {direction.target.title}."
    )


def left_alone(session: Session, change: Change, kind: Kind[Any], record: Record) -> str | None:
    """Why a record that is not linked is left where it is: a document from before the connection.

    None where it is none, or was asked for by its key, or another record needs it.
    """
    source = Direction(change.direction).source
    asked_for = change.forced and change.run_id is None
    if source not in kind.leaves_old or asked_for or change.cause == Cause.DEPENDENCY:
        return None
    connection = session.get_one(Connection, change.connection_id)
    cursor = session.get(Cursor, (connection.id, kind.name)) or Cursor()
    if not is_old(
        cursor.baseline_of(source),
        change.key,
        in_order=source is System.RACKBEAT,
        existed_by=kind.side(source).existed_by(record),
        began=connection.created_at,
    ):
        return None
    return (
        f"It was in {source.title} before this connection, and may have been transferred by other "
        f"means. To transfer it now: `varebro sync resync {connection.slug} {kind.name} "
        f"{change.key} --from {source.value}`."
    )
