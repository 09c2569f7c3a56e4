"""All workers together stay below what the vendors allow, counted in a real broker."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
import redis
from limits import RateLimitItem, RateLimitItemPerHour, RateLimitItemPerMinute
from limits import RateLimitItemPerSecond as PerSecond
from limits.storage import RedisStorage

from shared.clock import utc_now
from shared.failures import Limited, Transient
from shared.limits import LONGEST_BLOCK, LONGEST_WAIT, SharedLimiter
from shared.words import System
from tests.harness.limited import until_limited

NOWHERE = "redis://127.0.0.1:1/0"


@pytest.fixture
def worker(broker_url: str) -> Callable[..., SharedLimiter]:
    """Makes the limiter of one worker; each has its own connection to the broker."""

    def made(
        *limits: RateLimitItem, account: str = "fjell", bulk: bool = False, **more: Any
    ) -> SharedLimiter:
        return SharedLimiter(RedisStorage(broker_url), System.TFSO, account, limits, bulk, **more)

    return made


def calls_until_limited(limiter: SharedLimiter) -> int:
    return until_limited(limiter.acquire)


def test_all_workers_of_an_account_share_its_calls(worker: Callable[..., SharedLimiter]) -> None:
    one, other = worker(RateLimitItemPerHour(10)), worker(RateLimitItemPerHour(10))
    for _ in range(5):
        one.acquire()
    assert calls_until_limited(other) == 5
    assert calls_until_limited(one) == 0


def test_one_accounts_calls_do_not_touch_anothers(worker: Callable[..., SharedLimiter]) -> None:
    assert calls_until_limited(worker(RateLimitItemPerHour(3), account="fjell")) == 3
    assert calls_until_limited(worker(RateLimitItemPerHour(3), account="havn")) == 3


def test_bulk_work_leaves_a_share_to_what_somebody_waits_for(
    worker: Callable[..., SharedLimiter],
) -> None:
    bulk, urgent = (worker(RateLimitItemPerHour(10), bulk=is_bulk) for is_bulk in (True, False))
    assert calls_until_limited(bulk) == 8
    assert calls_until_limited(urgent) == 2


def test_bulk_work_gets_a_call_even_of_the_smallest_quota(
    worker: Callable[..., SharedLimiter],
) -> None:
    assert calls_until_limited(worker(RateLimitItemPerHour(1), bulk=True)) == 1


def test_every_limit_holds_and_a_full_one_costs_the_others_nothing(
    worker: Callable[..., SharedLimiter],
) -> None:
    both = worker(RateLimitItemPerMinute(5), RateLimitItemPerHour(3))
    assert calls_until_limited(both) == 3
    assert calls_until_limited(worker(RateLimitItemPerMinute(5))) == 2


def test_a_used_up_quota_says_when_there_are_new_calls(
    worker: Callable[..., SharedLimiter],
) -> None:
    limiter = worker(RateLimitItemPerMinute(1), bulk=True)
    limiter.acquire()
    with pytest.raises(Limited) as raised:
        limiter.acquire()
    left = raised.value.retry_at - utc_now()
    assert timedelta(seconds=50) < left <= timedelta(seconds=60)
    assert raised.value.system is System.TFSO
    assert raised.value.bulk_only


def test_a_short_wait_is_sat_out(worker: Callable[..., SharedLimiter]) -> None:
    limiter = worker(PerSecond(2))
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        time.sleep(seconds)

    limiter.sleep = sleep
    for _ in range(3):
        limiter.acquire()
    assert 0 < sum(waits) <= LONGEST_WAIT.total_seconds()


def test_many_workers_at_once_never_exceed_the_limit(
    worker: Callable[..., SharedLimiter],
) -> None:
    made: list[int] = []
    threads = [
        threading.Thread(
            target=lambda: made.append(calls_until_limited(worker(RateLimitItemPerHour(40))))
        )
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == len(threads)
    assert sum(made) == 40


# -- those who share a quota ------------------------------------------------------------------


def test_who_is_alone_has_the_whole_quota(worker: Callable[..., SharedLimiter]) -> None:
    assert calls_until_limited(worker(RateLimitItemPerHour(20), sharer="fjell")) == 20


def test_the_others_share_is_left_to_them_however_much_one_wants(
    worker: Callable[..., SharedLimiter],
) -> None:
    greedy, modest = (worker(RateLimitItemPerHour(20), sharer=name) for name in ("a", "b"))
    modest.acquire()
    assert calls_until_limited(greedy) == 10
    assert calls_until_limited(modest) == 9


def test_one_of_many_gets_no_more_than_what_is_free_to_all(
    worker: Callable[..., SharedLimiter],
) -> None:
    others = [worker(RateLimitItemPerHour(40), sharer=str(name)) for name in range(4)]
    for other in others:
        other.acquire()
    assert calls_until_limited(worker(RateLimitItemPerHour(40), sharer="greedy")) == 16
    assert calls_until_limited(others[0]) == 7  # an even share, with the first one
    assert sum(calls_until_limited(other) for other in others[1:]) == 13


# -- a broker that has lost its figures -------------------------------------------------------


def test_after_its_figures_are_lost_the_quota_opens_as_fast_as_a_full_window_lets_calls_go(
    worker: Callable[..., SharedLimiter],
) -> None:
    ahead = timedelta(0)
    limiter = worker(
        RateLimitItemPerMinute(60),
        worked_before=lambda: True,
        clock=lambda: utc_now() + ahead,
        sleep=lambda _seconds: None,
    )
    assert calls_until_limited(limiter) == 4
    ahead = timedelta(seconds=30)
    assert 26 <= calls_until_limited(limiter) <= 28
    ahead = timedelta(seconds=61)
    assert 28 <= calls_until_limited(limiter) <= 30


def test_where_no_call_was_made_before_the_whole_quota_is_there_at_once(
    worker: Callable[..., SharedLimiter],
) -> None:
    limiter = worker(RateLimitItemPerMinute(60), worked_before=lambda: False)
    assert calls_until_limited(limiter) == 60


# -- what the vendor says itself --------------------------------------------------------------


def test_when_the_vendor_says_that_nothing_is_left_all_workers_stop(
    worker: Callable[..., SharedLimiter],
) -> None:
    one, other = worker(RateLimitItemPerHour(10)), worker(RateLimitItemPerHour(10))
    reset = utc_now() + timedelta(minutes=20)
    one.learn(remaining=0, reset_at=reset)
    with pytest.raises(Limited) as raised:
        other.acquire()
    assert abs(raised.value.retry_at - reset) < timedelta(seconds=1)
    worker(RateLimitItemPerHour(10), account="havn").acquire()


def test_work_goes_on_by_itself_once_the_vendors_time_is_over(
    worker: Callable[..., SharedLimiter],
) -> None:
    limiter = worker(RateLimitItemPerHour(10))
    limiter.learn(remaining=0, reset_at=utc_now() + timedelta(seconds=0.1))
    with pytest.raises(Limited):
        limiter.acquire()
    time.sleep(0.2)
    limiter.acquire()


def test_a_reset_time_far_away_stops_work_for_an_hour_at_most(
    worker: Callable[..., SharedLimiter],
) -> None:
    limiter = worker(RateLimitItemPerHour(10))
    limiter.learn(remaining=0, reset_at=utc_now() + timedelta(days=9999))
    with pytest.raises(Limited) as raised:
        limiter.acquire()
    assert raised.value.retry_at <= utc_now() + LONGEST_BLOCK


@pytest.mark.parametrize(("remaining", "away"), [(1, 60), (None, 60), (0, None), (0, -60)])
def test_what_says_nothing_of_an_end_stops_nothing(
    worker: Callable[..., SharedLimiter], remaining: int | None, away: float | None
) -> None:
    limiter = worker(RateLimitItemPerHour(10))
    reset: datetime | None = None if away is None else utc_now() + timedelta(seconds=away)
    limiter.learn(remaining=remaining, reset_at=reset)
    limiter.acquire()


def test_when_little_is_left_bulk_work_stops_and_then_all_before_the_vendor_refuses(
    worker: Callable[..., SharedLimiter],
) -> None:
    bulk, urgent = (worker(RateLimitItemPerHour(1000), bulk=is_bulk) for is_bulk in (True, False))
    reset = utc_now() + timedelta(minutes=20)
    urgent.learn(remaining=201, reset_at=reset)
    bulk.acquire()
    urgent.learn(remaining=200, reset_at=reset)
    with pytest.raises(Limited) as raised:
        bulk.acquire()
    assert raised.value.bulk_only
    urgent.acquire()
    urgent.learn(remaining=20, reset_at=reset)
    with pytest.raises(Limited) as raised:
        urgent.acquire()
    assert not raised.value.bulk_only


# -- a broker that is gone --------------------------------------------------------------------


def without_a_broker() -> SharedLimiter:
    return SharedLimiter(
        RedisStorage(NOWHERE), System.TFSO, "fjell", [RateLimitItemPerHour(9)], bulk=False
    )


def test_without_a_broker_no_call_is_made_and_the_record_is_tried_again_later() -> None:
    with pytest.raises(Transient, match="broker"):
        without_a_broker().acquire()


def test_without_a_broker_an_answer_that_has_come_is_not_lost() -> None:
    limiter = without_a_broker()
    with pytest.raises(redis.RedisError):
        limiter.storage.storage.ping()
    limiter.learn(remaining=0, reset_at=utc_now() + timedelta(minutes=1))
