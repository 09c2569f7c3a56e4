"""What Rackbeat's webhook deliveries say."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.rackbeat.deliveries import MalformedDelivery, parse_delivery, split_event

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def test_a_delivery_as_it_really_arrives_names_event_and_key() -> None:
    delivery = parse_delivery(
        {
            "rackbeat-webhook-event": "order.created",
            "Rackbeat-Account-Id": "77",
            "RACKBEAT-WEBHOOK-TOKEN": "sesame",
        },
        b'{"key_name": "number", "key": "1021"}',
    )
    assert (delivery.event, delivery.key) == ("order.created", "1021")
    assert (delivery.account, delivery.token) == ("77", "sesame")
    assert not delivery.is_stock
    assert "sesame" not in repr(delivery)


def test_a_delivery_as_documented_is_read_too() -> None:
    delivery = parse_delivery(
        {},
        b'{"key": 123, "key_name": "number", "event": "product.updated", "data": {},'
        b' "old_key": "A", "new_key": "B", "changed": ["number"]}',
    )
    assert (delivery.event, delivery.key) == ("product.updated", "123")
    assert (delivery.old_key, delivery.new_key) == ("A", "B")
    assert (delivery.account, delivery.token) == (None, None)


def test_the_header_names_the_event_before_the_body_does() -> None:
    body = b'{"key": "1", "event": "order.updated"}'
    assert parse_delivery({"Rackbeat-Webhook-Event": "order.booked"}, body).event == "order.booked"
    assert parse_delivery({"Rackbeat-Webhook-Event": " "}, body).event == "order.updated"


def test_a_change_of_stock_is_recognised_by_its_body() -> None:
    delivery = parse_delivery({}, b'{"item": "A-1", "item_type": "product", "type": "stock"}')
    assert delivery.is_stock
    assert (delivery.item, delivery.item_type) == ("A-1", "product")
    assert (delivery.event, delivery.key) == (None, None)


@pytest.mark.parametrize("key", ["null", "true", "1.5", "[]", "{}", '""', '"  "'])
def test_a_key_that_is_neither_text_nor_a_whole_number_names_nothing(key: str) -> None:
    assert parse_delivery({}, f'{{"key": {key}}}'.encode()).key is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"x",
        b"[]",
        b"null",
        b'"text"',
        b'{"key": "a\\u0000b"}',
        b'{"key": "\\ud800"}',
        b'{"key": NaN}',
        b"\xff",
        b"[" * 100_000,
    ],
)
def test_a_malformed_delivery_is_called_that(body: bytes) -> None:
    with pytest.raises(MalformedDelivery):
        parse_delivery({"Rackbeat-Webhook-Event": "order.created"}, body)


@given(st.binary() | json_values.map(lambda value: json.dumps(value).encode()))
def test_no_body_makes_reading_a_delivery_fail_in_another_way(body: bytes) -> None:
    try:
        delivery = parse_delivery({}, body)
    except MalformedDelivery:
        return
    assert delivery.key is None or delivery.key.encode()


@pytest.mark.parametrize(
    ("event", "parts"),
    [
        ("order.created", ("order", "created")),
        ("orders.created", ("order", "created")),
        ("product_group.updated", ("product_group", "updated")),
        ("customer_invoice.booked", ("customer_invoice", "booked")),
        ("payment_terms.updated", ("payment_term", "updated")),
        ("plugin.uninstalled", ("plugin", "uninstalled")),
        ("ping", ("ping", "")),
    ],
)
def test_an_event_names_an_entity_and_what_happened_to_it(
    event: str, parts: tuple[str, str]
) -> None:
    assert split_event(event) == parts
