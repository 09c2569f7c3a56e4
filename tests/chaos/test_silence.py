"""What is asked of a database or a broker that does not answer, is full, or has no place left.

Every wait has an end, and whoever was promised something keeps it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
import redis
from celery import Celery
from pydantic import SecretStr
from sqlalchemy import Engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from sandbox.servers import Valkey
from shared import database
from shared.config import Configuration
from shared.database import make_engine, make_sessions
from shared.failures import Transient
from shared.queues import Queue
from shared.vendors import Vendors
from shared.words import System
from tests.chaos.proxy import Proxy
from tests.harness.people import known_token
from tests.harness.stored import empty_broker
from tests.harness.world import World
from tests.integration.test_web_webhooks import TOKEN, deliver
from workers import celery_app
from workers.messages import CLEAN_UP, send

PATIENCE = 0.5
LONGEST = 8.0  # seconds that no wait may take here, on a busy machine


@pytest.fixture
def to_postgres(database_url: str) -> Iterator[Proxy]:
    with Proxy(make_url(database_url).port or 0).running() as proxy:
        yield proxy


@pytest.fixture
def to_broker(broker: Valkey, broker_url: str) -> Iterator[Proxy]:
    with Proxy(broker.port).running() as proxy:
        yield proxy


def by_way_of(proxy: Proxy, database_url: str) -> str:
    return make_url(database_url).set(port=proxy.port).render_as_string(hide_password=False)


def is_one(engine: Engine) -> bool:
    with engine.connect() as connection:
        return connection.scalar(text("SELECT 1")) == 1


def a_sender(world: World, broker_url: str) -> Celery:
    """Like the one of the web process."""
    given = {"broker_url": SecretStr(broker_url)}
    return celery_app.make_celery(world.configuration.model_copy(update=given))


def sent(sender: Celery) -> bool:
    return send(sender, CLEAN_UP, {}, Queue.BULK)


# -- the database -------------------------------------------------------------------------------


def test_a_database_that_falls_silent_is_given_up_and_found_again(
    to_postgres: Proxy, database_url: str
) -> None:
    engine = make_engine(by_way_of(to_postgres, database_url), patience=PATIENCE)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT 1")) == 1
        to_postgres.silence()
        began = time.monotonic()
        with pytest.raises(OperationalError, match="not answered in time"):
            connection.scalar(text("SELECT 1"))
        assert time.monotonic() - began < LONGEST
    to_postgres.restore()
    assert is_one(engine)
    engine.dispose()


def test_a_kept_connection_that_fell_silent_when_unused_costs_a_wait_and_no_error(
    to_postgres: Proxy, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "LATELY", 0.0)
    engine = make_engine(by_way_of(to_postgres, database_url), patience=PATIENCE)
    assert is_one(engine)
    to_postgres.silence()
    to_postgres.restore()
    assert is_one(engine)
    to_postgres.cut()
    assert is_one(engine)
    engine.dispose()


def test_a_webhook_is_to_be_delivered_again_while_no_connection_to_the_database_is_free(
    the_world: World, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    the_world.connect()
    known_token(the_world, TOKEN)
    engine = make_engine(database_url, pool_size=1)
    monkeypatch.setattr(engine.pool, "_timeout", PATIENCE)
    monkeypatch.setattr(the_world.engine, "sessions", make_sessions(engine))
    with engine.connect(), engine.connect():
        assert deliver(the_world).status_code == 503
    assert deliver(the_world).status_code == 202
    engine.dispose()


# -- the broker ---------------------------------------------------------------------------------


def test_a_message_to_a_silent_broker_is_given_up(
    the_world: World, to_broker: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(celery_app, "BROKER_SECONDS", PATIENCE)
    sender = a_sender(the_world, f"redis://127.0.0.1:{to_broker.port}/0")
    assert sent(sender)
    to_broker.silence()
    began = time.monotonic()
    assert not sent(sender)
    assert time.monotonic() - began < LONGEST
    to_broker.restore()
    assert sent(sender)


def test_a_broker_that_was_emptied_takes_messages_at_once(
    the_world: World, broker_url: str
) -> None:
    sender = a_sender(the_world, broker_url)
    assert sent(sender)
    empty_broker(broker_url)
    with redis.Redis.from_url(broker_url) as client:
        assert sent(sender)
        assert client.llen(Queue.BULK.value) == 1


def test_a_webhook_is_acknowledged_and_kept_though_the_broker_is_full(
    the_world: World, broker_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from workers.messages import enqueue

    the_world.connect()
    known_token(the_world, TOKEN)
    sender = a_sender(the_world, broker_url)
    monkeypatch.setattr(the_world.engine, "enqueue", lambda messages: enqueue(sender, messages))
    with redis.Redis.from_url(broker_url) as client:
        client.config_set("maxmemory", 1)
        try:
            assert deliver(the_world).status_code == 202
        finally:
            client.config_set("maxmemory", 0)
    assert the_world.change(key="SKI-205").state == "pending"


def test_no_call_is_made_that_a_silent_broker_does_not_count(
    the_world: World, to_broker: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.vendors.BROKER_SECONDS", PATIENCE)
    connection = the_world.connect()
    given = {"broker_url": SecretStr(f"redis://127.0.0.1:{to_broker.port}/0")}
    configuration: Configuration = the_world.configuration.model_copy(update=given)
    clients = Vendors(configuration, the_world.sessions).clients(connection.id)
    to_broker.silence()
    the_world.reset_calls()
    began = time.monotonic()
    with pytest.raises(Transient):
        clients.of(System.RACKBEAT).account()
    assert time.monotonic() - began < LONGEST
    assert the_world.rackbeat.calls()["total"] == 0


def test_a_worker_is_told_of_a_lost_connection_and_none_is_made_behind_its_back(
    the_world: World, to_broker: Proxy
) -> None:
    """It listens on the sockets it knows: on one that is made for a repetition it hears nothing."""
    app = a_sender(the_world, f"redis://127.0.0.1:{to_broker.port}/0")
    with app.connection_for_read() as connection:
        listener = connection.default_channel.client.pubsub()
        listener.subscribe("somewhere")
        assert listener.parse_response(timeout=LONGEST)  # that it has subscribed
        to_broker.cut()
        with pytest.raises(connection.connection_errors):
            listener.parse_response(timeout=LONGEST)
