"""Products: as Rackbeat has them, as 24SevenOffice has them, and the way between."""

from __future__ import annotations

import json
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.entity import Reference
from shared.failures import Unmappable
from shared.kind import Context, Lookup
from shared.rackbeat import numbers as rackbeat_json
from shared.settings import Settings, load_settings
from shared.tfso import values as tfso_values
from tasks.products import KIND, Product
from tests.harness import given as made_up
from tests.harness.given import amounts, maybe, texts

DEFAULTS = Settings()
UNIT = {Lookup("unit", "stk"): "3"}
NEW: dict[str, Any] = {"found": UNIT}
EXISTING: dict[str, Any] = {"found": UNIT, "existing": {"number": "1045", "Id": 501}}


def groups(reference: Reference) -> str:
    """The product group's number in one system by that in the other."""
    assert reference.kind == "product_group"
    return {"7": "20", "20": "7"}[reference.key]


def to_24so(record: dict[str, Any], settings: Settings = DEFAULTS, **context: Any) -> Any:
    product = KIND.rackbeat.parse(record, Context(settings)).with_references(groups)
    return KIND.tfso.render(product, Context(settings, **context))


def to_rackbeat(record: dict[str, Any], settings: Settings = DEFAULTS, **context: Any) -> Any:
    product = KIND.tfso.parse(record, Context(settings)).with_references(groups)
    return KIND.rackbeat.render(product, Context(settings, **(NEW | context)))


# As GET /products/{number} answers, and what SaveProducts takes.
IN_RACKBEAT = {
    "number": "TELT-4",
    "urlfriendly_number": "TELT-4",
    "type": "product",
    "name": "Telt, 4 personer",
    "description": "Med forhøy",
    "sales_price": Decimal("2499.500000"),
    "recommended_cost_price": Decimal("1100"),
    "barcode": "7038010000001",
    "group": {"number": 7, "name": "Telt"},
    "unit": {"number": 3, "name": "stk"},
    "is_barred": False,
    "inventory_enabled": True,
    "stock_quantity": Decimal(12),
    "updated_at": "2026-03-09 12:00:00",
}
FOR_24SO = {
    "No": "TELT-4",
    "Name": "Telt, 4 personer",
    "Description": "Med forhøy",
    "Price": Decimal("2499.5"),
    "InPrice": Decimal(1100),
    "EAN1": "7038010000001",
    "CategoryId": 20,
    "StatusId": 1,
    "StockControlled": True,
}

# As GetProducts answers, and what POST /products takes.
IN_24SO = {
    "Id": 501,
    "No": "TELT-4",
    "Name": "Telt, 4 personer",
    "Description": "Med forhøy",
    "Price": Decimal("2499.5000"),
    "InPrice": Decimal("1100.0000"),
    "Cost": Decimal("1150.0000"),
    "WebPrice": Decimal("1890.0000"),
    "EAN1": "7038010000001",
    "CategoryId": 20,
    "StatusId": 1,
    "StockControlled": True,
}
FOR_RACKBEAT = {
    "number": "TELT-4",
    "name": "Telt, 4 personer",
    "description": "Med forhøy",
    "sales_price": Decimal("2499.5"),
    "recommended_cost_price": Decimal(1100),
    "barcode": "7038010000001",
    "group": 7,
    "is_barred": False,
    "unit_id": 3,
}


def test_a_product_made_in_rackbeat_is_made_in_24so() -> None:
    assert to_24so(IN_RACKBEAT) == FOR_24SO


def test_a_product_made_in_24so_is_made_in_rackbeat() -> None:
    assert to_rackbeat(IN_24SO) == FOR_RACKBEAT


def test_an_update_leaves_numbers_and_unit_as_they_are() -> None:
    assert "No" not in to_24so(IN_RACKBEAT, **EXISTING)
    assert {"number", "unit_id"}.isdisjoint(to_rackbeat(IN_24SO, **EXISTING))


# What differs in the record read, and what then differs in the payload ("..." is left out).
RACKBEAT_TO_24SO: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("empty text is not sent", {"description": "", "barcode": "  "},
     {"Description": ..., "EAN1": ...}),
    ("nothing is not sent", {"description": None, "sales_price": None, "inventory_enabled": None},
     {"Description": ..., "Price": ..., "StockControlled": ...}),
    ("a price of nothing is a price", {"sales_price": 0}, {"Price": Decimal(0)}),
    ("numbers may be text", {"sales_price": "10.10", "number": 1045},
     {"Price": Decimal("10.1"), "No": "1045"}),
    ("a barcode may be a number", {"barcode": 7038010000001}, {"EAN1": "7038010000001"}),
    ("a group may be its number", {"group": 7}, {"CategoryId": 20}),
    ("a barred product is expired", {"is_barred": True}, {"StatusId": 0}),
    ("unknown is not barred", {"is_barred": None}, {"StatusId": ...}),
    ("a structure item is a product", {"type": "lot", "lines": [{"id": 1}]}, {}),
]  # fmt: skip


