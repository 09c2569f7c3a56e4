"""Entities: what is compared, what is stored, and what one says over another."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.entity import (
    Entity,
    Number,
    Part,
    Reference,
    RefersTo,
    Text,
    differences,
    differs,
    plain,
)
from shared.failures import Unmappable
from tests.harness.given import amounts, maybe, numbers, texts


class Leg(Part):
    wood: Annotated[Text, RefersTo("wood")] = None
    length: Number


class Table(Entity):
    """A kind that no other test needs to change for."""

    number: Text = None
    name: Text = None
    price: Number | None = None
    maker: Annotated[Text, RefersTo("maker")] = None
    top: Leg | None = None
    legs: tuple[Leg, ...] | None = None


LEGS = st.builds(Leg, wood=maybe(numbers()), length=amounts())
TABLES = st.builds(
    Table,
    number=maybe(numbers()),
    name=maybe(texts()),
    price=maybe(amounts()),
    maker=maybe(numbers()),
    top=maybe(LEGS),
    legs=maybe(st.lists(LEGS, max_size=3).map(tuple)),
)


# -- values -----------------------------------------------------------------------------------


@pytest.mark.parametrize("written", ["10", "10.00", "1E+1", "10.0000001", "9.9999999"])
def test_numbers_that_are_equal_to_six_places_have_one_spelling(written: str) -> None:
    assert str(plain(Decimal(written))) == "10"


@pytest.mark.parametrize("written", ["0", "-0", "-0.0000001", "0E+50", "0.000"])
def test_there_is_one_zero(written: str) -> None:
    assert str(plain(Decimal(written))) == "0"


def test_halves_of_the_sixth_place_are_rounded_away_from_zero() -> None:
    assert plain(Decimal("0.0000005")) == Decimal("0.000001")
    assert plain(Decimal("-0.0000005")) == Decimal("-0.000001")


@given(amounts(most=10**15, least=-(10**15)))
def test_a_number_is_never_spelled_with_an_exponent(number: Decimal) -> None:
    assert "E" not in str(number)
    assert plain(number) == number


@pytest.mark.parametrize(
    ("written", "held"),
    [
        (None, None),
        ("", None),
        ("  \t", None),
        (" Bord ", "Bord"),
        (4711, "4711"),
        (Decimal("4711"), "4711"),
        (Decimal("1E+3"), "1000"),
        ("0012", "0012"),
    ],
)
def test_text_has_no_blanks_around_it_and_numbers_are_text(written: Any, held: str | None) -> None:
    assert Table(name=written).name == held


@pytest.mark.parametrize("written", [True, [], ["Bord"], {}, b"Bord", "Bo\x00rd", "Bord \ud83e"])
def test_what_is_not_text_is_unmappable_and_its_field_is_named(written: Any) -> None:
    with pytest.raises(Unmappable, match="The field name "):
        Table(name=written)


# -- what is stored and compared --------------------------------------------------------------


@given(TABLES)
def test_what_was_seen_survives_being_stored_as_json(table: Table) -> None:
    assert json.loads(json.dumps(table.seen())) == table.seen()
    assert Table(**table.seen(), number=table.number) == table


@given(TABLES)
def test_a_record_does_not_differ_from_itself(table: Table) -> None:
    assert not differs(table.seen(), table.seen())
    assert not differs(json.loads(json.dumps(table.seen())), table.seen())
    assert differences(table.seen(), table.seen()) == {}


@given(TABLES, TABLES)
def test_two_records_differ_where_their_differences_are(one: Table, other: Table) -> None:
    assert differs(one.seen(), other.seen()) == bool(differences(one.seen(), other.seen()))
    assert differs(one.seen(), other.seen()) == differs(other.seen(), one.seen())


def test_the_number_is_not_compared() -> None:
    assert not differs(Table(number="1", name="Bord").seen(), Table(number="2", name="Bord").seen())


def test_a_value_that_was_not_known_then_is_no_change_but_one_that_was_emptied_is() -> None:
    then, now = Table(name="Bord"), Table(name="Bord", price=Decimal(100))
    assert not differs(then.known(), now.seen())
    assert differs(then.seen(), now.seen())
    assert differs(now.known(), then.seen())


# -- one over another -------------------------------------------------------------------------


@given(TABLES)
def test_a_record_over_itself_or_over_nothing_is_itself(table: Table) -> None:
    assert table.over(table) == table
    assert table.over(Table()) == table
    assert Table().over(table) == table


@given(TABLES, TABLES)
def test_over_another_every_known_value_counts_and_the_rest_is_the_others(
    new: Table, old: Table
) -> None:
    both = new.over(old)
    for name in Table.model_fields:
        ours, theirs = getattr(new, name), getattr(old, name)
        assert getattr(both, name) == (theirs if ours is None else ours)
    assert new.over(both) == both


@given(TABLES, TABLES, TABLES)
def test_the_order_of_laying_over_does_not_matter(one: Table, two: Table, three: Table) -> None:
    assert one.over(two).over(three) == one.over(two.over(three))


# -- references -------------------------------------------------------------------------------


@given(TABLES)
def test_references_are_found_at_every_depth_and_translated_in_the_same_order(
    table: Table,
) -> None:
    translated = table.with_references(lambda reference: f"{reference.kind} {reference.key}")
    assert list(translated.references()) == [
        Reference(each.kind, f"{each.kind} {each.key}") for each in table.references()
    ]
    wanted = sum(leg.wood is not None for leg in table.legs or ())
    wanted += (table.maker is not None) + (table.top is not None and table.top.wood is not None)
    assert len(list(table.references())) == wanted


@given(TABLES)
def test_translating_references_leaves_everything_else_as_it_is(table: Table) -> None:
    assert table.with_references(lambda reference: reference.key) == table
