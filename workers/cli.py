"""The command line: `varebro --help`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from getpass import getuser
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from cryptography.fernet import Fernet
from pydantic import SecretStr
from rich.console import Console
from rich.table import Table

from shared.config import configuration
from workers.cli_sync import Slug, link_app, plainly, settings_app, sync_app

if TYPE_CHECKING:
    from shared.tfso.login import Identity

app = typer.Typer(
    no_args_is_help=True,
    help="Keeps Rackbeat and 24SevenOffice in step.",
    pretty_exceptions_show_locals=False,  # they hold what was typed in, passwords too
)
connection_app = typer.Typer(no_args_is_help=True, help="Make, test and pause connections.")
key_app = typer.Typer(no_args_is_help=True, help="Keys that encrypt the stored credentials.")
app.add_typer(connection_app, name="connection")
app.add_typer(sync_app, name="sync")
app.add_typer(settings_app, name="settings")
app.add_typer(link_app, name="link")
app.add_typer(key_app, name="key")

console = Console()

# Longer than a proxy keeps a connection that is not used (nginx 60 s, Traefik 90, Caddy 120). One
# closed in the moment in which a webhook is sent on it costs the webhook the wait for a repetition.
KEEP_ALIVE_SECONDS = 130


def _connections() -> Any:
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


# -- connections --------------------------------------------------------------------------------


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

    connection = _connections().add(
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
def credentials(
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
    if not secrets:
        raise typer.BadParameter("Give at least one credential, for example in RACKBEAT_API_KEY.")
    _connections().replace_credentials(slug, secrets)
    test(slug)


@connection_app.command("list")
@plainly
def list_connections() -> None:
    """All connections, whether they are active, and which vendors are left alone and why."""
    from workers.process import the_sessions

    table = Table("name", "Rackbeat", "24SevenOffice", "state", "why")
    for connection in _connections().every():
        table.add_row(
            connection.slug,
            connection.name,
            connection.tfso_client,
            connection.state,
            connection.pause_reason or "",
        )
    console.print(table)
    with the_sessions()() as session:
        _print_pauses(session, None)


def _print_pauses(session: Any, slug: str | None) -> None:
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
    findings = _connections().test(slug)
    for finding in findings:
        mark = "[green]good[/green]" if finding.good else "[red]wrong[/red]"
        console.print(f"{mark}  {finding.text}", highlight=False)
    if not all(finding.good for finding in findings):
        raise typer.Exit(1)


@connection_app.command("pause")
@plainly
def pause(slug: Slug, reason: Annotated[str, typer.Option(help="Shown to others")] = "") -> None:
    """Stop all transfers; changes are recorded and follow when it is resumed."""
    _connections().pause(slug, reason or f"paused by {getuser()}")
    console.print(f"{slug} is paused.")


@connection_app.command("resume")
@plainly
def resume(slug: Slug) -> None:
    """Let a paused connection go on where it stopped."""
    _connections().resume(slug)
    console.print(f"{slug} goes on.")


@connection_app.command("webhooks")
@plainly
def webhooks(slug: Slug) -> None:
    """Register the webhooks that are inactive or missing at Rackbeat, such as at a new address."""
    events = _connections().subscribe(slug)
    console.print(f"{len(events)} webhooks are registered.")


# -- looking ------------------------------------------------------------------------------------


@app.command()
@plainly
def status(slug: Annotated[str | None, typer.Argument(help="Only this connection")] = None) -> None:
    """What is under way, what is done, and what needs a person."""
    from shared.clock import utc_now
    from shared.progress import progress
    from shared.report import failed_pulls, of_connection, parked, tally, unknown_events
    from workers.process import the_sessions

    if slug is not None:
        _connections().find(slug)
    with the_sessions()() as session:
        table = Table("connection", "kind", "direction", "state", "outcome", "changes")
        for row in tally(session, slug):
            table.add_row(*(str(value or "") for value in row))
        console.print(table)
        _print_pauses(session, slug)
        for run in progress(session, of_connection(slug), configuration(), now=utc_now()):
            console.print(str(run), highlight=False)
        for pull in failed_pulls(session, slug):
            console.print(f"[yellow]not pulled[/yellow] {pull}", highlight=False)
        for change in parked(session, slug):
            console.print(f"[red]parked[/red] {change}", highlight=False)
        for event in unknown_events(session, slug):
            console.print(event, highlight=False)


# -- processes ----------------------------------------------------------------------------------


@app.command()
@plainly
def migrate() -> None:
    """Bring the database to this version's form."""
    from shared.database import make_engine
    from shared.migrate import migrate as run

    run(make_engine(configuration().database_url.get_secret_value()))