@pytest.mark.parametrize(("given_", "read", "written"), RACKBEAT_TO_24SO)
def test_a_rackbeat_product_is_written_to_24so_as(
    given_: str, read: dict[str, Any], written: dict[str, Any]
) -> None:
    expected = {k: v for k, v in (FOR_24SO | written).items() if v is not ...}
    assert to_24so(IN_RACKBEAT | read) == expected, given_


TFSO_TO_RACKBEAT: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("unset values are absent", {"Description": None, "EAN1": None, "InPrice": None},
     {"description": ..., "barcode": ..., "recommended_cost_price": ...}),
    ("rackbeat demands a price", {"Price": None}, {"sales_price": 0}),
    ("an expired product is barred", {"StatusId": 0}, {"is_barred": True}),
    ("an unset status bars nothing", {"StatusId": None}, {"is_barred": ...}),
    ("whether stock is kept is the group's business there", {"StockControlled": None}, {}),
    ("a number of 25 characters fits", {"No": "x" * 25}, {"number": "x" * 25}),
    ("prices in a snapshot are text", {"Price": "2499.5000"}, {}),
]  # fmt: skip


@pytest.mark.parametrize(("given_", "read", "written"), TFSO_TO_RACKBEAT)
def test_a_24so_product_is_written_to_rackbeat_as(
    given_: str, read: dict[str, Any], written: dict[str, Any]
) -> None:
    expected = {k: v for k, v in (FOR_RACKBEAT | written).items() if v is not ...}
    assert to_rackbeat(IN_24SO | read) == expected, given_


@pytest.mark.parametrize(
    ("setting", "read", "written"),
    [
        ({"cost": "cost"}, {}, {"recommended_cost_price": Decimal(1150)}),
        ({"price": "web_price"}, {}, {"sales_price": Decimal(1890)}),
        ({"price": "web_price"}, {"WebPrice": None}, {"sales_price": 0}),
        ({"number": "id", "origin": "24so"}, {}, {"number": "501"}),
        ({"number": "id", "origin": "24so"}, {"No": "x" * 30}, {"number": "501"}),
    ],
)
def test_the_settings_choose_the_24so_fields_that_are_read(
    setting: dict[str, Any], read: dict[str, Any], written: dict[str, Any]
) -> None:
    settings = load_settings({"product": setting})
    assert to_rackbeat(IN_24SO | read, settings) == FOR_RACKBEAT | written


@pytest.mark.parametrize(
    ("setting", "chosen", "other"),
    [({"cost": "cost"}, "Cost", "InPrice"), ({"price": "web_price"}, "WebPrice", "Price")],
)
def test_the_settings_choose_the_24so_fields_that_prices_are_written_to(
    setting: dict[str, Any], chosen: str, other: str
) -> None:
    payload = to_24so(IN_RACKBEAT, load_settings({"product": setting}))
    assert payload[chosen] == to_24so(IN_RACKBEAT)[other]
    assert other not in payload


def test_the_settings_choose_the_unit() -> None:
    settings = load_settings({"product": {"unit": "par"}})
    found = {Lookup("unit", "par"): "9"}
    assert to_rackbeat(IN_24SO, settings, found=found)["unit_id"] == 9


# -- what cannot be carried over --------------------------------------------------------------


@pytest.mark.parametrize(
    ("read", "why"),
    [
        ({"No": "x" * 26}, "has 26 characters; Rackbeat takes at most 25.*never cut"),
        ({"No": None}, "has no number in 24SevenOffice"),
        ({"Price": "gratis"}, "The field Price is 'gratis', which is not a number"),
        ({"Name": ["Telt"]}, "The field name"),
        ({"StatusId": "on"}, "StatusId"),
    ],
)
def test_a_24so_product_rackbeat_cannot_hold_is_unmappable(read: dict[str, Any], why: str) -> None:
    with pytest.raises(Unmappable, match=why):
        to_rackbeat(IN_24SO | read)


@pytest.mark.parametrize(
    ("field", "limit", "why"),
    [("name", 125, "name"), ("description", 500, "description"), ("barcode", 50, "EAN")],
)
def test_text_longer_than_24so_takes_is_unmappable_and_never_cut(
    field: str, limit: int, why: str
) -> None:
    to_24so(IN_RACKBEAT | {field: "x" * limit})
    with pytest.raises(Unmappable, match=f"The {why} .* has {limit + 1} characters"):
        to_24so(IN_RACKBEAT | {field: "x" * (limit + 1)})


def test_a_structure_items_parts_and_prices_are_not_overwritten_from_24so() -> None:
    lot = {"number": "TELT-4", "type": "lot", "lines": [{"id": 1}]}
    assert to_rackbeat(IN_24SO, existing=lot) == {"name": "Telt, 4 personer"}


