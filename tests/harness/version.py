"""What a version of Varebro counts on: the messages it sends and the tables it works with.

Kept for the next version, whose processes run beside its own for as long as an upgrade takes:

    .venv/bin/python -m tests.harness.version > tests/contract/version_before.json
"""

from __future__ import annotations

import inspect
import io
import json
import re
import shlex
import subprocess
import sys
import tarfile
from importlib import metadata
from pathlib import Path
from typing import Any

from alembic.script import ScriptDirectory
from celery import Celery

from shared.migrate import alembic_config
from shared.queues import Queue
from workers import tasks
from workers.messages import CHANGE_HEADER

ROOT = Path(__file__).parents[2]
BEFORE = ROOT / "tests" / "contract" / "version_before.json"


def own_tasks() -> dict[str, inspect.Signature]:
    """Every task of this version, and the arguments it takes."""
    app = Celery("description", set_as_current=False)
    tasks.register(app)
    return {
        name: inspect.signature(task.run)
        for name, task in sorted(app.tasks.items())
        if name.startswith("varebro.")
    }


def readme_call() -> list[str]:
    """The words after `celery` of the call that README gives as an example."""
    readme = (ROOT / "README.md").read_text().replace("\\\n", "")
    (line,) = re.findall(r"^ {4,}.*\bcelery (-A .*)$", readme, re.M)
    return shlex.split(line)


def git(*words: str) -> bytes:
    """What git says of this checkout."""
    command = ["git", *words]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout


def code_of(commit: str, folder: Path) -> None:
    """Unpack a version into a folder.

    Raises:
        CalledProcessError: this checkout has no history, or not so much of it.
    """
    with tarfile.open(fileobj=io.BytesIO(git("archive", commit))) as archive:
        archive.extractall(folder, filter="data")


def describe() -> dict[str, Any]:
    """This version: what is checked out, with nothing that is not committed."""
    return {
        "version": metadata.version("varebro"),
        "commit": git("rev-parse", "HEAD").decode().strip(),
        "revision": ScriptDirectory.from_config(alembic_config()).get_current_head(),
        "queues": [queue.value for queue in Queue],
        "change_header": CHANGE_HEADER,
        "tasks": {name: _arguments(signature) for name, signature in own_tasks().items()},
    }


def _arguments(signature: inspect.Signature) -> dict[str, list[str]]:
    given = signature.parameters.values()
    needed = [each.name for each in given if each.default is each.empty]
    return {"needs": needed, "takes": [each.name for each in given if each.name not in needed]}


if __name__ == "__main__":
    json.dump(describe(), sys.stdout, indent=2)
    sys.stdout.write("\n")
