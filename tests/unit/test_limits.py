"""All workers together stay below what the vendors allow, counted in a real broker."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
import redis
from limits import RateLimitItem, RateLimitItemPerHour, RateLimitItemPerMinute
from limits import RateLimitItemPerSecond as PerSecond
from limits.storage import RedisStorage

from shared.clock import utc_now
from shared.failures import Limited, Transient
from shared.limits import LONGEST_BLOCK, LONGEST_WAIT, SharedLimiter
from shared.words import System

NOWHERE = "redis://127.0.0.1:1/0"


@pytest.fixture
def worker(broker_url: str) -> Callable[..., SharedLimiter]:
    """Makes the limiter of one worker; each has its own connection to the broker."""

    def made(*limits: RateLimitItem, account: str = "fjell", bulk: bool = False) -> SharedLimiter:
        return SharedLimiter(RedisStorage(broker_url), System.TFSO, account, limits, bulk)

    return made


def calls_until_limited(limiter: SharedLimiter) -> int:
    for made in range(1000):
        try:
            limiter.acquire()
        except Limited:
            return made
    raise AssertionError("never limited")


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
