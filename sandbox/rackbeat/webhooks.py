"""Subscriptions to events, and their delivery over HTTP with repetitions."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass, field
from typing import Any

import httpx

from sandbox.rackbeat.config import Config
from sandbox.rackbeat.schema import Record
from sandbox.rackbeat.state import Event, utc_text
from sandbox.tls import tls

AT_ONCE = 20


@dataclass
class Subscription:
    """One webhook. Its token is told once, when it is made."""

    id: int
    event: str
    url: str
    is_active: bool
    created_at: str
    updated_at: str
    token: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)
    failures_since_last_success: int = 0

    def read(self) -> Record:
        return {
            "id": self.id,
            "event": self.event,
            "url": self.url,
            "is_active": self.is_active,
            "plugin": None,
            "failures_since_last_success": self.failures_since_last_success,
            "created_at": self.created_at,
            "updated_at": self.updated_at,
        }


@dataclass
class Delivery:
    """One event on its way to one subscription."""

    subscription: Subscription
    event: Event
    attempts: int = 0


class Dispatcher:
    """Sends events to whoever subscribes to them, in the background."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self.subscriptions: dict[int, Subscription] = {}
        self.log: list[Record] = []
        self._held: list[Delivery] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._at_once = asyncio.Semaphore(AT_ONCE)
        self._client: httpx.AsyncClient | None = None

    def start(self) -> None:
        timeout = httpx.Timeout(
            self._config.answer_timeout, connect=self._config.connect_timeout, pool=None
        )
        self._client = httpx.AsyncClient(
            timeout=timeout,
            trust_env=False,
            verify=tls(),
            headers={"User-Agent": "Rackbeat Webhook"},
        )

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._client is not None:
            await self._client.aclose()

    @property
    def pending(self) -> int:
        """Deliveries being made or waiting for their repetition."""
        return len(self._tasks)

    @property
    def held(self) -> int:
        return len(self._held or ())

    def dispatch(self, events: Iterable[Event]) -> None:
        """Start the delivery of events to their active subscriptions."""
        for event in events:
            for subscription in self.subscriptions.values():
                if subscription.is_active and subscription.event == event.name:
                    self._start(Delivery(subscription, event))

    def hold(self) -> None:
        """Keep deliveries back from now on."""
        if self._held is None:
            self._held = []

    def release(self) -> None:
        """Deliver what was held back, the latest event first, one after the other."""
        held, self._held = self._held or [], None
        self._in_background(self._deliver_reversed(held))

    def _start(self, delivery: Delivery) -> None:
        if self._held is not None:
            self._held.append(delivery)
        else:
            self._in_background(self._deliver(delivery))

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver_reversed(self, held: list[Delivery]) -> None:
        for delivery in reversed(held):
            if not await self._attempt(delivery):
                self._in_background(self._repeat(delivery))

    async def _deliver(self, delivery: Delivery) -> None:
        if not await self._attempt(delivery):
            await self._repeat(delivery)

    async def _repeat(self, delivery: Delivery) -> None:
        """Try again with doubling pauses until it is taken, given up or no longer wanted."""
        pause, waited = self._config.webhook_retry, 0.0
        while waited < self._config.webhook_give_up:
            await asyncio.sleep(pause)
            waited, pause = waited + pause, pause * 2
            subscription = delivery.subscription
            is_wanted = subscription.is_active and subscription.id in self.subscriptions
            if not is_wanted or await self._attempt(delivery):
                return

    async def _attempt(self, delivery: Delivery) -> bool:
        """Send once; whether it was taken."""
        delivery.attempts += 1
        status, error = None, None
        try:
            async with self._at_once, asyncio.timeout(self._config.answer_timeout):
                status = await self._post(delivery)
        except (httpx.HTTPError, TimeoutError) as failure:
            error = type(failure).__name__
        is_taken = status is not None and 200 <= status < 300  # noqa: PLR2004  # HTTP's own numbers
        failures = delivery.subscription.failures_since_last_success
        delivery.subscription.failures_since_last_success = 0 if is_taken else failures + 1
        self.log.append(
            {
                "id": len(self.log) + 1,
                "webhook_id": delivery.subscription.id,
                "event": delivery.event.name,
                "key": delivery.event.key,
                "url": delivery.subscription.url,
                "attempt": delivery.attempts,
                "status": status,
                "error": error,
                "at": utc_text(self._config),
            }
        )
        return is_taken

    async def _post(self, delivery: Delivery) -> int:
        assert self._client is not None, "the server has started"  # noqa: S101
        headers = {
            "Rackbeat-Webhook-Token": delivery.subscription.token,
            "Rackbeat-Webhook-Event": delivery.event.name,
            "Rackbeat-Account-Id": str(self._config.account_id),
        }
        answer = await self._client.post(
            delivery.subscription.url, json=delivery.event.body, headers=headers
        )
        return answer.status_code
