"""A TCP proxy that can cut its connections, or go on holding them and forward nothing."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field


@dataclass(eq=False)
class _Line:
    """One connection through the proxy.

    Attributes:
        silent: nothing is forwarded, for ever: what lies in between has forgotten the connection.
    """

    silent: bool
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    def cut(self) -> None:
        for writer in self.writers:
            writer.transport.abort()


class Proxy:
    """Stands between all clients and one server of this machine."""

    def __init__(self, target: int) -> None:
        self.port = 0
        self._target = target
        self._silent = False
        self._lines: set[_Line] = set()
        self._loop = asyncio.new_event_loop()
        self._never = asyncio.Event()

    @property
    def connections(self) -> int:
        """How many clients are connected."""
        return len(self._lines)

    def cut(self) -> None:
        """End every connection at once, on both sides."""
        self._call(self._cut)

    def silence(self) -> None:
        """Forward nothing any more, on old connections and new ones, without a word to anybody."""
        self._call(self._silence, True)

    def restore(self) -> None:
        """Forward again, on new connections; the old ones stay as dead as they are."""
        self._call(self._silence, False)

    # -- in the proxy's own thread ----------------------------------------------------------------

    def _call(self, what: object, *arguments: object) -> None:
        async def run() -> None:
            what(*arguments)  # type: ignore[operator]

        asyncio.run_coroutine_threadsafe(run(), self._loop).result(10)

    def _cut(self) -> None:
        for line in list(self._lines):
            line.cut()

    def _silence(self, silent: bool) -> None:
        self._silent = silent
        for line in self._lines:
            line.silent = line.silent or silent

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = _Line(self._silent, [writer])
        self._lines.add(line)
        try:
            if line.silent:
                await reader.read(-1)
                return
            server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self._target)
            line.writers.append(server_writer)
            await asyncio.gather(
                self._forward(line, reader, server_writer),
                self._forward(line, server_reader, writer),
            )
        except OSError:
            pass
        finally:
            line.cut()
            self._lines.discard(line)

    async def _forward(
        self, line: _Line, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while data := await reader.read(65536):
            if not line.silent:
                writer.write(data)
                await writer.drain()
        if line.silent:
            await self._never.wait()  # neither end hears that the other has gone
        line.cut()

    def _run(self, ready: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)

        async def serve() -> None:
            server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
            self.port = server.sockets[0].getsockname()[1]
            self._stop = asyncio.Event()
            ready.set()
            await self._stop.wait()
            server.close()
            self._cut()
            waiting = asyncio.all_tasks() - {asyncio.current_task()}
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)

        with suppress(asyncio.CancelledError):
            self._loop.run_until_complete(serve())
        self._loop.close()

    @contextmanager
    def running(self) -> Iterator[Proxy]:
        """Serve for as long as the block takes."""
        ready = threading.Event()
        thread = threading.Thread(target=self._run, args=(ready,), daemon=True)
        thread.start()
        ready.wait(10)
        try:
            yield self
        finally:
            self._loop.call_soon_threadsafe(self._stop.set)
            thread.join(10)