def test_structure_items_stay_in_rackbeat_where_the_settings_say_so() -> None:
    lot = IN_RACKBEAT | {"type": "lot"}
    off = load_settings({"product": {"structure_items": False}})
    assert KIND.rackbeat.excluded(lot, DEFAULTS) is None
    assert "structure item" in (KIND.rackbeat.excluded(lot, off) or "")
    assert KIND.rackbeat.excluded(IN_RACKBEAT, off) is None


# -- recognising the same product -------------------------------------------------------------


def test_a_product_is_recognised_by_number_and_then_by_ean() -> None:
    product = KIND.rackbeat.parse(IN_RACKBEAT, Context(DEFAULTS))
    assert product.identifiers() == [("number", "TELT-4"), ("ean", "7038010000001")]
    assert Product(name="Telt").identifiers() == []


def test_two_products_with_different_eans_are_not_the_same() -> None:
    one, other = Product(number="1", ean="111"), Product(number="1", ean="222")
    assert one.contradicts(other) == "its EAN is 222, not 111"
    assert one.contradicts(one) is None
    assert one.contradicts(Product(number="1")) is None


@pytest.mark.parametrize(
    ("record", "sales_price", "cost_price"),
    [
        ({"type": "lot", "total_price": 90, "cost_price": 40}, 90, 40),
        ({"type": "lot", "sales_price": 80, "total_price": 90, "cost_price": 40}, 80, 40),
        ({"type": "lot", "recommended_cost_price": None, "cost_price": 40}, None, None),
        ({"type": "product", "total_price": 90, "cost_price": 40}, None, None),
    ],
)
def test_of_a_structure_item_without_prices_of_its_own_those_of_its_parts_count(
    record: dict[str, object], sales_price: int | None, cost_price: int | None
) -> None:
    product = KIND.rackbeat.parse({"number": "A"} | record, Context(DEFAULTS))
    assert (product.sales_price, product.cost_price) == (sales_price, cost_price)


# -- there and back ---------------------------------------------------------------------------

PRODUCTS = st.builds(
    Product,
    number=texts(),
    name=maybe(texts(125)),
    description=maybe(texts(500)),
    sales_price=amounts(),
    cost_price=maybe(amounts()),
    ean=maybe(texts(50)),
    group=maybe(made_up.numbers()),
    active=maybe(st.booleans()),
    stock_controlled=maybe(st.booleans()),
)
# 24SevenOffice makes no product without a category.
IN_A_GROUP = st.builds(
    lambda product, group: product.model_copy(update={"group": group}),
    PRODUCTS,
    made_up.numbers(),
)


@given(PRODUCTS)
def test_rackbeat_keeps_every_field_it_is_sent(product: Product) -> None:
    payload = KIND.rackbeat.render(product, Context(DEFAULTS, found=UNIT))
    kept = rackbeat_json.decode(rackbeat_json.encode(payload).encode())
    found = KIND.rackbeat.parse(kept, Context(DEFAULTS))
    assert found == product.model_copy(update={"stock_controlled": None})  # read-only there


@given(IN_A_GROUP, st.sampled_from([{}, {"cost": "cost"}, {"price": "web_price"}]))
def test_24so_keeps_every_field_it_is_sent(product: Product, setting: dict[str, str]) -> None:
    context = Context(load_settings({"product": setting}))
    sent = tfso_values.write(KIND.tfso.render(product, context))
    assert KIND.tfso.parse(sent, context) == product


@given(PRODUCTS, IN_A_GROUP)
def test_after_an_update_each_system_holds_the_new_product(new: Product, old: Product) -> None:
    for side in (KIND.rackbeat, KIND.tfso):
        there = side.render(old, Context(DEFAULTS, found=UNIT))
        payload = side.render(new, Context(DEFAULTS, found=UNIT, existing=there))
        after = side.parse(there | payload, Context(DEFAULTS))
        expected = new.over(old).model_copy(update={"number": old.number})
        if side is KIND.rackbeat:
            expected = expected.model_copy(update={"stock_controlled": None})
        assert after == expected


RACKBEAT_RUBBISH = made_up.rubbish_in(*IN_RACKBEAT, group=made_up.rubbish_in("number"))
TFSO_RUBBISH = made_up.rubbish_in(*IN_24SO)


@given(RACKBEAT_RUBBISH, TFSO_RUBBISH)
def test_a_product_of_rubbish_is_understood_or_unmappable(rackbeat: Any, tfso: Any) -> None:
    for side, record in ((KIND.rackbeat, rackbeat), (KIND.tfso, tfso)):
        with suppress(Unmappable):
            json.dumps(side.parse(record, Context(DEFAULTS)).seen())
