"""What the documents say about the code is still so."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from shared.queues import Queue
from shared.tables import Base
from tasks.kinds import KINDS

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
DOCUMENTS = sorted([*(ROOT / "docs").glob("*.md"), ROOT / "CONTRIBUTING.md", README])
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text()
SOURCE = r"(?:workers|tasks|shared|sandbox|tests|bench|deploy|docs)/[\w./-]*"


def names_in(path: Path) -> set[str]:
    """Functions, methods and classes a file defines."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return {node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, kinds)}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_file_and_function_a_document_names_exists(document: Path) -> None:
    for path, name in re.findall(rf"`({SOURCE})(?::\s+(\w+))?`", document.read_text()):
        assert (ROOT / path).exists(), path
        assert not name or name in names_in(ROOT / path), f"{path}: {name}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_page_a_document_links_to_exists(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text()):
        assert (document.parent / target).exists(), target


def rows_of(heading: str) -> set[str]:
    """The first cells, in code quotes, of the tables below a heading."""
    section = ARCHITECTURE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return set(re.findall(r"^\| `([^`]+)` \|", section, re.M))


def test_the_architecture_names_every_table_and_no_other() -> None:
    assert rows_of("What is stored where") == set(Base.metadata.tables)


def test_the_architecture_names_every_queue_and_every_process() -> None:
    rows = rows_of("Processes")
    processes = {row for row in rows if row.startswith("varebro ")}
    assert rows - processes == {queue.value for queue in Queue}
    assert processes == {f"varebro {p}" for p in ("web", "worker", "beat", "flower", "migrate")}


def test_the_architecture_names_every_kind() -> None:
    (row,) = re.findall(r"^\| kind \| ([a-z_, ]+):", ARCHITECTURE, re.M)
    assert set(row.split(", ")) == set(KINDS)


def test_every_target_the_readme_names_is_in_the_makefile() -> None:
    named = set(re.findall(r"\bmake (demo|test|serve|[a-z]+-[a-z]+)\b", README.read_text()))
    assert {"demo", "test", "serve"} <= named
    assert named <= set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))


def test_the_readme_is_no_longer_than_two_screens() -> None:
    assert len(README.read_text().splitlines()) <= 100


def test_the_readme_gives_only_commands_that_are_there_after_a_checkout() -> None:
    text = README.read_text().replace("\\\n", "")
    programs = re.findall(r"^ {4,}(\S+)", text, re.M)
    assert set(programs) == {"make", "cp", "docker"}
