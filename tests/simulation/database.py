"""The database of the simulation: in memory for speed, or a real PostgreSQL.

Workers change places only between transactions, so that one connection serves them all; what two
transactions at once do to each other is for the tests on real processes. In memory it is SQLite,
with the same tables and the same unique indexes; the statements are the product's own.
"""

from __future__ import annotations

from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, DateTime, Engine, create_engine, event
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.pool import StaticPool

from shared.database import make_sessions
from shared.tables import Base
from tests.simulation import turns


class Database:
    """Empty tables, and sessions that share one connection.

    Args:
        url: of a PostgreSQL database whose tables are there; in memory where it is not given.
    """

    def __init__(self, url: str | None = None) -> None:
        self._engine = _in_memory() if url is None else _postgres(url)
        self._open = ExitStack()
        self._open.callback(self._engine.dispose)
        if url is None:
            self._open.enter_context(turns.in_use())
        self.sessions = make_sessions(self._engine)
        with self._engine.connect() as connection:
            self._driver: Any = connection.connection.driver_connection
        tables = [table.name for table in reversed(Base.metadata.sorted_tables)]
        self._emptying = "".join(f'DELETE FROM "{name}";' for name in tables)  # noqa: S608
        self._in_memory = url is None

    def empty(self) -> None:
        """Delete every row; ids begin at 1 again in memory, and nowhere matter."""
        if self._in_memory:
            self._driver.executescript(self._emptying)
            return
        self._driver.execute(self._emptying)
        self._driver.commit()

    def in_transaction(self) -> bool:
        """Whether anything is under way that a change of places would mix up."""
        if self._in_memory:
            return bool(self._driver.in_transaction)
        return bool(self._driver.info.transaction_status.name != "IDLE")

    def close(self) -> None:
        self._open.close()


def _postgres(url: str) -> Engine:
    url = url.replace("postgresql://", "postgresql+psycopg://", 1)
    options = {"options": "-c timezone=UTC"}
    return create_engine(url, poolclass=StaticPool, connect_args=options)


def _in_memory() -> Engine:
    engine = create_engine("sqlite://", poolclass=StaticPool)
    engine.dialect.colspecs = {**engine.dialect.colspecs, DateTime: _Moment}

    @event.listens_for(engine, "connect")
    def leave_transactions_to_us(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        connection.execute("PRAGMA foreign_keys = ON")

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN")

    for table in Base.metadata.tables.values():
        for index in table.indexes:
            where = index.dialect_options["postgresql"]["where"]
            index.dialect_options["sqlite"]["where"] = where
    Base.metadata.create_all(engine)
    return engine


class _Moment(sqlite.DATETIME):
    """A time with its zone, which SQLite alone would forget."""

    def bind_processor(self, *_: Any) -> Any:
        return lambda value: value and value.astimezone(UTC).isoformat(timespec="microseconds")

    def result_processor(self, *_: Any) -> Any:
        return lambda value: value and datetime.fromisoformat(value)


@compiles(JSONB, "sqlite")
def _json(_type: Any, _compiler: Any, **_: Any) -> str:
    return "JSON"


@compiles(BigInteger, "sqlite")
def _integer(_type: Any, _compiler: Any, **_: Any) -> str:
    return "INTEGER"
