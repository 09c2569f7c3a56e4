"""The rate limit, and the count of calls that lets a test see whether it is kept."""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox.rackbeat.replies import json_reply

WINDOW = timedelta(minutes=1)


@dataclass
class CallLog:
    """Calls received since the last reset.

    Attributes:
        refused: those answered with 429.
        unknown_fields: names sent that no field has, such as "POST /products: colour".
    """

    total: int = 0
    refused: int = 0
    by_operation: Counter[str] = field(default_factory=Counter)
    unknown_fields: list[str] = field(default_factory=list)

    def reset(self) -> None:
        self.total = self.refused = 0
        self.by_operation.clear()
        self.unknown_fields.clear()


class SlidingWindow:
    """At most so many calls in any minute."""

    def __init__(self, most: int, now: Callable[[], datetime]) -> None:
        self._most = most
        self._now = now
        self._admitted: deque[datetime] = deque()

    def admit(self) -> int:
        """Admit a call, answering 0, or else the whole seconds until one will be admitted."""
        now = self._now()
        while self._admitted and self._admitted[0] <= now - WINDOW:
            self._admitted.popleft()
        if len(self._admitted) < self._most:
            self._admitted.append(now)
            return 0
        wait = self._admitted[0] + WINDOW - now
        return max(1, math.ceil(wait.total_seconds()))


class CallMiddleware:
    """Counts every call and refuses those past the limit; the control interface is left alone."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        log: CallLog,
        window: SlidingWindow,
        operation_of: Callable[[Scope], str],
    ) -> None:
        self._app = app
        self._log = log
        self._window = window
        self._operation_of = operation_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith("/api/"):
            await self._app(scope, receive, send)
            return
        self._log.total += 1
        self._log.by_operation[self._operation_of(scope)] += 1
        wait = self._window.admit()
        if wait:
            self._log.refused += 1
            reply = json_reply({"message": "Too Many Attempts."}, 429, {"Retry-After": str(wait)})
            await reply(scope, receive, send)
            return
        await self._app(scope, receive, send)
