"""A vendor whose answers are spoiled on their way, between its application and the network."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

PIECE = 64 * 1024


@dataclass(frozen=True)
class Reply:
    """One answer; its body may come in pieces that are made as they are sent."""

    status: int
    headers: dict[str, str]
    body: bytes | Iterator[bytes]

    def saying(self, body: bytes | Iterator[bytes], **headers: str) -> Reply:
        named = {name.replace("_", "-").lower(): value for name, value in headers.items()}
        return replace(self, body=body, headers=self.headers | named)


Spoil = Callable[[str, Reply], Reply]


class Spoiled:
    """Around a sandbox's application: while `spoil` is set, it changes the answers.

    It is given the operation: the name of the SOAP operation, "WSDL", or method and path. What
    tests ask of a sandbox's control is left alone.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.spoil: Spoil | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        spoil = self.spoil
        if spoil is None or scope["type"] != "http" or scope["path"].startswith("/_control"):
            await self._app(scope, receive, send)
            return
        sent: list[Message] = []

        async def keep(message: Message) -> None:
            sent.append(message)

        await self._app(scope, receive, keep)
        await _send(spoil(_operation(scope), _reply(sent)), send)


def _operation(scope: Scope) -> str:
    headers = dict(scope["headers"])
    if b"soapaction" in headers:
        return str(headers[b"soapaction"].decode().strip('"').rpartition("/")[2])
    if b"wsdl" in scope["query_string"].lower():
        return "WSDL"
    return f"{scope['method']} {scope['path']}"


def _reply(sent: Sequence[Message]) -> Reply:
    start = sent[0]
    headers = {name.decode().lower(): value.decode() for name, value in start["headers"]}
    headers.pop("content-length", None)  # the server counts anew
    return Reply(start["status"], headers, b"".join(m.get("body", b"") for m in sent[1:]))


async def _send(reply: Reply, send: Send) -> None:
    headers = [(name.encode(), value.encode("latin-1")) for name, value in reply.headers.items()]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    pieces: Any = [reply.body] if isinstance(reply.body, bytes) else reply.body
    for piece in pieces:
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})
