"""What Rackbeat's server must not be able to do to us, whatever it answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from starlette.responses import Response

from sandbox.threads import running
from shared.failures import Failure, OutcomeUnknown, Transient
from shared.rackbeat.client import RackbeatClient
from shared.rackbeat.protocol import PRODUCTS
from shared.retrying import RetryPolicy
from tests.harness.bodies import TOO_MUCH, memory_at_most, packed_as
from tests.harness.given import JSON_RUBBISH, fuzzed
from tests.harness.spoiled import Reply, Spoiled

QUICK = RetryPolicy(attempts=2, base_wait=0.0, max_wait=0.0, jitter=0.0)

Call = Callable[[RackbeatClient], Any]
READS: dict[str, Call] = {
    "read": lambda client: client.get(PRODUCTS, "A"),
    "account": lambda client: client.account(),
    "list": lambda client: client.page(PRODUCTS),
    "webhooks": lambda client: client.webhooks(),
}
WRITES: dict[str, Call] = {
    "create": lambda client: client.create(PRODUCTS, {"number": "A"}),
    "update": lambda client: client.update(PRODUCTS, "A", {"name": "Ski"}),
    "action": lambda client: client.action(PRODUCTS, "A", "book"),
    "delete": lambda client: client.delete(PRODUCTS, "A"),
    "register": lambda client: client.register_webhook("product.created", "https://example.no"),
}
# Those that have to find something in the answer.
NEED_AN_ANSWER = [name for name in READS | WRITES if name != "delete"]


class NoLimiter:
    def acquire(self) -> None:
        """Every call may be made."""

    def learn(self, **_more: Any) -> None:
        """Nothing is learnt."""


@dataclass
class Line:
    """A client, and the hand on what it is answered."""

    client: RackbeatClient
    spoiled: Spoiled

    def answers(self, body: Any, status: int = 200, **headers: str) -> None:
        self.spoiled.spoil = lambda _, __: Reply(status, {}, b"").saying(body, **headers)

    def failure(self, call: str) -> Failure:
        with pytest.raises(Failure) as raised:
            (READS | WRITES)[call](self.client)
        return raised.value


@pytest.fixture(scope="module")
def line() -> Iterator[Line]:
    spoiled = Spoiled(Response())
    with (
        running(spoiled) as url,
        RackbeatClient(
            url, SecretStr("key"), limiter=NoLimiter(), policy=QUICK, sleep=lambda _: None
        ) as client,
    ):
        yield Line(client, spoiled)


def expected(call: str) -> type[Failure]:
    """Reads may simply be made again; what a write did has to be found out."""
    return Transient if call in READS else OutcomeUnknown


@pytest.mark.parametrize("name", TOO_MUCH)
@pytest.mark.parametrize("call", ["read", "create"])
def test_a_body_that_is_too_much_is_not_taken_into_memory(line: Line, call: str, name: str) -> None:
    body, packing, said = TOO_MUCH[name]
    made = body()
    with memory_at_most(48):  # three times the largest answer
        line.answers(made, **packed_as(packing))
        failure = line.failure(call)
    assert type(failure) is expected(call)
    assert said in failure.message


BROKEN = {
    "nothing": b"",
    "cut off": b'{"product": {"number": "A", "name": "Sk',
    "cut off within a letter": '{"product": {"name": "Grø'.encode()[:-1],
    "a page": b"<!DOCTYPE html><title>Oops</title>",
    "not a number": b'{"product": {"number": "A", "sales_price": NaN}}',
    "infinity": b'{"product": {"number": "A", "sales_price": -Infinity}}',
    "an exponent out of bounds": b'{"product": {"sales_price": 1e99999999999999999999}}',
    "an integer out of bounds": b'{"product": {"number": ' + b"9" * 5000 + b"}}",
    "a list": b'[{"product": {"number": "A"}}]',
    "null": b"null",
    "null inside": b'{"product": null, "products": null, "webhook": null, "user_account": null}',
    "lists inside": b'{"product": [], "products": [[]], "webhook": [], "user_account": []}',
    "texts inside": b'{"product": "A", "products": ["A"], "webhook": "", "user_account": ""}',
    "nested too deep": b'{"product":' * 100_000,
    "another encoding": '{"product": {"name": "Grønn"}}'.encode("latin-1"),
    "bytes": bytes(range(256)),
}


@pytest.mark.parametrize("body", BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize("call", NEED_AN_ANSWER)
def test_a_broken_answer_is_a_failure_that_says_what_was_asked(
    line: Line, call: str, body: bytes
) -> None:
    if call == "action" and body in (b"", BROKEN["null inside"], BROKEN["lists inside"],
                                     BROKEN["texts inside"]):  # fmt: skip
        pytest.skip("an action may answer anything that is an object, or nothing")
    line.answers(body)
    failure = line.failure(call)
    assert type(failure) is expected(call)
    assert failure.message.startswith("Rackbeat's answer to the call to ")
    assert len(failure.message) < 500


def test_amounts_and_dates_out_of_all_bounds_are_read_as_they_are(line: Line) -> None:
    line.answers(b'{"product": {"number": "A", "sales_price": 1e400, "date": "10000-01-01"}}')
    assert line.client.get(PRODUCTS, "A") == {
        "number": "A",
        "sales_price": Decimal("1e400"),
        "date": "10000-01-01",
    }


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    "wait",
    ["9" * 400, "-1", "1e9", "Mon, 01 Jan 99999999999 00:00:00 GMT",
     "Fri, 31 Dec 9999 23:59:59 -2359", "²"],
)  # fmt: skip
def test_no_advice_when_to_come_back_leads_astray(line: Line, status: int, wait: str) -> None:
    line.answers(b"", status, retry_after=wait)
    line.failure("read")


def test_a_list_that_promises_pages_without_end_is_given_up(line: Line) -> None:
    line.answers(b'{"webhooks": [{"id": 1}], "page": 1, "pages": 999999999999999999}')
    failure = line.failure("webhooks")
    assert isinstance(failure, Transient)
    assert "pages" in failure.message


ENVELOPES = ("product", "products", "webhook", "webhooks", "user_account", "errors", "message")
ANY_STATUS = st.sampled_from([200, 201, 206, 400, 401, 404, 409, 422, 429, 500, 502, 503, 302])


@fuzzed(40)
@given(
    call=st.sampled_from(sorted(READS | WRITES)),
    status=ANY_STATUS,
    said=st.dictionaries(st.sampled_from(ENVELOPES) | st.text(max_size=3), JSON_RUBBISH)
    | JSON_RUBBISH,
)
def test_whatever_json_is_answered_is_understood_or_is_a_failure(
    line: Line, call: str, status: int, said: Any
) -> None:
    line.answers(json.dumps(said).encode(), status)
    with suppress(Failure):
        (READS | WRITES)[call](line.client)


@fuzzed(40)
@given(call=st.sampled_from(sorted(READS | WRITES)), status=ANY_STATUS, body=st.binary())
def test_whatever_bytes_are_answered_are_understood_or_are_a_failure(
    line: Line, call: str, status: int, body: bytes
) -> None:
    line.answers(body, status)
    with suppress(Failure):
        (READS | WRITES)[call](line.client)
