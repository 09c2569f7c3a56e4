"""The audit of the dependencies: what it makes of pip-audit's answers."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

AUDIT = Path(__file__).parent.parent.parent / ".ci" / "audit"


@pytest.mark.parametrize(
    ("answer", "code", "said"),
    [
        ("echo 'No known vulnerabilities found' >&2", 0, "No known"),
        ("echo 'jinja2 2.11.2 PYSEC-2021-66'; exit 1", 1, "PYSEC-2021-66"),
        ("echo 'cannot connect' >&2; exit 1", 75, "NOT AUDITED"),
    ],
)
def test_what_is_found_and_what_cannot_be_found_out_end_differently(
    tmp_path: Path, answer: str, code: int, said: str
) -> None:
    stub = tmp_path / "uv"
    stub.write_text(f"#!/bin/sh\n{answer}\n")
    stub.chmod(0o755)
    done = subprocess.run(
        [AUDIT],
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code
    assert said in done.stdout + done.stderr
