"""The Rackbeat sandbox as a web application."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response

from sandbox.faults import FaultMiddleware
from sandbox.rackbeat import control_views, document_views, views, webhook_views
from sandbox.rackbeat.calls import Sandbox, operation_finder, refuse
from sandbox.rackbeat.config import API_KEY, PORT, Config
from sandbox.rackbeat.errors import Refused
from sandbox.rackbeat.limits import CallMiddleware, SlidingWindow
from sandbox.rackbeat.replies import json_reply
from sandbox.rackbeat.seed import seed


def create_app(config: Config | None = None) -> Starlette:
    """A Rackbeat account of its own: the API under /api/, the control interface under /_control/.

    Its records live as long as the application does.
    """
    config = config or Config()
    sandbox = Sandbox.of(config)
    seed(sandbox.state, populate=config.populate)
    parts = (document_views, webhook_views, views, control_views)
    routes = [route for part in parts for route in part.routes(sandbox)]
    operation_of = operation_finder(routes)
    window = SlidingWindow(config.requests_per_minute, config.now)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        sandbox.dispatcher.start()
        yield
        await sandbox.dispatcher.stop()

    return Starlette(
        routes=routes,
        lifespan=lifespan,
        exception_handlers={Refused: refuse, HTTPException: _plain_refusal},
        middleware=[
            Middleware(CallMiddleware, log=sandbox.log, window=window, operation_of=operation_of),
            Middleware(FaultMiddleware, faults=sandbox.faults, operation_of=operation_of),
        ],
    )


def how_to_connect(url: str) -> list[str]:
    """What `varebro connection add` takes for a sandbox at that address."""
    return [f"RACKBEAT_API_KEY={API_KEY}", f"--rackbeat-url {url}/api/"]


def serve(host: str = "127.0.0.1", port: int = PORT, config: Config | None = None) -> None:
    """Run a sandbox until the process is told to end."""
    uvicorn.run(create_app(config), host=host, port=port)


async def _plain_refusal(_request: Request, refused: Exception) -> Response:
    """No such path, or no such method on it."""
    assert isinstance(refused, HTTPException), "registered for this class"  # noqa: S101
    return json_reply({"message": refused.detail}, refused.status_code)
