"""The whole system as real processes, with a proxy before each server and a supervisor."""

from __future__ import annotations

import os
import re
import shutil
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from sqlalchemy import update
from sqlalchemy.orm import Session, sessionmaker

from sandbox.control import SandboxControl
from sandbox.servers import data_folder
from sandbox.stack import Process, Stack, wait_for_answer
from shared.background import repeating
from shared.database import make_engine, make_sessions
from shared.migrate import migrate
from shared.tables import Connection
from tests.chaos.proxy import Proxy
from tests.harness.processes import children

CHECKOUT = Path(__file__).parents[2]
LOGS = CHECKOUT / ".local" / "chaos-logs"
SLUG = "kaos"
CLAIM = timedelta(seconds=15)
PLENTY = "1000000"
POSTGRES_OPTIONS = ("fsync=off", "max_connections=100")
OFTEN = {"pull_minutes": 0.05, "order": {"pull_minutes": 0.05}}
# Like a supervisor's own pause before it starts a process again.
SUPERVISION_SECONDS = 0.5
# A task that a worker has carried out, other than its messages to itself.
CARRIED_OUT = re.compile(rb"Task varebro\.(?!heartbeat)\S+ succeeded")
SLOTS = 2
START_SECONDS = 90.0


@dataclass
class Plant(Stack):
    """Varebro's processes, each started again when it ends, as compose would."""

    restarts: int = field(init=False, default=0)
    to_postgres: Proxy = field(init=False)
    to_broker: Proxy = field(init=False)
    rackbeat: SandboxControl = field(init=False)
    tfso: SandboxControl = field(init=False)
    sessions: sessionmaker[Session] = field(init=False)

    def start_servers(self) -> None:
        self.postgres.start(*POSTGRES_OPTIONS)
        self.broker.start()
        engine = make_engine(self.postgres.create_database("varebro"))
        migrate(engine)
        engine.dispose()

    def start_processes(self) -> None:
        self._start("web", ["web"])
        for number in range(1, self.workers + 1):
            self._start(f"worker {number}", ["worker", "--name", f"worker{number}"])
        self._start("beat", ["beat"])
        wait_for_answer(f"{self.web_url}/readyz", START_SECONDS)

    def start_another(self, name: str, command: str) -> None:
        """One more process of Varebro's."""
        self._start(name, [command])

    def _spawn_sandboxes(self) -> None:
        for name, port in (("rackbeat", self.rackbeat_port), ("24so", self.tfso_port)):
            process = self._process(
                name, [sys.executable, "-m", "tests.chaos.vendors", name, str(port)]
            )
            process.start()

    def _process(self, name: str, command: list[str]) -> Process:
        environment = {**self.environment(), "PYTHONPATH": str(CHECKOUT)}
        process = Process(name, command, self.logs / f"{name}.log", environment)
        self.processes[name] = process
        return process

    # -- looking ----------------------------------------------------------------------------------

    @property
    def worker_processes(self) -> Sequence[Process]:
        return [each for name, each in self.processes.items() if name.startswith("worker")]

    def carried_out(self, worker: Process) -> int:
        """How many tasks a worker has carried out, all its lives together."""
        return len(CARRIED_OUT.findall(worker.log.read_bytes()))

    def slots(self) -> list[int]:
        """The ids of the processes in which the workers carry out tasks, as Linux knows them."""
        found: list[int] = []
        for worker in self.worker_processes:
            if worker.running is not None:
                found += children(worker.running.pid)
        return found

    # -- keeping it going -------------------------------------------------------------------------

    def supervised(self) -> AbstractContextManager[None]:
        """Start whatever ends again, as long as the block takes."""
        return repeating(self._start_again, every_seconds=SUPERVISION_SECONDS)

    def _start_again(self) -> None:
        for name in self.fallen():
            process = self.processes[name]
            if process.running is not None:
                with suppress(ProcessLookupError):  # a container ends with its first process
                    os.killpg(process.running.pid, signal.SIGKILL)
            self.restarts += 1
            process.start()


@contextmanager
def plant(workers: int = 2, settings: Mapping[str, object] = OFTEN) -> Iterator[Plant]:
    """Everything started and connected, the initial sync not yet begun.

    Args:
        settings: the connection's, as they are stored.
    """
    with data_folder("chaos", CHECKOUT) as folder, ExitStack() as stack:
        made = Plant(folder, workers=workers)
        made.to_postgres = stack.enter_context(Proxy(made.postgres.port).running())
        made.to_broker = stack.enter_context(Proxy(made.broker.port).running())
        direct = made.postgres.url("varebro")
        made.settings = {
            "DATABASE_URL": direct.replace(f":{made.postgres.port}/", f":{made.to_postgres.port}/"),
            "BROKER_URL": f"redis://127.0.0.1:{made.to_broker.port}/0",
            "CLAIM_SECONDS": str(CLAIM.total_seconds()),
            "SETTLE_SECONDS": "3",
            "SWEEP_SECONDS": "1",
            "WORKER_CONCURRENCY": str(SLOTS),
            "RACKBEAT_CALLS_PER_MINUTE": PLENTY,
            "TFSO_CALLS_PER_HOUR": PLENTY,
            "TFSO_CALLS_PER_SECOND": PLENTY,
        }
        made.rackbeat = stack.enter_context(SandboxControl(made.rackbeat_url))
        made.tfso = stack.enter_context(SandboxControl(made.tfso_url))
        engine = make_engine(direct)
        made.sessions = make_sessions(engine)
        stack.callback(engine.dispose)
        try:
            made.start()
            made.connect(SLUG)
            with made.sessions.begin() as session:
                session.execute(update(Connection).values(settings=settings))
            with made.supervised():
                yield made
        finally:
            made.stop()
            shutil.copytree(made.logs, LOGS, dirs_exist_ok=True)
