"""Both sandboxes, a real database and broker, and the engine in this process.

Work is driven by the test: nothing happens until it says so, and then everything that is due.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from cryptography.fernet import Fernet
from pydantic import SecretStr
from sqlalchemy import select, update
from sqlalchemy.orm import Session, sessionmaker
from starlette.types import ASGIApp

from sandbox import rackbeat, tfso
from sandbox.control import SandboxControl
from sandbox.stack import wait_until
from sandbox.tfso.config import FJELLHEIM, SandboxConfig, Size
from sandbox.threads import free_address, running
from shared.clock import utc_now
from shared.config import Configuration
from shared.connections import Connections, NewConnection, token_digest
from shared.database import make_sessions
from shared.engine.engine import Engine
from shared.journal.record import WakeUp
from shared.probing import probe
from shared.pulls import pull
from shared.runs import list_run, start_run
from shared.sweep import sweep
from shared.tables import Change, Connection, Link, WebhookSubscription
from shared.vault import Vault
from shared.vendors import Vendors
from shared.words import Cause, System
from tasks.kinds import KINDS
from tests.harness.overseer import Overseer
from tests.harness.stored import engine_of
from workers.web import webhooks
from workers.web.app import app as web_app

SLUG = "fjell"
# Only the tests of the limits themselves have limits that can be reached.
NO_LIMIT = 1_000_000
Json = dict[str, Any]


@dataclass
class Clock:
    """Real time, and as much more as the test lets pass."""

    ahead: timedelta = timedelta(0)

    def __call__(self) -> datetime:
        return utc_now() + self.ahead

    def pass_by(self, **span: float) -> None:
        self.ahead += timedelta(**span)


@dataclass
class World:
    """All a test of the whole system needs."""

    configuration: Configuration
    sessions: sessionmaker[Session]
    rackbeat: SandboxControl
    tfso: SandboxControl
    rackbeat_url: str
    tfso_url: str
    web_url: str = ""
    clock: Clock = field(default_factory=Clock)
    messages: list[WakeUp] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.vendors = Vendors(self.configuration, self.sessions, clock=self.clock)
        self.engine = Engine(
            sessions=self.sessions,
            kinds=KINDS,
            clients=self.vendors.clients,
            clock=self.clock,
            enqueue=self.messages.extend,
            claim_for=timedelta(seconds=self.configuration.claim_seconds),
            settle_for=timedelta(seconds=self.configuration.settle_seconds),
        )
        self.connections = Connections(
            sessions=self.sessions,
            vendors=self.vendors,
            store=Vault(self.configuration.secret_keys),
            events=[event for kind in KINDS.values() for event in kind.events],
            public_url=self.web_url,
            clock=self.clock,
            actor="test",
        )

    # -- doing ----------------------------------------------------------------------------------

    def connect(self, slug: str = SLUG, **settings: Any) -> Connection:
        """Pair both sandboxes; settings as they are stored. Reconciliations begin by themselves
        only where a test asks for it.

        All webhooks are made at once: the many calls of `connect_by_hand` would take longer than
        the rest of most tests.
        """
        made = self._add(replace(self.connections, events=()), slug, settings)
        self._subscribe(made)
        return made

    def connect_by_hand(self, slug: str = SLUG, **settings: Any) -> Connection:
        """The same by the means of the product alone."""
        return self._add(self.connections, slug, settings)

    def give_another_account(self, slug: str) -> None:
        """Let a connection be of another Rackbeat account, as one pair is connected only once."""
        with self.sessions.begin() as session:
            query = update(Connection).where(Connection.slug == slug)
            session.execute(query.values(rackbeat_account=f"of {slug}"))

    def _add(self, connections: Connections, slug: str, settings: Json) -> Connection:
        settings.setdefault("reconcile", {"nightly": False})
        if any(settings.get(kind, {}).get("origin") == "off" for kind in ("customer", "product")):
            settings.setdefault("invoice", {"origin": "off"})  # they need both
        return connections.add(self.new_connection(slug=slug, settings=settings))

    def _subscribe(self, connection: Connection) -> None:
        url = f"{self.web_url}/webhooks/rackbeat/{connection.slug}"
        hooks = self.rackbeat.post("/webhooks", {"events": self.connections.events, "url": url})
        with self.sessions.begin() as session:
            session.add_all(
                WebhookSubscription(
                    connection_id=connection.id,
                    event=hook["event"],
                    rackbeat_id=hook["id"],
                    token_digest=token_digest(hook["token"]),
                    created_at=self.clock(),
                )
                for hook in hooks["webhooks"]
            )

    def new_connection(self, **given: Any) -> NewConnection:
        """What a person gives to pair both sandboxes; any of it may be given otherwise."""
        vendor = SandboxConfig()
        right = NewConnection(
            slug=SLUG,
            rackbeat_api_key=SecretStr(rackbeat.API_KEY),
            tfso_username=vendor.username,
            tfso_password=SecretStr(vendor.password),
            tfso_application_id=SecretStr(vendor.application_id),
            identity=FJELLHEIM.id,
            rackbeat_url=f"{self.rackbeat_url}/api/",
            tfso_url=self.tfso_url,
        )
        return replace(right, **given)

    def work(self, rounds: int = 60) -> None:
        """Do all that is due now, as workers would, until nothing is left."""
        for _ in range(rounds):
            due, self.messages[:] = list(self.messages), []
            found = sweep(self.engine)
            due += found.changes
            for run in found.runs:
                list_run(self.engine, run)
            for slug, kind in found.pulls:
                pull(self.engine, slug, kind)
            for slug, system in found.probes:
                probe(self.engine, slug, System(system))
            if not (due or found.runs or found.pulls or found.probes):
                return
            for message in due:
                self.engine.process(message.change_id)
        raise AssertionError("the work does not come to an end")

    def settle(self, rounds: int = 20) -> None:
        """Work until both systems and all webhooks between them have come to rest."""
        for _ in range(rounds):
            self.deliveries_done()
            if not self._open():
                return
            self.work()
            self.clock.pass_by(seconds=10)
        raise AssertionError(f"it does not come to rest: {self.states()}")

    def deliveries_done(self) -> None:
        """Wait until Rackbeat has no webhook left to send."""
        wait_until(
            lambda: not self.rackbeat.get("/deliveries")["pending"], 10, "webhooks are pending"
        )

    def pull(self, kind: str) -> int:
        """Pull one kind from 24SevenOffice now."""
        return pull(self.engine, SLUG, kind)

    def initial_sync(self) -> int:
        """The whole initial sync; the run's id."""
        run = start_run(self.engine, SLUG, Cause.INITIAL)
        self.work()
        self.settle()
        return run

    # -- looking --------------------------------------------------------------------------------

    def changes(self, **conditions: Any) -> Sequence[Change]:
        """Changes in the journal, the oldest first."""
        with self.sessions() as session:
            return session.scalars(select(Change).filter_by(**conditions).order_by(Change.id)).all()

    def change(self, **conditions: Any) -> Change:
        """The only change with these properties."""
        found = self.changes(**conditions)
        assert len(found) == 1, [(c.kind, c.key, c.direction, c.state, c.message) for c in found]
        return found[0]

    def links(self, kind: str) -> Sequence[Link]:
        """The links of a kind, the oldest first."""
        with self.sessions() as session:
            return session.scalars(select(Link).filter_by(kind=kind).order_by(Link.id)).all()

    def states(self) -> list[tuple[str, ...]]:
        """Every change that is not done, for messages."""
        return [
            (c.kind, c.key, c.direction, c.state, c.message or "")
            for c in self._in_states("pending", "running", "waiting", "parked")
        ]

    def _open(self) -> bool:
        return bool(self.messages or self._in_states("pending", "running", "waiting"))

    def _in_states(self, *states: str) -> Sequence[Change]:
        with self.sessions() as session:
            query = select(Change).where(Change.state.in_(states)).order_by(Change.id)
            return session.scalars(query).all()

    def in_rackbeat(self, resource: str, number: object) -> Json:
        """A record as Rackbeat holds it."""
        (found,) = [
            record
            for record in self.rackbeat.state()[resource]
            if str(record["number"]) == str(number)
        ]
        return found

    def all_in_tfso(self, kind: str) -> list[Json]:
        """All records of a kind as 24SevenOffice holds them."""
        found: list[Json] = self.tfso.state()[str(FJELLHEIM.client_id)][kind]
        return found

    def in_tfso(self, kind: str, number: object) -> Json:
        """A record as 24SevenOffice holds it."""
        key = "OrderId" if kind == "orders" else "Id"
        (found,) = [r for r in self.all_in_tfso(kind) if str(r[key]) == str(number)]
        return found

    def writes(self) -> dict[str, int]:
        """The calls that wrote into either system since the counts were last reset."""
        calls = self.rackbeat.calls()["by_operation"] | self.tfso.calls()["by_operation"]
        reads = ("GET ", "Get", "Login", "SetIdentityById")
        return {name: times for name, times in calls.items() if name and not name.startswith(reads)}

    def reset_calls(self) -> None:
        self.rackbeat.reset_calls()
        self.tfso.reset_calls()


