"""Schedules of the simulation: fixed ones, which once told something, and fresh ones every time."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from tests.simulation.broken import BROKEN, Broken
from tests.simulation.database import Database
from tests.simulation.schedule import play, quiet

FIXED = range(1, 61)
FRESH = 10
ON_POSTGRESQL = range(1001, 1016)
SOON = 60  # schedules in which a missing safeguard must show


@pytest.fixture(scope="module", autouse=True)
def quietly() -> Iterator[None]:
    with quiet():
        yield


@pytest.fixture
def database() -> Iterator[Database]:
    made = Database()
    yield made
    made.close()


def test_the_invariants_hold_under_every_fixed_schedule(database: Database) -> None:
    failed = [outcome for seed in FIXED if (outcome := play(database, seed)).broken]
    assert not failed, failed[0]


def test_the_invariants_hold_under_schedules_nobody_has_seen(database: Database) -> None:
    first = secrets.randbelow(10**9)
    failed = [
        outcome for seed in range(first, first + FRESH) if (outcome := play(database, seed)).broken
    ]
    assert not failed, failed[0]


def test_the_invariants_hold_on_postgresql(database_url: str) -> None:
    on_postgresql = Database(database_url)
    failed = [o for seed in ON_POSTGRESQL if (o := play(on_postgresql, seed)).broken]
    on_postgresql.close()
    assert not failed, failed[0]


def test_a_seed_plays_the_same_schedule_again(database: Database) -> None:
    assert play(database, 4).story == play(database, 4).story


@pytest.mark.parametrize("without", BROKEN)
def test_a_missing_safeguard_is_noticed(database: Database, without: Broken) -> None:
    with without():
        assert any(play(database, seed).broken for seed in range(1, SOON + 1))
