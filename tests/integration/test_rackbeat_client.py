"""The Rackbeat client against a real server that answers, breaks off and lies as it is told."""

from __future__ import annotations

import gzip
import json
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from pydantic import SecretStr

from shared.failures import (
    AuthFailed,
    Failure,
    Limited,
    Outage,
    OutcomeUnknown,
    Rejected,
    Transient,
    is_silent,
)
from shared.rackbeat import client as client_module
from shared.rackbeat.client import LARGEST_ANSWER, RackbeatClient
from shared.rackbeat.protocol import CUSTOMERS, ORDERS, PRODUCTS
from shared.retrying import RetryPolicy

KEY = "sesame-key-4711"
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
PRODUCT = {"product": {"number": "A"}}


@dataclass(frozen=True)
class Reply:
    """One answer. With `cut`, its headers promise more than is sent before the line breaks."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False


@dataclass(frozen=True)
class Hang:
    """No answer at all, until the test ends."""


@dataclass(frozen=True)
class Drop:
    """The request is taken in, then the line breaks: the reply is lost."""


Step = Reply | Hang | Drop


def reply(content: object, status: int = 200, **headers: str) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, json.dumps(content).encode(), named)


@dataclass(frozen=True)
class Seen:
    """One request as it came over the line."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes


class Vendor(ThreadingHTTPServer):
    """Plays its script step by step, then its last step for ever; notes what it saw."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.script: list[Step] = []
        self.seen: list[Seen] = []
        self.ended = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/api/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up early is part of the play; anything else is shown."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)

    def plays(self, *steps: Step) -> None:
        self.script = list(steps)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Vendor

    def _handle(self) -> None:
        vendor, parts = self.server, urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        names = {name.lower(): value for name, value in self.headers.items()}
        vendor.seen.append(Seen(self.command, parts.path, parse_qs(parts.query), names, body))
        step = vendor.script.pop(0) if len(vendor.script) > 1 else vendor.script[0]
        match step:
            case Reply():
                self._reply(step)
            case Hang():
                vendor.ended.wait(10)
                self.close_connection = True
            case Drop():
                self.connection.shutdown(socket.SHUT_RDWR)
                self.close_connection = True

    do_GET = do_POST = do_PUT = do_DELETE = _handle  # noqa: N815 - the library's names

    def _reply(self, step: Reply) -> None:
        self.send_response(step.status)
        self.send_header("Content-Length", str(len(step.body) + (100 if step.cut else 0)))
        for name, value in step.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.close_connection = step.cut
        try:
            self.wfile.write(step.body)
        except OSError:  # the client had enough of it
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the tests' output is for failures."""


@dataclass
class NotedLimiter:
    """Lets calls through until it is told to refuse; notes what it is asked and taught."""

    acquired: int = 0
    allowed: int | None = None
    learnt: list[tuple[int | None, datetime | None]] = field(default_factory=list)

    def acquire(self) -> None:
        if self.allowed is not None and self.acquired >= self.allowed:
            raise Limited("our own quota", retry_at=NOW + timedelta(seconds=30))
        self.acquired += 1

    def learn(self, *, remaining: int | None, reset_at: datetime | None) -> None:
        self.learnt.append((remaining, reset_at))


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    with Vendor() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.ended.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def limiter() -> NotedLimiter:
    return NotedLimiter()


@pytest.fixture
def waits() -> list[float]:
    return []


def make(
    url: str,
    limiter: NotedLimiter,
    waits: list[float],
    now: Callable[[], datetime] = lambda: NOW,
    key: str = KEY,
) -> RackbeatClient:
    return RackbeatClient(
        url,
        SecretStr(key),
        limiter=limiter,
        policy=RetryPolicy(jitter=0),
        contact="post@example.com",
        now=now,
        sleep=waits.append,
    )


@pytest.fixture
def client(vendor: Vendor, limiter: NotedLimiter, waits: list[float]) -> Iterator[RackbeatClient]:
    with make(vendor.url, limiter, waits) as rackbeat:
        yield rackbeat


def create(client: RackbeatClient) -> object:
    return client.create(PRODUCTS, {"number": "A"})


def update(client: RackbeatClient) -> object:
    return client.update(PRODUCTS, "A", {"name": "Pipe"})


def read(client: RackbeatClient) -> object:
    return client.get(PRODUCTS, "A")


def book(client: RackbeatClient) -> object:
    return client.action(ORDERS, 7, "book")


Call = Callable[[RackbeatClient], object]

# -- what goes well -----------------------------------------------------------------------------


