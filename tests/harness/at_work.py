"""Varebro's real processes at work, for tests that only do what people and the vendors do, and
wait."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import redis
from pydantic import SecretStr
from sqlalchemy import update

from sandbox.stack import wait_until
from shared.config import Configuration
from shared.queues import Queue
from shared.tables import Change, Connection
from tests.chaos.plant import Plant
from tests.harness.world import Json, World

PATIENCE = 60.0


def world_of(plant: Plant) -> World:
    """To look at what the processes do; its own engine does nothing."""
    return World(
        configuration=Configuration(
            database_url=SecretStr(plant.postgres.url("varebro")),
            broker_url=SecretStr(plant.broker.url),
            secret_keys=(SecretStr(plant.environment()["VAREBRO_SECRET_KEYS"]),),
        ),
        sessions=plant.sessions,
        rackbeat=plant.rackbeat,
        tfso=plant.tfso,
        rackbeat_url=plant.rackbeat_url,
        tfso_url=plant.tfso_url,
        web_url=plant.web_url,
    )


def until(condition: Callable[[], object], otherwise: str) -> None:
    wait_until(condition, PATIENCE, otherwise)


def at_rest(world: World) -> None:
    """Wait until nothing is under way, and no message is left; what is parked stays."""
    world.deliveries_done()
    until(lambda: not world.changes(state="pending"), "changes are pending")
    until(lambda: not world.changes(state="running"), "changes are running")
    with broker_of(world) as broker:
        until(lambda: not _messages_about_records(broker), "messages are left")


def broker_of(world: World) -> redis.Redis:
    return redis.Redis.from_url(world.configuration.broker_url.get_secret_value())


def _messages_about_records(broker: redis.Redis) -> int:
    """Those in the queues, and those that workers have and have not acknowledged."""
    waiting = sum(int(broker.llen(queue)) for queue in Queue if queue is not Queue.CONTROL)
    unacknowledged = [bytes(each) for each in broker.hvals("unacked")]
    about_records = [each for each in unacknowledged if b"_to_" in each]
    return waiting + len(about_records)


def choose(world: World, settings: Json) -> None:
    """Store the settings of the only connection."""
    with world.sessions.begin() as session:
        session.execute(update(Connection).values(settings=settings))


def parked(world: World, **which: Any) -> Change:
    until(lambda: world.changes(state="parked", **which), f"{which} is not parked")
    (found,) = world.changes(state="parked", **which)
    return found
