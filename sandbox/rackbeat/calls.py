"""From an HTTP request to a handler and back."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_plus

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import Scope

from sandbox.faults import Faults
from sandbox.rackbeat.config import Config
from sandbox.rackbeat.errors import Refused, not_found
from sandbox.rackbeat.limits import CallLog
from sandbox.rackbeat.queries import is_true
from sandbox.rackbeat.readings import Reader
from sandbox.rackbeat.replies import json_reply, parse_body
from sandbox.rackbeat.schema import Record, Resource, Shape
from sandbox.rackbeat.state import State
from sandbox.rackbeat.webhooks import Dispatcher

API = "/api"


@dataclass
class Sandbox:
    """One account with everything around it."""

    config: Config
    state: State
    reader: Reader
    dispatcher: Dispatcher
    faults: Faults = field(default_factory=Faults)
    log: CallLog = field(default_factory=CallLog)

    @classmethod
    def of(cls, config: Config) -> Sandbox:
        state = State(config)
        return cls(config, state, Reader(state), Dispatcher(config))


@dataclass(frozen=True)
class Call:
    """A request, read and taken apart."""

    sandbox: Sandbox
    operation: str
    path: Mapping[str, str]
    query: QueryParams
    body: Record

    @property
    def state(self) -> State:
        return self.sandbox.state

    def note(self, unknown: list[str]) -> None:
        """Remember fields that do not exist."""
        log = self.sandbox.log
        log.unknown_fields.extend(f"{self.operation}: {name}" for name in unknown)

    def key(self, resource: Resource, name: str = "number") -> Any:
        """The key in the path, in the part of that name.

        Raises:
            Refused: 404, it cannot be a key of that resource.
        """
        text = unquote_plus(self.path[name])
        return whole(text) if resource.key_shape is Shape.INTEGER else text

    def record(self, resource: Resource, name: str = "number") -> Record:
        """The record the path names.

        Raises:
            Refused: 404, there is none.
        """
        return self.state.get(resource, self.key(resource, name))

    def id(self) -> int:
        """The id in the path.

        Raises:
            Refused: 404, it is none.
        """
        return whole(self.path["id"])


@dataclass(frozen=True)
class Reply:
    """A body and its status."""

    body: Any
    status: int = 200


Handler = Callable[[Call], Reply]
Endpoint = Callable[[Request], Awaitable[Response]]


def whole(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise not_found()
    return int(text)


def api_route(sandbox: Sandbox, method: str, path: str, handler: Handler) -> Route:
    """A route of the API: authenticated, its changes announced unless that is suppressed."""

    async def endpoint(request: Request) -> Response:
        expected = f"Bearer {sandbox.config.api_key}"
        given = request.headers.get("Authorization", "")
        if not hmac.compare_digest(given.encode(), expected.encode()):
            raise Refused(401, "Unauthenticated.")
        return await answer(sandbox, request, f"{method} {path}", handler)

    return Route(API + path, endpoint, methods=[method])


def control_route(sandbox: Sandbox, method: str, path: str, handler: Handler) -> Route:
    """A route of the control interface, which anyone may use; ?webhooks=false makes it silent."""

    def handle(call: Call) -> Reply:
        reply = handler(call)
        if call.query.get("webhooks") == "false":
            call.state.outbox.clear()
        return reply

    async def endpoint(request: Request) -> Response:
        return await answer(sandbox, request, f"{method} {path}", handle)

    return Route(f"/_control{path}", endpoint, methods=[method])


async def answer(sandbox: Sandbox, request: Request, operation: str, handler: Handler) -> Response:
    """Handle one request. Nothing else runs between the reading of its body and the answer.

    Raises:
        Refused: turned into its answer by the application.
    """
    body = parse_body(await request.body())
    query = request.query_params
    asked = (query.get("suppress_webhooks"), body.pop("suppress_webhooks", False))
    is_silent = any(map(is_true, asked))
    call = Call(sandbox, operation, request.path_params, query, body)
    try:
        reply = handler(call)
    finally:
        events = list(sandbox.state.outbox)
        sandbox.state.outbox.clear()
    if not is_silent:
        sandbox.dispatcher.dispatch(events)
    return json_reply(reply.body, reply.status)


async def refuse(_request: Request, refused: Exception) -> Response:
    """The answer to a refused call."""
    assert isinstance(refused, Refused), "registered for this class"  # noqa: S101
    return json_reply(refused.body(), refused.status)


def operation_finder(routes: list[Route]) -> Callable[[Scope], str]:
    """Tells an operation's name, such as "GET /products/{number}", from a request."""

    def operation_of(scope: Scope) -> str:
        for route in routes:
            if route.matches(scope)[0] is Match.FULL:
                return f"{scope['method']} {route.path.removeprefix(API)}"
        return f"{scope['method']} {scope['path'].removeprefix(API)}"

    return operation_of
