"""The 24SevenOffice client against the sandbox, and against servers that mean harm."""

from __future__ import annotations

import logging
import re
import socket
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from threading import Barrier
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox.control import SandboxControl
from sandbox.faults import Effect, Fault
from sandbox.tfso import SandboxConfig, create_app
from sandbox.tfso.config import ANNEN_BEDRIFT, FJELLHEIM
from sandbox.threads import running
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
from shared.retrying import RetryPolicy
from shared.tfso import MemorySessionStore, Service, TfsoClient, TfsoCredentials
from tests.harness.quoting import soap_fault

CONFIG = SandboxConfig()
CREDENTIALS = TfsoCredentials(
    username=CONFIG.username,
    password=SecretStr(CONFIG.password),
    application_id=SecretStr(CONFIG.application_id),
    identity_id=FJELLHEIM.id,
)
QUICK = RetryPolicy(attempts=3, base_wait=0.0, max_wait=2.0, jitter=0.0)
ENVELOPE = (
    '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>'
    '<{operation}Response xmlns="http://24sevenOffice.com/webservices">{result}'
    "</{operation}Response></s:Body></s:Envelope>"
)


class CountingLimiter:
    """Lets everything through, and remembers what it was told."""

    def __init__(self) -> None:
        self.acquired = 0
        self.learned: list[tuple[int | None, datetime | None]] = []

    def acquire(self) -> None:
        self.acquired += 1

    def learn(self, *, remaining: int | None, reset_at: datetime | None) -> None:
        self.learned.append((remaining, reset_at))


