"""The command line, as a person uses it."""

from __future__ import annotations

import json
import logging
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from getpass import getuser

import httpx
import pytest
from cryptography.fernet import Fernet
from sqlalchemy import select
from typer.testing import CliRunner, Result

from sandbox import rackbeat
from sandbox.tfso.config import ANNEN_BEDRIFT, FJELLHEIM, SandboxConfig
from shared.config import configuration
from shared.connections import Connections
from shared.tables import Audit, Connection, Run
from tests.harness.people import linked, rackbeat_supplier, tfso_product, tfso_supplier
from tests.harness.stage import without_pauses
from tests.harness.world import SLUG, World
from workers import process
from workers.cli import app

VENDOR = SandboxConfig()
SECRETS = (rackbeat.API_KEY, VENDOR.password, VENDOR.application_id)
CREDENTIALS = {
    "RACKBEAT_API_KEY": rackbeat.API_KEY,
    "TFSO_USERNAME": VENDOR.username,
    "TFSO_PASSWORD": VENDOR.password,
    "TFSO_APPLICATION_ID": VENDOR.application_id,
}


class Terminal:
    """A person's terminal on the machine where Varebro runs."""

    def __init__(self, the_world: World) -> None:
        self.world = the_world
        self._runner = CliRunner()

    def __call__(self, *arguments: str, **environment: str) -> Result:
        result = self._runner.invoke(app, arguments, env={"COLUMNS": "300", **environment})
        assert not [secret for secret in SECRETS if secret in result.output]
        return result

    def add(self, *more: str, **environment: str) -> Result:
        return self(
            "connection", "add", SLUG,
            "--rackbeat-url", f"{self.world.rackbeat_url}/api/",
            "--24so-url", self.world.tfso_url,
            *more,
            **{**CREDENTIALS, **environment},
        )  # fmt: skip