GENEROUS_RACKBEAT = rackbeat.Config(webhook_retry=0.05, requests_per_minute=NO_LIMIT)
# What is there already. Whatever lists and compares everything would else do so for hundreds of
# records that a test is not about.
FEW = Size(customers=2, suppliers=2, products=2)
GENEROUS_TFSO = SandboxConfig(
    size=FEW,
    requests_per_hour=NO_LIMIT,
    requests_per_second=NO_LIMIT,
    logins_per_minute=NO_LIMIT,
)


_kept_addresses: list[socket.socket] = []


@contextmanager
def _running_where_it_was(app: ASGIApp) -> Iterator[str]:
    """At an address that is kept for the worlds to come: the descriptions of its services need not
    be read anew, which takes as long as all else that a world begins with."""
    address = _kept_addresses.pop() if _kept_addresses else free_address()
    with running(app, at=address) as url:
        yield url
    _kept_addresses.append(address)


@contextmanager
def world(
    database_url: str,
    broker_url: str,
    monkeypatch: Any,
    *,
    rackbeat_config: rackbeat.Config = GENEROUS_RACKBEAT,
    tfso_config: SandboxConfig = GENEROUS_TFSO,
    clock: Clock | None = None,
    **config: Any,
) -> Iterator[World]:
    """A world with empty tables, an empty Rackbeat and a 24SevenOffice that holds a few records."""
    limits = {
        "rackbeat_calls_per_minute": NO_LIMIT,
        "tfso_calls_per_hour": NO_LIMIT,
        "tfso_calls_per_second": NO_LIMIT,
    }
    configuration = Configuration(
        database_url=SecretStr(database_url),
        broker_url=SecretStr(broker_url),
        secret_keys=(SecretStr(Fernet.generate_key().decode()),),
        **{**limits, **config},
    )
    with ExitStack() as stack:
        overseer = Overseer()
        rackbeat_url, web_url = (
            stack.enter_context(running(app))
            for app in (overseer.around_rackbeat(rackbeat.create_app(rackbeat_config)), web_app)
        )
        tfso_app = overseer.around_tfso(tfso.create_app(tfso_config))
        tfso_url = stack.enter_context(_running_where_it_was(tfso_app))
        made = World(
            configuration=configuration,
            sessions=make_sessions(engine_of(database_url)),
            rackbeat=stack.enter_context(SandboxControl(rackbeat_url)),
            tfso=stack.enter_context(SandboxControl(tfso_url)),
            rackbeat_url=rackbeat_url,
            tfso_url=tfso_url,
            web_url=web_url,
            clock=clock or Clock(),
        )
        monkeypatch.setattr(webhooks, "the_engine", lambda: made.engine)
        yield made
        overseer.check()
