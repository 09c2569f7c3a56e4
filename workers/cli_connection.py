"""The command line of connections: `varebro connection`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from getpass import getuser
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import SecretStr
from rich.console import Console
from rich.table import Table

from shared.config import configuration
from workers.cli_sync import Slug, plainly

if TYPE_CHECKING:
    from shared.tfso.login import Identity

connection_app = typer.Typer(no_args_is_help=True, help="Make, test and pause connections.")

console = Console()


def connections() -> Any:
    from shared.clock import utc_now
    from shared.connections import Connections
    from tasks.kinds import KINDS
    from workers.process import the_sessions, the_vault, the_vendors

    return Connections(
        sessions=the_sessions(),
        vendors=the_vendors(),
        store=the_vault(),
        events=[event for kind in KINDS.values() for event in kind.events],
        public_url=configuration().public_url,
        clock=utc_now,
        actor=getuser(),
    )


def _secret(given: str) -> SecretStr:
    """Without the end of the line that it had in a file."""
    return SecretStr(given.rstrip("\r\n"))


@connection_app.command("add")
@plainly
def add(  # noqa: PLR0917 - typer calls it by name
    slug: Slug,
    rackbeat_api_key: Annotated[str, typer.Option(envvar="RACKBEAT_API_KEY", prompt=True,
        hide_input=True, help="Rackbeat: Company settings > API")],
    tfso_username: Annotated[str, typer.Option("--24so-username", envvar="TFSO_USERNAME",
        prompt="24SevenOffice user (e-mail)", help="The 24SevenOffice user's e-mail address")],
    tfso_password: Annotated[str, typer.Option("--24so-password", envvar="TFSO_PASSWORD",
        prompt="24SevenOffice password", hide_input=True, help="That user's password")],
    tfso_application_id: Annotated[str, typer.Option("--24so-application-id",
        envvar="TFSO_APPLICATION_ID", prompt="24SevenOffice application id", hide_input=True,
        help="Identifies the integration; 24SevenOffice gives it out")],
    identity: Annotated[str | None, typer.Option(
        help="Id of the 24SevenOffice identity (company) to write into")] = None,
    rackbeat_url: Annotated[str | None, typer.Option(
        help="Another address than Rackbeat's")] = None,
    tfso_url: Annotated[str | None, typer.Option("--24so-url",
        help="Another address than 24SevenOffice's")] = None,
) -> None:  # fmt: skip
    """Pair a Rackbeat account with a 24SevenOffice company."""
    from shared.connections import RACKBEAT_URL, TFSO_URL, NewConnection

    connection = connections().add(
        NewConnection(
            slug=slug,
            rackbeat_api_key=_secret(rackbeat_api_key),
            tfso_username=tfso_username,
            tfso_password=_secret(tfso_password),
            tfso_application_id=_secret(tfso_application_id),
            identity=identity,
            rackbeat_url=rackbeat_url or RACKBEAT_URL,
            tfso_url=tfso_url or TFSO_URL,
        ),
        choose=_ask_which if sys.stdin.isatty() else None,
    )
    console.print(
        f"Connection {slug}: Rackbeat [b]{connection.name}[/b] and 24SevenOffice "
        f"[b]{connection.tfso_client}[/b]. Webhooks are registered; changes travel from now on. "
        f"`varebro sync initial {slug}` copies what is in 24SevenOffice already."
    )


def _ask_which(identities: Sequence[Identity]) -> Identity:
    """Let a person at a terminal choose, who would have to type all the secrets again."""
    console.print("This 24SevenOffice user has access to several companies:")
    for number, identity in enumerate(identities, 1):
        line = f"{number}  {identity.client_name} ({identity.id})"
        console.print(line, markup=False, highlight=False)
    chosen = 0
    while not 1 <= chosen <= len(identities):
        chosen = typer.prompt(f"Which one to write into (1 to {len(identities)})", type=int)
    return identities[chosen - 1]


@connection_app.command("credentials")
@plainly
def credentials(  # noqa: PLR0917 - typer calls it by name
    slug: Slug,
    rackbeat_api_key: Annotated[str | None, typer.Option(envvar="RACKBEAT_API_KEY")] = None,
    tfso_username: Annotated[
        str | None, typer.Option("--24so-username", envvar="TFSO_USERNAME")
    ] = None,
    tfso_password: Annotated[
        str | None, typer.Option("--24so-password", envvar="TFSO_PASSWORD")
    ] = None,
    tfso_application_id: Annotated[
        str | None, typer.Option("--24so-application-id", envvar="TFSO_APPLICATION_ID")
    ] = None,
    identity: Annotated[
        str | None, typer.Option(help="Id of another 24SevenOffice identity of the same company")
    ] = None,
) -> None:
    """Replace credentials; only those given. Use the environment variables, so that they are not
    seen in the list of processes. What was stopped for want of them goes on; a connection that
    a person has paused stays paused."""
    from shared import vault

    given = {
        vault.RACKBEAT_API_KEY: rackbeat_api_key,
        vault.TFSO_USERNAME: tfso_username,
        vault.TFSO_PASSWORD: tfso_password,
        vault.TFSO_APPLICATION_ID: tfso_application_id,
    }
    secrets = {name: _secret(value) for name, value in given.items() if value}
    if not secrets and identity is None:
        raise typer.BadParameter("Give at least one credential, for example in RACKBEAT_API_KEY.")
    connections().replace_credentials(slug, secrets, identity)
    test(slug)


@connection_app.command("list")
@plainly
def listconnections() -> None:
    """All connections, whether they are active, and which vendors are left alone and why."""
    from workers.process import the_sessions

    table = Table("name", "Rackbeat", "24SevenOffice", "state", "why")
    for connection in connections().every():
        table.add_row(
            connection.slug,
            connection.name,
            connection.tfso_client,
            connection.state,
            connection.pause_reason or "",
        )
    console.print(table)
    with the_sessions()() as session:
        print_pauses(session, None)


def print_pauses(session: Any, slug: str | None) -> None:
    """Vendors that are left alone, whatever the state of the connection."""
    from shared.clock import utc_now
    from shared.report import pauses
    from shared.words import System

    for pause in pauses(session, slug, now=utc_now()):
        system, since, again = pause["system"], pause["since"], pause["next_look_at"]
        console.print(
            f"[yellow]paused[/yellow] {pause['connection']}: {System(system).title} since "
            f"{since:%Y-%m-%d %H:%M} UTC: {pause['message']} Asked again by itself at "
            f"{again:%H:%M:%S} UTC.",
            highlight=False,
        )


@connection_app.command("test")
@plainly
def test(slug: Slug) -> None:
    """Whether both systems accept the connection and Rackbeat's webhooks are active; in plain words
    what is wrong where not."""
    findings = connections().test(slug)
    for finding in findings:
        mark = "[green]good[/green]" if finding.good else "[red]wrong[/red]"
        console.print(f"{mark}  {finding.text}", highlight=False)
    if not all(finding.good for finding in findings):
        raise typer.Exit(1)


@connection_app.command("pause")
@plainly
def pause(slug: Slug, reason: Annotated[str, typer.Option(help="Shown to others")] = "") -> None:
    """Stop all transfers; changes are recorded and follow when it is resumed."""
    connections().pause(slug, reason or f"paused by {getuser()}")
    console.print(f"{slug} is paused.")


@connection_app.command("resume")
@plainly
def resume(slug: Slug) -> None:
    """Let a paused connection go on where it stopped."""
    connections().resume(slug)
    console.print(f"{slug} goes on.")


@connection_app.command("webhooks")
@plainly
def webhooks(slug: Slug) -> None:
    """Register the webhooks that are inactive or missing at Rackbeat, such as at a new address."""
    events = connections().subscribe(slug)
    console.print(f"{len(events)} webhooks are registered.")
