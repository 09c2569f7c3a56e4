"""Sessions that do for the product what SQLAlchemy's do, in a fraction of the time.

SQLAlchemy takes many times as long for a statement as SQLite. These take its statements, tables and
objects, and of what its sessions can do only what the product uses: a row becomes one object, and
what is changed on it is written before the next statement and at the commit. That a schedule is the
same with SQLAlchemy's own sessions is tested.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Self

from sqlalchemy.exc import NoResultFound
from sqlalchemy.orm.attributes import instance_state

from tests.simulation.statements import Statement, Table, ready, run, table_of

Which = tuple[Table, tuple[Any, ...]]


class Found(list[Any]):
    """What a statement has found."""

    def all(self) -> list[Any]:
        return self

    def one(self) -> Any:
        (only,) = self
        return only

    def one_or_none(self) -> Any:
        return self.one() if self else None


class Session:
    """One transaction's objects.

    Args:
        at_commit: called before and after every commit with the words that say so.
    """

    def __init__(self, connection: sqlite3.Connection, at_commit: Callable[[str], None]) -> None:
        self._connection = connection
        self._at_commit = at_commit
        # Every object there is, and what is stored of it.
        self._objects: dict[Which, tuple[Any, dict[str, Any]]] = {}
        self._new: list[Any] = []
        self._deleted: list[Which] = []

    # -- asking ---------------------------------------------------------------------------------

    def execute(self, statement: Any, given: Mapping[str, Any] | None = None) -> Found:
        made = ready(statement)
        return Found(made.row(parts) for parts in self._found(made, given))

    def scalars(self, statement: Any, given: Mapping[str, Any] | None = None) -> Found:
        return Found(parts[0] for parts in self._found(ready(statement), given))

    def scalar(self, statement: Any, given: Mapping[str, Any] | None = None) -> Any:
        found = self._found(ready(statement), given)
        return found[0][0] if found else None

    def get(self, entity: Any, key: Any, **_locked: Any) -> Any:
        """Nobody else is in a transaction meanwhile, so that there is nothing to lock."""
        table = table_of(entity)
        which = (table, key if isinstance(key, tuple) else (key,))
        if which not in self._objects:
            self._found(ready(table.by_key), dict(zip(table.keys, which[1], strict=True)))
        return self._objects[which][0] if which in self._objects else None

    def get_one(self, entity: Any, key: Any, **_locked: Any) -> Any:
        found = self.get(entity, key)
        if found is None:
            raise NoResultFound
        return found

    def _found(self, made: Statement, given: Mapping[str, Any] | None) -> list[list[Any]]:
        self.flush()
        self._begin()
        rows = made.run(self._connection, given or {})
        if not made.has_objects:
            return rows
        return [
            [
                values[part.begins]
                if part.table is None
                else self._object(part.table, values[part.begins : part.ends])
                for part in made.parts
            ]
            for values in rows
        ]

    def _object(self, table: Table, values: Sequence[Any]) -> Any:
        """The one object of a row; None where an outer join has found no row."""
        stored = dict(zip(table.columns, values, strict=True))
        key = tuple(stored[name] for name in table.keys)
        if key[0] is None:
            return None
        if (table, key) not in self._objects:
            made = table.new()
            made.__dict__.update(stored)
            self._objects[table, key] = (made, stored)
        return self._objects[table, key][0]

    # -- storing --------------------------------------------------------------------------------

    def add(self, made: Any) -> None:
        self._new.append(made)

    def delete(self, known: Any) -> None:
        self._deleted.append(self._which(known))

    def _which(self, known: Any) -> Which:
        table = table_of(type(known))
        return table, tuple(getattr(known, name) for name in table.keys)

    def flush(self) -> None:
        """Write what has been changed."""
        while self._new:
            self._insert(self._new.pop(0))
        for which, (known, stored) in self._objects.items():
            self._update(which, known, stored)
        while self._deleted:
            table, key = self._deleted.pop()
            del self._objects[table, key]
            self._write(*table.delete(key))

    def _insert(self, made: Any) -> None:
        table = table_of(type(made))
        stored = {name: made.__dict__[name] for name in table.columns if name in made.__dict__}
        written = self._write(*table.insert(stored))
        if table.keys == ["id"]:
            made.id = stored["id"] = written.lastrowid
        self._objects[self._which(made)] = (made, stored)

    def _update(self, which: Which, known: Any, stored: dict[str, Any]) -> None:
        if not instance_state(known).modified:
            return
        table, key = which
        now = known.__dict__
        changed = {
            name: now[name]
            for name in table.columns
            if name in now and now[name] != stored.get(name)
        }
        if changed:
            self._write(*table.update(changed, key))
            stored.update(changed)

    def _write(self, sql: str, values: Sequence[Any]) -> sqlite3.Cursor:
        self._begin()
        return run(self._connection, sql, values)

    # -- the transaction ------------------------------------------------------------------------

    def _begin(self) -> None:
        if not self._connection.in_transaction:
            self._connection.execute("BEGIN")

    def commit(self) -> None:
        self._at_commit("before a commit")
        self.flush()
        if self._connection.in_transaction:
            self._connection.execute("COMMIT")
        self._at_commit("after a commit")

    def close(self) -> None:
        """Forget everything; what is not committed is not stored."""
        self._objects.clear()
        self._new.clear()
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    @contextmanager
    def begin_nested(self) -> Iterator[None]:
        self.flush()
        self._begin()
        self._connection.execute("SAVEPOINT nested")
        try:
            yield
            self._at_commit("before a commit")
            self.flush()
        except BaseException:
            self._connection.execute("ROLLBACK TO nested")
            raise
        finally:
            self._connection.execute("RELEASE nested")
        self._at_commit("after a commit")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Sessions:
    """Makes sessions, as SQLAlchemy's sessionmaker does."""

    def __init__(self, connection: sqlite3.Connection, at_commit: Callable[[str], None]) -> None:
        self._connection = connection
        self._at_commit = at_commit

    def __call__(self) -> Session:
        return Session(self._connection, self._at_commit)

    @contextmanager
    def begin(self) -> Iterator[Session]:
        """A session that is committed in the end."""
        with self() as session:
            yield session
            session.commit()
