"""The audit trail: who did what."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from shared.tables import Audit


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
