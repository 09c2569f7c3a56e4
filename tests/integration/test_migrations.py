"""Every earlier form of the tables, with data in them, becomes today's."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, select, text, update
from structlog.testing import CapturingLogger

import shared.migrate
from sandbox.servers import Postgres
from sandbox.stack import wait_until
from shared.database import make_engine
from shared.migrate import alembic_config, migrate, wait_for_tables
from shared.tables import Base
from tests.harness.samples import VERSIONS_TABLE, fill, tables_of

SCRIPTS = ScriptDirectory.from_config(alembic_config())
REVISIONS = [script.revision for script in SCRIPTS.walk_revisions()][::-1]
HURRY = 150  # milliseconds
Rows = dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def server(postgres: Postgres) -> Iterator[Engine]:
    engine = make_engine(postgres.create_database("migrations"))
    yield engine
    engine.dispose()


@pytest.fixture
def bare(server: Engine) -> Engine:
    """A database without any table."""
    with server.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    return server


def all_rows(engine: Engine) -> Rows:
    with engine.connect() as connection:
        return {
            name: list(connection.scalars(text(f'SELECT to_jsonb(t) FROM "{name}" t')))  # noqa: S608
            for name in tables_of(engine).tables
        }


def in_common(rows: Rows, others: Rows) -> Rows:
    """The rows, without the tables and columns that the others do not have."""
    return {
        name: sorted(
            ({n: row[n] for n in sorted(row.keys() & others[name][0])} for row in rows[name]),
            key=str,
        )
        for name in rows.keys() & others.keys()
    }


def differences(engine: Engine) -> list[Any]:
    """What the tables and their classes do not agree on."""
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        return list(compare_metadata(context, Base.metadata))


def test_the_migrations_are_one_chain() -> None:
    assert len(SCRIPTS.get_heads()) == 1
    assert len(SCRIPTS.get_bases()) == 1


@pytest.mark.parametrize("revision", REVISIONS)
def test_rows_of_every_revision_survive_the_way_to_the_newest(bare: Engine, revision: str) -> None:
    migrate(bare, revision)
    with bare.begin() as connection:
        fill(connection, tables_of(bare))
    before = all_rows(bare)
    assert all(len(rows) > 1 for rows in before.values())
    migrate(bare)
    after = all_rows(bare)
    assert in_common(before, after) == in_common(after, before)
    assert differences(bare) == []


Seen = dict[str, Any]
NO_ADDRESS: Seen = {"heading": None, "address": None, "delivery_address": None}
STREET = NO_ADDRESS | {"address": {"street": "Storgata 1"}, "reference_number": None}
LINES: Seen = {"note": "A", "lines": []}
UNREFERRED: Seen = {"note": "A", "their_reference": None}
REFERRED: Seen = {"note": "A\nDeres referanse: Kari", "their_reference": "Kari"}
DATED: Seen = {"heading": "Vår", "ordered_on": "2026-03-01", "deliver_on": None}


@pytest.mark.parametrize(
    ("revision", "place", "before", "after"),
    [
        ("0004", "rackbeat_seen of order", NO_ADDRESS, {"heading": None}),
        ("0004", "rackbeat_seen of customer", NO_ADDRESS, NO_ADDRESS),
        ("0005", "tfso_seen of order", DATED, {"heading": "Vår"}),
        ("0005", "tfso_seen of invoice", DATED | {"invoiced_on": "2026-03-02"},
         {"heading": "Vår"}),
        ("0005", "rackbeat_seen of order", DATED, DATED),
        ("0006", "rackbeat_seen of order", UNREFERRED, {"note": "A"}),
        ("0006", "rackbeat_seen of invoice", REFERRED, {"their_reference": "Kari"}),
        ("0006", "rackbeat_seen of customer", REFERRED, REFERRED),
        ("0006", "tfso_seen of order", UNREFERRED, UNREFERRED),
        ("0007", "rackbeat_seen of invoice", LINES, {"note": "A"}),
        ("0007", "rackbeat_seen of order", LINES, LINES),
        ("0007", "tfso_seen of invoice", LINES, LINES),
        ("0010", "rackbeat_seen of invoice", STREET, {"heading": None}),
        ("0010", "tfso_seen of order", STREET, {"heading": None}),
        ("0010", "tfso_seen of supplier", STREET, STREET),
    ],
)  # fmt: skip
def test_what_was_read_wrongly_of_a_document_is_not_known_afterwards(
    bare: Engine, revision: str, place: str, before: Seen, after: Seen
) -> None:
    side, _, kind = place.partition(" of ")
    migrate(bare, revision)
    with bare.begin() as connection:
        fill(connection, tables_of(bare))
        link = tables_of(bare).tables["link"]
        one = connection.scalars(select(link.c.id).limit(1)).one()
        connection.execute(
            update(link).where(link.c.id == one).values({"kind": kind, side: before})
        )
    migrate(bare)
    with bare.connect() as connection:
        assert connection.scalar(select(link.c[side]).where(link.c.id == one)) == after


def test_processes_that_migrate_at_once_wait_for_each_other(bare: Engine) -> None:
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(migrate, [bare] * 3)) == [None] * 3
    assert differences(bare) == []


def test_a_migration_may_take_longer_than_any_other_statement(bare: Engine) -> None:
    migrate(bare, REVISIONS[0])
    hurried = create_engine(bare.url, connect_args={"options": f"-c statement_timeout={HURRY}"})
    with ThreadPoolExecutor(1) as pool, bare.connect() as other:
        other.execute(text(f"LOCK TABLE {VERSIONS_TABLE}"))
        migrating = pool.submit(migrate, hurried)
        waits = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
        wait_until(lambda: other.scalar(waits), 20, "the migration does not wait")
        time.sleep(3 * HURRY / 1000)
        other.rollback()
        migrating.result()
    hurried.dispose()
    assert differences(bare) == []


def test_a_new_process_waits_for_the_tables_it_needs(bare: Engine) -> None:
    earlier = [None, *REVISIONS][-2]
    if earlier is not None:
        migrate(bare, earlier)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(wait_for_tables, bare)
        time.sleep(0.7)
        early = waiting.done()
        migrate(bare)
        waiting.result(20)
    assert not early


@pytest.mark.parametrize(
    ("there", "why"),
    [(True, "`varebro migrate` has not brought"), (False, "VAREBRO_DATABASE_URL")],
)
def test_a_process_that_has_to_wait_says_once_for_what(
    bare: Engine, monkeypatch: pytest.MonkeyPatch, *, there: bool, why: str
) -> None:
    """The tables are missing, or the database itself is."""
    log, naps = CapturingLogger(), iter([None, None])
    monkeypatch.setattr(shared.migrate, "log", log)
    monkeypatch.setattr(shared.migrate.time, "sleep", lambda _: next(naps))
    engine = bare if there else make_engine("postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises(StopIteration):
        wait_for_tables(engine)
    (line,) = log.calls
    assert why in line.kwargs["why"]


def test_an_old_process_works_on_with_the_tables_of_a_later_version(bare: Engine) -> None:
    migrate(bare)
    with bare.begin() as connection:
        connection.execute(text(f"UPDATE {VERSIONS_TABLE} SET version_num = 'later'"))  # noqa: S608
    wait_for_tables(bare)
