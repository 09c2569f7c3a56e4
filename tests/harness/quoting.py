"""Vendors that quote what they were sent, as careless error messages do; and what was overheard."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from xml.sax.saxutils import escape

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_SESSION = re.compile(rb"ASP\.NET_SessionId=([^;]+)")
_CREDENTIALS = re.compile(rb"<(?:\w+:)?(?:Password|ApplicationId)>([^<]+)<")
_TOKEN = re.compile(rb'"token":\s*"([^"]+)"')
_FAULT = (
    '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><s:Fault>'
    "<faultcode>{}</faultcode><faultstring>{}</faultstring></s:Fault></s:Body></s:Envelope>"
)

Quote = Callable[[dict[bytes, bytes], bytes], str]


class Quoting:
    """Goes in front of a sandbox.

    Attributes:
        refuses: an operation's name ("Login") or a method and path ("POST /api/products"); calls of
            it are answered with `status` and what they held.
        heard: webhook tokens shown and sessions used so far.
    """

    def __init__(self, app: ASGIApp, quote: Quote) -> None:
        self._app = app
        self._quote = quote
        self.refuses: str | None = None
        self.status = 500
        self.heard: set[str] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith("/_control"):
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        self._hear(_SESSION, headers.get(b"cookie", b""))

        async def overheard(message: Message) -> None:
            if scope["path"] == "/api/webhooks":
                self._hear(_TOKEN, message.get("body", b""))
            await send(message)

        called = headers.get(b"soapaction", b"").decode().strip('"').rpartition("/")[2]
        if self.refuses is None or self.refuses not in {
            called,
            f"{scope['method']} {scope['path']}",
        }:
            await self._app(scope, receive, overheard)
            return
        request = await receive()
        body = self._quote(headers, request.get("body", b"")).encode()
        await send({"type": "http.response.start", "status": self.status, "headers": []})
        await send({"type": "http.response.body", "body": body})

    def _hear(self, what: re.Pattern[bytes], where: bytes) -> None:
        self.heard.update(found.decode() for found in what.findall(where))


def by_rackbeat(headers: dict[bytes, bytes], _body: bytes) -> str:
    """An error that quotes the key."""
    return json.dumps({"message": f"Refused: {headers[b'authorization'].decode()}"})


def by_tfso(headers: dict[bytes, bytes], body: bytes) -> str:
    """A fault that quotes the session or the credentials."""
    quoted = _SESSION.findall(headers.get(b"cookie", b"")) + _CREDENTIALS.findall(body)
    return soap_fault("Refused: " + b", ".join(quoted).decode(), "s:Client")


def soap_fault(text: str, code: str = "s:Server") -> str:
    """A refusal as SOAP has it."""
    return _FAULT.format(escape(code), escape(text))