@app.command()
def web() -> None:
    """Start the web process."""
    import uvicorn

    config = configuration()
    from workers.logs import set_up_logging

    set_up_logging(config)
    _wait_for_tables()
    uvicorn.run(
        "workers.web.app:app",
        host=config.web_host,
        port=config.web_port,
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
    )


@app.command()
def worker(
    queues: Annotated[str | None, typer.Option(help="Only these queues, with commas")] = None,
    concurrency: Annotated[int | None, typer.Option(help="Records at a time")] = None,
    name: Annotated[str, typer.Option(help="Tells workers on one host apart")] = "worker",
) -> None:
    """Start a worker; any number may run."""
    arguments = ["worker", "-n", f"{name}@%h", "--loglevel", configuration().log_level]
    # What workers tell each other is of no use here, and waiting for it while the broker comes
    # back is what leaves a consumer hanging (Celery's issues 8030 and 8091).
    arguments += ["--without-gossip", "--without-mingle"]
    if queues:
        arguments += ["-Q", queues]
    if concurrency:
        arguments += ["-c", str(concurrency)]
    _wait_for_tables()
    _celery(*arguments)


@app.command()
def beat() -> None:
    """Start beat; of any number that run, one is active."""
    _celery("beat", "--loglevel", configuration().log_level)


@app.command()
def flower() -> None:
    """Start Flower, which shows workers and tasks; it asks for VAREBRO_FLOWER_AUTH."""
    config = configuration()
    if config.flower_auth is None:
        sys.exit("VAREBRO_FLOWER_AUTH is missing: set it to user:password. Flower is not open.")
    # By environment variable, because arguments are visible to every user of the machine.
    os.environ["FLOWER_BASIC_AUTH"] = config.flower_auth.get_secret_value()
    _celery("flower", f"--port={config.flower_port}", "--address=" + config.web_host)


def _wait_for_tables() -> None:
    from shared.database import make_engine
    from shared.migrate import wait_for_tables

    engine = make_engine(configuration().database_url.get_secret_value())
    wait_for_tables(engine)
    engine.dispose()


def _celery(*arguments: str) -> None:
    from workers.app import app as celery_app

    celery_app.start(list(arguments))


@app.command()
def sandbox(
    vendor: Annotated[str, typer.Argument(help="rackbeat or 24so")],
    host: Annotated[str, typer.Option(help="Address to listen on")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on")] = 8100,
) -> None:
    """Start a stand-in of one vendor, for trying Varebro out."""
    from sandbox import rackbeat, tfso

    servers: dict[str, Callable[[str, int], None]] = {
        "rackbeat": rackbeat.serve,
        "24so": tfso.serve,
    }
    if vendor not in servers:
        raise typer.BadParameter(f"'{vendor}' is neither of {', '.join(servers)}")
    servers[vendor](host, port)


@app.command()
def demo(
    serve: Annotated[bool, typer.Option(help="Keep everything running afterwards")] = False,
) -> None:
    """Show the main job from start to end, on sandboxes of both systems."""
    from sandbox.demo import run_demo

    raise typer.Exit(run_demo(console, serve=serve))


@app.command()
def health(
    process: Annotated[Literal["worker", "beat"], typer.Argument(help="worker or beat")],
    name: Annotated[str, typer.Option(help="The worker's name, as it was started with")] = "worker",
) -> None:
    """Whether this host's worker or beat does its work; for health checks."""
    from workers.liveness import is_alive

    if not is_alive(f"worker-{name}" if process == "worker" else process):
        console.print(f"{process} shows no sign of life.")
        raise typer.Exit(1)


# -- keys ---------------------------------------------------------------------------------------


@key_app.command("new")
def key_new() -> None:
    """Make a key for VAREBRO_SECRET_KEYS."""
    print(Fernet.generate_key().decode())


@key_app.command("rotate")
@plainly
def key_rotate() -> None:
    """Encrypt all stored credentials anew with the first key of VAREBRO_SECRET_KEYS."""
    from workers.process import the_sessions, the_vault

    with the_sessions().begin() as session:
        count = the_vault().rotate(session)
    console.print(f"{count} credentials are encrypted with the first key now.")


if __name__ == "__main__":
    app()
