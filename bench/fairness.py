"""Whether one connection's backlog delays the others: `python -m bench.fairness`.

Real servers and workers; fifty connections, one of them with ten thousand pending changes. Measured
is the time from when a change of another connection is recorded until it has ended, first in peace,
then beside the backlog. The vendors' limits are out of the way: they are another question. Rackbeat
takes `--answer-seconds` for each call; with 0 it is the computer that everybody waits for.
"""

from __future__ import annotations

import os
import statistics
import time
from contextlib import ExitStack

import typer
from pydantic import SecretStr
from rich.console import Console
from rich.table import Table
from sqlalchemy import func, select, text

from bench.__main__ import CHECKOUT, GIVE_UP_SECONDS
from sandbox import rackbeat
from sandbox.control import SandboxControl
from sandbox.faults import Effect, Fault
from sandbox.servers import data_folder
from sandbox.stack import Stack, wait_until
from sandbox.threads import running
from shared import vault
from shared.clock import utc_now
from shared.engine.engine import Engine
from shared.journal.record import News
from shared.tables import Change, Connection
from shared.vault import Vault
from shared.words import Cause, Direction, State
from tasks.kinds import KINDS

NO_LIMIT = 10_000_000
BIG = 1
BETWEEN = 0.3  # seconds: what the workers of a small machine can keep up with
DIRECTION = Direction.RACKBEAT_TO_24SO
# Nothing is pulled: 24SevenOffice is not there.
SETTINGS = {
    "reconcile": {"nightly": False},
    **{kind: {"origin": "off"} for kind in KINDS},
    "product": {"origin": "rackbeat"},
    "product_group": {"origin": "rackbeat"},
}
console = Console()


def connect(engine: Engine, store: Vault, url: str, count: int) -> None:
    """Connections to one Rackbeat; 24SevenOffice is never called."""
    with engine.sessions.begin() as session:
        for number in range(1, count + 1):
            connection = Connection(
                slug=f"c{number}", name="", rackbeat_url=f"{url}/api/", tfso_url="http://127.0.0.1:1",
                rackbeat_account="4711", tfso_identity="", tfso_client="", settings=SETTINGS,
                created_at=utc_now(),
            )  # fmt: skip
            session.add(connection)
            session.flush()
            for name in (vault.TFSO_USERNAME, vault.TFSO_PASSWORD, vault.TFSO_APPLICATION_ID):
                store.put(session, connection.id, name, SecretStr("none"), utc_now())
            key = SecretStr(rackbeat.API_KEY)
            store.put(session, connection.id, vault.RACKBEAT_API_KEY, key, utc_now())


def pile_up(engine: Engine, count: int) -> None:
    """Changes of one connection: each is a record to be read, and turns out not to be there."""
    with engine.sessions.begin() as session:
        session.execute(
            text(
                "INSERT INTO change (connection_id, kind, direction, key, cause, state, bulk,"
                " forced, recorded_at, due_at) SELECT :big, 'product', :direction, 'B' || n,"
                " 'webhook', 'pending', false, false, now(), now()"
                " FROM generate_series(1, :count) n"
            ),
            {"big": BIG, "direction": DIRECTION.value, "count": count},
        )


def latencies(engine: Engine, connections: int, rounds: int, name: str) -> list[float]:
    """Seconds from record to end of the others' changes, told one after the other."""
    ids: list[int] = []
    for turn in range(rounds):
        for other in range(BIG + 1, connections + 1):
            news = News("product", DIRECTION, f"{name}{turn}", Cause.WEBHOOK)
            ids += engine.announce(other, [news])
            time.sleep(BETWEEN)

    def taken() -> list[float]:
        times = select(Change.finished_at, Change.recorded_at).where(Change.id.in_(ids))
        with engine.sessions() as session:
            ended = session.execute(times.where(Change.state == State.DONE.value))
            return [(end - start).total_seconds() for end, start in ended if end is not None]

    wait_until(lambda: len(taken()) == len(ids), GIVE_UP_SECONDS, "the changes have not ended")
    return taken()


def left(engine: Engine) -> int:
    """How many of the backlog are pending."""
    pending = Change.state == State.PENDING.value
    with engine.sessions() as session:
        return session.scalars(
            select(func.count()).where(Change.connection_id == BIG, pending)
        ).one()


def main(
    connections: int = typer.Option(50),
    backlog: int = typer.Option(10_000),
    rounds: int = 3,
    answer_seconds: float = 0.1,
    at_most: float = typer.Option(1.0, help="Seconds 95 % of the others may take beside it"),
) -> None:
    """Measure the others' latency without and with one connection's backlog; ends with an error
    where the backlog delays them."""
    config = rackbeat.Config(requests_per_minute=NO_LIMIT)
    with data_folder("fairness", CHECKOUT) as folder, ExitStack() as ending:
        url = ending.enter_context(running(rackbeat.create_app(config)))
        with SandboxControl(url) as control:
            control.fault(Fault("GET *", Effect.SLOW, times=None, delay=answer_seconds))
        limits = {"RACKBEAT_CALLS_PER_MINUTE": str(NO_LIMIT)}
        stack = Stack(folder, settings=limits)
        ending.callback(stack.stop)
        stack.start_servers()
        stack.start_processes()
        os.environ.update(stack.environment())
        from workers.process import the_engine, the_vault

        engine = the_engine()
        connect(engine, the_vault(), url, connections)
        latencies(engine, connections, 1, "warm")
        figures = {"in peace": latencies(engine, connections, rounds, "peace")}
        pile_up(engine, backlog)
        wait_until(lambda: left(engine) < backlog, GIVE_UP_SECONDS, "nobody begins the backlog")
        figures[f"beside {backlog} pending"] = latencies(engine, connections, rounds, "beside")
        still_pending = left(engine)
    table = Table("the others' changes", "number", "median s", "95 % s", "slowest s")
    for name, seconds in figures.items():
        last = statistics.quantiles(seconds, n=20, method="inclusive")[-1]
        row = (statistics.median(seconds), last, max(seconds))
        table.add_row(name, str(len(seconds)), *(f"{figure:.2f}" for figure in row))
    console.print(table)
    console.print(
        f"{still_pending} of the backlog were still pending when the last of them had ended."
    )
    if last > at_most:
        console.print(f"Beside the backlog 95 % take {last:.2f} s, more than {at_most:g} s.")
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
