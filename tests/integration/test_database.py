"""The database: connections that break meanwhile, and what the tables do not take."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError, OperationalError

from shared import database
from shared.database import make_engine
from shared.tables import IdempotencyKey, Link
from tests.harness.world import World


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    made = make_engine(database_url)
    yield made
    made.dispose()


def backend(engine: Engine) -> int:
    """The server's process behind the connection that is used."""
    with engine.connect() as connection:
        return int(connection.execute(text("SELECT pg_backend_pid()")).scalar_one())


def cut(database_url: str, process: int) -> None:
    with psycopg.connect(database_url, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [process])


def test_a_kept_connection_that_broke_is_replaced_before_it_is_used(
    engine: Engine, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = backend(engine)
    cut(database_url, before)
    monkeypatch.setattr(database, "LATELY", 0.0)
    assert backend(engine) != before


def test_one_that_broke_just_after_it_was_used_fails_once(
    engine: Engine, database_url: str
) -> None:
    before = backend(engine)
    cut(database_url, before)
    with pytest.raises(OperationalError):
        backend(engine)
    assert backend(engine) != before


# -- what the tables themselves do not take -----------------------------------------------------

LINK = {"kind": "product", "rackbeat_key": "SKI-1", "tfso_key": "501"}
doubled = pytest.raises(IntegrityError, match="duplicate key")
CREATION = {"kind": "product", "direction": "rackbeat_to_24so", "key": "SKI-1"}


@pytest.mark.parametrize("same", ["rackbeat_key", "tfso_key"])
def test_a_record_is_linked_to_one_other(the_world: World, same: str) -> None:
    connection = the_world.connect()
    other = {"rackbeat_key": "SKI-2", "tfso_key": "502", same: LINK[same]}
    seen = {"rackbeat_seen": {}, "tfso_seen": {}}
    times = dict.fromkeys(("created_at", "updated_at"), the_world.clock())
    given = {"connection_id": connection.id, **seen, **times}
    with doubled, the_world.sessions.begin() as session:
        session.add_all([Link(**LINK, **given), Link(**(LINK | other), **given)])


def test_a_record_is_created_by_one_write(the_world: World) -> None:
    connection = the_world.connect()
    now = the_world.clock()
    given = {
        **CREATION,
        "connection_id": connection.id,
        "operation": "create",
        "state": "started",
        "started_at": now,
    }
    writes = [IdempotencyKey(**given, request_fingerprint=each) for each in ("one", "other")]
    with doubled, the_world.sessions.begin() as session:
        session.add_all(writes)
