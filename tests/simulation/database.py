"""The database of the simulation: in memory for speed, or a real PostgreSQL.

Workers change places only between transactions, so that one connection serves them all; what two
transactions at once do to each other is for the tests on real processes. In memory it is SQLite,
with the same tables and the same unique indexes; the statements are the product's own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, DateTime, Engine, Row, Select, create_engine, event
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.pool import StaticPool

from shared.database import make_sessions
from shared.tables import Base
from tests.simulation import turns

# All rows of some tables, by table.
Rows = dict[str, list[tuple[Any, ...]]]


class Database:
    """The tables, and sessions that share one connection.

    Args:
        url: of a PostgreSQL database whose tables are there; in memory where it is not given.

    Attributes:
        in_memory: rows can be taken out and put back.
        at_commit: called before and after every commit with the words that say so.
    """

    def __init__(self, url: str | None = None) -> None:
        self.in_memory = url is None
        self._engine = _in_memory() if url is None else _postgres(url)
        self._open = ExitStack()
        self._open.callback(self._engine.dispose)
        self._connection = self._open.enter_context(self._engine.connect())
        self._driver: Any = self._connection.connection.driver_connection
        if self.in_memory:
            self._open.enter_context(turns.in_use())
        self.at_commit: Callable[[str], None] = nothing_happens
        self.sessions = make_sessions(self._engine)
        # Bound to the connection itself, they do not ask the pool for it at every transaction.
        self.sessions.configure(bind=self._connection)
        event.listen(self.sessions, "before_commit", lambda _: self.at_commit("before a commit"))
        event.listen(self.sessions, "after_commit", lambda _: self.at_commit("after a commit"))
        self._tables = [f'"{table.name}"' for table in Base.metadata.sorted_tables]
        self._emptying = "".join(f"DELETE FROM {name};" for name in reversed(self._tables))  # noqa: S608

    def empty(self) -> None:
        """Delete every row; ids begin at 1 again in memory, and nowhere matter."""
        if self.in_memory:
            self._driver.executescript(self._emptying)
            return
        self._driver.execute(self._emptying)
        self._driver.commit()

    def rows(self) -> Rows:
        """Every row there is; only in memory."""
        tables = {name: self._driver.execute(f"SELECT * FROM {name}") for name in self._tables}  # noqa: S608
        return {name: found for name, rows in tables.items() if (found := rows.fetchall())}

    def put_back(self, rows: Rows) -> None:
        """Let there be these rows and no others; only in memory."""
        self.empty()
        for name, found in rows.items():
            places = ", ".join("?" * len(found[0]))
            self._driver.executemany(f"INSERT INTO {name} VALUES ({places})", found)  # noqa: S608

    def read(self, statement: Select[*tuple[Any, ...]]) -> Sequence[Row[*tuple[Any, ...]]]:
        """What a statement finds, in a transaction of its own, which no fate can touch."""
        with self._connection.begin():
            return self._connection.execute(statement).all()

    def in_transaction(self) -> bool:
        """Whether anything is under way that a change of places would mix up."""
        if self.in_memory:
            return bool(self._driver.in_transaction)
        return bool(self._driver.info.transaction_status.name != "IDLE")

    def close(self) -> None:
        self._open.close()


def nothing_happens(_where: str) -> None:
    """Nobody watches the commits."""


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
        connection.connection.driver_connection.execute("BEGIN")

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
