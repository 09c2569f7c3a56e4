"""During an upgrade, processes of two versions share messages and tables.

What the version before this one counts on is in version_before.json. What is new is added in one
version; only the next one may count on it, and take away the old.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr
from sqlalchemy import (
    Engine,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
    delete,
    false,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from sandbox.servers import Postgres
from shared.config import Configuration
from shared.database import make_engine
from shared.journal.record import WakeUp
from shared.migrate import migrate
from shared.queues import Queue
from shared.sweep import Due
from tasks.kinds import KINDS
from tests.harness.samples import fill, listed_values, rows_of, tables_of
from tests.harness.version import BEFORE, own_tasks
from workers import tasks
from workers.celery_app import make_celery
from workers.messages import CHANGE_HEADER, enqueue

Json = dict[str, Any]
VERSION: Json = json.loads(BEFORE.read_text())
# Columns that the version before has but does not use, so that this one may drop them.
UNUSED: frozenset[str] = frozenset()
# Tasks it drops, as it does not know them. The sweep sends them again, until a new worker has one.
SENT_AGAIN = {"varebro.probe"}


# -- messages -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", VERSION["tasks"])
def test_a_message_of_the_version_before_is_understood(name: str) -> None:
    arguments = VERSION["tasks"][name]
    signature = own_tasks()[name]
    signature.bind(**dict.fromkeys(arguments["needs"]))
    signature.bind(**dict.fromkeys(arguments["needs"] + arguments["takes"]))


def test_queues_and_header_are_still_those_of_the_version_before() -> None:
    assert set(VERSION["queues"]) <= {queue.value for queue in Queue}
    assert VERSION["change_header"] == CHANGE_HEADER


@dataclass
class Outbox:
    """Takes messages as Celery would."""

    sent: list[tuple[str, Json, str]] = field(default_factory=list)

    def send_task(self, name: str, *, kwargs: Json, queue: str, **_: Any) -> None:
        self.sent.append((name, kwargs, queue))


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Json, str]]:
    """Every message that this version's processes send each other."""
    outbox: Any = Outbox()
    due = Due([], pulls=[("fjell", "customer")], runs=[1], probes=[("fjell", "24so")])
    monkeypatch.setattr(tasks, "the_engine", lambda: None)
    monkeypatch.setattr(tasks, "sweep", lambda _engine: due)
    tasks._sweep(SimpleNamespace(app=outbox))  # type: ignore[arg-type]
    every = [(kind.name, way.value) for kind in KINDS.values() for way in kind.directions]
    enqueue(outbox, [WakeUp(1, "fjell", kind, way, "1045", False) for kind, way in every])
    enqueue(outbox, [WakeUp(2, "fjell", kind, way, "1045", True) for kind, way in every])
    secret = SecretStr(Fernet.generate_key().decode())
    config = Configuration(
        database_url=SecretStr("postgresql://localhost/none"),
        broker_url=SecretStr("redis://localhost/0"),
        secret_keys=(secret,),
    )
    for entry in make_celery(config).conf.beat_schedule.values():
        outbox.send_task(entry["task"], kwargs={}, queue=entry["options"]["queue"])
    found: list[tuple[str, Json, str]] = outbox.sent
    return found


def test_the_version_before_understands_the_messages_of_this_one(
    sent: list[tuple[str, Json, str]],
) -> None:
    assert len(sent) > 2 * len(KINDS)
    for name, given, queue in sent:
        assert queue in VERSION["queues"], name
        if name in SENT_AGAIN:
            continue
        assert name in VERSION["tasks"], f"a worker of the version before drops {name}"
        arguments = VERSION["tasks"][name]
        assert set(arguments["needs"]) <= given.keys(), name
        assert given.keys() <= {*arguments["needs"], *arguments["takes"]}, name


# -- tables -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Tables:
    """The tables as the version before knows them and as they are, in one database."""

    engine: Engine
    before: MetaData
    now: MetaData

    def pairs(self) -> Iterator[tuple[Table, Table]]:
        for before in self.before.sorted_tables:
            assert before.name in self.now.tables, f"the table {before.name} is gone"
            yield before, self.now.tables[before.name]


@pytest.fixture(scope="module")
def tables(postgres: Postgres) -> Iterator[Tables]:
    engine = make_engine(postgres.create_database("version_before"))
    migrate(engine, VERSION["revision"])
    before = tables_of(engine, without=UNUSED)
    migrate(engine)
    yield Tables(engine, before, tables_of(engine))
    engine.dispose()


Unique = tuple[tuple[str, ...], str]


def uniques(table: Table) -> set[Unique]:
    """The columns, and the condition, of everything that allows a value once."""
    found: set[Unique] = set()
    for constraint in table.constraints:
        if isinstance(constraint, PrimaryKeyConstraint | UniqueConstraint):
            found.add((tuple(column.name for column in constraint.columns), ""))
    for index in table.indexes:
        if index.unique:
            where = index.dialect_options["postgresql"]["where"]
            columns = tuple(column.name for column in index.columns)
            found.add((columns, "" if where is None else str(where)))
    return found


def references(table: Table) -> set[tuple[str, str]]:
    return {(key.parent.name, key.target_fullname) for key in table.foreign_keys}


def test_every_statement_of_the_version_before_works_on_the_tables_of_this_one(
    tables: Tables,
) -> None:
    with tables.engine.connect() as connection:
        fill(connection, tables.before)
        for table in tables.before.sorted_tables:
            rows = rows_of(table)
            assert len(connection.execute(select(table)).all()) == len(rows)
            connection.execute(update(table).values({name: table.c[name] for name in rows[-1]}))
            for columns, where in uniques(table):
                nothing = select(*(table.c[name] for name in rows[-1])).where(false())
                connection.execute(
                    insert(table)
                    .from_select(list(rows[-1]), nothing)
                    .on_conflict_do_nothing(
                        index_elements=columns, index_where=text(where) if where else None
                    )
                )
        for table in reversed(tables.before.sorted_tables):
            connection.execute(delete(table))
        connection.rollback()


def test_columns_of_the_version_before_hold_what_they_held_and_no_less(tables: Tables) -> None:
    for before, now in tables.pairs():
        types = {column.name: str(column.type) for column in before.columns}
        assert types == {name: str(now.c[name].type) for name in types}
        allowed = listed_values(now)
        for name, values in listed_values(before).items():
            assert set(values) <= set(allowed.get(name, values)), f"{now.name}.{name}"
        newly_listed = allowed.keys() & types.keys() - listed_values(before).keys()
        assert not newly_listed, f"{now.name}: {newly_listed}"


def test_rows_of_the_version_before_break_no_new_rule(tables: Tables) -> None:
    """What was unique still is, as old statements rely on it; nothing more is."""
    for before, now in tables.pairs():
        of_old = {each for each in uniques(now) if set(each[0]) <= set(before.c.keys())}
        assert of_old == uniques(before), now.name
        old = {each for each in references(now) if each[0] in before.c}
        assert old == references(before), now.name
