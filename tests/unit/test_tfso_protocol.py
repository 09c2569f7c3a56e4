"""What 24SevenOffice's values and answers mean, by table."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.failures import AuthFailed, Failure, Limited, Outage, Rejected, Transient, Unmappable
from shared.http import checked_base_url
from shared.tfso.protocol import (
    SessionLost,
    failure_of,
    plain_words,
    quarantine_end,
    quota_of,
    refusal_of,
)
from shared.tfso.values import (
    CURRENCY_DEFAULTS,
    UNSET_DECIMAL,
    UNSET_TIME,
    order_with_defaults,
    read,
    with_defaults,
    write,
)
from shared.words import System

NOW = datetime(2026, 3, 2, 9, 15, 20, tzinfo=UTC)
NEXT_HOUR = datetime(2026, 3, 2, 10, tzinfo=UTC)
OSLO_SUMMER = timezone(timedelta(hours=2))

UNSET = [
    None,
    -2147483648,
    -32768,
    Decimal("-79228162514264337593543950335"),
    Decimal("-79228162514264337593543950335.0000"),
    -1.7976931348623157e308,
    float("-inf"),
    datetime(1, 1, 1),  # noqa: DTZ001
    datetime(1, 1, 1, tzinfo=OSLO_SUMMER),
    "",
    "00000000-0000-0000-0000-000000000000",
]


@pytest.mark.parametrize("value", UNSET, ids=repr)
def test_every_unset_value_reads_as_absent(value: Any) -> None:
    assert read({"Id": 7, "Other": value}) == {"Id": 7}
    assert read(value) is None


@pytest.mark.parametrize("value", [0, -1, -4, False, Decimal(0), "0", " "], ids=repr)
def test_small_values_are_not_taken_for_unset_ones(value: Any) -> None:
    assert read({"Id": 7, "Value": value}) == {"Id": 7, "Value": value}


def test_times_are_read_as_utc() -> None:
    record = read(
        {
            "Naive": datetime(2026, 7, 1, 12, 30),  # noqa: DTZ001
            "Aware": datetime(2026, 7, 1, 14, 30, tzinfo=OSLO_SUMMER),
        }
    )
    moment = datetime(2026, 7, 1, 12, 30, tzinfo=UTC)
    assert record == {"Naive": moment, "Aware": moment}
    assert {time.utcoffset() for time in record.values()} == {timedelta(0)}


def test_a_double_is_read_as_the_decimal_it_was_written_as() -> None:
    assert read({"CashPriceIncTax": 99.9}) == {"CashPriceIncTax": Decimal("99.9")}


def test_wrapped_lists_are_read_as_lists() -> None:
    order = {"OrderId": 1, "InvoiceRows": {"InvoiceRow": [{"RowId": 2, "Name": ""}]}}
    assert read(order) == {"OrderId": 1, "InvoiceRows": [{"RowId": 2}]}
    assert read({"int": [3, 4]}) == [3, 4]


def test_an_empty_item_keeps_its_place_in_a_list() -> None:
    assert read([{"Id": 1}, {"Id": None, "Name": ""}, {"Id": 3}]) == [{"Id": 1}, {}, {"Id": 3}]


def test_what_is_empty_inside_reads_as_absent() -> None:
    assert read({"Id": 1, "Addresses": {"Post": {"Street": ""}}}) == {"Id": 1}


def test_a_default_that_was_asked_for_is_a_value_and_one_that_was_not_is_unknown() -> None:
    defaults = {"CurrencyId": "LOCAL", "Discount": Decimal(0)}
    assert with_defaults({"Id": 1}, defaults, ["Id", "Discount"]) == {"Id": 1, "Discount": 0}
    assert with_defaults({"CurrencyId": "EUR"}, defaults, ["CurrencyId"]) == {"CurrencyId": "EUR"}


def test_an_orders_defaults_reach_its_rows_and_its_currency() -> None:
    order = {"OrderId": 1, "Currency": {"Symbol": "EUR"}, "InvoiceRows": [{"RowId": 2}]}
    assert order_with_defaults(order, ["OrderStatus", "Currency"], ["Type"]) == {
        "OrderId": 1,
        "OrderStatus": "Web",
        "Currency": {"Symbol": "EUR", **CURRENCY_DEFAULTS},
        "InvoiceRows": [{"RowId": 2, "Type": "Normal"}],
    }


def test_an_order_asked_for_nothing_gets_no_defaults() -> None:
    assert order_with_defaults({"OrderId": 1, "InvoiceRows": [{}]}, [], []) == {
        "OrderId": 1,
        "InvoiceRows": [{}],
    }


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("1E+2", "100"),
        ("0.0000001", "0.0000001"),
        ("1.50", "1.50"),
        ("-3", "-3"),
        ("1E-20", "0.00000000000000000001"),
    ],
)
def test_decimals_are_written_without_an_exponent(amount: str, text: str) -> None:
    assert write({"Price": Decimal(amount)}) == {"Price": text}


@given(st.decimals(allow_nan=False, allow_infinity=False, places=None))
def test_no_decimal_is_changed_by_writing_it(amount: Decimal) -> None:
    text = write({"Price": amount})["Price"]
    assert "E" not in text.upper()
    assert Decimal(text) == amount


def test_times_are_written_as_utc_with_a_z_and_cut_to_the_second() -> None:
    moment = datetime(2026, 7, 1, 14, 30, 5, 999999, tzinfo=OSLO_SUMMER)
    assert write({"ChangedAfter": moment}) == {"ChangedAfter": "2026-07-01T12:30:05Z"}
    assert write({"DateInvoiced": date(2026, 7, 1)}) == {"DateInvoiced": "2026-07-01T00:00:00Z"}


def test_lists_are_written_into_their_wrappers() -> None:
    order = {"InvoiceRows": [{"Name": "x"}], "ExternalStatus": 5, "OurReference": None}
    assert write({"invoices": [order], "returnProperties": ("Id",)}) == {
        "invoices": {
            "InvoiceOrder": [{"InvoiceRows": {"InvoiceRow": [{"Name": "x"}]}, "ExternalStatus": 5}]
        },
        "returnProperties": {"string": ["Id"]},
    }
    assert write({"ExternalStatus": [5]}) == {"ExternalStatus": {"int": [5]}}


@pytest.mark.parametrize(
    "value",
    [
        -2147483648,
        -32768,
        UNSET_DECIMAL,
        "",
        "00000000-0000-0000-0000-000000000000",
        UNSET_TIME,
        Decimal("NaN"),
        Decimal("Infinity"),
        1.5,
        datetime(2026, 7, 1),  # noqa: DTZ001
        pytest.param(object(), id="an object"),
        ["a list of no known name"],
    ],
    ids=repr,
)
def test_what_must_not_be_sent_is_refused_by_name(value: Any) -> None:
    with pytest.raises(ValueError, match="Thing"):
        write({"products": [{"Thing": value}]})


def test_the_one_unset_value_the_schema_demands_may_be_sent() -> None:
    assert write({"RegisteredAfter": UNSET_TIME}) == {"RegisteredAfter": "0001-01-01T00:00:00"}


def test_a_search_by_no_ids_is_refused_because_it_would_find_everything() -> None:
    with pytest.raises(ValueError, match="CompanyIds"):
        write({"searchParams": {"CompanyIds": []}})


def test_a_character_xml_cannot_carry_is_unmappable_and_names_its_property() -> None:
    with pytest.raises(Unmappable, match=r"Name .*U\+000B"):
        write({"Name": "Skrue\x0b"})


@pytest.mark.parametrize(
    ("text", "sender", "kind"),
    [
        ("Client is not authenticated on this identity", False, SessionLost),
        (
            "Server was unable to process request. ---> Client is not authenticated on this "
            "identity",
            False,
            SessionLost,
        ),
        ("Provided IdentityId is blocked, call GetIdentitiesWithCredential", False, AuthFailed),
        ("Limit exceeded by 1. Request is blocked. Quarantine ends at x", False, Limited),
        ("Too many logins with these credentials.", False, Limited),
        ("Timeout expired.", True, Transient),
        ("Transaction was deadlocked on lock resources", True, Transient),
        ("There is an error in XML document (1, 2).", False, Rejected),
        ("Object reference not set to an instance of an object.", False, Transient),
        ("Object reference not set to an instance of an object.", True, Rejected),
        ("Name is required.", True, Rejected),
        ("", True, Rejected),
    ],
)
def test_texts_tell_what_can_be_done(
    text: str, sender: bool, kind: type[Failure | SessionLost]
) -> None:
    assert type(failure_of(text, now=NOW, sender=sender)) is kind


def test_a_refusal_keeps_the_vendors_words_without_wrapping_and_stack_trace() -> None:
    text = (
        "System.Web.Services.Protocols.SoapException: Server was unable to process request. ---> "
        "The period is locked.\r\n   at Vendor.Secret.Place()\r\n   at More()"
    )
    assert plain_words(text) == "The period is locked."


@pytest.mark.parametrize(
    ("written", "end"),
    [
        ("2026-03-02T09:40:00Z", datetime(2026, 3, 2, 9, 40, tzinfo=UTC)),
        ("2026-03-02T10:40:00+01:00", datetime(2026, 3, 2, 9, 40, tzinfo=UTC)),
        ("2026-03-02 09:40:00.", datetime(2026, 3, 2, 9, 40, tzinfo=UTC)),
        ("02.03.2026 09:40:00", datetime(2026, 3, 2, 9, 40, tzinfo=UTC)),
        ("3/2/2026 9:40:00 AM", datetime(2026, 3, 2, 9, 40, tzinfo=UTC)),
        ("02.03.2026 10:40:00", NEXT_HOUR),  # an hour too far: another zone's time
        ("2026-03-02T08:40:00Z", NEXT_HOUR),  # past
        ("half past nine", NEXT_HOUR),
    ],
)
def test_a_quarantine_ends_when_it_says_or_else_with_the_hour(written: str, end: datetime) -> None:
    text = f"Limit exceeded by 1. Request is blocked. Quarantine ends at {written}"
    assert quarantine_end(text, NOW) == end


@pytest.mark.parametrize(
    ("status", "kind", "carried_out", "again"),
    [
        (429, Limited, False, True),
        (401, AuthFailed, False, False),
        (403, AuthFailed, False, False),
        (502, Outage, True, True),
        (503, Outage, False, True),
        (504, Outage, True, True),
        (501, Transient, True, False),
        (302, Outage, True, False),
        (404, Transient, False, False),
    ],
)
def test_statuses_tell_whether_a_call_may_have_been_carried_out(
    status: int, kind: type[Failure], carried_out: bool, again: bool
) -> None:
    refusal = refusal_of(status, {}, NOW)
    assert refusal is not None
    assert type(refusal.failure) is kind
    assert (refusal.carried_out, refusal.again) == (carried_out, again)


def test_success_and_faults_are_told_by_the_body() -> None:
    assert refusal_of(200, {}, NOW) is None
    assert refusal_of(500, {}, NOW) is None


def test_a_burst_waits_as_long_as_the_vendor_asks() -> None:
    refusal = refusal_of(429, {"Retry-After": "7"}, NOW)
    assert refusal is not None
    assert isinstance(refusal.failure, Limited)
    assert (refusal.wait, refusal.failure.retry_at) == (7.0, NOW + timedelta(seconds=7))


@pytest.mark.parametrize(
    ("headers", "quota"),
    [
        (
            {"APILimitRemaining": "12", "APILimitReset": "2026-03-02T10:00:00Z"},
            (12, NEXT_HOUR),
        ),
        ({"APILimitRemaining": "many", "APILimitReset": "soon"}, (None, None)),
        ({}, (None, None)),
    ],
)
def test_headers_tell_the_quota(headers: dict[str, str], quota: tuple[Any, Any]) -> None:
    assert quota_of(headers) == quota


@pytest.mark.parametrize(
    ("url", "accepted"),
    [
        ("https://api.24sevenoffice.com/", True),
        ("http://127.0.0.1:8024", True),
        ("http://[::1]:8024", True),
        ("http://localhost:8024", True),
        ("http://api.24sevenoffice.com", False),
        ("http://127.0.0.1.example.com", False),
        ("https://user:secret@api.24sevenoffice.com", False),
        ("https://", False),
        ("ftp://127.0.0.1", False),
    ],
)
def test_secrets_travel_encrypted_or_not_off_this_machine(url: str, accepted: bool) -> None:
    if accepted:
        assert checked_base_url(url, System.TFSO) == url.rstrip("/")
    else:
        with pytest.raises(ValueError, match="24SevenOffice") as refused:
            checked_base_url(url, System.TFSO)
        assert "secret" not in str(refused.value)
