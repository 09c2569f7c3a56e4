"""Keeps all workers together below what the vendors allow.

The figures live in the broker, so that every worker of every host counts into the same window. If
the broker loses them, nobody knows which calls were made: then the quota opens again only as fast
as a window in full use would let calls go.
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
# Of a quota that several connections share, so much is for whoever comes; of the rest none gets
# more than an even share of the whole, so that the others have some whatever one of them does.
FREE_FOR_ALL = 0.5
# Calls of other workers may be on their way when one hears how many are left.
ON_THEIR_WAY = 50
# The largest quota a vendor is known to give by the hour.
LARGEST_QUOTA = 7200
# How much of a quota there is at once after the broker has lost its figures.
AT_ONCE = 1 / 15
# Over less than that nothing is shared out, and nothing is waited for.
A_MINUTE = 60
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
        sharer: who of those that share the account makes the calls; None where nobody shares it.
        worked_before: asked when the broker knows of no call: whether there may have been some.
    """

    storage: RedisStorage
    system: System
    account: str
    limits: Sequence[RateLimitItem]
    bulk: bool
    sharer: str | None = None
    worked_before: Callable[[], bool] = lambda: False
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
        born = self._look()
        waited = timedelta(0)
        while (wait := self._wait(born)) > timedelta(0):
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

    def _wait(self, born: float) -> timedelta:
        """Take a slot in every window; how long to wait where one of them is full."""
        named = self._named()
        # All others are looked at before the first is taken from, so that a full one costs the rest
        # nothing; but a sharer's, which is never fuller than that of all.
        for limit, name in named[1:]:
            if name != self.sharer and not self._windows.test(limit, self.account, name):
                return self._until_free(limit, name)
        for limit in self.limits:
            if limit.get_expiry() >= A_MINUTE and (wait := self._restraint(limit, born)):
                return wait
        for limit, name in named:
            if not self._windows.hit(limit, self.account, name):
                return self._until_free(limit, name)
        self._note_sharer()
        return timedelta(0)

    def _restraint(self, limit: RateLimitItem, born: float) -> timedelta:
        """How long to wait, although there is room, for what others need or may have used."""
        age = self.clock().timestamp() - born
        period = limit.get_expiry()
        if age >= period and self.sharer is None:
            return timedelta(0)  # nobody to leave anything to: spare the broker the question
        used = self._used(limit, "all")
        if age < period and used >= limit.amount * max(AT_ONCE, age / period):
            return timedelta(seconds=max((used + 1) / limit.amount * period - age, 0.05))
        if self.sharer is None or used < limit.amount * FREE_FOR_ALL:
            return timedelta(0)
        if self._used(limit, self.sharer) < limit.amount / max(self._sharers(period), 1):
            return timedelta(0)
        return self._until_free(limit, self.sharer)

    def _used(self, limit: RateLimitItem, name: str) -> int:
        _reset, remaining = self._windows.get_window_stats(limit, self.account, name)
        return int(limit.amount - remaining)

    def _sharers(self, period: int) -> int:
        """How many have made calls of late."""
        since = self.clock().timestamp() - period
        return int(self.storage.storage.zcount(self._key("sharers"), since, "+inf"))

    def _note_sharer(self) -> None:
        if self.sharer is not None:
            now = self.clock().timestamp()
            self.storage.storage.zadd(self._key("sharers"), {self.sharer: now})

    def _until_free(self, limit: RateLimitItem, name: str) -> timedelta:
        reset, _remaining = self._windows.get_window_stats(limit, self.account, name)
        return timedelta(seconds=max(reset - self.clock().timestamp(), 0.05))

    def _named(self) -> list[tuple[RateLimitItem, str]]:
        named = [(limit, "all") for limit in self.limits]
        if self.bulk:
            named += [(_share(limit), "bulk") for limit in self.limits]
        if self.sharer is not None:
            named += [(each, self.sharer) for each in self.limits if each.get_expiry() >= A_MINUTE]
        return named

    def learn(self, *, remaining: int | None, reset_at: datetime | None) -> None:
        """Let all workers stop before the vendor would refuse them, and bulk work before that.

        Others may share the quota with us; our own windows know nothing of them.
        """
        if remaining is None or reset_at is None:
            return
        most = min(max(limit.amount for limit in self.limits), LARGEST_QUOTA)
        if remaining <= min(ON_THEIR_WAY, most // 50):
            self._block("all", reset_at)
        elif remaining <= most - int(most * BULK_SHARE):
            self._block("bulk", reset_at)

    def _block(self, whom: str, reset_at: datetime) -> None:
        now = self.clock()
        until = min(reset_at, now + LONGEST_BLOCK)
        milliseconds = int((until - now).total_seconds() * 1000)
        if milliseconds > 0:
            # What has been answered must not fail for this; the next call would only be refused.
            with suppress(RedisError):
                key = self._key(f"blocked:{whom}")
                self.storage.storage.set(key, str(until.timestamp()), px=milliseconds)

    def _key(self, name: str) -> str:
        return f"varebro:{name}:{self.account}"

    def _look(self) -> float:
        """When the broker began to count this account's calls, 0 for long ago.

        Raises:
            Limited: the vendor has said that it takes no more of such calls for now.
        """
        names = ("born", "blocked:all", "blocked:bulk")
        born, blocked, bulk_blocked = self.storage.storage.mget(map(self._key, names))
        if blocked is None and self.bulk:
            blocked = bulk_blocked
        if blocked is not None:
            retry_at = datetime.fromtimestamp(float(blocked), UTC)
            raise Limited(
                f"{self.system.title} says that its quota is used up until {retry_at:%H:%M:%S} "
                "UTC; work goes on by itself then.",
                system=self.system,
                retry_at=retry_at,
                bulk_only=blocked is bulk_blocked,
            )
        if born is None:
            born = self.clock().timestamp() if self.worked_before() else 0.0
            self.storage.storage.set(self._key("born"), str(born), nx=True)
        return float(born)


def _share(limit: RateLimitItem) -> RateLimitItem:
    return type(limit)(max(int(limit.amount * BULK_SHARE), 1), limit.multiples)
