"""Varebro's own processes and commands, on servers that are there already."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from typer.testing import CliRunner

from sandbox.stack import Process
from shared.config import configuration
from workers.cli import app
from workers.process import the_engine, the_sessions, the_vault, the_vendors

CHECKOUT = Path(__file__).parent.parent.parent


@dataclass
class Installation:
    """All processes have the same environment; everything they and the commands say is kept."""

    folder: Path
    variables: Mapping[str, str]
    processes: list[Process] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def environment(self, **more: str) -> dict[str, str]:
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith("PYTHON")
        }
        of_python = {
            "PYTHONPATH": str(CHECKOUT),
        }
        return {**inherited, **of_python, **self.variables, **more}

    def start(self, *arguments: str, **more: str) -> Process:
        """Start a process, with the bugs of the tests in it."""
        log = self.folder / f"{len(self.processes)}-{arguments[0]}.log"
        command = [sys.executable, "-m", "tests.harness.with_bugs", *arguments]
        process = Process(arguments[0], command, log, self.environment(**more))
        self.processes.append(process)
        process.start()
        return process

    def run(self, *arguments: str, **more: str) -> int:
        """Run a command to its end; its exit code."""
        done = subprocess.run(
            [sys.executable, "-m", "workers.cli", *arguments],
            env=self.environment(**more),
            capture_output=True,
            text=True,
            check=False,
        )
        self.said.append(done.stdout + done.stderr)
        return done.returncode

    def run_here(self, *arguments: str, **more: str) -> int:
        """Run a command in this process, which saves the start of another; its exit code."""
        kept = (configuration, the_sessions, the_vendors, the_vault, the_engine)
        for each in kept:
            each.cache_clear()
        done = CliRunner().invoke(app, arguments, env={**self.variables, **more})
        for each in kept:
            each.cache_clear()
        self.said.append(done.output)
        return done.exit_code

    def logged(self) -> str:
        """All that the processes have printed."""
        return "\n".join(process.log.read_text(errors="replace") for process in self.processes)

    def stop(self) -> None:
        for process in self.processes:
            process.kill(signal.SIGTERM)
        for process in self.processes:
            process.stop()
