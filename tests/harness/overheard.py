"""What others on the machine and at the broker get to see of our processes."""

from __future__ import annotations

import os
import re
import socket
import threading
from base64 import b64decode
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from sandbox.stack import Process


class Overheard(threading.Thread):
    """Every command the broker gets, and so every message and event."""

    def __init__(self, port: int, password: str) -> None:
        super().__init__(daemon=True)
        self._line = socket.create_connection(("127.0.0.1", port))
        self._line.sendall(f"AUTH {password}\r\nMONITOR\r\n".encode())
        self._said = bytearray()

    def run(self) -> None:
        while said := self._line.recv(65536):
            self._said += said

    def text(self) -> str:
        """What was sent, the bodies of messages unpacked."""
        sent = self._said.decode("utf-8", "replace")
        bodies = re.findall(r'\\*"body\\*": \\*"([A-Za-z0-9+/=]+)', sent)
        return "\n".join([sent, *(b64decode(body).decode("utf-8", "replace") for body in bodies)])


def arguments_of(processes: list[Process]) -> Iterator[str]:
    """The arguments of all our processes and of what they have started."""
    ours = {process.running.pid for process in processes if process.running is not None}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if os.getpgid(int(folder.name)) in ours:
                yield (folder / "cmdline").read_text().replace("\0", " ")


def dump_of(broker: Any) -> str:
    """Every key the broker holds, with its value as it is kept."""
    return "\n".join(f"{key!r} {broker.dump(key)!r}" for key in broker.scan_iter())
