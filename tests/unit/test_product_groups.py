"""Product groups: categories in 24SevenOffice."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.failures import Unmappable
from shared.kind import Context
from shared.settings import Settings, load_settings
from shared.tfso import values as tfso_values
from tasks.product_groups import KIND, ProductGroup
from tests.harness import given as made_up

BY_ID = Settings()
BY_NO = load_settings({"product_group": {"number": "no"}})

IN_RACKBEAT = {
    "number": 7,
    "name": "Telt",
    "is_draft": False,
    "num_products": 12,
    "has_inventory": True,
    "updated_at": "2026-03-09 12:00:00",
}
IN_24SO = {"Id": 20, "Name": "Telt", "No": "7", "ParentId": 1}


def to_24so(record: dict[str, Any], settings: Settings = BY_ID, **context: Any) -> Any:
    return KIND.tfso.render(
        KIND.rackbeat.parse(record, Context(settings)), Context(settings, **context)
    )


def to_rackbeat(record: dict[str, Any], settings: Settings = BY_ID, **context: Any) -> Any:
    return KIND.rackbeat.render(
        KIND.tfso.parse(record, Context(settings)), Context(settings, **context)
    )


def test_a_group_made_in_rackbeat_becomes_a_category_that_carries_its_number() -> None:
    assert to_24so(IN_RACKBEAT) == {"Name": "Telt", "No": "7"}
    assert to_24so(IN_RACKBEAT, existing=IN_24SO) == {"Name": "Telt"}


@pytest.mark.parametrize(("settings", "number"), [(BY_ID, 20), (BY_NO, 7)])
def test_a_category_becomes_a_group_under_the_number_the_settings_choose(
    settings: Settings, number: int
) -> None:
    expected = {"name": "Telt", "number": number, "has_inventory": True}
    assert to_rackbeat(IN_24SO, settings) == expected


def test_a_group_keeps_its_number_and_its_stock_keeping_when_it_is_renamed() -> None:
    assert to_rackbeat(IN_24SO, existing=IN_RACKBEAT) == {"name": "Telt"}


@pytest.mark.parametrize("number", [None, "", "T7", "07", "-7", "7.0", "٧", "9" * 5000])
def test_rackbeat_takes_only_whole_numbers_for_groups(number: str | None) -> None:
    with pytest.raises(Unmappable, match="Rackbeat takes only whole numbers"):
        to_rackbeat(IN_24SO | {"No": number}, BY_NO)


def test_a_group_is_recognised_by_our_mark_first_and_then_by_its_number() -> None:
    rackbeat = KIND.rackbeat.parse(IN_RACKBEAT, Context(BY_ID))
    tfso = KIND.tfso.parse(IN_24SO, Context(BY_ID))
    assert rackbeat.identifiers() == [("mark", "7"), ("number", "7")]
    assert tfso.identifiers() == [("mark", "7"), ("number", "20")]


def test_groups_with_one_number_and_two_names_are_not_the_same() -> None:
    one = ProductGroup(number="7", name="Telt")
    assert one.contradicts(ProductGroup(number="7", name="Ski")) == (
        "it is called 'Ski' and not 'Telt'"
    )
    assert one.contradicts(ProductGroup(number="9", name="TELT")) is None


GROUPS = st.builds(
    lambda number, name: ProductGroup(number=number, mark=number, name=name),
    made_up.numbers(),
    made_up.texts(),
)


@given(GROUPS)
def test_each_system_keeps_what_it_is_sent(group: ProductGroup) -> None:
    context = Context(BY_NO)
    assert KIND.rackbeat.parse(KIND.rackbeat.render(group, context), context) == group
    sent = tfso_values.write(KIND.tfso.render(group, context))
    assert KIND.tfso.parse(sent, context) == group


@given(made_up.rubbish_in(*IN_RACKBEAT), made_up.rubbish_in(*IN_24SO))
def test_a_group_of_rubbish_is_understood_or_unmappable(rackbeat: Any, tfso: Any) -> None:
    for side, record in ((KIND.rackbeat, rackbeat), (KIND.tfso, tfso)):
        with suppress(Unmappable):
            json.dumps(side.parse(record, Context(BY_ID)).seen())