@pytest.fixture
def terminal(the_world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    given = the_world.configuration
    monkeypatch.setenv("VAREBRO_DATABASE_URL", given.database_url.get_secret_value())
    monkeypatch.setenv("VAREBRO_BROKER_URL", given.broker_url.get_secret_value())
    monkeypatch.setenv("VAREBRO_SECRET_KEYS", given.secret_keys[0].get_secret_value())
    monkeypatch.setenv("VAREBRO_PUBLIC_URL", the_world.web_url)
    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    kept = (configuration, process.the_sessions, process.the_vendors, process.the_vault,
            process.the_engine)  # fmt: skip
    for each in kept:
        each.cache_clear()
    # Brought in before the terminal's output takes the place of the test's: it sets up logging.
    process.the_engine()
    yield Terminal(the_world)
    for each in kept:
        each.cache_clear()
    root.setLevel(level)
    root.handlers[:] = handlers


def said(result: Result) -> str:
    """What was printed, however the lines were broken."""
    return " ".join(result.output.split())


# -- making -------------------------------------------------------------------------------------


def test_a_connection_added_at_the_terminal_carries_changes(terminal: Terminal) -> None:
    result = terminal.add("--identity", FJELLHEIM.id)
    assert result.exit_code == 0, result.output
    assert "Fjellheim Lager AS" in said(result)
    assert "Fjellheim Handel AS" in said(result)
    assert "varebro sync initial fjell" in said(result)
    the_world = terminal.world
    link = linked(the_world, "product", tfso_product(the_world))
    the_world.rackbeat.edit("products", link.rackbeat_key, {"name": "Ny"})
    the_world.settle()
    assert the_world.in_tfso("products", link.tfso_key)["Name"] == "Ny"


@pytest.mark.parametrize(
    ("more", "environment", "reason"),
    [
        ((), {}, "several companies: say which one with --identity"),
        (("--identity", "0" * 8), {}, "no identity 00000000"),
        (
            ("--identity", FJELLHEIM.id),
            {"RACKBEAT_API_KEY": "mistyped"},
            "Rackbeat does not accept the API key",
        ),
        (
            ("--identity", FJELLHEIM.id),
            {"TFSO_PASSWORD": "mistyped"},
            "does not accept the user name, the password",
        ),
    ],
)
def test_a_connection_that_cannot_be_made_is_refused_in_a_sentence(
    terminal: Terminal, more: tuple[str, ...], environment: dict[str, str], reason: str
) -> None:
    result = terminal.add(*more, **environment)
    assert result.exit_code == 1
    assert reason in said(result)
    assert "Traceback" not in result.output
    assert "mistyped" not in result.output
    with terminal.world.sessions() as session:
        assert session.scalars(select(Connection)).all() == []


def test_a_person_at_a_terminal_is_asked_which_company_to_write_into(terminal: Terminal) -> None:
    the_world = terminal.world
    code, shown = typed(
        ["connection", "add", SLUG, "--rackbeat-url", f"{the_world.rackbeat_url}/api/",
         "--24so-url", the_world.tfso_url],
        "9\n2\n",
        {"COLUMNS": "300", **CREDENTIALS},
    )  # fmt: skip
    assert code == 0, shown
    asked = "Which one to write into (1 to 2):"
    assert (
        "This 24SevenOffice user has access to several companies: "
        f"1 {FJELLHEIM.client_name} ({FJELLHEIM.id}) "
        f"2 {ANNEN_BEDRIFT.client_name} ({ANNEN_BEDRIFT.id}) {asked} {asked}"
    ) in shown
    assert not [secret for secret in SECRETS if secret in shown]
    assert the_world.connections.find(SLUG).tfso_identity == ANNEN_BEDRIFT.id


def typed(arguments: list[str], keys: str, environment: dict[str, str]) -> tuple[int, str]:
    """Give a command at a real terminal and type; its exit code and what the screen shows."""
    screen, line = pty.openpty()
    command = [sys.executable, "-m", "workers.cli", *arguments]
    with subprocess.Popen(
        command, stdin=line, stdout=line, stderr=line, env=os.environ | environment
    ) as process:
        os.close(line)
        os.write(screen, keys.encode())
        shown = b""
        with suppress(OSError):  # it ends so when the command has
            while part := os.read(screen, 4096):
                shown += part
    os.close(screen)
    return process.returncode, " ".join(shown.decode().split())


def test_who_made_a_connection_is_noted(terminal: Terminal) -> None:
    terminal.add("--identity", FJELLHEIM.id)
    with terminal.world.sessions() as session:
        (noted,) = session.scalars(select(Audit)).all()
    assert noted.actor not in ("", "test")
    assert not [secret for secret in SECRETS if secret in json.dumps(noted.details)]


# -- looking after ------------------------------------------------------------------------------


def test_all_connections_are_listed_with_their_state(terminal: Terminal) -> None:
    terminal.world.connect()
    terminal.world.connections.pause(SLUG, "ferie")
    listed = said(terminal("connection", "list"))
    for shown in (SLUG, "Fjellheim Lager AS", "Fjellheim Handel AS", "paused", "ferie"):
        assert shown in listed


def test_a_vendor_that_is_left_alone_is_listed_with_the_reason_and_the_next_look(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    the_world = terminal.world
    the_world.connect()
    without_pauses(the_world.vendors)
    the_world.tfso.fault(operation="*", effect="answer", status=503, times=None)
    the_world.work()
    listed = said(terminal("connection", "list"))
    assert "active" in listed
    assert "paused fjell: 24SevenOffice since" in listed
    assert "Asked again by itself at" in listed
    monkeypatch.setenv("VAREBRO_API_TOKEN", "open")
    configuration.cache_clear()
    headers = {"Authorization": "Bearer open"}
    (shown,) = httpx.get(
        f"{the_world.web_url}/api/connections", headers=headers, trust_env=False
    ).json()
    (pause,) = shown["pauses"]
    assert (pause["system"], pause["failure_class"]) == ("24so", "outage")
    assert pause["message"] in listed
    assert pause["next_look_at"] > pause["since"]


def test_a_test_of_a_connection_succeeds_and_fails_by_its_exit_code(terminal: Terminal) -> None:
    terminal.world.connect()
    good = terminal("connection", "test", SLUG)
    assert good.exit_code == 0
    assert "Fjellheim Handel AS" in said(good)
    terminal.world.rackbeat.fault(operation="GET /self", effect="answer", status=401)
    bad = terminal("connection", "test", SLUG)
    assert bad.exit_code == 1
    assert "wrong Rackbeat: Rackbeat does not accept the API key" in said(bad)


def test_a_connection_is_paused_and_resumed(terminal: Terminal) -> None:
    connections: Connections = terminal.world.connections
    terminal.world.connect()
    assert terminal("connection", "pause", SLUG, "--reason", "telling").exit_code == 0
    assert connections.find(SLUG).pause_reason == "telling"
    assert terminal("connection", "resume", SLUG).exit_code == 0
    assert connections.find(SLUG).state == "active"


def test_an_unknown_connection_is_named_in_the_answer(terminal: Terminal) -> None:
    for command in ("connection test", "connection pause", "sync initial", "status", "audit"):
        result = terminal(*command.split(), "dalen")
        assert result.exit_code == 1
        assert said(result) == (
            "No connection is called 'dalen'. `varebro connection list` shows them all."
        )


# -- transfers ----------------------------------------------------------------------------------


def test_a_pull_by_hand_says_how_much_was_found(terminal: Terminal) -> None:
    terminal.world.connect()
    tfso_supplier(terminal.world)
    assert "supplier: 1 changes" in said(terminal("sync", "pull", SLUG, "supplier"))
    terminal.world.clock.pass_by(seconds=61)
    terminal.world.work()
    assert len(terminal.world.rackbeat.state()["suppliers"]) == 1


@pytest.mark.parametrize(
    "time", ["i går", "0001-01-01T00:00:00+02:00", "1066-10-14", "9999-12-31T23:59:59-02:00"]
)
def test_a_time_that_is_none_or_of_another_age_is_refused_in_a_sentence(
    terminal: Terminal, time: str
) -> None:
    terminal.world.connect()
    for more in ((), ("--dry-run",)):
        result = terminal("sync", "resync", SLUG, "order", "--since", time, *more)
        assert result.exit_code == 1
        assert f"'{time}' is not a time between 1970 and 2200" in said(result)
    with terminal.world.sessions() as session:
        assert session.scalars(select(Run)).all() == []


def test_a_kind_that_does_not_exist_is_answered_with_those_there_are(terminal: Terminal) -> None:
    terminal.world.connect()
    result = terminal("sync", "pull", SLUG, "elves")
    assert result.exit_code != 0
    assert "product_group" in said(result)


def test_the_status_shows_what_is_parked_and_why(terminal: Terminal) -> None:
    terminal.world.connect()
    tfso_product(terminal.world, No="F" * 26)
    terminal.world.work()
    terminal.world.settle()
    shown = said(terminal("status", SLUG))
    assert "parked" in shown
    assert "Rackbeat takes at most 25" in shown


def test_the_audit_trail_shows_who_did_what_the_newest_first(terminal: Terminal) -> None:
    terminal.world.connect()
    terminal("settings", "set", SLUG, "stock.origin", "off")
    terminal("connection", "pause", SLUG, "--reason", "telling")
    paused, changed, added = terminal("audit", SLUG).output.splitlines()
    for line, action in ((paused, "paused"), (changed, "settings changed"), (added, "added")):
        assert f"  {SLUG}  " in line
        assert action in line
    assert f"  {getuser()}  " in paused
    assert "telling" in paused
    assert '"stock.origin": {"to": "off", "from": "rackbeat"}' in changed
    assert terminal("audit", "--limit", "1").output.splitlines() == [paused]


# -- keys ---------------------------------------------------------------------------------------


def test_credentials_are_encrypted_anew_with_the_first_key(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal.world.connect()
    old = terminal.world.configuration.secret_keys[0].get_secret_value()
    new = terminal("key", "new").output.strip()
    Fernet(new)
    for keys, exit_code in ((f"{new},{old}", 0), (new, 0), (old, 1)):
        monkeypatch.setenv("VAREBRO_SECRET_KEYS", keys)
        for each in (configuration, process.the_vault, process.the_vendors):
            each.cache_clear()
        rotated = terminal("key", "rotate").exit_code if keys.startswith(f"{new},") else 0
        tested = terminal("connection", "test", SLUG)
        assert (rotated, tested.exit_code) == (0, exit_code), tested.output
    assert "VAREBRO_SECRET_KEYS" in said(tested)
    rotated = terminal("key", "rotate")
    assert rotated.exit_code == 1
    assert f"rackbeat_api_key of the connection {SLUG} cannot be decrypted" in said(rotated)


def test_an_unexpected_error_is_told_without_its_text(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def every(_connections: Connections) -> None:
        int(rackbeat.API_KEY)

    monkeypatch.setattr(Connections, "every", every)
    result = terminal("connection", "list")
    assert result.exit_code == 1
    assert "An unexpected error, a fault in Varebro: ValueError" in said(result)


def test_a_line_end_that_came_with_a_credential_is_left_out(terminal: Terminal) -> None:
    result = terminal.add("--identity", FJELLHEIM.id, RACKBEAT_API_KEY=f"{rackbeat.API_KEY}\r\n")
    assert result.exit_code == 0, result.output


def test_nothing_is_written_into_the_users_default_company(terminal: Terminal) -> None:
    terminal.add("--identity", FJELLHEIM.id.upper())
    the_world = terminal.world
    before = the_world.tfso.state()[str(ANNEN_BEDRIFT.client_id)]
    made = rackbeat_supplier(the_world)
    the_world.settle()
    assert the_world.in_tfso("companies", made["number"])["Name"] == made["name"]
    assert the_world.tfso.state()[str(ANNEN_BEDRIFT.client_id)] == before
