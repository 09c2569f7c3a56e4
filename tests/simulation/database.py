"""The database of the simulation: in memory for speed, or a real PostgreSQL.

Workers change places only between transactions, so that one connection serves them all; what two
transactions at once do to each other is for the tests on real processes. In memory it is SQLite,
with the same tables and the same unique indexes; the statements are the product's own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.orm import sessionmaker
from sqlalchemy.pool import StaticPool

from shared.tables import Base
from tests.simulation import turns
from tests.simulation.in_memory import make_tables
from tests.simulation.sessions import Sessions
from tests.simulation.statements import ready

# All rows of some tables, by table.
Rows = dict[str, list[tuple[Any, ...]]]


class Database:
    """The tables, and sessions that share one connection.

    Args:
        url: of a PostgreSQL database whose tables are there; in memory where it is not given.
        in_full: with SQLAlchemy's own sessions also in memory.

    Attributes:
        in_memory: rows can be taken out and put back.
        at_commit: called before and after every commit with the words that say so.
    """

    def __init__(self, url: str | None = None, *, in_full: bool = False) -> None:
        self.in_memory = url is None
        engine = make_tables() if url is None else _postgres(url)
        self._open = ExitStack()
        self._open.callback(engine.dispose)
        self._connection = self._open.enter_context(engine.connect())
        self._driver: Any = self._connection.connection.driver_connection
        self.at_commit: Callable[[str], None] = nothing_happens
        self._known: dict[Any, Sequence[Any]] = {}
        self._known_at = 0
        if self.in_memory:
            self._open.enter_context(turns.in_use())
        if self.in_memory and not in_full:
            self.sessions: Any = Sessions(self._driver, self._commits)
        else:
            # Bound to the connection itself, they do not ask the pool for it at every transaction.
            self.sessions = sessionmaker(self._connection, expire_on_commit=False)
            event.listen(self.sessions, "before_commit", lambda _: self._commits("before a commit"))
            event.listen(self.sessions, "after_commit", lambda _: self._commits("after a commit"))
        self._tables = [f'"{table.name}"' for table in Base.metadata.sorted_tables]
        self._emptying = "".join(f"DELETE FROM {name};" for name in reversed(self._tables))  # noqa: S608

    def _commits(self, where: str) -> None:
        self.at_commit(where)

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

    def read(self, statement: Any) -> Sequence[Any]:
        """What a statement about columns finds, in a transaction of its own, which no fate can
        touch. In memory it is asked anew only when rows have been written since."""
        if not self.in_memory:
            with self._connection.begin():
                return self._connection.execute(statement).all()
        if self._known_at != self._driver.total_changes:
            self._known.clear()
            self._known_at = self._driver.total_changes
        if statement not in self._known:
            made = ready(statement)
            self._known[statement] = [made.row(row) for row in made.run(self._driver, {})]
        return self._known[statement]

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