class Place:
    """A sandbox, the hand behind it, and a client that talks to it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.control = SandboxControl(url)
        self.sessions = MemorySessionStore()
        self.limiter = CountingLimiter()
        self.slept: list[float] = []
        self.client = self.make()

    def make(self, credentials: TfsoCredentials = CREDENTIALS, **options: Any) -> TfsoClient:
        settings: dict[str, Any] = {
            "sessions": self.sessions,
            "limiter": self.limiter,
            "policy": QUICK,
            "sleep": self.slept.append,
            **options,
        }
        return TfsoClient(self.url, credentials, **settings)

    def calls_of(self, operation: str) -> int:
        count: int = self.control.calls()["by_operation"].get(operation, 0)
        return count

    def companies_named(self, name: str) -> int:
        state = self.control.state()
        everywhere = [c for client in state.values() for c in client["companies"]]
        return sum(company.get("Name") == name for company in everywhere)


MakePlace = Callable[..., Place]


@pytest.fixture
def make_place() -> Iterator[MakePlace]:
    with ExitStack() as stack:

        def make(around: Callable[[ASGIApp], ASGIApp] = lambda app: app, **config: Any) -> Place:
            app = create_app(replace(CONFIG, **config))
            place = Place(stack.enter_context(running(around(app))))
            stack.callback(place.control.close)
            stack.callback(place.client.close)
            return place

        yield make


@pytest.fixture
def place(make_place: MakePlace) -> Place:
    return make_place()


def company(name: str, **more: Any) -> dict[str, Any]:
    return {"Name": name, "Type": "Business", **more}


# -- logging in ----------------------------------------------------------------------------------


def test_the_currencies_and_vat_codes_of_the_client_are_listed(place: Place) -> None:
    assert {"NOK", "EUR"} <= {each["Symbol"] for each in place.client.get_currencies()}
    assert {25, 15, 0} <= {each["Rate"] for each in place.client.get_vat_types()}


def test_the_first_call_logs_in_and_the_next_ones_use_that_session(place: Place) -> None:
    place.client.get_categories(["Id"])
    place.client.get_categories(["Id"])
    assert place.calls_of("Login") == 1


def test_what_is_saved_lands_in_the_chosen_client_and_not_in_the_users_default(
    place: Place,
) -> None:
    assert ANNEN_BEDRIFT.default
    place.client.save(Service.COMPANY, "SaveCompanies", [company("Havn AS")])
    state = place.control.state()
    names = [c.get("Name") for c in state[str(FJELLHEIM.client_id)]["companies"]]
    assert "Havn AS" in names
    assert state[str(ANNEN_BEDRIFT.client_id)]["companies"] == []


def ignoring_the_identity(app: ASGIApp) -> ASGIApp:
    """A vendor that logs everybody in to their default client."""

    async def changed(scope: Scope, receive: Receive, send: Send) -> None:
        async def without_identity() -> Message:
            message = await receive()
            body = re.sub(rb"<(\w+:)?IdentityId>.*?</(\w+:)?IdentityId>", b"", message["body"])
            return {**message, "body": body}

        logging_in = b"Login" in dict(scope.get("headers", [])).get(b"soapaction", b"")
        await app(scope, without_identity if logging_in else receive, send)

    return changed


def test_a_login_that_ends_in_another_client_is_moved_to_the_chosen_one(
    make_place: MakePlace,
) -> None:
    place = make_place(ignoring_the_identity)
    assert place.client.current_identity().client_name == FJELLHEIM.client_name
    assert place.calls_of("SetIdentityById") == 1


def test_a_login_that_stays_in_another_client_writes_nothing_and_leaves_no_session(
    make_place: MakePlace,
) -> None:
    place = make_place(ignoring_the_identity)
    refusal = "<SetIdentityByIdResult>false</SetIdentityByIdResult>"
    place.control.fault(
        operation="SetIdentityById",
        effect=Effect.ANSWER,
        status=200,
        body=ENVELOPE.format(operation="SetIdentityById", result=refusal),
    )
    with pytest.raises(AuthFailed, match=r"Annen Bedrift AS.*another company"):
        place.client.save(Service.COMPANY, "SaveCompanies", [company("Havn AS")])
    assert place.sessions.current() is None
    assert place.calls_of("SaveCompanies") == 0


@pytest.mark.parametrize("as_fault", [False, True])
def test_a_wrong_password_is_told_plainly_and_not_tried_in_a_loop(
    make_place: MakePlace, as_fault: bool
) -> None:
    place = make_place(failed_login_is_fault=as_fault)
    client = place.make(replace(CREDENTIALS, password=SecretStr("wrong-pass-word")))
    for _ in range(3):
        with pytest.raises(AuthFailed, match="does not accept") as refused:
            client.get_categories(["Id"])
        assert "wrong-pass-word" not in str(refused.value)
    assert place.calls_of("Login") == 1


@pytest.mark.parametrize("code", ["Server", "Client"])
@pytest.mark.parametrize("text", ["Cannot take {}.", "Too many logins by {}.", "{}: try again."])
def test_a_fault_that_quotes_our_password_is_told_without_it(
    place: Place, code: str, text: str
) -> None:
    quoted = text.format(CONFIG.password)
    place.control.fault(
        operation="Login", effect=Effect.ANSWER, times=None, body=soap_fault(quoted, f"s:{code}")
    )
    with pytest.raises(Failure, match=re.escape(text.format("***"))) as refused:
        place.client.get_categories(["Id"])
    assert CONFIG.password not in str(refused.value)


@pytest.mark.parametrize("code", ["Server", "Client"])
def test_a_fault_that_quotes_our_session_is_told_without_it(place: Place, code: str) -> None:
    place.client.get_categories(["Id"])
    session = place.sessions.current()
    assert session is not None
    fault = soap_fault(f"No rights in {session.get_secret_value()}", f"s:{code}")
    place.control.fault(operation="GetCategories", effect=Effect.ANSWER, times=None, body=fault)
    with pytest.raises(Failure, match=r"No rights in \*\*\*"):
        place.client.get_categories(["Id"])


def test_a_refused_item_that_quotes_our_session_is_told_without_it(place: Place) -> None:
    place.client.get_categories(["Id"])
    session = place.sessions.current()
    assert session is not None
    exception = (
        f"<APIException><Message>Not by {session.get_secret_value()}</Message></APIException>"
    )
    result = f"<SaveCompaniesResult><Company>{exception}</Company></SaveCompaniesResult>"
    place.control.fault(
        operation="SaveCompanies",
        effect=Effect.ANSWER,
        status=200,
        body=ENVELOPE.format(operation="SaveCompanies", result=result),
    )
    (refused,) = place.client.save(Service.COMPANY, "SaveCompanies", [company("Havn AS")])
    assert isinstance(refused, Rejected)
    assert refused.message.endswith("Not by ***")


def test_a_corrected_password_works_at_once(place: Place) -> None:
    with pytest.raises(AuthFailed):
        place.make(replace(CREDENTIALS, password=SecretStr("wrong"))).get_categories(["Id"])
    assert place.client.get_categories(["Id"])


def test_a_refused_login_is_tried_again_after_a_minute(place: Place) -> None:
    now = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
    wrong = replace(CREDENTIALS, password=SecretStr("wrong"))
    client = place.make(wrong, now=lambda: now)
    for expected in (1, 1, 2):
        with pytest.raises(AuthFailed):
            client.get_categories(["Id"])
        assert place.calls_of("Login") == expected
        now += timedelta(seconds=40)


def test_a_blocked_identity_says_what_to_do(make_place: MakePlace) -> None:
    place = make_place(identities=(replace(FJELLHEIM, blocked=True), ANNEN_BEDRIFT))
    with pytest.raises(AuthFailed, match=r"blocked.*choose another identity"):
        place.client.get_categories(["Id"])


def test_throttled_logins_are_a_limit_and_not_wrong_credentials(make_place: MakePlace) -> None:
    with pytest.raises(Limited, match="no more logins"):
        make_place(logins_per_minute=0).client.get_categories(["Id"])


def test_the_clients_to_choose_from_are_listed_before_one_is_chosen(place: Place) -> None:
    client = place.make(replace(CREDENTIALS, identity_id=""))
    assert {i.client_name: i.is_default for i in client.identities()} == {
        "Fjellheim Handel AS": False,
        "Annen Bedrift AS": True,
    }
    with pytest.raises(AuthFailed, match="none is chosen"):
        client.check()
    with pytest.raises(AuthFailed, match="Choose one"):
        client.get_categories(["Id"])
    assert place.calls_of("Login") == 0


def test_the_check_logs_in_and_refuses_a_client_the_user_does_not_see(place: Place) -> None:
    assert place.client.check().id == FJELLHEIM.id
    assert place.calls_of("Login") == 1
    elsewhere = place.make(replace(CREDENTIALS, identity_id=FJELLHEIM.id.replace("6", "7")))
    with pytest.raises(AuthFailed, match="Fjellheim Handel AS, Annen Bedrift AS"):
        elsewhere.check()


# -- sessions ------------------------------------------------------------------------------------


def test_a_session_lost_in_the_middle_is_renewed_once_and_the_save_made_once(
    place: Place,
) -> None:
    place.client.get_categories(["Id"])
    place.control.post("/sessions/expire")
    (saved,) = place.client.save(Service.COMPANY, "SaveCompanies", [company("Havn AS")])
    assert isinstance(saved, dict)
    assert place.calls_of("Login") == 2
    assert place.companies_named("Havn AS") == 1


def test_workers_that_meet_the_same_lost_session_log_in_once_together(place: Place) -> None:
    place.client.get_categories(["Id"])
    place.control.post("/sessions/expire")
    workers = [place.make() for _ in range(6)]
    together = Barrier(len(workers))

    def read(client: TfsoClient) -> int:
        together.wait()
        return len(client.get_categories(["Id"]))

    with ThreadPoolExecutor(len(workers)) as pool:
        assert set(pool.map(read, workers)) == {8}
    assert place.calls_of("Login") == 2


def test_a_session_that_never_holds_ends_after_one_renewal(place: Place) -> None:
    place.control.fault(
        operation="GetCategories",
        effect=Effect.ANSWER,
        times=None,
        status=500,
        body=soap_fault("Client is not authenticated on this identity"),
    )
    with pytest.raises(Transient, match="just opened"):
        place.client.get_categories(["Id"])
    assert place.calls_of("Login") == 2
    assert place.calls_of("GetCategories") == 2


# -- reading and saving --------------------------------------------------------------------------


def test_only_what_was_asked_for_is_known(place: Place) -> None:
    (product, *_) = place.client.get_products({"CategoryId": 11}, ["Id", "No"])
    assert set(product) == {"Id", "No"}


def test_a_default_asked_for_is_known_though_the_vendor_leaves_it_out(place: Place) -> None:
    page = place.client.company_sync_list()
    number = page.records[0]["CompanyId"]
    (found,) = place.client.get_companies({"CompanyId": number}, ["Id", "Discount", "CurrencyId"])
    assert found == {"Id": number, "Discount": Decimal(0), "CurrencyId": "LOCAL"}


def test_the_company_list_tells_its_pages_and_what_has_been_deleted(place: Place) -> None:
    page = place.client.company_sync_list()
    assert (page.page, page.pages, page.total, len(page.records)) == (1, 1, 80, 80)
    place.control.remove("companies", page.records[0]["CompanyId"])
    (deleted,) = place.client.company_sync_list(active=False).records
    assert deleted["CompanyId"] == page.records[0]["CompanyId"]
    assert place.client.company_sync_list(active=True).total == 79


def test_orders_are_listed_by_change_and_read_with_their_rows(place: Place) -> None:
    before = datetime.now(UTC) - timedelta(minutes=5)
    assert place.client.get_order_sync_list(before) == []
    customer = place.client.company_sync_list().records[0]["CompanyId"]
    row = {"Name": "Skrue", "Price": Decimal("1E+2"), "Quantity": Decimal("0.5")}
    order = {"CustomerId": customer, "IncludeVAT": False, "InvoiceRows": [row]}
    (saved,) = place.client.save(Service.INVOICE, "SaveInvoices", [order])
    assert isinstance(saved, dict)
    assert place.client.get_order_sync_list(before) == [saved["OrderId"]]
    (found,) = place.client.get_invoices(
        {"OrderIds": [saved["OrderId"]]},
        ["OrderId", "OrderStatus", "InvoiceRows"],
        ["Name", "Price", "Quantity", "Type"],
    )
    assert found == {
        "OrderId": saved["OrderId"],
        "OrderStatus": "Web",
        "InvoiceRows": [
            {"Name": "Skrue", "Price": 100, "Quantity": Decimal("0.5"), "Type": "Normal"}
        ],
    }


def test_each_item_of_a_save_gets_its_own_outcome_in_order(place: Place) -> None:
    first, second, third = place.client.save(
        Service.COMPANY,
        "SaveCompanies",
        [company("Havn AS"), {"Type": "Business"}, company("Fjell")],
    )
    assert isinstance(first, dict)
    assert isinstance(second, Rejected)
    assert "Name is required" in second.message
    assert isinstance(third, dict)
    assert (first["Name"], third["Name"]) == ("Havn AS", "Fjell")


def test_the_stock_is_set_as_a_plain_decimal(place: Place) -> None:
    (product, *_) = place.client.get_products({"CategoryId": 11}, ["Id"])
    place.control.edit("products", product["Id"], {"StockControlled": True})
    place.client.set_stock(product["Id"], Decimal("1E+2"))
    assert place.client.get_products({"Id": product["Id"]}, ["Stock"]) == [{"Stock": 100}]


def test_a_stock_that_was_not_set_is_a_refusal(place: Place) -> None:
    with pytest.raises(Rejected, match="stock of product 999999"):
        place.client.set_stock(999999, Decimal(1))


def test_a_save_answered_with_too_few_records_is_an_unknown_outcome(place: Place) -> None:
    place.control.fault(
        operation="SaveCompanies",
        effect=Effect.ANSWER,
        status=200,
        body=ENVELOPE.format(operation="SaveCompanies", result=""),
    )
    with pytest.raises(OutcomeUnknown, match="of 1 records with 0"):
        place.client.save(Service.COMPANY, "SaveCompanies", [company("Havn AS")])


# -- limits --------------------------------------------------------------------------------------


def test_a_used_up_quota_says_when_it_is_over_and_is_not_tried_again(
    make_place: MakePlace,
) -> None:
    now = datetime(2026, 3, 2, 9, 15, tzinfo=UTC)
    place = make_place(requests_per_hour=3, now=lambda: now)
    client = place.make(now=lambda: now)
    client.get_categories(["Id"])
    with pytest.raises(Limited, match="hourly quota") as limited:
        client.get_categories(["Id"])
    assert limited.value.retry_at == datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
    assert place.calls_of("GetCategories") == 2


def test_a_quarantine_stops_all_who_share_the_address(place: Place) -> None:
    place.client.get_categories(["Id"])
    end = (datetime.now(UTC) + timedelta(minutes=30)).replace(microsecond=0)
    text = f"Limit exceeded by 7. Quarantine ends {end.isoformat()}"
    fault = Fault("GetCategories", Effect.ANSWER, status=500, body=soap_fault(text))
    place.control.fault(fault)
    with pytest.raises(Limited):
        place.client.get_categories(["Id"])
    assert place.limiter.learned[-1] == (0, end)


def test_the_limiter_gives_a_slot_to_every_request_and_learns_the_quota(place: Place) -> None:
    place.client.get_categories(["Id"])
    assert place.limiter.acquired == 5  # two descriptions, Login, GetIdentity, GetCategories
    remaining, reset_at = place.limiter.learned[-1]
    assert remaining == 7197
    assert reset_at is not None
    assert (reset_at.utcoffset(), reset_at.minute) == (timedelta(0), 0)


def test_a_burst_is_waited_out_even_by_a_save(place: Place) -> None:
    place.control.fault(
        operation="SaveCompanies", effect=Effect.ANSWER, status=429, headers={"Retry-After": "2"}
    )
    place.client.save(Service.COMPANY, "SaveCompanies", [company("Havn AS")])
    assert place.slept == [2.0]
    assert place.companies_named("Havn AS") == 1


def test_a_burst_that_lasts_is_a_limit(place: Place) -> None:
    place.control.fault(operation="GetCategories", effect=Effect.ANSWER, status=429, times=None)
    with pytest.raises(Limited, match="fewer requests"):
        place.client.get_categories(["Id"])
    assert place.calls_of("GetCategories") == QUICK.attempts


# -- bad days ------------------------------------------------------------------------------------


def test_a_reply_lost_after_the_save_is_an_unknown_outcome(place: Place) -> None:
    place.control.fault(operation="SaveCompanies", effect=Effect.DROP_AFTER)
    with pytest.raises(OutcomeUnknown, match="SaveCompanies"):
        place.client.save(Service.COMPANY, "SaveCompanies", [company("Havn AS")])
    assert place.companies_named("Havn AS") == 1
    assert place.calls_of("SaveCompanies") == 1


@pytest.mark.parametrize(
    "fault",
    [
        {"effect": Effect.DROP_BEFORE},
        {"effect": Effect.TRUNCATE},
        {"effect": Effect.ANSWER, "status": 502},
        {"effect": Effect.ANSWER, "status": 504},
        {"effect": Effect.ANSWER, "status": 500, "body": "<html>Runtime Error</html>"},
        {"effect": Effect.ANSWER, "status": 500},
        {"effect": Effect.ANSWER, "status": 200, "body": "<html>"},
        {"effect": Effect.ANSWER, "status": 500, "body": soap_fault("Timeout expired.")},
    ],
    ids=str,
)
def test_no_usable_answer_to_a_creation_is_an_unknown_outcome_and_is_not_sent_again(
    place: Place, fault: dict[str, Any]
) -> None:
    place.control.fault(operation="SaveCompanies", times=None, **fault)
    with pytest.raises(OutcomeUnknown):
        place.client.save(Service.COMPANY, "SaveCompanies", [company("Havn AS")])
    assert place.calls_of("SaveCompanies") == 1


@pytest.mark.parametrize(
    "fault",
    [
        {"effect": Effect.DROP_AFTER},
        {"effect": Effect.TRUNCATE},
        {"effect": Effect.ANSWER, "status": 503},
        {"effect": Effect.ANSWER, "status": 502},
        {"effect": Effect.ANSWER, "status": 500, "body": "<html>Runtime Error</html>"},
    ],
    ids=str,
)
def test_reads_and_updates_get_over_a_short_trouble(place: Place, fault: dict[str, Any]) -> None:
    number = place.client.company_sync_list().records[0]["CompanyId"]
    place.control.fault(operation="GetCompanies", **fault)
    place.control.fault(operation="SaveCompanies", **fault)
    place.client.save(Service.COMPANY, "SaveCompanies", [{"Id": number, "Name": "Nytt navn"}])
    (found,) = place.client.get_companies({"CompanyId": number}, ["Name"])
    assert found["Name"] == "Nytt navn"


@pytest.mark.parametrize(
    "fault",
    [
        {"effect": Effect.DROP_AFTER},
        {"effect": Effect.ANSWER, "status": 502},
        {"effect": Effect.ANSWER, "status": 500, "body": soap_fault("Timeout expired.")},
    ],
    ids=str,
)
def test_an_update_never_answered_is_an_unknown_outcome_too(
    place: Place, fault: dict[str, Any]
) -> None:
    number = place.client.company_sync_list().records[0]["CompanyId"]
    place.control.fault(operation="S*", times=None, **fault)
    with pytest.raises(OutcomeUnknown, match="SaveCompanies"):
        place.client.save(Service.COMPANY, "SaveCompanies", [{"Id": number, "Name": "Nytt navn"}])
    with pytest.raises(OutcomeUnknown, match="SetStockQuantity"):
        place.client.set_stock(1, Decimal(3))


def test_a_creation_is_tried_again_when_the_vendor_did_not_take_it(place: Place) -> None:
    place.control.fault(operation="SaveCompanies", effect=Effect.ANSWER, status=503)
    place.client.save(Service.COMPANY, "SaveCompanies", [company("Havn AS")])
    assert place.companies_named("Havn AS") == 1


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ({"effect": Effect.ANSWER, "status": 503}, Outage),
        ({"effect": Effect.DROP_BEFORE}, Transient),
        ({"effect": Effect.ANSWER, "status": 500, "body": soap_fault("Oops")}, Transient),
        ({"effect": Effect.ANSWER, "status": 500, "body": soap_fault("Bad", "s:Client")}, Rejected),
        ({"effect": Effect.ANSWER, "status": 403}, AuthFailed),
        ({"effect": Effect.ANSWER, "status": 302, "headers": {"Location": "/"}}, Outage),
    ],
    ids=str,
)
def test_a_trouble_that_lasts_is_told_for_what_it_is(
    place: Place, fault: dict[str, Any], kind: type[Exception]
) -> None:
    place.control.fault(operation="GetCategories", times=None, **fault)
    with pytest.raises(kind) as failed:
        place.client.get_categories(["Id"])
    assert type(failed.value) is kind


def test_a_new_order_row_makes_an_update_one_that_is_not_repeated(place: Place) -> None:
    place.control.fault(operation="SaveInvoices", effect=Effect.DROP_BEFORE)
    order = {"OrderId": 1, "InvoiceRows": [{"ChangeState": "Add", "Name": "Skrue"}]}
    with pytest.raises(OutcomeUnknown):
        place.client.save(Service.INVOICE, "SaveInvoices", [order])
    assert place.calls_of("SaveInvoices") == 1


def test_a_creation_not_answered_in_time_is_an_unknown_outcome(place: Place) -> None:
    place.client.get_categories(["Id"])
    place.control.fault(operation="SaveCompanies", effect=Effect.SLOW, delay=1.0)
    hasty = place.make(timeout=httpx.Timeout(0.3))
    with pytest.raises(OutcomeUnknown, match="in time") as raised:
        hasty.save(Service.COMPANY, "SaveCompanies", [company("Havn AS")])
    assert is_silent(raised.value)


def test_a_read_not_answered_in_time_is_repeated_only_once(place: Place) -> None:
    place.client.get_categories(["Id"])
    place.control.reset_calls()
    place.control.fault(operation="GetCategories", effect=Effect.SLOW, delay=1.0, times=None)
    with pytest.raises(Transient, match="in time") as raised:
        place.make(timeout=httpx.Timeout(0.3)).get_categories(["Id"])
    assert is_silent(raised.value)
    place.control.clear_faults()
    time.sleep(1.0)
    assert place.calls_of("GetCategories") == 2


def test_a_vendor_that_cannot_be_reached_is_an_outage() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(Outage, match="cannot be reached"):
        Place(f"http://127.0.0.1:{port}").client.get_categories(["Id"])


def test_an_answer_without_end_is_cut_off(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.client.get_companies({"CompanyId": 1}, ["Id"])
    monkeypatch.setattr("shared.tfso.exchange.LARGEST_ANSWER", 1000)
    with pytest.raises(Transient, match="it is longer than"):
        place.client.company_sync_list()
    assert place.calls_of("GetCompanySyncList") == 1


# -- harm ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "document",
    [
        '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/hostname">]><x>&e;</x>',
        '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><x>&b;</x>',
        '<d:definitions xmlns:d="http://schemas.xmlsoap.org/wsdl/">'
        '<d:import namespace="urn:x" location="file:///etc/hostname"/></d:definitions>',
        '<d:definitions xmlns:d="http://schemas.xmlsoap.org/wsdl/">'
        '<d:import namespace="urn:x" location="http://127.0.0.1:9/x"/></d:definitions>',
        "<html>Down for maintenance</html>",
        "",
    ],
    ids=["external entity", "entities", "file import", "http import", "page", "nothing"],
)
def test_a_hostile_description_is_refused_before_any_secret_is_sent(document: str) -> None:
    sent: list[str] = []

    async def answer(request: Request) -> Response:
        sent.append(request.method)
        return Response(document, media_type="text/xml")

    vendor = Starlette(routes=[Route("/{p:path}", answer, methods=["GET", "POST"])])
    with running(vendor) as url, pytest.raises(Outage, match="cannot be used"):
        Place(url).client.get_categories(["Id"])
    assert sent == ["GET"]


def describing_as_at(address: str) -> Callable[[ASGIApp], ASGIApp]:
    """A description that sends its readers to another address."""

    def around(app: ASGIApp) -> ASGIApp:
        async def changed(scope: Scope, receive: Receive, send: Send) -> None:
            async def elsewhere(message: Message) -> None:
                if "body" in message:
                    body = re.sub(
                        rb'location="[^"]*"', b'location="%s"' % address.encode(), message["body"]
                    )
                    message = {**message, "body": body}
                else:
                    named = [h for h in message["headers"] if h[0] != b"content-length"]
                    message = {**message, "headers": named}
                await send(message)

            describing = (
                scope["type"] == "http"
                and scope["method"] == "GET"
                and b"WSDL" in scope["query_string"]
            )
            await app(scope, receive, elsewhere if describing else send)

        return changed

    return around


def test_a_description_cannot_send_calls_elsewhere(make_place: MakePlace) -> None:
    place = make_place(describing_as_at("http://127.0.0.1:9/elsewhere"))
    assert place.client.get_categories(["Id"])
    assert place.calls_of("GetCategories") == 1


def test_a_document_type_in_an_answer_is_refused(place: Place) -> None:
    answer = ENVELOPE.format(operation="GetCategories", result="")
    place.control.fault(
        operation="GetCategories",
        effect=Effect.ANSWER,
        times=None,
        status=200,
        body=f'<!DOCTYPE x [<!ENTITY e "boo">]>{answer}',
    )
    with pytest.raises(Transient, match="DTDForbidden"):
        place.client.get_categories(["Id"])


def test_an_answer_that_no_longer_fits_the_description_makes_it_read_anew(place: Place) -> None:
    place.client.get_categories(["Id"])
    requests = place.limiter.acquired
    strange = "<GetCategoriesResult><Category><Colour>red</Colour></Category></GetCategoriesResult>"
    place.control.fault(
        operation="GetCategories",
        effect=Effect.ANSWER,
        status=200,
        body=ENVELOPE.format(operation="GetCategories", result=strange),
    )
    assert len(place.client.get_categories(["Id"])) == 8
    assert place.limiter.acquired == requests + 3  # the strange answer, the description, the call


def test_no_secret_shows_in_logs_failures_or_representations(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    place.client.get_categories(["Id"])
    session = place.sessions.current()
    assert session is not None
    place.control.fault(operation="*", effect=Effect.DROP_BEFORE, times=None)
    shown = [caplog.text, repr(CREDENTIALS), repr(place.client), repr(place.sessions)]
    for sessions in (place.sessions, MemorySessionStore()):
        with pytest.raises(Transient) as failed:
            place.make(sessions=sessions).get_categories(["Id"])
        shown.append("".join(traceback.format_exception(failed.value)))
    shown.append(caplog.text)
    for secret in (CONFIG.password, CONFIG.application_id, session.get_secret_value()):
        assert not [text for text in shown if secret in text]
