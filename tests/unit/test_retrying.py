"""Tries repeated within one call."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from shared.failures import Limited, Outage, Rejected, Transient
from shared.retrying import RetryableHere, RetryPolicy, with_retries

STEADY = RetryPolicy(jitter=0)
DOWN = Outage("down")


class Waits(list[float]):
    """Stands in for sleeping: notes how long it would have been."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


def failing(times: int, error: Exception) -> Callable[[], int]:
    """A call that fails so often, and then says how often it was made."""
    made = 0

    def call() -> int:
        nonlocal made
        made += 1
        if made <= times:
            raise error
        return made

    return call


def test_a_call_that_works_is_made_once_and_without_a_wait() -> None:
    waits = Waits()
    assert with_retries(failing(0, DOWN), policy=STEADY, sleep=waits) == 1
    assert waits == []


def test_waits_double_from_try_to_try() -> None:
    waits = Waits()
    assert with_retries(failing(3, RetryableHere(DOWN)), policy=STEADY, sleep=waits) == 4
    assert waits == pytest.approx([0.3, 0.6, 1.2])


def test_a_wait_never_exceeds_the_longest_and_never_falls_below_its_base() -> None:
    waits = Waits()
    policy = RetryPolicy(attempts=12, jitter=0.5)
    with_retries(failing(11, RetryableHere(DOWN)), policy=policy, sleep=waits)
    assert max(waits) == policy.max_wait
    assert min(waits) >= policy.base_wait
    assert len(set(waits[:3])) == 3


def test_when_the_tries_are_used_up_the_failure_itself_is_raised() -> None:
    waits = Waits()
    with pytest.raises(Outage) as raised:
        with_retries(failing(4, RetryableHere(DOWN)), policy=STEADY, sleep=waits)
    assert raised.value is DOWN
    assert len(waits) == 3


def test_a_short_wait_the_vendor_asks_for_is_kept_to() -> None:
    waits = Waits()
    assert with_retries(failing(2, RetryableHere(DOWN, wait=4)), policy=STEADY, sleep=waits) == 3
    assert waits == [4, 4]


def test_a_long_wait_the_vendor_asks_for_ends_the_tries_at_once() -> None:
    waits = Waits()
    limited = Limited("quota", retry_at=datetime(2026, 3, 1, tzinfo=UTC))
    with pytest.raises(Limited) as raised:
        with_retries(failing(1, RetryableHere(limited, wait=4.1)), policy=STEADY, sleep=waits)
    assert raised.value is limited
    assert waits == []


@pytest.mark.parametrize("error", [Rejected("no"), DOWN, KeyError("a defect")])
def test_nothing_but_what_says_so_is_tried_again(error: Exception) -> None:
    waits = Waits()
    with pytest.raises(type(error)):
        with_retries(failing(1, error), policy=STEADY, sleep=waits)
    assert waits == []


def test_the_cause_of_the_last_try_stays_visible() -> None:
    reset = ConnectionResetError("by peer")

    def call() -> None:
        raise RetryableHere(DOWN) from reset

    with pytest.raises(Outage) as raised:
        with_retries(call, policy=STEADY, sleep=Waits())
    assert raised.value.__cause__ is reset


def test_a_call_that_runs_into_its_time_limit_is_repeated_only_once() -> None:
    silent = Transient("no answer", silent=True)
    waits = Waits()
    with pytest.raises(Transient):
        with_retries(failing(9, RetryableHere(silent)), policy=STEADY, sleep=waits)
    assert waits == [0.3]
