"""The demo as a process: interrupted, or gone wrong, it says so and leaves no process behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import pytest

from sandbox.demo import REPORT
from tests.harness.processes import descendants

CHECKOUT = Path(__file__).parent.parent.parent
MARK = "DEMO_TEST_MARK"
SECONDS = 60

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/environ").exists(), reason="looks into Linux's /proc"
)


@dataclass
class Demo:
    """A demo that runs, and every process it has started.

    Attributes:
        below: those that were below it when it was told to end.
    """

    process: subprocess.Popen[str]
    mark: str
    said: list[str] = field(default_factory=list)
    below: set[int] = field(default_factory=set)

    def says(self, text: str) -> None:
        """Wait for a line with that text."""
        for line in self._output():
            self.said.append(line)
            if text in line:
                return
        pytest.fail(f"The demo has not said '{text}', but: {''.join(self.said)}")

    def end(self, how: signal.Signals) -> str:
        """Tell it to end, and wait until it has; all that it has said."""
        self.below = descendants(self.process.pid)
        self.process.send_signal(how)
        rest, _ = self.process.communicate(timeout=SECONDS)
        return "".join([*self.said, rest])

    def runs(self, command: str) -> int:
        """Wait for a process of its with that command; the process's number."""
        deadline = time.monotonic() + SECONDS
        while not (found := [pid for pid, line in self.processes().items() if command in line]):
            assert time.monotonic() < deadline
            assert self.process.poll() is None
            time.sleep(0.02)
        return found[0]

    def left(self) -> dict[int, str]:
        """What it has left behind."""
        still = {pid: "" for pid in self.below if Path(f"/proc/{pid}").exists()}
        return still | self.processes()

    def processes(self) -> dict[int, str]:
        """The commands of what carries its mark in the environment, on all of the machine. The
        broker's server shows no environment."""
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if self.mark.encode() in (folder / "environ").read_bytes():
                    found[int(folder.name)] = (folder / "cmdline").read_text().replace("\0", " ")
            except OSError:
                continue  # it has just ended, or is somebody else's
        return found

    def _output(self) -> IO[str]:
        assert self.process.stdout is not None
        return self.process.stdout


@pytest.fixture
def start() -> Iterator[Callable[..., Demo]]:
    """Starts a demo with the options given."""
    started: list[Demo] = []

    def demo(*options: str) -> Demo:
        mark = f"demo-test-{os.getpid()}-{time.monotonic_ns()}"
        process = subprocess.Popen(
            [sys.executable, "-u", "-m", "workers.cli", "demo", *options],
            env={**os.environ, MARK: mark},
            cwd=CHECKOUT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        started.append(Demo(process, mark))
        return started[-1]

    yield demo
    for each in started:
        each.process.kill()


@pytest.fixture
def report() -> Iterator[Path]:
    """Where the demo writes its report; the one that was there is put back."""
    before = REPORT.read_bytes() if REPORT.exists() else None
    yield REPORT
    if before is None:
        REPORT.unlink(missing_ok=True)
    else:
        REPORT.write_bytes(before)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_ctrl_c_or_a_closed_window_leaves_no_process_behind(
    start: Callable[..., Demo], how: signal.Signals
) -> None:
    demo = start()
    demo.runs("postgres")
    said = demo.end(how)
    assert demo.process.returncode == 130
    assert "Interrupted. Every process has ended." in said
    assert "Traceback" not in said
    assert demo.below
    assert demo.left() == {}


def test_a_demo_that_went_wrong_says_so_to_the_shell_also_when_it_was_kept_running(
    start: Callable[..., Demo], report: Path
) -> None:
    """It is told to end while its workers are in the middle of the initial sync."""
    demo = start("--serve")
    demo.says("Initial sync")
    os.kill(demo.runs("workers.cli beat"), signal.SIGKILL)
    demo.says("Everything keeps running until Ctrl-C")
    told = json.loads(report.read_text())
    assert "Every process has ended." in demo.end(signal.SIGINT)
    assert demo.process.returncode == 1
    assert told["good"] is False
    assert "ended by itself: beat" in told["problems"]
    assert demo.left() == {}
