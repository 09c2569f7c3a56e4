"""Cleaning up: the journal keeps what is done for as long as the configuration says."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import CursorResult, delete
from sqlalchemy.orm import Session

from shared.idempotency import STARTED, UPDATE
from shared.pages import FRESH_FOR
from shared.tables import Change, IdempotencyKey, ListedPage, WebhookDelivery
from shared.words import State


def clean_up(session: Session, *, days: int, now: datetime) -> dict[str, int]:
    """Delete what ended longer ago than that; how many rows of each kind.

    Nothing that still waits, nothing that is parked, and no record's creation is ever forgotten.
    """
    before = now - timedelta(days=days)
    statements = {
        "changes": delete(Change).where(
            Change.state == State.DONE.value, Change.finished_at < before
        ),
        "deliveries": delete(WebhookDelivery).where(WebhookDelivery.received_at < before),
        "updates": delete(IdempotencyKey).where(
            IdempotencyKey.operation == UPDATE,
            IdempotencyKey.state != STARTED,
            IdempotencyKey.started_at < before,
        ),
        "pages": delete(ListedPage).where(ListedPage.read_at < now - FRESH_FOR),
    }
    deleted: dict[str, int] = {}
    for name, statement in statements.items():
        result: CursorResult[Any] = session.execute(statement)  # type: ignore[assignment]
        deleted[name] = result.rowcount
    return deleted
