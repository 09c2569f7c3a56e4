"""The audit trail: who did what."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.report import of_connection
from shared.tables import Audit, Connection


def note(
    session: Session,
    connection_id: int | None,
    action: str,
    *,
    actor: str,
    now: datetime,
    **details: Any,
) -> None:
    """Write down an action; the details never hold a secret."""
    session.add(
        Audit(connection_id=connection_id, at=now, actor=actor, action=action, details=details)
    )


def trail(session: Session, slug: str | None, *, limit: int) -> Iterator[dict[str, Any]]:
    """Who did what, the newest first, with one connection or with all."""
    query = select(Audit, Connection.slug).outerjoin(
        Connection, Connection.id == Audit.connection_id
    )
    newest = query.where(of_connection(slug)).order_by(Audit.id.desc()).limit(limit)
    for done, connection in session.execute(newest):
        yield {
            "at": done.at,
            "connection": connection,
            "actor": done.actor,
            "action": done.action,
            "details": done.details,
        }
