"""Connections that are kept, and break meanwhile."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError

from shared import database
from shared.database import make_engine


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
