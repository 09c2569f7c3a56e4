"""What people want to know: what is under way, what is done, what needs them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, select, true
from sqlalchemy.orm import Session

from shared.journal.pauses import current
from shared.tables import Change, Connection, Cursor, WebhookDelivery
from shared.words import State


def of_connection(slug: str | None) -> ColumnElement[bool]:
    """The condition for one connection, or for all."""
    return true() if slug is None else Connection.slug == slug


def tally(session: Session, slug: str | None) -> Sequence[Any]:
    """How many changes there are: connection, kind, direction, state, outcome, number."""
    columns = (
        Connection.slug, Change.kind, Change.direction, Change.state, Change.outcome,
    )  # fmt: skip
    return session.execute(
        select(*columns, func.count())
        .join(Connection, Connection.id == Change.connection_id)
        .where(of_connection(slug))
        .group_by(*columns)
        .order_by(*columns)
    ).all()


def pauses(session: Session, slug: str | None, *, now: datetime) -> Iterator[dict[str, Any]]:
    """Vendors that are left alone: since when, why, and when they are asked again."""
    for connection, pause in session.execute(current(now).where(of_connection(slug))):
        yield {
            "connection": connection,
            "system": pause.system,
            "bulk_only": pause.bulk_only,
            "since": pause.since,
            "failure_class": pause.failure_class,
            "message": pause.message,
            "next_look_at": pause.until,
        }


def failed_pulls(session: Session, slug: str | None) -> Iterator[str]:
    """What could not be pulled the last time, and why."""
    failed = (
        select(Connection.slug, Cursor)
        .join(Connection, Connection.id == Cursor.connection_id)
        .where(of_connection(slug), Cursor.message.is_not(None))
        .order_by(Connection.slug, Cursor.kind)
    )
    for connection, cursor in session.execute(failed):
        yield (
            f"{connection} {cursor.kind}: {cursor.message} Asked again by itself at "
            f"{cursor.next_at:%Y-%m-%d %H:%M:%S} UTC."
        )


def parked(session: Session, slug: str | None, limit: int = 50) -> Iterator[str]:
    """The changes that need a person, the newest first."""
    rows = session.execute(
        select(Connection.slug, Change)
        .join(Connection, Connection.id == Change.connection_id)
        .where(of_connection(slug), Change.state == State.PARKED.value)
        .order_by(Change.id.desc())
        .limit(limit)
    )
    for connection, change in rows:
        what = f"{connection} {change.kind} {change.key} ({change.direction})"
        yield f"{what}, change {change.id}: {change.message}"


def unknown_events(session: Session, slug: str | None) -> Iterator[str]:
    """Webhook events of which it is not known what they are about, with what to do about them."""
    rows = session.execute(
        select(Connection.slug, WebhookDelivery.event, func.count(), func.max(WebhookDelivery.body))
        .join(Connection, Connection.id == WebhookDelivery.connection_id)
        .where(of_connection(slug), WebhookDelivery.recognised.is_(False))
        .group_by(Connection.slug, WebhookDelivery.event)
        .order_by(Connection.slug, WebhookDelivery.event)
    )
    for connection, event, count, body in rows:
        yield (
            f"{connection}: the webhook event '{event}' is not understood ({count} times, for "
            f"example {body}). Where its name is new and it is about one of the kinds, name it in "
            "the setting events. Where its body names no record, the reconciliation finds what it "
            "tells of."
        )
