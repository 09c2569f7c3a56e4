"""The whole system as processes of this machine: what compose starts in containers.

The commands are the very same; only the addresses differ.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from cryptography.fernet import Fernet

from sandbox.rackbeat import API_KEY
from sandbox.servers import Postgres, Valkey, free_port
from sandbox.tfso.config import FJELLHEIM, SandboxConfig
from sandbox.tls import tls

STOP_SECONDS = 15.0
# Ctrl-C, a request to end, and the end of the terminal.
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class DidNotStart(RuntimeError):
    """A process ended, or did not answer, while the system was being started."""


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Let Ctrl-C, SIGTERM and the end of the terminal wait until the block is over.

    For starting a process: an exception between its start and the note of it would leave it behind.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # signals are the main thread's
        return
    arrived: list[int] = []
    before = {
        each: signal.signal(each, lambda number, _frame: arrived.append(number)) for each in SIGNALS
    }
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
        if arrived:
            signal.raise_signal(arrived[0])


@dataclass
class Process:
    """One process of the system and where its output goes."""

    name: str
    command: list[str]
    log: Path
    environment: Mapping[str, str]
    running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log, uninterrupted():
            self.running = subprocess.Popen(  # noqa: S603 - our own commands
                self.command,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                env=dict(self.environment),
                start_new_session=True,
            )

    def kill(self, how: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal to the process and everything it has started."""
        if self.running is not None and self.running.poll() is None:
            os.killpg(self.running.pid, how)

    def stop(self) -> None:
        """End the process in good order, by force if it does not."""
        if self.running is None:
            return
        if self.running.poll() is None:
            self.running.send_signal(signal.SIGTERM)
        try:
            self.running.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            pass
        finally:
            with suppress(ProcessLookupError):
                os.killpg(self.running.pid, signal.SIGKILL)
            self.running.wait()
            self.running = None


