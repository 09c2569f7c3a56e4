"""What nobody on the internet must be able to do to the web process, with a token or without."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from tests.harness.bodies import endless, memory_at_most
from tests.harness.given import JSON_RUBBISH, fuzzed
from tests.harness.people import known_token
from tests.harness.stored import everything_stored
from tests.harness.world import SLUG, World
from workers.web import api
from workers.web.app import LARGEST_BODY

TOKEN = "d5e1c0ffee00d5e1c0ffee00d5e1c0ff"
ACCOUNT = "4711"
KNOWN = {"Authorization": f"Bearer {TOKEN}"}


@dataclass
class Site:
    """The web process with one connection, and everything it has stored."""

    world: World
    http: httpx.Client

    def stored(self) -> str:
        return everything_stored(self.world.sessions)

    def webhook(self, content: bytes, token: str = TOKEN, **headers: str) -> httpx.Response:
        sent = {"Rackbeat-Webhook-Token": token, "Rackbeat-Account-Id": ACCOUNT, **headers}
        return self.http.post(f"/webhooks/rackbeat/{SLUG}", content=content, headers=sent)

    def says(self, request: bytes) -> bytes:
        """What comes back for bytes that may be no request at all."""
        parts = urlsplit(str(self.http.base_url))
        with socket.create_connection((parts.hostname, parts.port), timeout=5) as line:
            line.sendall(request)
            with suppress(OSError):  # it may have refused and hung up already
                line.shutdown(socket.SHUT_WR)
            with suppress(ConnectionResetError):
                return b"".join(iter(lambda: line.recv(65536), b""))
        return b""


@pytest.fixture
def site(the_world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    configuration = the_world.configuration.model_copy(update={"api_token": SecretStr(TOKEN)})
    monkeypatch.setattr(api, "the_engine", lambda: the_world.engine)
    monkeypatch.setattr(api, "configuration", lambda: configuration)
    the_world.connect()
    known_token(the_world, TOKEN)
    with httpx.Client(base_url=the_world.web_url, trust_env=False, timeout=10) as http:
        yield Site(the_world, http)


def for_one_site(few: int) -> settings:
    """Examples that share the site: what they store does not matter to the next."""
    return settings(fuzzed(few), suppress_health_check=list(HealthCheck))


# -- webhooks -----------------------------------------------------------------------------------

ODD_BODIES = {
    "NUL in a key": b'{"key": "a\\u0000b"}',
    "NUL in a name": b'{"key": "7", "a\\u0000": 1}',
    "half a letter": b'{"key": "\\ud800"}',
    "half a letter in a name": b'{"key": "7", "\\udfff": 1}',
    "a very long key": b'{"key": "' + bytes(range(97, 123)) * 200 + b'"}',
    "a very long number": b'{"key": ' + b"7" * 4000 + b"}",
    "a number out of bounds": b'{"key": ' + b"7" * 5000 + b"}",
    "not a number": b'{"key": NaN}',
    "nested too deep": b'{"key":' * 20_000,
    "another encoding": '{"key": "grønn"}'.encode("latin-1"),
    "UTF-16": '{"key": "grønn"}'.encode("utf-16"),
    "a byte order mark": '\ufeff{"key": "7"}'.encode(),
    "a list of keys": b'{"key": ["7"]}',
    "keys of every type": b'{"key": 1.5, "old_key": {}, "new_key": true, "item": null}',
    "stock without item": b'{"type": "stock"}',
    "twice": b'{"key": "7", "key": "8"}',
}


def test_an_odd_webhook_is_recorded_or_refused(site: Site) -> None:
    before = site.stored()
    for name, body in ODD_BODIES.items():
        assert site.webhook(body, token="wrong").status_code in (400, 401), name
    assert site.stored() == before
    for name, body in ODD_BODIES.items():
        assert site.webhook(body).status_code in (202, 400), name
        named = {"Rackbeat-Webhook-Event": "product.updated"}
        assert site.webhook(body, **named).status_code in (202, 400), name


HEADER = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=300)
NAMES = st.sampled_from(["event", "key", "old_key", "new_key", "type", "item", "item_type"])
EVENTS = st.sampled_from(["product.updated", "order.created", "item.stock_updated", "x"])


@for_one_site(40)
@given(
    body=st.dictionaries(NAMES, JSON_RUBBISH).map(lambda said: json.dumps(said).encode())
    | JSON_RUBBISH.map(lambda said: json.dumps(said).encode())
    | st.binary(),
    event=EVENTS | HEADER.map(str.strip),
    known=st.booleans(),
)
def test_whatever_a_webhook_says_it_is_recorded_or_refused(
    site: Site, body: bytes, event: str, known: bool
) -> None:
    before = None if known else site.stored()
    answer = site.webhook(
        body, TOKEN if known else TOKEN[::-1], **{"Rackbeat-Webhook-Event": event}
    )
    assert answer.status_code in ((202, 400) if known else (400, 401))
    assert before is None or site.stored() == before


# -- the line -----------------------------------------------------------------------------------

POST = f"POST /webhooks/rackbeat/{SLUG} HTTP/1.1\r\nHost: x\r\nRackbeat-Webhook-Token: {TOKEN}\r\n"
ODD_REQUESTS = {
    "less than it promises": f"{POST}Content-Length: 500\r\n\r\n{{".encode(),
    "no length that can be": f"{POST}Content-Length: -1\r\n\r\n{{}}".encode(),
    "two lengths": f"{POST}Content-Length: 2\r\nContent-Length: 5\r\n\r\n{{}}".encode(),
    "no chunks": f"{POST}Transfer-Encoding: chunked\r\n\r\nnonsense\r\n".encode(),
    "NUL in a header": POST.encode() + b"X: a\0b\r\nContent-Length: 2\r\n\r\n{}",
    "no header": POST.encode() + b"nonsense\r\n\r\n",
    "endless headers": POST.encode() + b"X: " + b"x" * 200_000,
    "no request": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "nothing": b"",
}


def test_what_is_no_whole_request_is_refused_and_leaves_nothing(site: Site) -> None:
    before = site.stored()
    for name, request in ODD_REQUESTS.items():
        assert site.says(request)[:12] in (b"HTTP/1.1 400", b""), name
    assert site.stored() == before


ODD_SLUGS = ["%00", "%ff", "%ed%a0%80", "..%2f", "a" * 5000, "%F0%9F%8E%BF", "%0d%0a"]


def test_a_connection_that_cannot_be_is_not_found(site: Site) -> None:
    for slug in ODD_SLUGS:
        answer = site.http.post(f"/webhooks/rackbeat/{slug}", content=b"{}")
        assert answer.status_code in (401, 404), slug
        answer = site.http.get(f"/api/connections/{slug}/settings", headers=KNOWN)
        assert answer.status_code in (404, 422), slug


# -- the API ------------------------------------------------------------------------------------

RESYNC = f"/api/connections/{SLUG}/resync"
REFUSED = (400, 401, 422)
ODD_RESYNCS = {
    "NUL": b'{"direction": "rackbeat_to_24so", "kind": "product", "keys": ["\\u0000"]}',
    "half a letter": b'{"direction": "rackbeat_to_24so", "kind": "\\ud800"}',
    "a name of half a letter": b'{"direction": "rackbeat_to_24so", "\\ud800": 1}',
    "NaN": b'{"direction": NaN}',
    "infinity": b'{"direction": 1e400}',
    "nested too deep": b"[" * 50_000,
    "the first day": b'{"direction": "24so_to_rackbeat", "since": "0001-01-01T00:00:00+14:00"}',
    "the last day": b'{"direction": "24so_to_rackbeat", "until": "9999-12-31T23:59:59-12:00"}',
    "an integer out of bounds": b'{"direction": ' + b"9" * 5000 + b"}",
    "not UTF-8": b'{"direction": "\xff"}',
}


def test_an_odd_resync_is_refused_with_a_reason(site: Site) -> None:
    sent = {"Content-Type": "application/json"}
    before = site.stored()
    for name, body in ODD_RESYNCS.items():
        assert site.http.post(RESYNC, content=body, headers=sent).status_code in REFUSED, name
        answer = site.http.post(RESYNC, content=body, headers=sent | KNOWN)
        assert answer.status_code in (400, 422), name
        assert answer.json()["detail"], name
    assert site.stored() == before


def test_a_body_that_is_too_large_is_refused_and_not_kept_in_memory(site: Site) -> None:
    for path in (RESYNC, f"/webhooks/rackbeat/{SLUG}"):
        for body in (b" " * (LARGEST_BODY + 1), endless()):
            with memory_at_most(8):
                sent = {"Content-Type": "application/json"}
                answer = site.http.post(path, content=body, headers=sent)
            assert answer.status_code == 413


SETTING = st.sampled_from(["pull_minutes", "events", "product", "product.origin", "order", "x.y.z"])


@for_one_site(30)
@given(changes=st.dictionaries(SETTING | st.text(max_size=5), JSON_RUBBISH, max_size=3))
def test_no_change_of_settings_breaks_them(site: Site, changes: dict[str, Any]) -> None:
    content = json.dumps(changes).encode()
    sent = KNOWN | {"Content-Type": "application/json"}
    path = f"/api/connections/{SLUG}/settings"
    assert site.http.patch(path, content=content, headers=sent).status_code in (200, 400, 422)
    assert site.http.get(path, headers=KNOWN).status_code == 200


# What a header can carry.
OCTETS = st.sampled_from([*range(33, 127), *range(128, 256)])


@for_one_site(20)
@given(token=st.lists(OCTETS, min_size=1, max_size=40).map(bytes))
def test_no_other_token_opens_the_api(site: Site, token: bytes) -> None:
    offered = {b"Authorization": b"Bearer " + token}
    assert site.http.get("/api/connections", headers=offered).status_code == 401


# -- as the API describes itself ------------------------------------------------------------------

FOR_EVERYBODY = ("/healthz", "/readyz")
CHECKED = [
    schemathesis.checks.not_a_server_error,
    schemathesis.checks.response_schema_conformance,
    schemathesis.checks.content_type_conformance,
    schemathesis.checks.status_code_conformance,
]


def operations(site: Site) -> Iterator[Any]:
    """What the web process says it can do, except for what asks its servers."""
    schema = schemathesis.openapi.from_url(f"{site.http.base_url}/openapi.json")
    for found in schema.get_all_operations():
        operation = found.ok()
        if operation.path not in FOR_EVERYBODY:
            yield operation


def here(case: schemathesis.Case) -> schemathesis.Case:
    if "slug" in case.path_parameters:
        case.path_parameters["slug"] = SLUG
    return case


def test_every_operation_answers_as_it_is_described(site: Site) -> None:
    for operation in operations(site):

        @for_one_site(12)
        @given(case=operation.as_strategy())
        def described(case: schemathesis.Case) -> None:
            here(case).call_and_validate(headers=KNOWN, checks=CHECKED)

        described()


def test_no_operation_does_anything_for_a_stranger(site: Site) -> None:
    before = site.stored()
    for operation in operations(site):

        @for_one_site(12)
        @given(case=operation.as_strategy())
        def refused(case: schemathesis.Case) -> None:
            case.headers.pop("Authorization", None)
            assert 400 <= here(case).call().status_code < 500

        refused()
    assert site.stored() == before
