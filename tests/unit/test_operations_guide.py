"""Every command, setting, variable and address the guide for operators or README names exists."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import get_args

import click
import pytest
import typer

from shared.config import PREFIX, Configuration
from shared.journal import decide
from shared.settings import InvoiceSettings, Settings
from shared.words import FailureClass, Outcome, State
from tests.harness.version import own_tasks, readme_call
from workers.cli import app
from workers.web.api import router

DOCS = Path(__file__).parents[2] / "docs"
GUIDE = (DOCS / "operations.md").read_text()
README = (DOCS.parent / "README.md").read_text()
IN_COMPOSE = "docker compose run --rm web "
PAGES = "\n".join(
    [GUIDE, (DOCS / "settings.md").read_text(), README.replace(IN_COMPOSE, "varebro ")]
)
# Inline code may go on in the next line; indented lines are commands whole.
QUOTED = [" ".join(code.split()) for code in re.findall(r"`([^`]+)`", PAGES)]
INDENTED = [line.strip() for line in re.findall(r"^ {4,}(\S.*)$", PAGES, re.M)]
COMMANDS = sorted({c for c in QUOTED + INDENTED if re.match(r"varebro [a-z]", c)})


@pytest.mark.parametrize("written", COMMANDS)
def test_every_command_of_the_guide_can_be_given_like_that(written: str) -> None:
    words = shlex.split(written, comments=True)[1:]
    command: click.Command = typer.main.get_command(app)
    while hasattr(command, "commands"):
        assert words[0] in command.commands, f"there is no command {written}"
        command = command.commands[words.pop(0)]
    if not words:
        return  # named, not given
    context = command.make_context("varebro", list(words), resilient_parsing=True)
    assert not context.args, f"{context.args} are too many in {written}"
    options = {name for parameter in command.params for name in parameter.opts}
    given = {word for word in words if word.startswith("--")} - {"--help"}
    assert given <= options, written


def test_the_guide_is_about_commands_at_all() -> None:
    assert len(COMMANDS) > 20
    assert "varebro sync resync fjellheim product 1045" in COMMANDS


def test_the_task_that_the_readme_calls_takes_what_it_is_given() -> None:
    call = readme_call()
    signature = own_tasks()[call[call.index("call") + 1]]
    signature.bind(**json.loads(call[call.index("--kwargs") + 1]))


def test_every_setting_the_guide_names_exists() -> None:
    settings = Settings().model_dump()
    groups = {name for name, part in settings.items() if isinstance(part, dict)}
    named = re.findall(r"\b([a-z_]+)\.([a-z_]+)\b", " ".join(QUOTED + INDENTED))
    found = [(group, name) for group, name in named if group in groups]
    assert len(found) > 10
    assert [pair for pair in found if pair[1] not in settings[pair[0]]] == []


def test_every_variable_the_guide_names_exists() -> None:
    named = set(re.findall(rf"{PREFIX}[A-Z_]+", GUIDE))
    assert named
    assert named <= {PREFIX + name.upper() for name in Configuration.model_fields}


def test_every_address_of_the_api_the_guide_names_exists() -> None:
    named = re.findall(r"(GET|PATCH|POST) (/api/[\w/]+)", PAGES)
    routes = {
        (method, re.sub(r"\{\w+\}", "fjellheim", route.path))
        for route in router.routes
        for method in route.methods  # type: ignore[attr-defined]
    }
    assert named
    assert set(named) <= routes


def rows_of(heading: str) -> set[str]:
    """The first cells of the first table below a heading."""
    section = GUIDE.split(f" {heading}\n")[1].split("\n#")[0]
    return set(re.findall(r"^\| `([^`]+)`", section, re.M))


def test_the_guide_explains_every_state_and_outcome() -> None:
    assert rows_of("Day by day") == {state.value for state in State}
    assert [outcome for outcome in Outcome if f"`{outcome.value}`" not in GUIDE] == []


def test_the_guide_explains_every_failure_class() -> None:
    assert rows_of("What failed, and what to do") == {failure.value for failure in FailureClass}


def test_the_guide_names_the_waits_and_tries_that_are_kept() -> None:
    assert f"after {decide.FIRST_WAIT.seconds} seconds, then ever longer up to an hour" in GUIDE
    assert decide.LONGEST_WAIT.total_seconds() == 3600
    assert f"after {decide.MOST_TRANSIENT_ATTEMPTS} tries" in GUIDE
    assert decide.MOST_BUG_ATTEMPTS == 3


def test_the_guide_explains_every_status_an_invoice_can_get() -> None:
    allowed = get_args(InvoiceSettings.model_fields["status"].annotation)
    assert rows_of("For accountants: invoices") == set(allowed)
    assert f"`{InvoiceSettings().status}` (default)" in GUIDE
