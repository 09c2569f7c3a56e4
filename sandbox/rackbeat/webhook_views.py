"""The calls that administer webhooks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from starlette.routing import Route

from sandbox.rackbeat.calls import Call, Handler, Reply, Sandbox, api_route
from sandbox.rackbeat.errors import invalid, not_found
from sandbox.rackbeat.queries import is_true, page_of
from sandbox.rackbeat.schema import Record
from sandbox.rackbeat.webhooks import Subscription

EVENT_NAME = re.compile(r"[a-z_]+\.[a-z_]+")
WRITTEN = {"event", "url", "is_active"}


def create(call: Call) -> Reply:
    """A new webhook with its token; or, for an event and URL that have one, that one updated.

    The status of such an update (200) is assumed.
    """
    _check(call, {"event": None, "url": None} | call.body)
    subscriptions = call.sandbox.dispatcher.subscriptions
    wanted = (call.body["event"], call.body["url"])
    for known in subscriptions.values():
        if (known.event, known.url) == wanted:
            return _change(call, known)
    now = call.state.now_text()
    made = Subscription(
        id=max(subscriptions, default=0) + 1,
        event=call.body["event"],
        url=call.body["url"],
        is_active=is_true(call.body.get("is_active", True)),
        created_at=now,
        updated_at=now,
    )
    subscriptions[made.id] = made
    return Reply({"webhook": made.read() | {"token": made.token}}, 201)


def get_list(call: Call) -> Reply:
    webhooks = [each.read() for each in call.sandbox.dispatcher.subscriptions.values()]
    return _page(call, "webhooks", webhooks)


def get_one(call: Call) -> Reply:
    return Reply({"webhook": _subscription(call).read()})


def change(call: Call) -> Reply:
    subscription = _subscription(call)
    _check(call, call.body)
    return _change(call, subscription)


def delete(call: Call) -> Reply:
    del call.sandbox.dispatcher.subscriptions[_subscription(call).id]
    return Reply({"message": "Deleted."})


def get_logs(call: Call) -> Reply:
    wanted = _subscription(call).id
    log = call.sandbox.dispatcher.log
    return _page(call, "webhook_logs", [each for each in log if each["webhook_id"] == wanted])


def get_log(call: Call) -> Reply:
    log = call.sandbox.dispatcher.log
    entry = next((each for each in log if each["id"] == call.id()), None)
    if entry is None:
        raise not_found()
    return Reply({"webhook_log": entry})


def _subscription(call: Call) -> Subscription:
    found = call.sandbox.dispatcher.subscriptions.get(call.id())
    if found is None:
        raise not_found()
    return found


def _check(call: Call, body: Record) -> None:
    call.note([name for name in call.body if name not in WRITTEN])
    errors = {}
    if "event" in body and not EVENT_NAME.fullmatch(str(body["event"])):
        errors["event"] = ["The event field must be an event's name."]
    if "url" in body and not _is_url(body["url"]):
        errors["url"] = ["The url format is invalid."]
    if errors:
        raise invalid(errors)


def _is_url(value: Any) -> bool:
    parts = urlsplit(str(value))
    return parts.scheme in {"http", "https"} and bool(parts.hostname)


def _change(call: Call, subscription: Subscription) -> Reply:
    subscription.event = call.body.get("event", subscription.event)
    subscription.url = call.body.get("url", subscription.url)
    subscription.is_active = is_true(call.body.get("is_active", subscription.is_active))
    subscription.updated_at = call.state.now_text()
    return Reply({"webhook": subscription.read()})


def _page(call: Call, plural: str, rows: list[Record]) -> Reply:
    status, chosen, about = page_of(rows, call.query, call.sandbox.config.page_size)
    return Reply({plural: chosen} | about, status)


OFFERED: tuple[tuple[str, str, Handler], ...] = (
    ("POST", "/webhooks", create),
    ("GET", "/webhooks", get_list),
    ("GET", "/webhooks/logs/{id}", get_log),
    ("GET", "/webhooks/{id}", get_one),
    ("PUT", "/webhooks/{id}", change),
    ("DELETE", "/webhooks/{id}", delete),
    ("GET", "/webhooks/{id}/logs", get_logs),
)


def routes(sandbox: Sandbox) -> Iterator[Route]:
    for method, path, handler in OFFERED:
        yield api_route(sandbox, method, path, handler)
