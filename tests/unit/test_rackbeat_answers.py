"""What Rackbeat's answers mean."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.failures import (
    AuthFailed,
    Failure,
    Limited,
    Outage,
    OutcomeUnknown,
    Rejected,
    Transient,
)
from shared.rackbeat import answers
from shared.rackbeat.protocol import (
    CUSTOMERS,
    INVENTORY_ADJUSTMENTS,
    ORDERS,
    PRODUCTS,
    Answer,
    Request,
    Webhook,
)
from shared.words import System

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
READ = Request("GET", "/products/1", "read product 1")
POST = Request("POST", "/products", "create product 1", payload={})
PUT = Request("PUT", "/products/1", "update product 1", payload={})

# -- Retry-After --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("0", 0),
        (" 7 ", 7),
        ("99999999999", 86400),
        ("9" * 400, 86400),
        ("Sun, 01 Mar 2026 12:00:30 GMT", 30),
        ("Sun, 01 Mar 2026 13:00:30 +0100", 30),
        ("Sun, 01 Mar 2026 12:00:30 -0000", 30),
        ("Sun, 01 Mar 2026 11:00:00 GMT", 0),
        ("Thu, 01 Mar 2029 12:00:00 GMT", 86400),
        ("soon", None),
        ("-5", None),
        ("", None),
        ("١٢", None),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_time(
    value: str | None, seconds: float | None
) -> None:
    assert answers.retry_after(value, NOW) == seconds


@given(st.text())
def test_no_retry_after_makes_reading_it_fail(value: str) -> None:
    seconds = answers.retry_after(value, NOW)
    assert seconds is None or 0 <= seconds <= 86400


# -- what a status means ------------------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 201, 202, 204, 206])
@pytest.mark.parametrize("request_", [READ, POST, PUT])
def test_a_status_of_success_is_no_failure(status: int, request_: Request) -> None:
    assert answers.judge(request_, Answer(status), now=NOW) is None


# status, Retry-After -> for a read, a PUT and a POST: the failure, and whether to try again here
Expected = tuple[type[Failure], bool]
STATUSES: list[tuple[int, str | None, Expected, Expected, Expected]] = [
    (400, None, (Rejected, False), (Rejected, False), (Rejected, False)),
    (401, None, (AuthFailed, False), (AuthFailed, False), (AuthFailed, False)),
    (403, None, (AuthFailed, False), (AuthFailed, False), (AuthFailed, False)),
    (404, None, (Rejected, False), (Rejected, False), (Rejected, False)),
    (405, None, (Rejected, False), (Rejected, False), (Rejected, False)),
    (408, None, (Transient, False), (OutcomeUnknown, False), (OutcomeUnknown, False)),
    (409, None, (Rejected, False), (Rejected, False), (Rejected, False)),
    (422, None, (Rejected, False), (Rejected, False), (Rejected, False)),
    (423, None, (Transient, False), (OutcomeUnknown, False), (OutcomeUnknown, False)),
    (425, None, (Transient, False), (OutcomeUnknown, False), (OutcomeUnknown, False)),
    (429, None, (Limited, True), (Limited, True), (Limited, True)),
    (429, "2", (Limited, True), (Limited, True), (Limited, True)),
    (301, None, (Outage, False), (OutcomeUnknown, False), (OutcomeUnknown, False)),
    (302, None, (Outage, False), (OutcomeUnknown, False), (OutcomeUnknown, False)),
    (500, None, (Transient, False), (OutcomeUnknown, False), (OutcomeUnknown, False)),
    (501, None, (Transient, False), (OutcomeUnknown, False), (OutcomeUnknown, False)),
    (502, None, (Outage, True), (OutcomeUnknown, True), (OutcomeUnknown, False)),
    (503, None, (Outage, True), (OutcomeUnknown, True), (OutcomeUnknown, False)),
    (503, "2", (Outage, True), (Outage, True), (Outage, True)),
    (504, None, (Outage, True), (OutcomeUnknown, True), (OutcomeUnknown, False)),
    (504, "2", (Outage, True), (OutcomeUnknown, True), (OutcomeUnknown, False)),
]


@pytest.mark.parametrize(("status", "asked_wait", "read", "put", "post"), STATUSES)
def test_each_status_has_one_meaning_for_each_kind_of_call(
    status: int,
    asked_wait: str | None,
    read: tuple[type[Failure], bool],
    put: tuple[type[Failure], bool],
    post: tuple[type[Failure], bool],
) -> None:
    for request, expected in ((READ, read), (PUT, put), (POST, post)):
        verdict = answers.judge(request, Answer(status, retry_after=asked_wait), now=NOW)
        assert verdict is not None
        assert (type(verdict.failure), verdict.again) == expected
        assert verdict.failure.system is System.RACKBEAT
        assert request.what in verdict.failure.message or status in {401}


def test_a_used_up_quota_pauses_as_long_as_rackbeat_asks() -> None:
    verdict = answers.judge(POST, Answer(429, retry_after="90"), now=NOW)
    assert verdict is not None
    assert isinstance(verdict.failure, Limited)
    assert verdict.wait == 90
    assert verdict.failure.retry_at == NOW + timedelta(seconds=90)


def test_a_used_up_quota_without_advice_pauses_for_its_minute() -> None:
    verdict = answers.judge(READ, Answer(429), now=NOW)
    assert verdict is not None
    assert isinstance(verdict.failure, Limited)
    assert verdict.wait is None
    assert verdict.failure.retry_at == NOW + timedelta(minutes=1)


def rejection(body: bytes, status: int = 422) -> Rejected:
    verdict = answers.judge(POST, Answer(status, body), now=NOW)
    assert verdict is not None
    assert isinstance(verdict.failure, Rejected)
    return verdict.failure


def test_a_rejection_carries_rackbeats_own_words_and_the_fields() -> None:
    failure = rejection(
        b'{"message": "The given data was invalid.", '
        b'"errors": {"number": ["Is taken.", "Is too long."], "name": "Is required."}}'
    )
    assert failure.status == 422
    assert failure.fields == {"number": ["Is taken.", "Is too long."], "name": ["Is required."]}
    assert failure.message == (
        "Rackbeat refused to create product 1 (HTTP 422): The given data was invalid.; "
        "number: Is taken. Is too long.; name: Is required."
    )


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>no</html>", b"[]", b"null", b"{}", b'{"message": 5, "errors": ["x"]}', b"\xff"],
)
def test_a_rejection_without_a_readable_reason_says_so(body: bytes) -> None:
    failure = rejection(body)
    assert failure.fields == {}
    assert failure.message.endswith("it gave no reason")


def test_a_long_rejection_is_cut() -> None:
    assert len(rejection(json.dumps({"message": "x" * 10_000}).encode()).message) < 600


def test_a_404_of_some_web_page_is_not_taken_for_an_absent_record() -> None:
    for request in (READ, POST):
        verdict = answers.judge(request, Answer(404, b"<html>Not here</html>"), now=NOW)
        assert verdict is not None
        assert isinstance(verdict.failure, Outage)
        assert "address" in verdict.failure.message


def test_a_call_that_never_left_is_an_outage_and_may_be_repeated() -> None:
    for request in (READ, PUT, POST):
        verdict = answers.unanswered(request, "refused", sent=False)
        assert isinstance(verdict.failure, Outage)
        assert verdict.again


@pytest.mark.parametrize(
    ("request_", "failure", "again"),
    [(READ, Transient, True), (PUT, OutcomeUnknown, True), (POST, OutcomeUnknown, False)],
)
def test_a_write_without_an_answer_has_an_unknown_outcome(
    request_: Request, failure: type[Failure], again: bool
) -> None:
    verdict = answers.unanswered(request_, "timed out", sent=True)
    assert (type(verdict.failure), verdict.again) == (failure, again)
    assert "timed out" in verdict.failure.message


# -- envelopes ----------------------------------------------------------------------------------


def test_a_record_is_taken_out_of_its_envelope() -> None:
    answer = Answer(200, b'{"product": {"number": "A", "sales_price": 1.10}}')
    record = answers.record_of(READ, PRODUCTS, answer)
    assert record == {"number": "A", "sales_price": Decimal("1.10")}
    booked = Answer(201, b'{"inventory_regulation": {"id": 3}}')
    assert answers.record_of(POST, INVENTORY_ADJUSTMENTS, booked) == {"id": 3}


WRONG_RECORDS = [
    b"",
    b"<html>maintenance</html>",
    b"[]",
    b"null",
    b'{"order": {}}',
    b'{"product": null}',
    b'{"product": []}',
    b'{"product": {"sales_price": NaN}}',
    b'{"product": {"name": "cut off',
]


@pytest.mark.parametrize("body", WRONG_RECORDS)
def test_a_read_that_cannot_be_understood_is_transient(body: bytes) -> None:
    with pytest.raises(Transient, match="cannot be used") as raised:
        answers.record_of(READ, PRODUCTS, Answer(200, body))
    assert type(raised.value) is Transient


@pytest.mark.parametrize("body", WRONG_RECORDS)
def test_a_write_whose_answer_cannot_be_understood_has_an_unknown_outcome(body: bytes) -> None:
    for request in (POST, PUT):
        with pytest.raises(OutcomeUnknown):
            answers.record_of(request, PRODUCTS, Answer(200, body))


def test_a_wrong_envelope_is_named_with_what_was_expected() -> None:
    with pytest.raises(Transient, match="no 'product' but 'order', 'x'"):
        answers.record_of(READ, PRODUCTS, Answer(200, b'{"order": {}, "x": 1}'))


@pytest.mark.parametrize(
    ("body", "result"),
    [
        (b"", {}),
        (b'{"invoice_id": 7}', {"invoice_id": 7}),
        (b'{"order": {"number": 7}}', {"number": 7}),
        (b'{"order": 7}', {"order": 7}),
    ],
)
def test_an_action_answers_the_record_or_an_object_of_its_own(
    body: bytes, result: dict[str, object]
) -> None:
    assert answers.result_of(POST, ORDERS, Answer(200, body)) == result


def test_an_action_answered_with_a_web_page_has_an_unknown_outcome() -> None:
    with pytest.raises(OutcomeUnknown):
        answers.result_of(POST, ORDERS, Answer(200, b"<html>"))


@pytest.mark.parametrize("status", [200, 206])
def test_a_page_of_a_list_says_how_many_there_are(status: int) -> None:
    body = b'{"customers": [{"number": 1}], "total": 3, "pages": "2", "limit": 2, "page": 2}'
    page = answers.page_of(READ, CUSTOMERS, Answer(status, body))
    assert page.records == [{"number": 1}]
    assert (page.page, page.pages, page.total) == (2, 2, 3)


def test_a_list_without_a_number_of_pages_is_whole_only_when_its_status_says_so() -> None:
    body = b'{"customers": []}'
    assert answers.page_of(READ, CUSTOMERS, Answer(200, body)).pages == 1
    with pytest.raises(Transient, match="how many"):
        answers.page_of(READ, CUSTOMERS, Answer(206, body))


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b'{"orders": []}',
        b'{"customers": {}}',
        b'{"customers": [1]}',
        b'{"customers": null, "pages": 1}',
    ],
)
def test_what_is_not_a_list_is_not_taken_for_an_empty_one(body: bytes) -> None:
    with pytest.raises(Transient, match="cannot be used"):
        answers.page_of(READ, CUSTOMERS, Answer(200, body))


@pytest.mark.parametrize("pages", ['"' + "9" * 5000 + '"', "true", "[]", "2.5", '"x"', "null"])
def test_a_senseless_number_of_pages_counts_as_none(pages: str) -> None:
    body = f'{{"customers": [], "pages": {pages}}}'.encode()
    assert answers.page_of(READ, CUSTOMERS, Answer(200, body)).pages == 1


def test_the_token_of_a_webhook_is_kept_out_of_sight() -> None:
    record = {"id": 4, "event": "order.created", "url": "https://us.example", "token": "sesame"}
    webhook = answers.webhook_of(POST, record)
    assert webhook.token is not None
    assert webhook.token.get_secret_value() == "sesame"
    assert "sesame" not in repr(webhook)
    again = answers.webhook_of(POST, {**record, "token": None})
    assert again == Webhook(4, "order.created", "https://us.example", None)
    assert not answers.webhook_of(POST, {**record, "is_active": False}).is_active


def test_a_webhook_without_an_id_is_not_one() -> None:
    with pytest.raises(OutcomeUnknown, match="id"):
        answers.webhook_of(POST, {"event": "order.created"})
