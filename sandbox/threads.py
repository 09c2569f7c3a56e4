"""Running an ASGI application in a thread of this process, for tests and small trials."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import uvicorn
from starlette.types import ASGIApp

_START_SECONDS = 10.0


class _Server(uvicorn.Server):
    """Ends when it is told to: uvicorn's own looks ten times a second whether it should, and then
    waits another tenth for its connections, used or not."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.begun = threading.Event()

    async def main_loop(self) -> None:
        self._loop, self._told = asyncio.get_running_loop(), asyncio.Event()
        self.begun.set()
        while not await self.on_tick(0):
            with suppress(TimeoutError):
                await asyncio.wait_for(self._told.wait(), timeout=1)

    def end(self) -> None:
        """From any thread."""
        self.should_exit = True
        self._loop.call_soon_threadsafe(self._told.set)

    async def shutdown(self, sockets: object = None) -> None:  # noqa: ARG002
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        if self.server_state.tasks:  # what is being answered
            await asyncio.wait(self.server_state.tasks)
        for server in self.servers:
            await server.wait_closed()
        await self.lifespan.shutdown()


def free_address() -> socket.socket:
    """A free port of this machine, to serve at."""
    # Named as TCP, or asyncio leaves Nagle's delay on: 40 ms for every answer.
    address = socket.socket(proto=socket.IPPROTO_TCP)
    address.bind(("127.0.0.1", 0))
    return address


@contextmanager
def running(app: ASGIApp, at: socket.socket | None = None) -> Iterator[str]:
    """Serve an application on a free port of this machine; its address while it runs.

    Args:
        at: an address that stays the caller's, and may be served at again afterwards.
    """
    listening = free_address() if at is None else at.dup()
    # Faults break answers off on purpose; the server's complaints about that are no news.
    server = _Server(uvicorn.Config(app, log_level="critical"))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listening])), daemon=True)
    thread.start()
    if not server.begun.wait(_START_SECONDS):
        raise TimeoutError("an application does not start")
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.end()
        thread.join(timeout=10)
        listening.close()