def test_a_record_is_read_by_its_number_with_the_key_in_the_header(
    vendor: Vendor, client: RackbeatClient, limiter: NotedLimiter
) -> None:
    vendor.plays(Reply(200, b'{"product": {"number": "A/1 +", "sales_price": 1.10}}'))
    assert client.get(PRODUCTS, "A/1 +") == {"number": "A/1 +", "sales_price": Decimal("1.10")}
    (seen,) = vendor.seen
    assert (seen.method, seen.path) == ("GET", "/api/products/A%252F1%2520%252B")
    assert seen.headers["authorization"] == f"Bearer {KEY}"
    assert seen.headers["user-agent"].endswith("(post@example.com)")
    assert "content-type" not in seen.headers
    assert limiter.acquired == 1


def test_a_record_that_is_not_there_is_none(vendor: Vendor, client: RackbeatClient) -> None:
    vendor.plays(reply({"message": "Not found."}, 404))
    assert client.get(PRODUCTS, "A") is None
    assert len(vendor.seen) == 1


def test_the_account_behind_the_key_is_named(vendor: Vendor, client: RackbeatClient) -> None:
    vendor.plays(reply({"user_account": {"id": 7, "company_name": "Rør AS"}, "user": {}}))
    assert client.account() == {"id": 7, "company_name": "Rør AS"}
    assert vendor.seen[0].path == "/api/self"


def test_a_list_is_read_page_by_page_as_the_answers_count_them(
    vendor: Vendor, client: RackbeatClient, limiter: NotedLimiter
) -> None:
    def page(number: int, status: int) -> Reply:
        listed = {"customers": [{"number": number}], "pages": 3, "page": number, "total": 3}
        return reply(listed, status)

    vendor.plays(page(1, 206), page(2, 206), page(3, 206))
    records = client.listing(CUSTOMERS, {"is_barred": False}, fields="number,lines(id)")
    assert [record["number"] for record in records] == [1, 2, 3]
    assert [seen.query["page"] for seen in vendor.seen] == [["1"], ["2"], ["3"]]
    assert {tuple(seen.query["fields"]) for seen in vendor.seen} == {("number,lines(id)",)}
    assert vendor.seen[2].query["is_barred"] == ["false"]
    assert limiter.acquired == 3


def test_a_list_that_runs_dry_ends_whatever_it_promised(
    vendor: Vendor, client: RackbeatClient
) -> None:
    vendor.plays(reply({"customers": [{"number": 1}], "pages": 10**5}), reply({"customers": []}))
    assert len(list(client.listing(CUSTOMERS))) == 1
    assert len(vendor.seen) == 2


def test_one_page_is_read_with_its_filters(vendor: Vendor, client: RackbeatClient) -> None:
    vendor.plays(reply({"orders": [], "pages": 1, "total": 0}, 200))
    page = client.page(ORDERS, limit=5, order_by="number", **{"simple_filter[number]": 7})
    assert (page.records, page.total) == ([], 0)
    query = vendor.seen[0].query
    assert query["limit"] == ["5"]
    assert query["simple_filter[number]"] == ["7"]


def test_decimals_travel_as_plain_numbers(vendor: Vendor, client: RackbeatClient) -> None:
    vendor.plays(reply(PRODUCT, 201))
    assert client.create(PRODUCTS, {"number": "A", "sales_price": Decimal("1E-6")}) == {
        "number": "A"
    }
    (seen,) = vendor.seen
    assert (seen.method, seen.path) == ("POST", "/api/products")
    assert seen.body == b'{"number":"A","sales_price":0.000001}'
    assert seen.headers["content-type"] == "application/json"


def test_a_draft_a_booking_and_a_line_go_to_their_own_addresses(
    vendor: Vendor, client: RackbeatClient
) -> None:
    vendor.plays(reply({"order": {"number": 7}}, 201), reply({"invoice_id": 9}), Reply(204))
    assert client.create(ORDERS, {}, path_suffix="/drafts") == {"number": 7}
    made = client.action(ORDERS, 7, "convert-to-invoice", params={"book": True})
    assert made == {"invoice_id": 9}
    assert client.action(ORDERS, 7, "lines/3", method="PUT", payload={"quantity": 0}) == {}
    assert [(seen.method, seen.path) for seen in vendor.seen] == [
        ("POST", "/api/orders/drafts"),
        ("POST", "/api/orders/7/convert-to-invoice"),
        ("PUT", "/api/orders/7/lines/3"),
    ]
    assert vendor.seen[1].query == {"book": ["true"]}


