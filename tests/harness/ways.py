"""The ways in which people ask for something: command line, HTTP and task, all on one world."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from celery import Celery
from pydantic import SecretStr

from sandbox.tls import tls
from tests.harness.world import World
from workers import process, tasks
from workers.web import api

TOKEN = "the-token-of-the-test"
CELERY = Celery("test", set_as_current=False)
tasks.register(CELERY)


def open_to_all(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let all of them work on this world."""
    configuration = world.configuration.model_copy(update={"api_token": SecretStr(TOKEN)})
    for module in (process, api, tasks):
        monkeypatch.setattr(module, "the_engine", lambda: world.engine)
    monkeypatch.setattr(api, "configuration", lambda: configuration)


def post(world: World, path: str, **body: Any) -> httpx.Response:
    """Ask by HTTP, below /api/connections/."""
    return httpx.post(
        f"{world.web_url}/api/connections/{path}",
        json=body,
        headers={"Authorization": f"Bearer {TOKEN}"},
        trust_env=False,
        verify=tls(),
    )


def carry_out(name: str, **arguments: Any) -> None:
    """Carry a task out here and now, as a worker would."""
    CELERY.tasks[f"varebro.{name}"].apply(kwargs=arguments, throw=True)
