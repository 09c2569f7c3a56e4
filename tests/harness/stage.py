"""Servers that outlive a world, so that a test can have many worlds, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any

from cryptography.fernet import Fernet
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.types import ASGIApp

from sandbox import rackbeat, tfso
from sandbox.control import SandboxControl
from sandbox.tfso.config import FJELLHEIM
from sandbox.tfso.state import ClientState
from sandbox.threads import running
from shared.config import Configuration
from shared.database import make_sessions
from shared.vendors import Vendors
from tests.harness.stored import empty, empty_broker, engine_of
from tests.harness.world import GENEROUS_RACKBEAT, GENEROUS_TFSO, NO_LIMIT, Clock, World
from workers.web import webhooks
from workers.web.app import app as web_app

Around = Callable[[ASGIApp], ASGIApp]


def as_it_is(app: ASGIApp) -> ASGIApp:
    """Nothing around a sandbox."""
    return app


@dataclass
class Stage:
    """A database, a broker and a 24SevenOffice to set up worlds on. All their clocks are one.

    Attributes:
        around_rackbeat: put around every Rackbeat, such as a recorder.
        rackbeat_config: how every Rackbeat is, but for its clock.
    """

    configuration: Configuration
    tfso_app: Starlette
    tfso_url: str
    web_url: str
    monkeypatch: Any
    clock: Clock
    around_rackbeat: Around = as_it_is
    rackbeat_config: rackbeat.Config = GENEROUS_RACKBEAT

    @contextmanager
    def world(self) -> Iterator[World]:
        """A world in which there is nothing at all yet; ends the one before it."""
        self._clear()
        app = rackbeat.create_app(replace(self.rackbeat_config, now=self.clock))
        with ExitStack() as stack:
            rackbeat_url = stack.enter_context(running(self.around_rackbeat(app)))
            made = World(
                configuration=self.configuration,
                sessions=make_sessions(
                    engine_of(self.configuration.database_url.get_secret_value())
                ),
                rackbeat=stack.enter_context(SandboxControl(rackbeat_url)),
                tfso=stack.enter_context(SandboxControl(self.tfso_url)),
                rackbeat_url=rackbeat_url,
                tfso_url=self.tfso_url,
                web_url=self.web_url,
                clock=self.clock,
            )
            without_pauses(made.vendors)
            self.monkeypatch.setattr(webhooks, "the_engine", lambda: made.engine)
            yield made

    def _clear(self) -> None:
        empty(self.configuration.database_url.get_secret_value())
        empty_broker(self.configuration.broker_url.get_secret_value())
        client = ClientState(FJELLHEIM.client_id, FJELLHEIM.client_name, self.clock)
        self.tfso_app.state.sandbox.clients[client.id] = client
        with SandboxControl(self.tfso_url) as control:
            control.clear_faults()
            control.reset_calls()


def without_pauses(vendors: Vendors) -> None:
    """Let the clients repeat a call at once: what is tried again matters here, not when."""
    rackbeat_client, tfso_client = vendors.rackbeat, vendors.tfso

    def quick_rackbeat(*given: Any, **named: Any) -> Any:
        client = rackbeat_client(*given, **named)
        client._sleep = _at_once
        return client

    def quick_tfso(*given: Any, **named: Any) -> Any:
        client = tfso_client(*given, **named)
        client._exchange._sleep = _at_once
        return client

    vendors.rackbeat = quick_rackbeat  # type: ignore[method-assign]
    vendors.tfso = quick_tfso  # type: ignore[method-assign]


def _at_once(_seconds: float) -> None:
    """No pause."""


@contextmanager
def stage(
    database_url: str,
    broker_url: str,
    monkeypatch: Any,
    *,
    around_rackbeat: Around = as_it_is,
    around_tfso: Around = as_it_is,
    rackbeat_config: rackbeat.Config = GENEROUS_RACKBEAT,
) -> Iterator[Stage]:
    """Everything that is started once."""
    configuration = Configuration(
        database_url=SecretStr(database_url),
        broker_url=SecretStr(broker_url),
        secret_keys=(SecretStr(Fernet.generate_key().decode()),),
        rackbeat_calls_per_minute=NO_LIMIT,
        tfso_calls_per_hour=NO_LIMIT,
        tfso_calls_per_second=NO_LIMIT,
    )
    clock = Clock()
    app = tfso.create_app(replace(GENEROUS_TFSO, now=clock))
    with running(around_tfso(app)) as tfso_url, running(web_app) as web_url:
        yield Stage(
            configuration=configuration,
            tfso_app=app,
            tfso_url=tfso_url,
            web_url=web_url,
            monkeypatch=monkeypatch,
            clock=clock,
            around_rackbeat=around_rackbeat,
            rackbeat_config=rackbeat_config,
        )
