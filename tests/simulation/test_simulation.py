"""Schedules of the simulation: fixed ones, which once told something, and fresh ones every time."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from tests.simulation import broken
from tests.simulation.beginning import begin
from tests.simulation.broken import Broken
from tests.simulation.database import Database
from tests.simulation.schedule import play, quiet

FIXED = range(1, 201)
FRESH = 40
ON_POSTGRESQL = range(1001, 1011)
IN_FULL = range(2001, 2011)
# What the engine may lack, and a schedule that has noticed it: the first to be tried.
MISSING = (
    (broken.nobody_remembers_what_was_agreed, 1),
    (broken.nobody_looks_before_creating, 2),
    (broken.dead_workers_keep_their_claims, 1),
    (broken.webhooks_are_answered_before_they_are_stored, 21),
    (broken.nobody_waits_after_an_unanswered_write, 4),
    (broken.nobody_checks_the_claim_before_a_write, 75),
    (broken.nobody_logs_in_again, 4),
    (broken.nobody_sees_what_was_linked_meanwhile, 37436),
    (broken.a_new_link_is_not_told_of_earlier_updates, 31931),
    (broken.calls_leave_long_after_their_key, 103),
    (broken.both_directions_of_a_pair_run_at_once, 37),
    (broken.the_other_edit_wins, 1),
)


@pytest.fixture(scope="module", autouse=True)
def quietly() -> Iterator[None]:
    with quiet():
        yield


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    made = Database()
    for linked in (False, True):
        begin(made, linked=linked)
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


def test_a_schedule_is_the_same_with_sqlalchemys_own_sessions(database: Database) -> None:
    in_full = Database(in_full=True)
    for seed in IN_FULL:
        assert play(in_full, seed) == play(database, seed)
    in_full.close()


def test_a_seed_plays_the_same_schedule_again(database: Database) -> None:
    assert play(database, 4).story == play(database, 4).story


@pytest.mark.parametrize(("without", "seed"), MISSING)
def test_a_missing_safeguard_is_noticed(database: Database, without: Broken, seed: int) -> None:
    with without():
        assert any(play(database, each).broken for each in (seed, *FIXED))