def test_webhooks_are_made_listed_and_ended(vendor: Vendor, client: RackbeatClient) -> None:
    hook = {"id": 4, "event": "order.created", "url": "https://us.example/hook"}
    vendor.plays(
        reply({"webhook": {**hook, "token": "t" * 32}}, 201),
        reply({"webhooks": [hook], "pages": 1}),
        Reply(204),
        reply({"message": "gone"}, 404),
    )
    made = client.register_webhook("order.created", "https://us.example/hook")
    assert made.token == SecretStr("t" * 32)
    assert json.loads(vendor.seen[0].body) == {
        "event": "order.created",
        "url": "https://us.example/hook",
        "is_active": True,
    }
    (listed,) = client.webhooks()
    assert (listed.id, listed.token) == (4, None)
    client.delete_webhook(4)
    client.delete_webhook(4)
    assert vendor.seen[3].method == "DELETE"
    assert vendor.seen[3].path == "/api/webhooks/4"


# -- what is refused ----------------------------------------------------------------------------


def test_a_refused_write_is_sent_once_and_carries_rackbeats_reasons(
    vendor: Vendor, client: RackbeatClient
) -> None:
    vendor.plays(reply({"message": "Invalid.", "errors": {"name": ["Is required."]}}, 422))
    for call in (create, update):
        with pytest.raises(Rejected, match="Is required") as raised:
            call(client)
        assert raised.value.fields == {"name": ["Is required."]}
    assert len(vendor.seen) == 2


def test_an_update_of_a_record_that_is_not_there_is_rejected(
    vendor: Vendor, client: RackbeatClient
) -> None:
    vendor.plays(reply({"message": "Not found."}, 404))
    with pytest.raises(Rejected, match="update product A"):
        update(client)


@pytest.mark.parametrize("status", [401, 403])
def test_a_key_that_is_not_accepted_is_tried_once(
    vendor: Vendor, client: RackbeatClient, status: int
) -> None:
    vendor.plays(reply({"message": "Unauthenticated."}, status))
    with pytest.raises(AuthFailed, match="API key"):
        read(client)
    assert len(vendor.seen) == 1


def test_a_redirect_is_not_followed_and_the_key_stays_here(
    vendor: Vendor, client: RackbeatClient
) -> None:
    with Vendor() as elsewhere:
        vendor.plays(Reply(302, b"", {"Location": elsewhere.url}))
        with pytest.raises(Outage, match="redirect"):
            read(client)
        with pytest.raises(OutcomeUnknown, match="redirect"):
            create(client)
        assert elsewhere.seen == []


def test_the_key_appears_in_no_message_even_when_rackbeat_quotes_it(
    vendor: Vendor, client: RackbeatClient
) -> None:
    vendor.plays(reply({"message": f"Bad: Bearer {KEY}", "errors": {KEY: [KEY]}}, 400))
    with pytest.raises(Rejected) as raised:
        create(client)
    assert "Bad: Bearer ***" in str(raised.value)
    assert KEY not in f"{raised.value!r} {raised.value.fields} {client!r} {vars(client)}"


def test_a_key_with_slashes_is_found_in_a_quote_however_json_writes_them(
    vendor: Vendor, limiter: NotedLimiter
) -> None:
    vendor.plays(Reply(422, rb'{"message": "Bad key: one\/two+three, or one%2Ftwo%2Bthree."}'))
    with pytest.raises(Rejected, match=r"Bad key: \*\*\*, or \*\*\*\."):
        create(make(vendor.url, limiter, [], key="one/two+three"))


def test_a_key_that_no_header_can_carry_is_not_shown(vendor: Vendor, limiter: NotedLimiter) -> None:
    with pytest.raises(Failure) as raised:
        read(make(vendor.url, limiter, [], key=f"{KEY}\nand more"))
    assert KEY not in str(raised.value)


# -- quotas and outages -------------------------------------------------------------------------


@pytest.mark.parametrize("call", [read, create, update])
def test_a_short_pause_rackbeat_asks_for_is_sat_out(
    vendor: Vendor, client: RackbeatClient, waits: list[float], limiter: NotedLimiter, call: Call
) -> None:
    vendor.plays(
        Reply(429, headers={"Retry-After": "2"}),
        Reply(503, headers={"Retry-After": "1"}),
        reply(PRODUCT),
    )
    assert call(client) == {"number": "A"}
    assert waits == [2, 1]
    assert limiter.acquired == 3
    assert limiter.learnt == []


def test_a_long_pause_ends_the_tries_and_is_told_to_all_workers(
    vendor: Vendor, client: RackbeatClient, waits: list[float], limiter: NotedLimiter
) -> None:
    until = NOW + timedelta(seconds=50)
    vendor.plays(Reply(429, headers={"Retry-After": f"{until:%a, %d %b %Y %H:%M:%S} GMT"}))
    with pytest.raises(Limited) as raised:
        create(client)
    assert raised.value.retry_at == until
    assert limiter.learnt == [(0, until)]
    assert (waits, len(vendor.seen)) == ([], 1)


