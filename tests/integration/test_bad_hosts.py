"""Secrets go to the configured servers alone, and only to those that prove who they are."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpcore
import pytest
from pydantic import SecretStr

from sandbox.tfso.config import FJELLHEIM
from shared.failures import Failure, Outage
from shared.http import tls
from shared.rackbeat.client import RackbeatClient
from shared.rackbeat.protocol import PRODUCTS
from shared.retrying import RetryPolicy
from shared.tfso import MemorySessionStore, TfsoClient, TfsoCredentials
from tests.harness.certificates import Authority
from tests.harness.mission import of, rackbeat_order, row, tfso_goods
from tests.harness.people import rackbeat_group, rackbeat_product, tfso_category, tfso_order
from tests.harness.world import World

QUICK = RetryPolicy(attempts=2, base_wait=0.0, max_wait=0.0, jitter=0.0)
SECRET = "sesame-4711-open"


class NoLimiter:
    def acquire(self) -> None:
        """Every call may be made."""

    def learn(self, **_more: Any) -> None:
        """Nothing is learnt."""


@dataclass
class Server:
    """A server that answers every request alike, and keeps the requests."""

    url: str
    seen: list[str] = field(default_factory=list)


@contextmanager
def serving(
    status: int = 200, body: bytes = b"", certificate: Path | None = None, **headers: str
) -> Iterator[Server]:
    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            made.seen.append(f"{self.requestline}\n{self.headers}")
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_DELETE = _answer  # noqa: N815 - the library's names

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing: the tests' output is for failures."""

    class Quiet(ThreadingHTTPServer):
        def handle_error(self, request: Any, client_address: Any) -> None:
            """A client that hangs up is what these tests are about."""

    with Quiet(("127.0.0.1", 0), Handler) as server:
        scheme = "http"
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            server.socket = context.wrap_socket(
                server.socket, server_side=True, do_handshake_on_connect=False
            )
            scheme = "https"
        made = Server(f"{scheme}://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield made
        finally:
            server.shutdown()
            thread.join()


def ask_rackbeat(url: str) -> Any:
    key = SecretStr(SECRET)
    options: dict[str, Any] = {"limiter": NoLimiter(), "policy": QUICK, "sleep": lambda _: None}
    with RackbeatClient(f"{url}/api", key, **options) as client:
        return client.get(PRODUCTS, "A")


def ask_tfso(url: str) -> Any:
    credentials = TfsoCredentials("u@x.no", SecretStr(SECRET), SecretStr(SECRET), FJELLHEIM.id)
    options: dict[str, Any] = {"limiter": NoLimiter(), "policy": QUICK, "sleep": lambda _: None}
    with TfsoClient(url, credentials, sessions=MemorySessionStore(), **options) as client:
        return client.get_categories(["Id"])


Ask = Callable[[str], Any]
ASKED = pytest.mark.parametrize("ask", [ask_rackbeat, ask_tfso])


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Authority]:
    """One that our clients trust, as they otherwise do the authorities known to everybody."""
    made = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(made.file))
    tls.cache_clear()
    yield made
    tls.cache_clear()


NOT_ACCEPTED: dict[str, tuple[dict[str, Any], str]] = {
    "signed by itself": ({"by_itself": True}, "self-signed certificate"),
    "of another host": ({"host": "app.rackbeat.example"}, "mismatch"),
    "out of date": ({"days": -1}, "expired"),
    "not valid yet": ({"days": 30}, "not yet valid"),
}


@ASKED
@pytest.mark.parametrize("name", NOT_ACCEPTED)
def test_a_server_without_a_certificate_of_its_own_is_told_nothing(
    ask: Ask, authority: Authority, name: str
) -> None:
    described, said = NOT_ACCEPTED[name]
    with serving(certificate=authority.certify(**described)) as server:
        with pytest.raises(Outage) as refused:
            ask(server.url)
        assert server.seen == []
    assert "certificate of 127.0.0.1 is not accepted" in refused.value.message
    assert said in refused.value.message


@ASKED
def test_a_server_with_a_good_certificate_is_asked(ask: Ask, authority: Authority) -> None:
    with serving(certificate=authority.certify()) as server:
        with pytest.raises(Failure):  # it says nothing, but it was asked
            ask(server.url)
        assert server.seen


@ASKED
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(ask: Ask, status: int) -> None:
    with serving() as elsewhere, serving(status, Location=f"{elsewhere.url}/") as server:
        with pytest.raises(Outage, match="redirect"):
            ask(server.url)
        assert server.seen
        assert elsewhere.seen == []


WSDL = (
    '<d:definitions xmlns:d="http://schemas.xmlsoap.org/wsdl/" targetNamespace="urn:x">{}'
    "</d:definitions>"
)
SCHEMA = '<d:types><x:schema xmlns:x="http://www.w3.org/2001/XMLSchema">{}</x:schema></d:types>'
ELSEWHERE = {
    "import": '<d:import namespace="urn:y" location="{url}"/>',
    "schema import": SCHEMA.format('<x:import namespace="urn:y" schemaLocation="{{url}}"/>'),
    "schema include": SCHEMA.format('<x:include schemaLocation="{{url}}"/>'),
}


@pytest.mark.parametrize("name", ELSEWHERE)
def test_a_description_leads_nowhere_else(name: str) -> None:
    with serving(body=WSDL.format("").encode()) as elsewhere:
        points = ELSEWHERE[name].replace("{{", "{").replace("}}", "}").format(url=elsewhere.url)
        with serving(body=WSDL.format(points).encode()) as server:
            with pytest.raises(Outage, match="cannot be used"):
                ask_tfso(server.url)
            assert server.seen
            assert not [request for request in server.seen if SECRET in request]
        assert elsewhere.seen == []


def test_a_server_that_is_not_there_is_named(authority: Authority) -> None:
    with serving() as gone:
        url = gone.url
    for ask in (ask_rackbeat, ask_tfso):
        with pytest.raises(Outage, match=r"cannot be reached.*127\.0\.0\.1"):
            ask(url)


def test_work_of_every_kind_connects_to_the_two_vendors_alone(
    the_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    connected: set[int] = set()
    connect = httpcore.SyncBackend.connect_tcp

    def noted(backend: Any, host: str, port: int, **options: Any) -> Any:
        connected.add(port)
        return connect(backend, host, port, **options)

    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", noted)
    the_world.connect()
    tfso_category(the_world)
    customer, product = tfso_goods(the_world)
    tfso_order(the_world, customer["Id"], row(product))
    made = rackbeat_product(the_world, rackbeat_group(the_world)["number"])
    rackbeat_order(the_world, of(made["number"]))
    the_world.work()
    for kind in ("customer", "product", "order"):
        the_world.pull(kind)
    the_world.settle()
    allowed = {urlsplit(url).port for url in (the_world.rackbeat_url, the_world.tfso_url)}
    assert connected == allowed
