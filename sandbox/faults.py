"""Faults on demand: what a vendor's servers and the network do on a bad day.

A fault is switched on for an operation (an HTTP method and path pattern, or a SOAP operation) and a
number of times; the middleware applies it around the sandbox's ordinary handling.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Effect(StrEnum):
    """What goes wrong."""

    SLOW = "slow"  # handled and answered, after `delay` seconds
    LATE = "late"  # handled at once, answered after `delay` seconds
    DROP_BEFORE = "drop_before"  # the connection breaks before anything is handled
    DROP_AFTER = "drop_after"  # handled, then the connection breaks: the reply is lost
    ANSWER = "answer"  # not handled; answered with `status` and `body` instead
    TRUNCATE = "truncate"  # handled; the answer's body is cut in half, its headers say it is whole


@dataclass
class Fault:
    """One fault: what, for which operation, how often.

    Attributes:
        operation: a shell pattern, such as "SaveProducts", "POST /products" or "*".
        times: how many matching calls it hits; None for all until it is cleared.
        delay: seconds to wait before the effect; with Effect.LATE, before the answer.
        status, headers, body: the answer, for Effect.ANSWER.
    """

    operation: str
    effect: Effect
    times: int | None = 1
    delay: float = 0.0
    status: int = 500
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""


class Faults:
    """The faults switched on in one sandbox, oldest first."""

    def __init__(self) -> None:
        self._active: list[Fault] = []

    def add(self, fault: Fault) -> None:
        self._active.append(fault)

    def clear(self) -> None:
        self._active.clear()

    def take(self, operation: str) -> Fault | None:
        """The fault that hits this call, counted down; None when the call goes well."""
        for fault in self._active:
            if not fnmatchcase(operation, fault.operation):
                continue
            if fault.times is not None:
                fault.times -= 1
                if fault.times <= 0:
                    self._active.remove(fault)
            return fault
        return None


class FaultMiddleware:
    """Applies the faults that are switched on; calls to the control interface are never hit."""

    def __init__(
        self, app: ASGIApp, *, faults: Faults, operation_of: Callable[[Scope], str]
    ) -> None:
        self._app = app
        self._faults = faults
        self._operation_of = operation_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith("/_control"):
            await self._app(scope, receive, send)
            return
        fault = self._faults.take(self._operation_of(scope))
        if fault is None:
            await self._app(scope, receive, send)
            return
        if fault.effect is not Effect.LATE:
            await asyncio.sleep(fault.delay)
        match fault.effect:
            case Effect.SLOW:
                await self._app(scope, receive, send)
            case Effect.LATE:
                await self._app(scope, receive, _held_back(send, fault.delay))
            case Effect.DROP_BEFORE:
                await _break_off(send)
            case Effect.DROP_AFTER:
                await self._app(scope, receive, _swallow)
                await _break_off(send)
            case Effect.ANSWER:
                await _answer(send, fault)
            case Effect.TRUNCATE:
                await self._app(scope, receive, _halving(send))


async def _swallow(_message: Message) -> None:
    """The reply that nobody gets."""


async def _break_off(send: Send) -> None:
    # Promising more than is sent makes the server close the connection: the client sees it break.
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1000")]}
    )
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _answer(send: Send, fault: Fault) -> None:
    body = fault.body.encode()
    headers = [(name.lower().encode(), value.encode()) for name, value in fault.headers.items()]
    headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": fault.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _held_back(send: Send, seconds: float) -> Send:
    async def later(message: Message) -> None:
        if message["type"] == "http.response.start":
            await asyncio.sleep(seconds)
        await send(message)

    return later


def _halving(send: Send) -> Send:
    async def halved(message: Message) -> None:
        if message["type"] == "http.response.body":
            body = message.get("body", b"")
            message = {**message, "body": body[: len(body) // 2]}
        await send(message)

    return halved
