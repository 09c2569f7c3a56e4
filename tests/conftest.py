"""Real servers for the tests: one PostgreSQL and one broker for all, emptied for each test."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler.loadscope import LoadScopeScheduling

from sandbox.servers import Postgres, Valkey, data_folder
from shared.database import make_engine
from shared.migrate import migrate
from tests.harness.stored import empty, empty_broker
from tests.harness.world import World, world

CONTRACTS = "tests/contract/"
CHECKOUT = Path(__file__).parent.parent


def pytest_xdist_auto_num_workers() -> int:
    """Twice as many as there are cores: tests wait half of their time for servers to answer."""
    return 2 * (os.cpu_count() or 1)


class Modules(LoadScopeScheduling):
    """Each process takes whole modules; those of the contracts together, as all they look at is
    what one run of the journeys sent.

    They are taken in the order of their names (`--no-loadscope-reorder`), which has many small ones
    at its end: else a long one of few tests would begin when all others are nearly done.
    """

    def _split_scope(self, nodeid: str) -> str:
        scope = nodeid.rsplit("::", 1)[0]
        return CONTRACTS if scope.startswith(CONTRACTS) else scope


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Modules | None:
    return Modules(config, log) if config.getoption("dist") == "loadscope" else None


def pytest_collection_finish() -> None:
    """What has been imported stays; no collection of garbage need look through it again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def server_folder() -> Iterator[Path]:
    with data_folder("tests", CHECKOUT) as folder:
        yield folder


@pytest.fixture(scope="session")
def postgres(server_folder: Path) -> Iterator[Postgres]:
    server = Postgres(server_folder / "postgres")
    server.start("fsync=off", "synchronous_commit=off", "max_connections=200")
    engine = make_engine(server.create_database("template"))
    migrate(engine)
    engine.dispose()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def broker(server_folder: Path) -> Iterator[Valkey]:
    server = Valkey(server_folder / "broker")
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def shared_database(postgres: Postgres) -> str:
    return postgres.create_database("shared", template="template")


@pytest.fixture
def database_url(shared_database: str) -> str:
    """A database with empty tables. One serves all tests: emptying is quicker than making it."""
    empty(shared_database)
    return shared_database


@pytest.fixture
def broker_url(broker: Valkey) -> str:
    """The broker, emptied."""
    empty_broker(broker.url)
    return broker.url


@pytest.fixture
def the_world(
    database_url: str, broker_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[World]:
    with world(database_url, broker_url, monkeypatch) as made:
        yield made
