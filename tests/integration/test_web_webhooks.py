"""What the web process does with webhooks, good and bad ones."""

from __future__ import annotations

import base64
import hmac
import json
import logging
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import redis
from pydantic import SecretStr
from sqlalchemy import select, update
from structlog.testing import CapturingLogger

from sandbox.threads import free_address
from shared.config import configuration
from shared.report import unknown_events
from shared.tables import Connection, WebhookDelivery, WebhookSubscription
from tests.harness.people import known_token, linked, tfso_product
from tests.harness.stored import everything_stored, written_as
from tests.harness.world import SLUG, World
from workers import process
from workers.web import webhooks

TOKEN = "d5e1c0ffee00d5e1c0ffee00d5e1c0ff"
ACCOUNT = "4711"
RACKBEAT_WAITS = 15  # seconds for an answer


@pytest.fixture
def receiver(the_world: World) -> World:
    """A connection of which one token is known to the test."""
    the_world.connect()
    known_token(the_world, TOKEN)
    the_world.work()
    return the_world


@pytest.fixture
def nobody_there() -> Iterator[int]:
    """A port that is taken, at which nobody answers."""
    with free_address() as address:
        yield address.getsockname()[1]


def deliver(
    the_world: World,
    event: str | None = "product.updated",
    content: bytes = b'{"key_name": "number", "key": "SKI-205"}',
    *,
    token: str | None = TOKEN,
    account: str | None = ACCOUNT,
    slug: str = SLUG,
) -> httpx.Response:
    sent = {
        "Content-Type": "application/json",
        "Rackbeat-Webhook-Event": event,
        "Rackbeat-Webhook-Token": token,
        "Rackbeat-Account-Id": account,
    }
    headers = {name: value for name, value in sent.items() if value is not None}
    url = f"{the_world.web_url}/webhooks/rackbeat/{slug}"
    return httpx.post(url, content=content, headers=headers, timeout=RACKBEAT_WAITS)


def deliveries(the_world: World) -> list[WebhookDelivery]:
    with the_world.sessions() as session:
        return list(session.scalars(select(WebhookDelivery).order_by(WebhookDelivery.id)))


def nothing_is_stored(the_world: World) -> bool:
    return not deliveries(the_world) and not the_world.changes() and not the_world.messages


# -- accepted -----------------------------------------------------------------------------------


def test_a_webhook_is_acknowledged_once_its_change_is_in_the_journal(receiver: World) -> None:
    answer = deliver(receiver)
    assert answer.status_code == 202
    change = receiver.change()
    assert (change.kind, change.direction, change.key) == ("product", "rackbeat_to_24so", "SKI-205")
    assert (change.cause, change.state) == ("webhook", "pending")
    (kept,) = deliveries(receiver)
    assert (kept.event, kept.key, kept.recognised, kept.body) == (
        "product.updated", "SKI-205", True, None,
    )  # fmt: skip


def test_the_same_webhook_three_times_is_one_change_and_one_write(receiver: World) -> None:
    link = linked(receiver, "product", tfso_product(receiver))
    receiver.reset_calls()
    receiver.rackbeat.edit("products", link.rackbeat_key, {"name": "Ny"}, webhooks=False)
    event = {"event": "product.updated", "key": link.rackbeat_key, "times": 3}
    receiver.rackbeat.post("/deliveries/repeat", event)
    receiver.settle()
    assert receiver.in_tfso("products", link.tfso_key)["Name"] == "Ny"
    assert receiver.writes() == {"SaveProducts": 1}
    again = {"event": "product.updated", "key": link.rackbeat_key, "times": 3}
    receiver.rackbeat.post("/deliveries/repeat", again)
    receiver.settle()
    assert receiver.writes() == {"SaveProducts": 1}


