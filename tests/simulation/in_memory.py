"""The tables in SQLite, in memory."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, DateTime, Engine, create_engine, event
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.pool import StaticPool

from shared.tables import Base


class _Moment(sqlite.DATETIME):
    """A time with its zone, which SQLite alone would forget."""

    def bind_processor(self, *_: Any) -> Any:
        return lambda value: value and value.astimezone(UTC).isoformat(timespec="microseconds")

    def result_processor(self, *_: Any) -> Any:
        return lambda value: value and datetime.fromisoformat(value)


DIALECT = sqlite.dialect()
DIALECT.colspecs = {**DIALECT.colspecs, DateTime: _Moment}


def make_tables() -> Engine:
    """An engine with one connection, which has the tables."""
    engine = create_engine(
        "sqlite://", poolclass=StaticPool, connect_args={"cached_statements": 1000}
    )
    engine.dialect.colspecs = DIALECT.colspecs

    @event.listens_for(engine, "connect")
    def leave_transactions_to_us(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        connection.execute("PRAGMA foreign_keys = ON")
        connection.create_function("jsonb_extract_path_text", 2, _field, deterministic=True)
        # Of transactions there is one at a time.
        connection.create_function("hashtext", 1, hash)
        connection.create_function("pg_advisory_xact_lock", 2, lambda *_which: None)

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        connection.connection.driver_connection.execute("BEGIN")

    for table in Base.metadata.tables.values():
        for index in table.indexes:
            where = index.dialect_options["postgresql"]["where"]
            index.dialect_options["sqlite"]["where"] = where
    Base.metadata.create_all(engine)
    return engine


def _field(record: str | None, name: str) -> Any:
    """PostgreSQL's function of that name, of one level."""
    return json.loads(record or "{}").get(name)


@compiles(JSONB, "sqlite")
def _json(_type: Any, _compiler: Any, **_: Any) -> str:
    return "JSON"


@compiles(BigInteger, "sqlite")
def _integer(_type: Any, _compiler: Any, **_: Any) -> str:
    return "INTEGER"