def test_a_quota_used_up_without_advice_ends_after_the_tries(
    vendor: Vendor, client: RackbeatClient, waits: list[float]
) -> None:
    vendor.plays(Reply(429))
    with pytest.raises(Limited):
        create(client)
    assert len(vendor.seen) == 4
    assert waits == pytest.approx([0.3, 0.6, 1.2])


def test_without_a_slot_nothing_is_sent(
    vendor: Vendor, client: RackbeatClient, limiter: NotedLimiter
) -> None:
    limiter.allowed = 0
    with pytest.raises(Limited, match="our own quota"):
        create(client)
    assert vendor.seen == []


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_read_survives_a_gateway_that_fails_for_a_moment(
    vendor: Vendor, client: RackbeatClient, status: int
) -> None:
    vendor.plays(Reply(status), Reply(status), Reply(status), reply(PRODUCT))
    assert read(client) == {"number": "A"}


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_gateway_that_keeps_failing_is_an_outage(
    vendor: Vendor, client: RackbeatClient, status: int
) -> None:
    vendor.plays(Reply(status))
    with pytest.raises(Outage):
        read(client)
    assert len(vendor.seen) == 4


@pytest.mark.parametrize("call", [read, create, update, book])
def test_a_server_nobody_listens_at_is_an_outage(
    limiter: NotedLimiter, waits: list[float], call: Call
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/api"
        with make(url, limiter, waits) as client, pytest.raises(Outage, match="cannot be reached"):
            call(client)
    assert limiter.acquired == 4


# -- lost and broken replies --------------------------------------------------------------------

CUT = Reply(200, b'{"product": {', cut=True)


@pytest.mark.parametrize("broken", [Drop(), CUT])
def test_a_read_whose_reply_is_lost_is_made_again(
    vendor: Vendor, client: RackbeatClient, broken: Step
) -> None:
    vendor.plays(broken, reply(PRODUCT))
    assert read(client) == {"number": "A"}


@pytest.mark.parametrize("broken", [Drop(), CUT])
def test_a_read_whose_reply_is_lost_every_time_is_transient(
    vendor: Vendor, client: RackbeatClient, broken: Step
) -> None:
    vendor.plays(broken)
    with pytest.raises(Transient) as raised:
        read(client)
    assert type(raised.value) is Transient
    assert len(vendor.seen) == 4


@pytest.mark.parametrize(
    "broken",
    [Drop(), CUT, Reply(500), Reply(502), Reply(503), Reply(504), Reply(200, b"<html>")],
)
@pytest.mark.parametrize("call", [create, book])
def test_a_reply_lost_after_a_post_is_an_unknown_outcome_and_nothing_is_sent_again(
    vendor: Vendor, client: RackbeatClient, broken: Step, call: Call
) -> None:
    vendor.plays(broken)
    with pytest.raises(OutcomeUnknown):
        call(client)
    assert len(vendor.seen) == 1


def test_a_creation_that_answers_nothing_is_an_unknown_outcome(
    vendor: Vendor, client: RackbeatClient
) -> None:
    vendor.plays(Reply(204))
    with pytest.raises(OutcomeUnknown):
        create(client)


@pytest.mark.parametrize("broken", [Drop(), CUT, Reply(502), Reply(503), Reply(504)])
def test_an_update_whose_reply_is_lost_is_made_again(
    vendor: Vendor, client: RackbeatClient, broken: Step
) -> None:
    vendor.plays(broken, broken, reply(PRODUCT))
    assert update(client) == {"number": "A"}
    vendor.plays(broken)
    with pytest.raises(OutcomeUnknown):
        update(client)
    assert len(vendor.seen) == 3 + 4


@pytest.mark.parametrize(
    "later",
    [Reply(429), Reply(429, headers={"Retry-After": "60"}), Reply(503, b"", {"Retry-After": "9"})],
)
def test_a_doubtful_update_stays_doubtful_whatever_stops_the_later_tries(
    vendor: Vendor, client: RackbeatClient, later: Reply
) -> None:
    vendor.plays(Drop(), later)
    with pytest.raises(OutcomeUnknown) as raised:
        update(client)
    assert (raised.value.retry_at is None) == (later.status == 503)


def test_a_doubtful_update_stays_doubtful_when_our_own_quota_stops_the_later_tries(
    vendor: Vendor, client: RackbeatClient, limiter: NotedLimiter
) -> None:
    limiter.allowed = 1
    vendor.plays(Drop())
    with pytest.raises(OutcomeUnknown) as raised:
        update(client)
    assert raised.value.retry_at == NOW + timedelta(seconds=30)


def test_a_deletion_whose_reply_was_lost_is_done_when_the_record_is_gone(
    vendor: Vendor, client: RackbeatClient
) -> None:
    vendor.plays(Drop(), reply({"message": "Not found."}, 404))
    client.delete(PRODUCTS, "A")
    assert [seen.method for seen in vendor.seen] == ["DELETE", "DELETE"]


@pytest.mark.parametrize(
    ("call", "failure", "sent"),
    [(read, Transient, 2), (update, OutcomeUnknown, 2), (create, OutcomeUnknown, 1)],
)
@pytest.mark.usefixtures("impatience")
def test_a_silent_server_is_waited_for_only_so_long(
    vendor: Vendor, client: RackbeatClient, call: Call, failure: type[Failure], sent: int
) -> None:
    vendor.plays(Hang())
    with pytest.raises(failure, match="timed out") as raised:
        call(client)
    assert type(raised.value) is failure
    assert is_silent(raised.value)
    assert len(vendor.seen) == sent


@pytest.fixture
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "_TIMEOUT", httpx.Timeout(0.2, connect=5.0))


