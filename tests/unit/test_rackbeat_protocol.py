"""How Rackbeat is asked: addresses, headers, and numbers as JSON."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any
from urllib.parse import unquote

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.failures import (
    AuthFailed,
    Unmappable,
)
from shared.http import checked_base_url
from shared.rackbeat.numbers import decode, encode
from shared.rackbeat.protocol import (
    ORDERS,
    PRODUCTS,
    RESOURCES,
    WEBHOOKS,
    headers,
)
from shared.words import System

# -- addresses ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "path"),
    [
        (1045, "/products/1045"),
        ("ABC-1.5_x", "/products/ABC-1.5_x"),
        ("ABC/1+2", "/products/ABC%252F1%252B2"),
        ("a b?", "/products/a%2520b%253F"),
        ("50%", "/products/50%2525"),
        ("Løkke", "/products/L%25C3%25B8kke"),
        ("../self", "/products/..%252Fself"),
    ],
)
def test_numbers_are_encoded_twice_in_addresses(number: str | int, path: str) -> None:
    assert PRODUCTS.address(number) == path


@given(st.text(min_size=1).filter(lambda text: text not in {".", ".."} and text.isprintable()))
def test_every_number_reaches_rackbeat_unchanged(number: str) -> None:
    sent = httpx.URL("http://127.0.0.1/api" + PRODUCTS.address(number)).raw_path.decode()
    assert sent.startswith("/api/products/")
    assert sent.count("/") == 3
    assert unquote(unquote(sent.rpartition("/")[2])) == number


@pytest.mark.parametrize("number", ["", ".", ".."])
def test_a_number_that_would_change_the_address_is_unmappable(number: str) -> None:
    with pytest.raises(Unmappable, match="product"):
        PRODUCTS.address(number)


def test_what_follows_a_record_or_a_list_is_put_behind_it() -> None:
    assert ORDERS.address(suffix="/drafts") == "/orders/drafts"
    assert ORDERS.address(7, "/lines/12") == "/orders/7/lines/12"


def test_no_two_resources_share_a_place_or_a_name() -> None:
    assert len({resource.path for resource in RESOURCES}) == len(RESOURCES)
    assert len({resource.plural for resource in RESOURCES}) == len(RESOURCES)


def test_supplier_invoices_are_no_resource_of_ours() -> None:
    assert not any("supplier-invoice" in resource.path for resource in RESOURCES)


@pytest.mark.parametrize(
    ("given_url", "kept"),
    [
        ("https://app.rackbeat.com/api/", "https://app.rackbeat.com/api"),
        (" https://app.rackbeat.com/api ", "https://app.rackbeat.com/api"),
        ("http://127.0.0.1:8081/api", "http://127.0.0.1:8081/api"),
        ("http://localhost:8081", "http://localhost:8081"),
        ("http://[::1]:8081", "http://[::1]:8081"),
    ],
)
def test_https_and_this_machine_are_addresses_a_key_may_go_to(given_url: str, kept: str) -> None:
    assert checked_base_url(given_url, System.RACKBEAT) == kept


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("http://app.rackbeat.com/api", "unencrypted"),
        ("http://127.0.0.1.example.com/api", "unencrypted"),
        ("http://localhost.example.com/api", "unencrypted"),
        ("app.rackbeat.com/api", "https://"),
        ("ftp://app.rackbeat.com/api", "https://"),
        ("https://", "https://"),
        ("https://user:sesame@app.rackbeat.com/api", "password"),
        ("https://app.rackbeat.com/api?x=1", r"\?"),
        ("https://app.rackbeat.com/api#x", "#"),
    ],
)
def test_a_key_is_not_sent_to_other_addresses(url: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem) as raised:
        checked_base_url(url, System.RACKBEAT)
    assert "sesame" not in str(raised.value)


# -- headers ------------------------------------------------------------------------------------


def test_every_call_says_who_calls_and_whom_to_ask() -> None:
    sent = headers("key-1", "post@example.com")
    assert sent["Authorization"] == "Bearer key-1"
    assert sent["Accept"] == "application/json"
    assert sent["User-Agent"].startswith("Varebro/")
    assert sent["User-Agent"].endswith(" (post@example.com)")
    assert sent["Consumer-Name"] == "Varebro"
    assert sent["Consumer-Contact"] == "post@example.com"
    assert "Consumer-Contact" not in headers("key-1")


@pytest.mark.parametrize("key", ["", "sesam\n", "sesam open", "sesåm", "sesam\x7f"])
def test_a_key_that_cannot_be_sent_is_refused_without_being_shown(key: str) -> None:
    with pytest.raises(AuthFailed) as raised:
        headers(key)
    assert "sesam" not in str(raised.value)


@pytest.mark.parametrize("contact", ["a@example.com\r\nX-Injected: 1", "å@example.com"])
def test_a_contact_that_would_break_the_header_is_refused(contact: str) -> None:
    with pytest.raises(ValueError, match="contact"):
        headers("key-1", contact)


# -- numbers ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("10.50", "10.5"),
        ("1E+3", "1000"),
        ("100", "100"),
        ("0", "0"),
        ("-0", "0"),
        ("-0.0000001", "0"),
        ("1E-6", "0.000001"),
        ("0.1", "0.1"),
        ("-7.25", "-7.25"),
        ("0.0000015", "0.000002"),
        ("12345678901234567890123456.123456", "12345678901234567890123456.123456"),
    ],
)
def test_decimals_are_sent_as_plain_numbers_of_at_most_six_places(value: str, text: str) -> None:
    assert encode({"price": Decimal(value)}) == f'{{"price":{text}}}'


@given(st.decimals(-(10**12), 10**12, places=6))
def test_a_decimal_that_is_sent_comes_back_the_same(value: Decimal) -> None:
    assert decode(encode([value]).encode()) == [value]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(json_values)
def test_everything_but_decimals_is_ordinary_json(value: Any) -> None:
    assert json.loads(encode(value)) == value


@pytest.mark.parametrize("value", ["NaN", "sNaN", "Infinity", "-Infinity", "1E+80"])
def test_a_decimal_that_is_no_amount_is_not_sent(value: str) -> None:
    with pytest.raises(ValueError, match="not a number"):
        encode(Decimal(value))


@pytest.mark.parametrize("value", [0.1, b"x", {1: "x"}, {"x": object()}, {"set"}])
def test_what_json_has_no_word_for_is_not_sent(value: object) -> None:
    with pytest.raises(TypeError):
        encode(value)


def test_numbers_with_a_point_are_read_exactly() -> None:
    read = decode(b'{"line_price": 0.10, "quantity": 3}')
    assert read == {"line_price": Decimal("0.10"), "quantity": 3}
    assert isinstance(read["line_price"], Decimal)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"{",
        b"NaN",
        b"[Infinity]",
        b'{"a": -Infinity}',
        b"\xff\xfe\xfd",
        b"[" * 100_000,
        b"1" * 5000,
        b"1e9999999999999999999",
    ],
)
def test_what_is_not_json_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the words are the library's
        decode(body)


def test_webhooks_themselves_are_at_their_documented_address() -> None:
    assert WEBHOOKS.address(5) == "/webhooks/5"
