"""How long a bulk job will still take."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.progress import Progress, time_left


@pytest.mark.parametrize(
    ("left", "done", "took_minutes", "writes_a_minute", "minutes"),
    [
        (0, 100, 10, 100, 0),
        (100, 0, 0, 50, 2),  # nothing is done yet: what the quota asks for
        (100, 50, 10, 50, 20),  # slower than the quota: at the pace so far
        (100, 900, 1, 50, 2),  # a quick beginning cannot go on beyond the quota
    ],
)
def test_the_rest_takes_as_long_as_pace_and_quota_let_it(
    left: int, done: int, took_minutes: int, writes_a_minute: float, minutes: int
) -> None:
    took = timedelta(minutes=took_minutes)
    assert time_left(left, done, took, writes_a_minute) == timedelta(minutes=minutes)


@pytest.mark.parametrize(
    ("state", "seconds", "told"),
    [
        ("listing", 90, "listing: 1 of 8, at least 2 minutes left"),
        ("transferring", 20, "transferring: 1 of 8, about a minute left"),
        ("transferring", 3700, "transferring: 1 of 8, about 1 h 2 min left"),
        ("done", None, "done: 8"),
    ],
)
def test_a_job_tells_how_far_it_is(state: str, seconds: int | None, told: str) -> None:
    job = Progress(
        connection="fjell",
        run=3,
        cause="initial",
        state=state,
        listed={"supplier": {"listed": 8}},
        keys={},
        done=1,
        total=8,
        left=None if seconds is None else timedelta(seconds=seconds),
        message=None,
    )
    assert str(job) == f"fjell: initial 3 {told}. supplier 8 listed."


def test_what_a_comparison_found_is_named() -> None:
    job = Progress(
        connection="fjell",
        run=3,
        cause="reconcile",
        state="done",
        listed={"product": {"changed_in_rackbeat": 22, "never_transferred_from_24so": 5}},
        keys={"product": {"changed_in_rackbeat": ["A", "B/2"]}},
        done=0,
        total=0,
        left=None,
        message=None,
    )
    assert str(job).splitlines()[1:] == ["  product changed in rackbeat: A, B/2 and 20 more"]
