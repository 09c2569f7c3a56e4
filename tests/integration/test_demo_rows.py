"""One record of every row: that the demo leaves none out, and notices what is not there."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from sandbox.demo.compare import compare
from sandbox.demo.every_row import NOT_SENT, wrong
from sandbox.demo.rows import ROWS, Result, Row, phases, wrong_rows
from sandbox.demo.screen import Facts
from sandbox.demo.verdict import as_json
from shared.words import Direction, Outcome
from tasks.kinds import KINDS
from tests.harness.endings import ALL_ROWS, an_ending

FORTH, BACK = Direction.RACKBEAT_TO_24SO, Direction.TFSO_TO_RACKBEAT


def row_of(name: str, direction: Direction) -> Row:
    (found,) = [row for row in ROWS if (row.name, row.direction) == (name, direction)]
    return found


def test_every_kind_has_a_row_in_each_of_its_directions() -> None:
    shown = {(row.kind, row.direction) for row in ROWS if row.outcome is not None}
    assert shown == {(kind.name, way) for kind in KINDS.values() for way in kind.directions}


def test_structure_items_have_rows_of_their_own_and_a_supplier_invoice_is_never_sent() -> None:
    for direction in Direction:
        assert row_of("structure item", direction).kind == "product"
    assert [row.name for row in ROWS if row.outcome is None] == ["supplier invoice"]


def test_every_row_has_its_turn_once() -> None:
    taken = [row.title for phase in phases(1) for row in phase.rows]
    assert sorted(taken) == sorted({row.title for row in ROWS})


def test_rows_that_all_arrived_are_no_problem() -> None:
    assert wrong_rows(ALL_ROWS) == []


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.title)
def test_a_row_that_is_missing_fails_the_verdict(row: Row) -> None:
    others = [result for result in ALL_ROWS if result.row is not row]
    assert wrong_rows(others) == [f"{row.title}: none has arrived."]
    assert wrong_rows([*others, Result(row, "1")]) == [f"{row.title}: none has arrived."]


def test_a_row_that_differs_fails_the_verdict_and_is_told_in_the_report() -> None:
    bad = replace(ALL_ROWS[0], wrong="Name is 'A' instead of 'B'")
    assert wrong_rows([bad, *ALL_ROWS[1:]]) == [f"{bad.row.title}: Name is 'A' instead of 'B'"]
    ending = an_ending(facts=Facts(rows=[bad, *ALL_ROWS[1:]]))
    rows = as_json(ending, [], {}, 1.0)["rows"]
    assert len(rows) == len(ROWS)
    assert rows[0] == {
        "name": "customer",
        "direction": "rackbeat_to_24so",
        "deed": "makes one",
        "source_key": "1",
        "target_key": "2",
        "outcome": "created",
        "seconds": 0.5,
        "wrong": "Name is 'A' instead of 'B'",
    }


# -- what is to be seen -------------------------------------------------------------------------

LOT = {"number": "50-1109", "name": "Hodelykt med batterier",
       "lines": [{"product_id": "10-1001", "quantity": 2}]}  # fmt: skip
CONVERTED = row_of("structure item", BACK)
ARRIVED = Result(CONVERTED, "609", "50-1109", Outcome.UPDATED.value)


def test_a_record_that_shows_what_it_has_to_is_not_wrong() -> None:
    assert wrong(ARRIVED, {"lots": [LOT]}) == ""


def _without_parts(lot: dict[str, Any]) -> None:
    lot["lines"] = []


def _with_other_parts(lot: dict[str, Any]) -> None:
    lot["lines"][0]["quantity"] = "3"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_without_parts, "lines.0.product_id is None instead of '10-1001'"),
        (_with_other_parts, "lines.0.quantity is '3' instead of 2"),
        (lambda lot: lot.update(name="Hodelykt"), "name is 'Hodelykt' instead of"),
        (lambda lot: lot.update(number="1"), "there is no lots 50-1109 in Rackbeat"),
    ],
)
def test_a_record_that_shows_something_else_is_wrong(
    change: Callable[[dict[str, Any]], None], said: str
) -> None:
    lot = copy.deepcopy(LOT)
    change(lot)
    assert said in wrong(ARRIVED, {"lots": [lot]})


def test_what_became_of_it_has_to_be_right_as_well() -> None:
    parked = replace(ARRIVED, outcome="parked", wrong="It has no unit.")
    assert wrong(parked, {"lots": [LOT]}) == "it is parked instead of updated. It has no unit."
    sent = Result(row_of("supplier invoice", FORTH), "77001", outcome="recorded as supplier")
    assert wrong(sent, {}) == "it is recorded as supplier instead of not sent."
    assert wrong(replace(sent, outcome=NOT_SENT), {}) == ""


def test_an_amount_is_the_same_in_whatever_spelling() -> None:
    stock = row_of("stock", FORTH)
    result = Result(stock, "50-1101", "601", Outcome.UPDATED.value)
    assert wrong(result, {"products": [{"Id": 601, "Stock": "41.00"}]}) == ""
    assert wrong(result, {"products": [{"Id": 601, "Stock": "382"}]}) != ""


# -- compared in the end ------------------------------------------------------------------------

KINDS_OF_RECORDS = (
    "categories", "products", "companies", "orders", "product_groups", "lots", "customers",
    "suppliers", "customer_invoices",
)  # fmt: skip
NOTHING: dict[str, Any] = {name: [] for name in KINDS_OF_RECORDS}
MADE_THERE = NOTHING | {
    "categories": [{"Id": 20, "No": "900", "Name": "Lavvoer"}],
    "products": [{"Id": 704, "No": "LEIR/6", "Name": "Leir", "CategoryId": 20, "StatusId": 1}],
}
GROUP = {"number": 900, "name": "Lavvoer"}
LOT_MADE = {"number": "LEIR/6", "name": "Leir", "description": None, "sales_price": None,
            "recommended_cost_price": None, "barcode": None, "group": GROUP,
            "is_barred": False}  # fmt: skip


def test_what_was_made_in_rackbeat_is_compared_under_the_number_it_has_there() -> None:
    rackbeat = NOTHING | {"product_groups": [GROUP], "lots": [LOT_MADE]}
    found = compare(MADE_THERE, rackbeat)
    assert found.differences == ()
    assert (found.compared["product_group"], found.compared["product"]) == (1, 1)
    other = NOTHING | {"product_groups": [GROUP], "lots": [LOT_MADE | {"name": "Leirplass"}]}
    assert [d.field for d in compare(MADE_THERE, other).differences] == ["name"]


def test_a_structure_item_that_is_not_in_rackbeat_any_more_is_a_difference() -> None:
    found = compare(MADE_THERE, NOTHING | {"product_groups": [GROUP]})
    assert [(d.kind, d.key, d.rackbeat) for d in found.differences] == [("product", "LEIR/6", 0)]
