"""Every request that is sent to a sandbox, written down."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from starlette.types import ASGIApp, Message, Receive, Scope, Send


@dataclass(frozen=True)
class Sent:
    """One request as it came in."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body, parse_float=str)


@dataclass
class Recorder:
    """Put around a sandbox: keeps what is sent to it, except by its people.

    Attributes:
        sender: how the sender's name begins whose requests are meant.
    """

    sender: str = ""
    requests: list[Sent] = field(default_factory=list)

    def around(self, app: ASGIApp) -> ASGIApp:
        async def recording(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http" or scope["path"].startswith("/_control"):
                await app(scope, receive, send)
                return
            body = await _whole_body(receive)
            headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
            if headers.get("user-agent", "").startswith(self.sender):
                query = tuple(parse_qsl(scope["query_string"].decode(), keep_blank_values=True))
                path = scope["raw_path"].decode()
                self.requests.append(Sent(scope["method"], path, query, headers, body))
            await app(scope, _again(body), send)

        return recording


async def _whole_body(receive: Receive) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


def _again(body: bytes) -> Receive:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive
