"""The vendor's quotas, and the count of the calls that came in."""

from __future__ import annotations

from collections import Counter, deque
from datetime import datetime, timedelta

from sandbox.tfso.config import SandboxConfig
from sandbox.tfso.failures import LimitBroken, TooFast


class Quota:
    """Requests an hour and requests a second, for the whole server (reference: by address)."""

    def __init__(self, config: SandboxConfig) -> None:
        self._config = config
        self._hour = datetime.min.replace(tzinfo=config.now().tzinfo)
        self._used = 0
        self._recent: deque[datetime] = deque()

    def take(self) -> None:
        """Count one request.

        Raises:
            TooFast: there were too many within the last second; this one is not counted.
            LimitBroken: the hour's quota is used up, until the next hour begins.
        """
        now = self._config.now()
        while self._recent and self._recent[0] <= now - timedelta(seconds=1):
            self._recent.popleft()
        if len(self._recent) >= self._config.requests_per_second + self._config.burst:
            raise TooFast
        self._recent.append(now)
        self._turn_the_hour(now)
        self._used += 1
        excess = self._used - self._config.requests_per_hour
        if excess > 0:
            raise LimitBroken(
                f"Limit exceeded by {excess}. Request is blocked. "
                f"Quarantine ends at {_written(self._reset)}"
            )

    def headers(self) -> dict[str, str]:
        """What every answer says of the quota."""
        self._turn_the_hour(self._config.now())
        remaining = max(0, self._config.requests_per_hour - self._used)
        return {"APILimitRemaining": str(remaining), "APILimitReset": _written(self._reset)}

    @property
    def _reset(self) -> datetime:
        return self._hour + timedelta(hours=1)

    def _turn_the_hour(self, now: datetime) -> None:
        hour = now.replace(minute=0, second=0, microsecond=0)
        if hour != self._hour:
            self._hour, self._used = hour, 0


def _written(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


class CallLog:
    """How many calls came in, those that a fault swallowed included, and how many were refused.

    Refused are the calls that broke a limit: too many an hour, a second, or logins a minute.
    """

    def __init__(self) -> None:
        self.refused = 0
        self._by_operation: Counter[str] = Counter()

    def note(self, operation: str) -> None:
        self._by_operation[operation] += 1

    def clear(self) -> None:
        self.refused = 0
        self._by_operation.clear()

    def summary(self) -> dict[str, object]:
        return {
            "total": self._by_operation.total(),
            "refused": self.refused,
            "by_operation": dict(self._by_operation),
        }
