"""All that is stored: looked through, or deleted."""

from __future__ import annotations

from base64 import b64encode
from functools import cache
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import escape

import redis
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session, sessionmaker

from shared.database import make_engine
from shared.tables import Base


@cache
def engine_of(database_url: str) -> Engine:
    """One engine for all tests of a database: it compiles every statement once."""
    return make_engine(database_url)


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
    """A secret as it is, and as a column of bytes, a message, a header or an address would show it.

    In base64 it looks otherwise behind one or two more letters, such as a user's name; of what
    depends on its neighbours nothing is looked for.
    """
    in_base64 = {b64encode(b"-" * n + secret.encode()).decode() for n in range(3)}
    inner = [form[4:-4] for form in in_base64]
    return secret, secret.encode().hex(), *inner, quote(secret, safe=""), escape(secret)


def empty_broker(url: str) -> None:
    """Delete all that the broker holds: messages, and the counts of calls."""
    with redis.Redis.from_url(url) as client:
        client.flushall()


def empty(database_url: str) -> None:
    """Delete every row, and let ids begin at 1 again."""
    with engine_of(database_url).begin() as connection:
        driver: Any = connection.connection.driver_connection
        driver.execute(_emptying(), prepare=False)  # several statements at once


@cache
def _emptying() -> str:
    # Whoever still holds a row after its test has ended is to be seen, not waited for.
    patience = "SET LOCAL lock_timeout = '10s'"
    # On tables as small as these far quicker than TRUNCATE, which makes new files for each.
    tables = reversed(Base.metadata.sorted_tables)
    deletions = [f'DELETE FROM "{table.name}"' for table in tables]  # noqa: S608
    sequence = "format('%I.%I', schemaname, sequencename)::regclass"
    ids = f"SELECT setval({sequence}, 1, false) FROM pg_sequences"  # noqa: S608
    return ";".join([patience, *deletions, ids])
