"""SQLAlchemy's statements and tables, made ready for SQLite once and then used as they are."""

from __future__ import annotations

import sqlite3
from collections import namedtuple
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from sqlalchemy import BindParameter, bindparam, inspect, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.types import TypeEngine

from tests.simulation.in_memory import DIALECT

Convert = Callable[[Any], Any]

# As SQLite's own adapter does it, on which Python does not want anybody to count any more.
sqlite3.register_adapter(datetime, lambda moment: moment.isoformat(" "))


def run(connection: sqlite3.Connection, sql: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
    """Send something to SQLite; what it objects to is said as SQLAlchemy says it."""
    try:
        return connection.execute(sql, values)
    except sqlite3.IntegrityError as error:
        raise IntegrityError(sql, tuple(values), error) from error


class Part(NamedTuple):
    """A part of a row: an object, or one value.

    Attributes:
        table: the object's; None for a value.
        begins, ends: where it is among the row's values.
    """

    table: Table | None
    begins: int
    ends: int


class Statement:
    """A statement, made ready.

    Attributes:
        parts: what a row is made of.
        row: makes a row of its parts.
    """

    def __init__(self, statement: Any) -> None:
        compiled = statement.compile(dialect=DIALECT)
        self._sql = compiled.string
        # Kept only where it is needed: it would keep the statement, and so itself, for ever.
        self._expands = compiled if compiled.post_compile_params else None
        self._parameters = [_Parameter(compiled.binds[name]) for name in compiled.positiontup]
        columns = compiled._result_columns  # nothing public tells the types
        self._from_sqlite = _converting(column.type for column in columns)
        named = [(column.name, None) for column in columns]
        if statement.is_select:
            named = [(each["name"], each["expr"]) for each in statement.column_descriptions]
        self.row = namedtuple("Row", [name or "" for name, _ in named], rename=True)._make
        self.parts: list[Part] = []
        for _, what in named:
            table = table_of(what) if isinstance(what, type) else None
            begins = self.parts[-1].ends if self.parts else 0
            width = 1 if table is None else len(table.columns)
            self.parts.append(Part(table, begins, begins + width))
        self.has_objects = any(part.table for part in self.parts)

    def run(self, connection: sqlite3.Connection, given: Mapping[str, Any]) -> list[list[Any]]:
        """Send it; the values of every row that is found."""
        if self._expands is not None:
            found = run(connection, *self._expanded(given)).fetchall()
        else:
            values = [parameter.value(given) for parameter in self._parameters]
            found = run(connection, self._sql, values).fetchall()
        return [self._converted(row) for row in found]

    def _expanded(self, given: Mapping[str, Any]) -> tuple[str, list[Any]]:
        """With a parameter for every item of a list."""
        state = self._expands.construct_expanded_state(given)
        values = []
        for name in state.positiontup:
            convert = state.processors.get(name)
            value = state.parameters[name]
            values.append(value if convert is None else convert(value))
        return state.statement, values

    def _converted(self, row: tuple[Any, ...]) -> list[Any]:
        values = list(row)
        for place, convert in self._from_sqlite:
            if values[place] is not None:
                values[place] = convert(values[place])
        return values


_ready: WeakKeyDictionary[Any, Statement] = WeakKeyDictionary()


def ready(statement: Any) -> Statement:
    """The statement made ready: once, however often it is used."""
    found = _ready.get(statement)
    if found is None:
        found = _ready[statement] = Statement(statement)
    return found


class _Parameter:
    """A parameter: given each time, or the same every time."""

    def __init__(self, bind: BindParameter[Any]) -> None:
        self._name = bind.key if bind.required else None
        self._convert = _to_sqlite(bind.type)
        self._same = None if bind.required else self._converted(bind.effective_value)

    def value(self, given: Mapping[str, Any]) -> Any:
        return self._same if self._name is None else self._converted(given[self._name])

    def _converted(self, value: Any) -> Any:
        return value if self._convert is None else self._convert(value)


def _to_sqlite(kind: TypeEngine[Any]) -> Convert | None:
    return kind.dialect_impl(DIALECT).bind_processor(DIALECT)


def _converting(kinds: Iterable[TypeEngine[Any]]) -> list[tuple[int, Convert]]:
    converts = [kind.dialect_impl(DIALECT).result_processor(DIALECT, None) for kind in kinds]
    return [(place, convert) for place, convert in enumerate(converts) if convert is not None]


class Table:
    """The table of a class of objects, whose attributes are called as its columns.

    Attributes:
        keys: the columns of the primary key.
        by_key: asks for one object; the parameters are called as the columns.
        new: makes an object of which nothing is known yet.
    """

    def __init__(self, entity: Any) -> None:
        mapper = inspect(entity)
        self._name = mapper.local_table.name
        self.columns = [column.name for column in mapper.local_table.columns]
        self.keys = [column.name for column in mapper.primary_key]
        self.by_key = select(entity).where(
            *(column == bindparam(column.name) for column in mapper.primary_key)
        )
        self.new: Callable[[], Any] = mapper.class_manager.new_instance
        self._to_sqlite = {c.name: _to_sqlite(c.type) for c in mapper.local_table.columns}
        self._which = " AND ".join(f'"{name}" = ?' for name in self.keys)

    def insert(self, values: Mapping[str, Any]) -> tuple[str, list[Any]]:
        names = ", ".join(f'"{name}"' for name in values)
        places = ", ".join("?" * len(values))
        return f'INSERT INTO "{self._name}" ({names}) VALUES ({places})', self._converted(values)  # noqa: S608

    def update(self, values: Mapping[str, Any], key: Sequence[Any]) -> tuple[str, list[Any]]:
        changes = ", ".join(f'"{name}" = ?' for name in values)
        sql = f'UPDATE "{self._name}" SET {changes} WHERE {self._which}'  # noqa: S608
        return sql, [*self._converted(values), *key]

    def delete(self, key: Sequence[Any]) -> tuple[str, Sequence[Any]]:
        return f'DELETE FROM "{self._name}" WHERE {self._which}', key  # noqa: S608

    def _converted(self, values: Mapping[str, Any]) -> list[Any]:
        converts = [self._to_sqlite[name] for name in values]
        pairs = zip(converts, values.values(), strict=True)
        return [value if convert is None else convert(value) for convert, value in pairs]


@cache
def table_of(entity: Any) -> Table:
    """The table of a class."""
    return Table(entity)