def test_an_event_of_an_unknown_name_is_kept_with_its_body_and_changes_nothing(
    receiver: World,
) -> None:
    body = '{"key_name": "number", "key": "7", "note": "grønn"}'
    assert deliver(receiver, "shelf.painted", body.encode()).status_code == 202
    (kept,) = deliveries(receiver)
    assert (kept.event, kept.recognised, kept.body) == ("shelf.painted", False, body)
    assert receiver.changes() == []
    deliver(receiver, "shelf.painted", body.encode())
    with receiver.sessions() as session:
        (shown,) = unknown_events(session, SLUG)
    assert f"'shelf.painted' is not understood (2 times, for example {body})" in shown


@pytest.mark.parametrize(
    "body", ['{"data": {"number": 7}}', '{"key": {"number": 7}}', '{"type": "stock"}']
)
def test_a_known_event_that_names_no_record_is_kept_with_its_body_as_well(
    receiver: World, body: str
) -> None:
    assert deliver(receiver, "product.updated", body.encode()).status_code == 202
    (kept,) = deliveries(receiver)
    assert (kept.recognised, kept.body) == (False, body)
    assert receiver.changes() == []


def test_an_event_of_an_unknown_name_is_logged_with_its_body(
    receiver: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = CapturingLogger()
    monkeypatch.setattr(webhooks, "log", log)
    deliver(receiver, "shelf.painted", b'{"key": "7"}')
    deliver(receiver, "product.updated", b'{"key": "7"}')
    (line,) = log.calls
    assert line.kwargs == {
        "webhook_event": "shelf.painted", "connection": SLUG, "body": '{"key": "7"}',
    }  # fmt: skip


def test_an_event_without_a_name_is_kept_as_well(receiver: World) -> None:
    assert deliver(receiver, None, b'{"anything": [1, 2]}').status_code == 202
    (kept,) = deliveries(receiver)
    assert (kept.event, kept.key, kept.recognised) == (None, None, False)


def test_a_body_with_characters_no_database_stores_is_kept_without_them(receiver: World) -> None:
    content = b'{"key": "7", "note": "a\\u0000b \xff \x00"}'
    assert deliver(receiver, "shelf.painted", content).status_code in (202, 400)
    assert deliver(receiver, "shelf.painted", b'{"note": "\xc3\xb8\\u0000"}').status_code == 202
    assert all("\0" not in (kept.body or "") for kept in deliveries(receiver))


def test_an_unknown_event_can_be_given_a_kind_in_the_settings(the_world: World) -> None:
    the_world.connect(events={"product.repriced": "product"})
    link = linked(the_world, "product", tfso_product(the_world))
    the_world.rackbeat.edit("products", link.rackbeat_key, {"name": "Ny"}, webhooks=False)
    event = {"event": "product.repriced", "key": link.rackbeat_key}
    the_world.rackbeat.post("/deliveries/repeat", event)
    the_world.settle()
    assert the_world.in_tfso("products", link.tfso_key)["Name"] == "Ny"


def test_a_change_of_stock_has_a_body_of_its_own_and_is_understood(receiver: World) -> None:
    body = b'{"item": "SKI-205", "item_type": "product", "type": "stock"}'
    assert deliver(receiver, "item.stock_updated", body).status_code == 202
    (kept,) = deliveries(receiver)
    assert kept.key == "SKI-205"
    receiver.work()
    assert receiver.changes(kind="product") == []
    assert [change.state for change in receiver.changes() if change.state != "done"] == []


def test_a_webhook_about_a_record_that_does_not_exist_ends_in_peace(receiver: World) -> None:
    assert deliver(receiver, content=b'{"key": "../../self?x=1"}').status_code == 202
    receiver.work()
    change = receiver.change(kind="product")
    assert (change.state, change.outcome) == ("done", "skipped")
    assert change.key == "../../self?x=1"


# -- refused ------------------------------------------------------------------------------------


@pytest.mark.parametrize("token", ["wrong", "", TOKEN[:-1], TOKEN.upper(), None])
def test_a_webhook_with_a_wrong_token_or_none_is_refused_and_leaves_nothing(
    receiver: World, token: str | None
) -> None:
    answer = deliver(receiver, token=token)
    assert answer.status_code == 401
    assert nothing_is_stored(receiver)


def test_a_token_is_compared_with_every_one_there_is_in_constant_time(
    receiver: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared = []

    def compare(given: Any, stored: Any) -> bool:
        compared.append(stored)
        return real(given, stored)

    real = hmac.compare_digest
    monkeypatch.setattr(hmac, "compare_digest", compare)
    assert deliver(receiver).status_code == 202
    with receiver.sessions() as session:
        digests = session.scalars(select(WebhookSubscription.token_digest)).all()
    assert sorted(compared) == sorted(digests)


def test_a_webhook_of_another_account_is_refused_and_leaves_nothing(receiver: World) -> None:
    assert deliver(receiver, account="4712").status_code == 401
    assert nothing_is_stored(receiver)


def test_a_webhook_to_another_connection_than_its_own_is_refused(receiver: World) -> None:
    assert deliver(receiver, slug="dalen").status_code == 401
    assert nothing_is_stored(receiver)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'"text"', b"<xml/>", b"\xff\xfe"])
