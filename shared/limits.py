"""Keeps all workers together below what the vendors allow.

The figures live in the broker, so that every worker of every host counts into the same window. If
the broker loses them, the windows begin anew; the vendors' own refusals are then the second net.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from limits import RateLimitItem
from limits.storage import RedisStorage
from limits.strategies import MovingWindowRateLimiter
from redis.exceptions import RedisError

from shared.clock import Clock, utc_now
from shared.failures import Limited, Transient
from shared.words import System

# Bulk work leaves a share of every quota to changes that somebody waits for.
BULK_SHARE = 0.8
# A worker may wait so long in its slot; for longer waits it gives the record back.
LONGEST_WAIT = timedelta(seconds=2)
# The vendors count by the hour at most; a header that says more has been misread.
LONGEST_BLOCK = timedelta(hours=1)


class Limiter(Protocol):
    """The slots one vendor gives one connection, shared by every worker."""

    def acquire(self) -> None:
        """Take the slot for one call, waiting briefly where that is enough.

        Raises:
            Limited: no slot comes free soon; says when one will.
            Transient: the calls cannot be counted, so none is made.
        """

    def learn(self, *, remaining: int | None, reset_at: datetime | None) -> None:
        """Take over what an answer's headers said of the quota."""


@dataclass
class SharedLimiter:
    """Moving windows in the broker.

    Attributes:
        account: what the vendor counts by; limiters with the same account share their windows.
        limits: all of them must have room.
        bulk: whether the calls are bulk work.
    """

    storage: RedisStorage
    system: System
    account: str
    limits: Sequence[RateLimitItem]
    bulk: bool
    clock: Clock = utc_now
    sleep: Callable[[float], None] = time.sleep

    def __post_init__(self) -> None:
        self._windows = MovingWindowRateLimiter(self.storage)

    def acquire(self) -> None:
        try:
            self._take()
        except RedisError as error:
            raise Transient(
                f"No call to {self.system.title} is made while the broker, in which all workers "
                "count their calls, cannot be reached."
            ) from error

    def _take(self) -> None:
        self._stop_where_blocked()
        waited = timedelta(0)
        while (wait := self._wait()) > timedelta(0):
            waited += wait
            if waited > LONGEST_WAIT:
                raise Limited(
                    f"The calls {self.system.title} allows are used up for now; work goes on by "
                    "itself when there are new ones.",
                    system=self.system,
                    retry_at=self.clock() + wait,
                    bulk_only=self.bulk,
                )
            self.sleep(wait.total_seconds())

    def _wait(self) -> timedelta:
        """Take a slot in every window; how long to wait where one of them is full."""
        named = self._named()
        # All are looked at before any is taken from, so that a full one costs the others nothing.
        for take in (self._windows.test, self._windows.hit):
            for limit, name in named:
                if not take(limit, self.account, name):
                    return self._until_free(limit, name)
        return timedelta(0)

    def _until_free(self, limit: RateLimitItem, name: str) -> timedelta:
        reset, _remaining = self._windows.get_window_stats(limit, self.account, name)
        return timedelta(seconds=max(reset - self.clock().timestamp(), 0.05))

    def _named(self) -> list[tuple[RateLimitItem, str]]:
        named = [(limit, "all") for limit in self.limits]
        if self.bulk:
            named += [(_share(limit), "bulk") for limit in self.limits]
        return named

    def learn(self, *, remaining: int | None, reset_at: datetime | None) -> None:
        """Let all workers stop when the vendor says that nothing is left.

        Others may share the quota with us; our own windows know nothing of them.
        """
        if remaining is None or reset_at is None or remaining > 0:
            return
        now = self.clock()
        until = min(reset_at, now + LONGEST_BLOCK)
        milliseconds = int((until - now).total_seconds() * 1000)
        if milliseconds > 0:
            # What has been answered must not fail for this; the next call would only be refused.
            with suppress(RedisError):
                self.storage.storage.set(self._blocked, str(until.timestamp()), px=milliseconds)

    @property
    def _blocked(self) -> str:
        return f"varebro:blocked:{self.account}"

    def _stop_where_blocked(self) -> None:
        until = self.storage.storage.get(self._blocked)
        if until is not None:
            retry_at = datetime.fromtimestamp(float(until), UTC)
            raise Limited(
                f"{self.system.title} says that its quota is used up until {retry_at:%H:%M:%S} "
                "UTC; work goes on by itself then.",
                system=self.system,
                retry_at=retry_at,
            )


def _share(limit: RateLimitItem) -> RateLimitItem:
    return type(limit)(max(int(limit.amount * BULK_SHARE), 1), limit.multiples)
