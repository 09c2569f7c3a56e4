"""Rows for any table, made up from what the table itself demands.

They serve tables as they were at an earlier revision or in an earlier version, which no class
describes any more.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

from sqlalchemy import CheckConstraint, Column, Connection, Engine, MetaData, Table, insert, inspect

from shared.words import Cause, Direction, FailureClass, Outcome, System
from tasks.kinds import KINDS

Row = dict[str, Any]
VERSIONS_TABLE = "alembic_version"
FEWEST = 4  # rows of a table; so many others can refer to
A_DAY = datetime(2026, 3, 2, 12, tzinfo=UTC)

# Columns whose values mean something, also to a migration.
MEANINGFUL: dict[str, Sequence[Any]] = {
    "kind": tuple(KINDS),
    "blocked_kind": tuple(KINDS),
    "direction": tuple(each.value for each in Direction),
    "cause": tuple(each.value for each in Cause),
    "outcome": tuple(each.value for each in Outcome),
    "failure_class": tuple(each.value for each in FailureClass),
    "system": tuple(each.value for each in System),
    "kinds": (["customer"], ["product", "order"]),
    "notes": ([], ["Rounded by 0.01."]),
    "candidates": ([], ["10023"]),
    "baseline": ([], ["10023", "10024"]),
}


def tables_of(engine: Engine, *, without: Collection[str] = ()) -> MetaData:
    """The tables as they are, without these columns, named as "run.message"."""
    found, inspector = MetaData(), inspect(engine)
    for table in inspector.get_table_names():
        if table != VERSIONS_TABLE:
            names = [each["name"] for each in inspector.get_columns(table)]
            kept = [name for name in names if f"{table}.{name}" not in without]
            Table(table, found, autoload_with=engine, include_columns=kept, resolve_fks=False)
    return found


def fill(connection: Connection, tables: MetaData) -> None:
    """Put rows into every table; all are empty, and their ids begin at 1."""
    for table in tables.sorted_tables:
        for row in rows_of(table):
            connection.execute(insert(table).values(row))


def rows_of(table: Table) -> list[Row]:
    """Every combination of the values a constraint lists, once with nothing that may be left out,
    and once with everything."""
    listed = listed_values(table)
    made = [
        (dict(zip(listed, values, strict=True)), whole)
        for values in product(*listed.values())
        for whole in (False, True)
    ]
    made *= -(-FEWEST // len(made))
    return [_row(table, number, given, whole) for number, (given, whole) in enumerate(made)]


def listed_values(table: Table) -> dict[str, list[str]]:
    """The values of columns that may only have some: state IN ('active', 'paused')."""
    found = {}
    for constraint in table.constraints:
        if isinstance(constraint, CheckConstraint):
            condition = str(constraint.sqltext)
            values = re.findall(r"'([^']*)'", condition)
            named = re.search(r"\w+", condition)
            assert named, condition
            assert values, f"no value is known that fulfils {condition}"
            found[named[0]] = values
    return found


def _row(table: Table, number: int, given: dict[str, str], whole: bool) -> Row:
    return {
        column.name: given[column.name] if column.name in given else _value(column, number)
        for column in table.columns
        if column.identity is None and (whole or not _may_be_left_out(column))
    }


def _may_be_left_out(column: Column[Any]) -> bool:
    return bool(column.nullable) or column.server_default is not None


def _value(column: Column[Any], number: int) -> Any:
    if column.foreign_keys:
        return number % FEWEST + 1
    if column.name in MEANINGFUL:
        values = MEANINGFUL[column.name]
        return values[number % len(values)]
    made: dict[type, Any] = {
        str: f"{column.name} ø{number}",
        int: number,
        bool: bool(number % 2),
        bytes: bytes([number, 0, 255]),
        datetime: A_DAY + timedelta(hours=number),
        object: {"name": f"Fjell {number}", "price": "10.50", "lines": [None, True]},
    }
    return made[column.type.python_type]