@dataclass
class Stack:
    """PostgreSQL, a broker, both vendors' sandboxes, and Varebro's own processes.

    Attributes:
        folder: for data and logs.
        settings: further VAREBRO_ variables, without the prefix.
        workers: how many worker processes.
    """

    folder: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    workers: int = 2

    def __post_init__(self) -> None:
        with uninterrupted():
            self.postgres = Postgres(self.folder / "postgres")
        self.broker = Valkey(self.folder / "broker")
        self.web_port = free_port()
        self.flower_port = free_port()
        self.rackbeat_port = free_port()
        self.tfso_port = free_port()
        self.processes: dict[str, Process] = {}
        self.logs = self.folder / "logs"
        self.logs.mkdir(parents=True, exist_ok=True)

    @property
    def web_url(self) -> str:
        return f"http://127.0.0.1:{self.web_port}"

    @property
    def flower_url(self) -> str:
        return f"http://127.0.0.1:{self.flower_port}"

    @property
    def rackbeat_url(self) -> str:
        return f"http://127.0.0.1:{self.rackbeat_port}"

    @property
    def tfso_url(self) -> str:
        return f"http://127.0.0.1:{self.tfso_port}"

    def environment(self) -> dict[str, str]:
        """What Varebro's processes are told."""
        if not hasattr(self, "_environment"):
            given = {
                "DATABASE_URL": self.postgres.url("varebro"),
                "BROKER_URL": self.broker.url,
                "SECRET_KEYS": Fernet.generate_key().decode(),
                "PUBLIC_URL": self.web_url,
                "WEB_PORT": str(self.web_port),
                "FLOWER_PORT": str(self.flower_port),
                "FLOWER_AUTH": "demo:" + Fernet.generate_key().decode()[:12],
                "LOG_JSON": "false",
                "WORKER_CONCURRENCY": "4",
                "SWEEP_SECONDS": "1",
                **self.settings,
            }
            self._environment = {
                **{name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
                **{f"VAREBRO_{name}": value for name, value in given.items()},
            }
        return self._environment

    @property
    def flower_login(self) -> str:
        """As user:password; made up for this run."""
        return self.environment()["VAREBRO_FLOWER_AUTH"]

    # -- starting -------------------------------------------------------------------------------

    def start(self) -> None:
        """Everything, as much of it at a time as can be."""
        self._spawn_sandboxes()
        self.start_servers()
        self.start_processes()
        self._await_sandboxes()

    def start_servers(self) -> None:
        """PostgreSQL, the broker and an empty database in this version's form."""
        with uninterrupted():
            self.postgres.start("fsync=off", "max_connections=200")
        with uninterrupted():
            self.broker.start()
        self.postgres.create_database("varebro")
        self.run("migrate")

    def start_sandboxes(self) -> None:
        """Both vendors."""
        self._spawn_sandboxes()
        self._await_sandboxes()

    def _spawn_sandboxes(self) -> None:
        for name, port in (("rackbeat", self.rackbeat_port), ("24so", self.tfso_port)):
            self._start(f"sandbox {name}", ["sandbox", name, "--port", str(port)])

    def _await_sandboxes(self) -> None:
        for url in (self.rackbeat_url, self.tfso_url):
            wait_for_answer(f"{url}/_control/calls")

    def start_processes(self) -> None:
        """The web process, the workers, beat and Flower."""
        self._start("web", ["web"])
        for number in range(1, self.workers + 1):
            self._start(f"worker {number}", ["worker", "--name", f"worker{number}"])
        self._start("beat", ["beat"])
        wait_for_answer(f"{self.web_url}/readyz")
        self._start("flower", ["flower"])  # last, as nothing waits for it

    def _start(self, name: str, arguments: list[str]) -> Process:
        log = self.logs / f"{name.replace(' ', '-')}.log"
        process = Process(name, [*self._varebro(), *arguments], log, self.environment())
        self.processes[name] = process  # first, so that nothing started is forgotten
        process.start()
        return process

    @staticmethod
    def _varebro() -> list[str]:
        return [sys.executable, "-m", "workers.cli"]

    def run(self, *arguments: str, environment: Mapping[str, str] | None = None) -> str:
        """Run a `varebro` command to its end; what it printed.

        Raises:
            DidNotStart: it failed; with what it said.
        """
        done = subprocess.run(  # noqa: S603 - our own commands
            [*self._varebro(), *arguments],
            capture_output=True,
            text=True,
            check=False,
            env={**self.environment(), **(environment or {})},
        )
        if done.returncode:
            raise DidNotStart(f"varebro {' '.join(arguments)}:\n{done.stdout}{done.stderr}")
        return done.stdout

    def connect(self, slug: str) -> None:
        """Pair both sandboxes, by the command a person would use."""
        vendor = SandboxConfig()
        self.run(
            "connection", "add", slug,
            "--identity", FJELLHEIM.id,
            "--rackbeat-url", f"{self.rackbeat_url}/api/",
            "--24so-url", self.tfso_url,
            environment={
                "RACKBEAT_API_KEY": API_KEY,
                "TFSO_USERNAME": vendor.username,
                "TFSO_PASSWORD": vendor.password,
                "TFSO_APPLICATION_ID": vendor.application_id,
            },
        )  # fmt: skip

    def fallen(self) -> list[str]:
        """Names of processes that have ended by themselves."""
        return [
            name
            for name, process in list(self.processes.items())
            if process.running is not None and process.running.poll() is not None
        ]

    def stop(self) -> None:
        """End everything, the servers last."""
        for process in self.processes.values():
            process.kill(signal.SIGTERM)
        for process in self.processes.values():
            process.stop()
        self.broker.stop()
        self.postgres.stop()


def wait_for_answer(url: str, seconds: float = 30.0) -> None:
    """Wait until an address answers with success.

    Raises:
        DidNotStart: it does not in that time.
    """

    def answers() -> bool:
        try:
            return httpx.get(url, timeout=2, trust_env=False, verify=tls()).is_success
        except httpx.TransportError:
            return False

    wait_until(answers, seconds, f"{url} does not answer")


def wait_until(condition: Callable[[], object], seconds: float, otherwise: str) -> None:
    """Wait until a condition holds; it is looked at often at first, and ten times a second later.

    Raises:
        DidNotStart: it does not in that time.
    """
    deadline = time.monotonic() + seconds
    pause = 0.005
    while not condition():
        if time.monotonic() > deadline:
            raise DidNotStart(f"{otherwise} after {seconds:.0f} seconds.")
        time.sleep(pause)
        pause = min(pause * 2, 0.1)
