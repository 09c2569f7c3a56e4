"""Looking for what must not be stored, in all that is stored."""

from __future__ import annotations

from base64 import b64encode

from sqlalchemy import text
from sqlalchemy.orm import Session, sessionmaker

from shared.tables import Base


def everything_stored(sessions: sessionmaker[Session]) -> str:
    """Every row of every table, as one text."""
    with sessions() as session:
        rows = [
            row
            for name in Base.metadata.tables
            for row in session.scalars(text(f'SELECT to_jsonb(t)::text FROM "{name}" t'))  # noqa: S608
        ]
    return "\n".join(rows)


def written_as(secret: str) -> tuple[str, ...]:
    """A secret as it is, and as a column or a message of bytes would show it."""
    return secret, secret.encode().hex(), b64encode(secret.encode()).decode().rstrip("=")
