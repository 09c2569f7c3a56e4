"""What 24SevenOffice's servers must not be able to do to us, whatever they answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any
from xml.sax.saxutils import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from sandbox.tfso import SandboxConfig, create_app
from sandbox.tfso.config import FJELLHEIM
from sandbox.threads import running
from shared.failures import Failure, Outage, OutcomeUnknown, Rejected, Transient
from shared.retrying import RetryPolicy
from shared.tfso import MemorySessionStore, Service, TfsoClient, TfsoCredentials
from shared.tfso import description as descriptions
from tests.harness.bodies import TOO_MUCH, memory_at_most, packed_as
from tests.harness.given import fuzzed
from tests.harness.quoting import soap_fault
from tests.harness.spoiled import Reply, Spoiled
from tests.harness.world import NO_LIMIT

QUICK = RetryPolicy(attempts=2, base_wait=0.0, max_wait=0.0, jitter=0.0)
CONFIG = SandboxConfig(
    requests_per_hour=NO_LIMIT, requests_per_second=NO_LIMIT, logins_per_minute=NO_LIMIT
)
CREDENTIALS = TfsoCredentials(
    username=CONFIG.username,
    password=SecretStr(CONFIG.password),
    application_id=SecretStr(CONFIG.application_id),
    identity_id=FJELLHEIM.id,
)
ENVELOPE = (
    '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"'
    ' xmlns:i="http://www.w3.org/2001/XMLSchema-instance"><s:Body>'
    '<{operation}Response xmlns="http://24sevenOffice.com/webservices">'
    "<{operation}Result>{result}</{operation}Result></{operation}Response></s:Body></s:Envelope>"
)
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
WANTED = ["Id", "Name", "DateChanged", "InPrice", "StatusId"]

Call = Callable[[TfsoClient], Any]
READS: dict[str, Call] = {
    "GetProducts": lambda client: client.get_products({"DateChanged": LONG_AGO}, WANTED),
    "GetCompanies": lambda client: client.get_companies({"CompanyId": 1}, ["Id"]),
    "GetCategories": lambda client: client.get_categories(["Id"]),
    "GetInvoices": lambda client: client.get_invoices({"OrderIds": [1]}, ["OrderId"], ["RowId"]),
    "GetOrderSyncList": lambda client: client.get_order_sync_list(LONG_AGO),
    "GetCompanySyncList": lambda client: client.company_sync_list(),
    "GetIdentity": lambda client: client.current_identity(),
    "GetIdentitiesWithCredential": lambda client: client.identities(),
    "Login": lambda client: client.get_categories(["Id"]),
}
WRITES: dict[str, Call] = {
    "SaveProducts": lambda client: client.save(
        Service.PRODUCT, "SaveProducts", [{"Name": "Ski"}], idempotent=False
    ),
    "SaveCompanies": lambda client: client.save(
        Service.COMPANY, "SaveCompanies", [{"Name": "Ola"}], idempotent=False
    ),
}
SET_STOCK: Call = lambda client: client.set_stock(1, Decimal(1))  # noqa: E731
CALLS = READS | WRITES | {"SetStockQuantity": SET_STOCK}


LOGGING_IN = ("Login", "GetIdentity")


class NoLimiter:
    def acquire(self) -> None:
        """Every call may be made."""

    def learn(self, **_more: Any) -> None:
        """Nothing is learnt."""


@dataclass
class Line:
    """A client, and the hand on what it is answered."""

    client: TfsoClient
    sessions: MemorySessionStore
    spoiled: Spoiled

    def answers(self, operation: str, body: Any, status: int = 200, **headers: str) -> None:
        spoilt = replace(Reply(200, {}, b""), status=status).saying(body, **headers)
        self.spoiled.spoil = lambda called, reply: spoilt if called == operation else reply

    def call(self, operation: str) -> Any:
        if operation in LOGGING_IN:
            self.sessions.renew(self.sessions.current(), lambda: SecretStr("lost"))
        return CALLS[operation](self.client)

    def failure(self, operation: str) -> Failure:
        with pytest.raises(Failure) as raised:
            self.call(operation)
        return raised.value


@pytest.fixture(scope="module")
def served() -> Iterator[Line]:
    # No call is so soon after the last that a refused login would still count.
    passed = (timedelta(minutes=2 * n) for n in count())
    spoiled, sessions = Spoiled(create_app(CONFIG)), MemorySessionStore()
    with (
        running(spoiled) as url,
        TfsoClient(
            url, CREDENTIALS, sessions=sessions, limiter=NoLimiter(), policy=QUICK,
            sleep=lambda _: None, now=lambda: LONG_AGO + next(passed),
        ) as client,
    ):  # fmt: skip
        yield Line(client, sessions, spoiled)


@pytest.fixture
def line(served: Line) -> Line:
    served.spoiled.spoil = None
    return served


def soap(operation: str, result: str) -> bytes:
    return ENVELOPE.format(operation=operation, result=result).encode("utf-8", "surrogatepass")


def expected(operation: str) -> type[Failure]:
    """Reads may simply be made again; what a write did has to be found out."""
    return OutcomeUnknown if operation in WRITES else Transient


@pytest.mark.parametrize("name", TOO_MUCH)
@pytest.mark.parametrize("operation", ["GetProducts", "SaveProducts"])
def test_a_body_that_is_too_much_is_not_taken_into_memory(
    line: Line, operation: str, name: str
) -> None:
    body, packing, said = TOO_MUCH[name]
    made = body()
    line.call("GetCategories")
    with memory_at_most(96):  # three times the largest answer
        line.answers(operation, made, **packed_as(packing))
        failure = line.failure(operation)
    assert type(failure) is expected(operation)
    assert said in failure.message


def test_a_description_that_is_too_much_is_not_taken_into_memory(line: Line) -> None:
    descriptions._known.clear()
    body, packing, said = TOO_MUCH["100 MB packed"]
    made = body()
    with memory_at_most(96):
        line.answers("WSDL", made, **packed_as(packing))
        assert said in line.failure("GetProducts").message


LAUGHS = "".join(f'<!ENTITY l{i + 1} "{f"&l{i};" * 10}">' for i in range(9))
# Before an answer that is good but for what it uses of them.
DECLARED = {
    "entities within entities": (f'<!DOCTYPE x [<!ENTITY l0 "ha">{LAUGHS}]>', "&l2;"),
    "one entity": ('<!DOCTYPE x [<!ENTITY a "Ski">]>', "&a;"),
    "a file": ('<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/hostname">]>', "&e;"),
    "a parameter entity": ("<!DOCTYPE x [<!ENTITY % e \"<!ENTITY a 'Ski'>\">%e;]>", "&a;"),
    "an external type": ('<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">', "Ski"),
}


@pytest.mark.parametrize("name", DECLARED)
def test_an_answer_that_declares_its_own_type_or_entities_is_refused(line: Line, name: str) -> None:
    declared, used = DECLARED[name]
    good = soap("GetProducts", PRODUCT.format(f"<Id>7</Id><Name>{used}</Name>")).decode()
    line.answers("GetProducts", f"{declared}{good}".encode())
    failure = line.failure("GetProducts")
    assert type(failure) is Transient
    assert "Forbidden" in failure.message


HOSTILE = {
    "nested too deep": "<x>" * 100_000,
    "cut off": soap("{operation}", "").decode()[:-30],
    "nothing": "",
    "a page": "<html><body>Down for maintenance</body></html>",
    "JSON": '{"Message": "no"}',
    "no envelope": "<x/>",
    "an empty envelope": '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"/>',
    "an unknown encoding": '<?xml version="1.0" encoding="klingon"?><x/>',
    "half a letter": "\udce6",
    "NUL": "<x>\0</x>",
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("operation", ["GetProducts", "SaveProducts", "Login"])
def test_a_hostile_or_broken_answer_is_a_failure_that_names_the_call(
    line: Line, operation: str, name: str
) -> None:
    text = HOSTILE[name].replace("{operation}", operation)
    line.answers(operation, text.encode("utf-8", "surrogateescape"))
    with memory_at_most(32):
        failure = line.failure(operation)
    assert type(failure) is expected(operation)
    assert operation in failure.message


PRODUCT = "<Product>{0}</Product>"
ODD = {
    "a control character": ("<Id>7</Id><Name>S&#x1;ki</Name>", {"Id": 7, "Name": "S\ufffdki"}),
    "NUL": ("<Id>7</Id><Name>S&#0;ki</Name>", {"Id": 7, "Name": "S\ufffdki"}),
    "half a letter": ("<Id>7</Id><Name>S&#xD83D;ki</Name>", {"Id": 7, "Name": "S\ufffdki"}),
    "no character": ("<Id>7</Id><Name>S&#xFFFF;ki</Name>", {"Id": 7, "Name": "S\ufffdki"}),
    "a letter": ("<Id>7</Id><Name>&#229;&#xE5;&#x1F3BF;</Name>", {"Id": 7, "Name": "åå🎿"}),
    "quoted": ("<Id>7</Id><Name>&amp;#0;</Name>", {"Id": 7, "Name": "&#0;"}),
    "the first day": ("<Id>7</Id><DateChanged>0001-01-01T00:00:00</DateChanged>", {"Id": 7}),
    "the first day, west": (
        "<Id>7</Id><DateChanged>0001-01-01T00:00:00+14:00</DateChanged>", {"Id": 7},
    ),
    "the last day, east": (
        "<Id>7</Id><DateChanged>9999-12-31T23:59:59-12:00</DateChanged>",
        {"Id": 7, "DateChanged": datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)},
    ),
    "out of bounds": ("<Id>7</Id><InPrice>1e9</InPrice>", {"Id": 7, "InPrice": Decimal("1e9")}),
    "not a number": ("<Id>7</Id><InPrice>NaN</InPrice>", {"Id": 7, "InPrice": "NaN"}),
    "nothing": ("", {}),
    "nil": ('<Id i:nil="true"/>', {}),
}  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_an_odd_value_has_a_defined_meaning(line: Line, name: str) -> None:
    content, meaning = ODD[name]
    line.answers("GetProducts", soap("GetProducts", PRODUCT.format(content)))
    (read,) = line.call("GetProducts")
    if "InPrice" in read:
        assert str(read.pop("InPrice")) == str(meaning.pop("InPrice"))
    assert read == meaning


IMPOSSIBLE = {
    "year 10000": "<DateChanged>10000-01-01T00:00:00</DateChanged>",
    "30 February": "<DateChanged>2026-02-30T00:00:00</DateChanged>",
    "an hour too many": "<DateChanged>2026-02-03T25:00:00</DateChanged>",
    "no time": "<DateChanged>yesterday</DateChanged>",
    "no number": "<Id>seven</Id>",
    "no amount": "<InPrice>free</InPrice>",
    "an unknown property": "<Colour>red</Colour>",
}


@pytest.mark.parametrize("content", IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_an_impossible_value_is_a_failure(line: Line, content: str) -> None:
    line.answers("GetProducts", soap("GetProducts", PRODUCT.format(content)))
    assert type(line.failure("GetProducts")) is Transient


@pytest.mark.parametrize("session", ["\x80", "å", "a b", "a; ASP.NET_SessionId=b", "a,b", "a\nb"])
def test_a_session_that_no_cookie_can_carry_is_a_broken_answer(line: Line, session: str) -> None:
    line.answers("Login", soap("Login", session))
    failure = line.failure("Login")
    assert type(failure) is Transient
    assert "no session" in failure.message


@pytest.mark.parametrize("operation", CALLS)
@pytest.mark.parametrize("result", ["", "<Product i:nil='true'/>", "<x/>", "x"])
def test_a_result_without_records_is_a_failure_or_nothing(
    line: Line, operation: str, result: str
) -> None:
    line.answers(operation, soap(operation, result))
    with suppress(Failure):
        line.call(operation)


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("Retry-After", "9" * 400),
        ("Retry-After", "99999999999999"),
        ("APILimitRemaining", "9" * 5000),
        ("APILimitReset", "0001-01-01T00:00:00+01:00"),
        ("APILimitReset", "9999-12-31T23:59:59-01:00"),
    ],
)
@pytest.mark.parametrize("status", [200, 429, 500])
def test_no_header_leads_astray(line: Line, status: int, header: str, value: str) -> None:
    line.answers("GetProducts", soap("GetProducts", ""), status, **{header: value})
    with suppress(Failure):
        line.call("GetProducts")


@pytest.mark.parametrize("end", ["0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00", "99"])
def test_a_quarantine_of_absurd_length_is_over_within_the_hour(line: Line, end: str) -> None:
    text = f"Limit exceeded by 7. Quarantine ends {end}"
    line.answers("GetProducts", soap_fault(text).encode(), 500)
    failure = line.failure("GetProducts")
    assert "quota is used up" in failure.message


# -- made up --------------------------------------------------------------------------------------

ELEMENTS = st.sampled_from(
    ["Product", "Company", "Category", "InvoiceOrder", "Identity", "int", "Id", "Name", "Items",
     "DateChanged", "InPrice", "APIException", "Message", "Type", "Client", "User", "x"]
)  # fmt: skip
VALUES = st.sampled_from(
    ["", "7", "-2147483648", "1e400", "NaN", "INF", "0001-01-01T00:00:00",
     "9999-12-31T23:59:59-01:00", "true", "Client is not authenticated on this identity", "&#0;",
     "&#xD800;", "\0"]
) | st.text(max_size=5).map(escape)  # fmt: skip


def _element(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    nil = st.sampled_from(["", "", "", ' i:nil="true"'])
    return st.builds(
        lambda name, attribute, parts: f"<{name}{attribute}>{''.join(parts)}</{name}>",
        ELEMENTS,
        nil,
        st.lists(inner, max_size=3),
    )


TREES = st.recursive(VALUES, _element, max_leaves=6)


@fuzzed(40)
@given(operation=st.sampled_from(sorted(CALLS)), result=TREES)
def test_whatever_xml_is_answered_is_understood_or_is_a_failure(
    served: Line, operation: str, result: str
) -> None:
    served.answers(operation, soap(operation, result))
    with suppress(Failure):
        served.call(operation)


@fuzzed(15)
@given(
    operation=st.sampled_from(sorted(CALLS)),
    status=st.sampled_from([200, 302, 401, 404, 429, 500, 503]),
    body=st.binary(),
)
def test_whatever_bytes_are_answered_are_understood_or_are_a_failure(
    served: Line, operation: str, status: int, body: bytes
) -> None:
    served.answers(operation, body, status)
    with suppress(Failure):
        served.call(operation)


@fuzzed(15)
@given(code=st.text(max_size=5), text=st.text(st.characters(exclude_categories=("Cs", "Cc"))))
def test_whatever_a_fault_says_it_is_a_failure(served: Line, code: str, text: str) -> None:
    said = soap_fault(text, code)
    served.answers("GetProducts", said.encode("utf-8", "surrogatepass"), 500)
    failure = served.failure("GetProducts")
    assert isinstance(failure, Transient | Rejected | Outage)