def test_a_call_is_given_five_seconds_to_connect_and_thirty_to_answer() -> None:
    timeout = client_module._TIMEOUT
    assert (timeout.connect, timeout.read) == (5.0, 30.0)


# -- senseless answers --------------------------------------------------------------------------


@pytest.mark.parametrize("packed", [False, True])
def test_an_answer_of_any_size_is_read_only_up_to_the_limit(
    vendor: Vendor, client: RackbeatClient, packed: bool
) -> None:
    body = b" " * (LARGEST_ANSWER + 1)
    sent = Reply(200, gzip.compress(body, 1), {"Content-Encoding": "gzip"}) if packed else None
    vendor.plays(sent or Reply(200, body))
    with pytest.raises(Transient, match="16 MiB"):
        read(client)
    with pytest.raises(OutcomeUnknown, match="16 MiB"):
        create(client)
    assert len(vendor.seen) == 2


def test_an_answer_that_trickles_is_not_waited_for_for_ever(
    vendor: Vendor, limiter: NotedLimiter, waits: list[float]
) -> None:
    times = iter(NOW + timedelta(seconds=40 * step) for step in range(1000))
    vendor.plays(Reply(200, b" " * 1_000_000))
    client = make(vendor.url, limiter, waits, now=lambda: next(times))
    with client, pytest.raises(Transient, match="60 s"):
        read(client)


def test_an_answer_that_claims_to_be_packed_and_is_not_is_transient(
    vendor: Vendor, client: RackbeatClient
) -> None:
    vendor.plays(Reply(200, b"plain", {"Content-Encoding": "gzip"}))
    with pytest.raises(Transient):
        read(client)


@pytest.mark.parametrize("body", [b"<html>Back soon</html>", b'{"product": NaN}', b"[]"])
def test_a_web_page_instead_of_a_record_is_transient(
    vendor: Vendor, client: RackbeatClient, body: bytes
) -> None:
    vendor.plays(Reply(200, body))
    with pytest.raises(Transient, match="cannot be used"):
        read(client)
    assert len(vendor.seen) == 1


# -- the client itself --------------------------------------------------------------------------


def test_a_client_for_an_address_in_the_clear_is_not_made(limiter: NotedLimiter) -> None:
    with pytest.raises(ValueError, match="unencrypted"):
        make("http://app.rackbeat.com/api", limiter, [])


def test_a_proxy_of_the_environment_never_sees_an_unencrypted_key(
    vendor: Vendor, limiter: NotedLimiter, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Vendor() as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("NO_PROXY", "")
        vendor.plays(reply(PRODUCT))
        with make(vendor.url, limiter, []) as client:
            assert read(client) == {"number": "A"}
        assert proxy.seen == []


def test_a_borrowed_http_client_is_left_open(vendor: Vendor, limiter: NotedLimiter) -> None:
    vendor.plays(reply(PRODUCT))
    with httpx.Client(trust_env=False) as http:
        with RackbeatClient(vendor.url, SecretStr(KEY), limiter=limiter, http=http) as client:
            assert read(client) == {"number": "A"}
        assert not http.is_closed


def test_a_closed_client_has_closed_its_connections(client: RackbeatClient) -> None:
    client.close()
    with pytest.raises(RuntimeError, match="closed"):
        read(client)