def test_a_body_that_is_no_webhook_of_rackbeats_is_refused(receiver: World, content: bytes) -> None:
    answer = deliver(receiver, content=content)
    assert answer.status_code == 400
    assert nothing_is_stored(receiver)


def test_a_body_larger_than_any_webhook_is_refused_before_it_is_read_to_its_end(
    receiver: World,
) -> None:
    content = b'{"key": "' + b"x" * (256 * 1024) + b'"}'
    assert deliver(receiver, content=content).status_code == 413
    assert nothing_is_stored(receiver)


def test_a_token_sent_to_us_is_neither_stored_nor_logged(
    receiver: World, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        deliver(receiver)
        deliver(receiver, "shelf.painted", b'{"key": "7"}')
        deliver(receiver, token="stjålet-token-1234567890".encode().hex())
        receiver.work()
    printed = capfd.readouterr()
    everything = printed.out + printed.err + caplog.text + everything_stored(receiver.sessions)
    assert "shelf.painted" in printed.out + printed.err + caplog.text
    assert not [form for form in written_as(TOKEN) if form in everything]


def test_while_the_settings_are_of_a_newer_version_a_webhook_is_to_come_again(
    receiver: World,
) -> None:
    """Another process, of that version, knows whether the record is transferred."""
    with receiver.sessions.begin() as session:
        session.execute(update(Connection).values(settings={"version": 2}))
    answer = deliver(receiver)
    assert answer.status_code == 503
    assert "of version 2" in answer.json()["detail"]
    assert nothing_is_stored(receiver)
    with receiver.sessions.begin() as session:
        session.execute(update(Connection).values(settings={"version": 1}))
    assert deliver(receiver).status_code == 202
    assert receiver.change().key == "SKI-205"


# -- without a broker ---------------------------------------------------------------------------


def test_what_was_enqueued_and_lost_with_the_broker_is_found_by_the_sweep(
    receiver: World,
) -> None:
    link = linked(receiver, "product", tfso_product(receiver))
    receiver.rackbeat.edit("products", link.rackbeat_key, {"name": "Ny"})
    receiver.deliveries_done()
    assert receiver.messages
    receiver.messages.clear()  # the broker is wiped
    receiver.work()
    assert receiver.in_tfso("products", link.tfso_key)["Name"] != "Ny"
    receiver.clock.pass_by(seconds=61)
    receiver.work()
    assert receiver.in_tfso("products", link.tfso_key)["Name"] == "Ny"


@pytest.fixture
def processes(the_world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """The environment of a process, and nothing of it kept from or for another test."""
    root = logging.getLogger()
    before = (root.level, list(root.handlers))
    kept = (configuration, process.the_sessions, process.the_vendors, process.the_vault,
            process.the_engine)  # fmt: skip
    given = the_world.configuration
    monkeypatch.setenv("VAREBRO_DATABASE_URL", given.database_url.get_secret_value())
    monkeypatch.setenv("VAREBRO_BROKER_URL", given.broker_url.get_secret_value())
    monkeypatch.setenv("VAREBRO_SECRET_KEYS", given.secret_keys[0].get_secret_value())
    for each in kept:
        each.cache_clear()
    yield monkeypatch
    for each in kept:
        each.cache_clear()
    root.setLevel(before[0])
    root.handlers[:] = before[1]


def test_a_webhook_is_taken_while_the_broker_is_down_and_its_change_follows(
    receiver: World, processes: pytest.MonkeyPatch, nobody_there: int
) -> None:
    from workers.app import make_app
    from workers.messages import enqueue

    link = linked(receiver, "product", tfso_product(receiver))
    dead = SecretStr(f"redis://127.0.0.1:{nobody_there}/0")
    celery = make_app(receiver.configuration.model_copy(update={"broker_url": dead}))
    receiver.engine.enqueue = lambda messages: enqueue(celery, messages)
    receiver.rackbeat.edit("products", link.rackbeat_key, {"name": "Ny"}, webhooks=False)
    content = f'{{"key": "{link.rackbeat_key}"}}'.encode()
    assert deliver(receiver, content=content).status_code == 202
    assert receiver.change(kind="product", state="pending").key == link.rackbeat_key
    receiver.engine.enqueue = receiver.messages.extend
    receiver.clock.pass_by(seconds=61)
    receiver.work()
    assert receiver.in_tfso("products", link.tfso_key)["Name"] == "Ny"


def test_a_message_to_the_workers_says_only_which_record_is_meant(
    receiver: World, processes: pytest.MonkeyPatch
) -> None:
    from workers.app import make_app
    from workers.messages import enqueue

    celery = make_app(receiver.configuration)
    receiver.engine.enqueue = lambda messages: enqueue(celery, messages)
    deliver(receiver)
    with redis.Redis.from_url(receiver.configuration.broker_url.get_secret_value()) as broker:
        (raw,) = broker.lrange("master_data", 0, -1)  # type: ignore[misc]
    message: dict[str, Any] = json.loads(raw)
    arguments, keywords, _ = json.loads(base64.b64decode(message["body"]))
    assert message["headers"]["task"] == "varebro.product.rackbeat_to_24so"
    assert (arguments, keywords) == ([], {"connection": SLUG, "key": "SKI-205"})


# -- health -------------------------------------------------------------------------------------


def test_the_web_process_says_that_it_is_alive(the_world: World) -> None:
    answer = httpx.get(f"{the_world.web_url}/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "alive"})


def test_the_web_process_is_ready_when_database_and_broker_are_reached(
    the_world: World, processes: pytest.MonkeyPatch
) -> None:
    answer = httpx.get(f"{the_world.web_url}/readyz")
    assert answer.status_code == 200
    assert answer.json() == {"database": "reached", "broker": "reached"}


@pytest.mark.parametrize(
    ("setting", "found"),
    [
        ("BROKER_URL=redis://127.0.0.1:{port}/0", ("reached", "unreachable")),
        (
            "DATABASE_URL=postgresql://postgres:hemmelig@127.0.0.1:{port}/x",
            ("unreachable", "reached"),
        ),
    ],
)
def test_the_web_process_is_not_ready_without_its_database_or_broker(
    the_world: World,
    processes: pytest.MonkeyPatch,
    nobody_there: int,
    setting: str,
    found: tuple[str, str],
) -> None:
    variable, _, address = setting.partition("=")
    processes.setenv(f"VAREBRO_{variable}", address.format(port=nobody_there))
    answer = httpx.get(f"{the_world.web_url}/readyz", timeout=10)
    assert answer.status_code == 503
    assert (answer.json()["database"], answer.json()["broker"]) == found
    assert "hemmelig" not in answer.text
