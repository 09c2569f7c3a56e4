"""A connection's settings: what may be chosen, and what does not go together."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import settings as of_settings
from shared.settings import (
    CompanyNumber,
    Settings,
    SettingsError,
    SettingsTooNewError,
    as_stored,
    check_settings,
    load_settings,
)
from shared.words import Direction, Origin, System
from tasks.kinds import KINDS
from tests.harness.given import RUBBISH


def test_nothing_stored_means_the_defaults() -> None:
    assert check_settings({}) == Settings()


def test_what_is_stored_counts_and_the_rest_has_its_default() -> None:
    settings = check_settings({"customer": {"number": "external_id"}, "order": {"book": True}})
    assert settings.customer.number is CompanyNumber.EXTERNAL_ID
    assert settings.customer.country == "NO"
    assert settings.order.book
    assert settings.order.origin is Origin.TFSO


def test_choosing_one_thing_for_suppliers_leaves_their_other_defaults_as_they_are() -> None:
    chosen = check_settings({"supplier": {"country": "DK"}}).supplier
    assert chosen == Settings().supplier.model_copy(update={"country": "DK"})
    assert chosen.payment_terms_days == 30


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_its_settings(kind: str) -> None:
    assert Settings().of(kind).origin in Origin


def test_every_kind_that_is_not_off_is_on() -> None:
    assert Settings().kinds_that_are_on() == KINDS.keys()
    assert "order" not in check_settings({"order": {"origin": "off"}}).kinds_that_are_on()


# What the official integration does.
@pytest.mark.parametrize(
    ("kind", "to_24so", "to_rackbeat"),
    [
        ("customer", True, True),
        ("supplier", True, True),
        ("product", True, True),
        ("product_group", True, True),
        ("order", False, True),
        ("invoice", True, False),
        ("stock", True, False),
    ],
)
def test_by_default_kinds_travel_as_with_the_official_integration(
    kind: str, to_24so: bool, to_rackbeat: bool
) -> None:
    part = Settings().of(kind)
    assert part.lets(Direction.RACKBEAT_TO_24SO) is to_24so
    assert part.lets(Direction.TFSO_TO_RACKBEAT) is to_rackbeat


@pytest.mark.parametrize(
    ("wins", "winner"), [("newest", None), ("rackbeat", System.RACKBEAT), ("24so", System.TFSO)]
)
def test_a_conflict_is_won_by_whom_the_setting_names(wins: str, winner: System | None) -> None:
    assert check_settings({"conflict": {"wins": wins}}).conflict.winner is winner


def test_orders_that_are_done_with_are_not_pulled_and_the_reason_is_said() -> None:
    with pytest.raises(SettingsError) as refused:
        check_settings({"order": {"pull_statuses": ["Web", "Invoiced", "Inactive"]}})
    assert str(refused.value) == (
        "order.pull_statuses: an order that is Invoiced or Inactive in 24SevenOffice is done with, "
        "and is not taken to Rackbeat. Leave that out here; whether invoices are taken there is "
        "what invoice.origin says"
    )


@pytest.mark.parametrize(
    ("stored", "left"), [(["Web", "Invoiced"], ("Web",)), (["InvoicedPack", "Inactive"], ())]
)
def test_statuses_that_could_be_chosen_once_are_left_out_of_what_is_stored(
    stored: list[str], left: tuple[str, ...]
) -> None:
    assert load_settings({"order": {"pull_statuses": stored}}).order.pull_statuses == left


@pytest.mark.parametrize(
    ("stored", "named"),
    [
        ({"pull_minutes": 11}, "pull_minutes"),  # never slower than promised
        ({"pull_minutes": 0}, "pull_minutes"),
        ({"order": {"pull_minutes": 11}}, "order.pull_minutes"),
        ({"order": {"origin": "both"}}, "order.origin"),
        ({"order": {"pull_statuses": ["confirmed"]}}, "order.pull_statuses"),
        ({"order": {"pull_statuses": []}}, "order.pull_statuses"),
        ({"order": {"item_for_text": ""}}, "order.item_for_text"),
        ({"order": {"item_for_text": "x" * 26}}, "order.item_for_text"),
        ({"customer": {"country": "Norge"}}, "customer.country"),
        ({"customer": {"payment_terms_days": -1}}, "customer.payment_terms_days"),
        ({"supplier": {"payment_terms_days": 40000}}, "supplier.payment_terms_days"),
        ({"local_currency": "kr"}, "local_currency"),
        ({"product": {"unit": ""}}, "product.unit"),
        ({"product": {"hue": 1}}, "product.hue"),
        ({"stock": {"origin": "24so"}}, "stock.origin"),
        ({"costumer": {}}, "costumer"),
        ({"version": 2}, "version"),
    ],
)
def test_a_value_that_is_not_allowed_is_refused_and_its_field_is_named(
    stored: dict[str, Any], named: str
) -> None:
    with pytest.raises(SettingsError, match=f"(?m)^{named}"):
        check_settings(stored)


@pytest.mark.parametrize(
    ("stored", "sentence"),
    [
        (
            {"order": {"origin": "rackbeet"}},
            'order.origin: "rackbeet" is not allowed. Choose rackbeat, 24so or off.',
        ),
        (
            {"customer": {"origin": 1}},
            "customer.origin: 1 is not allowed. Choose rackbeat, 24so, both or off.",
        ),
        (
            {"product": {"hue": 1}},
            "product.hue: There is no such setting. `varebro settings show` lists all there are.",
        ),
        (
            {"order": 1},
            "order: 1 is not allowed. It is a group of settings: change one of them by its whole "
            "name, as in order.<name>.",
        ),
        (
            {"reconcile": {"hour": 24}},
            "reconcile.hour: 24 is not allowed. It can be 23 at most.",
        ),
        ({"pull_minutes": 0}, "pull_minutes: 0 is not allowed. It has to be more than 0."),
        (
            {"supplier": {"payment_terms_days": "two weeks"}},
            'supplier.payment_terms_days: "two weeks" is not allowed. It has to be a whole number.',
        ),
        (
            {"order": {"book": "maybe"}},
            'order.book: "maybe" is not allowed. It has to be true or false.',
        ),
        ({"product": {"unit": 7}}, "product.unit: 7 is not allowed. It has to be text."),
        (
            {"order": {"item_for_text": ""}},
            'order.item_for_text: "" is not allowed. Its length has to be at least 1.',
        ),
        (
            {"order": {"pull_statuses": "Web"}},
            'order.pull_statuses: "Web" is not allowed. It has to be a list, in square brackets.',
        ),
        (
            {"order": {"pull_statuses": []}},
            "order.pull_statuses: [] is not allowed. Name 1 at least.",
        ),
        (
            {"customer": {"country": "Norge"}},
            'customer.country: "Norge" is not allowed. Write a country as two capital letters, '
            "such as NO.",
        ),
        (
            {"local_currency": "kr"},
            'local_currency: "kr" is not allowed. Write a currency as three capital letters, such '
            "as NOK.",
        ),
    ],
)
def test_a_value_that_is_not_allowed_is_told_with_what_is(
    stored: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(SettingsError) as refused:
        check_settings(stored)
    assert str(refused.value) == sentence


def test_a_value_that_is_long_is_cut() -> None:
    with pytest.raises(SettingsError) as refused:
        check_settings({"customer": {"country": "N" * 500}})
    assert f'"{"N" * 79} ... is not allowed.' in str(refused.value)


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(SettingsError) as raised:
        check_settings({"pull_minutes": 60, "customer": {"country": "Norge"}})
    assert len(str(raised.value).splitlines()) == 2


@pytest.mark.parametrize(
    ("stored", "remedy"),
    [
        ({"customer": {"origin": "off"}}, "Set customer.origin, or set order.origin to off"),
        (
            {"product": {"origin": "off"}},
            "Set product.origin, or set order.origin to off",
        ),
        (
            {"customer": {"origin": "off"}, "order": {"origin": "rackbeat"}},
            "orders cannot originate in Rackbeat while customers are off",
        ),
        (
            {"product": {"origin": "off"}, "order": {"origin": "off"}},
            "invoices cannot originate in Rackbeat while products are off",
        ),
        ({"product_group": {"origin": "off"}}, "Set product_group.origin"),
        ({"product": {"number": "id"}}, "Set product.number to no, or product.origin to 24so"),
        ({"events": {"item.changed": "conflict"}}, "events: 'item.changed'"),
        ({"events": {"item.changed": "products"}}, "Name one of: customer, invoice, order"),
    ],
)
def test_settings_that_contradict_each_other_are_refused_with_the_remedy(
    stored: dict[str, Any], remedy: str
) -> None:
    with pytest.raises(SettingsError, match=remedy):
        check_settings(stored)


@pytest.mark.parametrize(
    "stored",
    [
        {"customer": {"origin": "off"}, "order": {"origin": "off"}, "invoice": {"origin": "off"}},
        {"product": {"number": "id", "origin": "24so"}},
        {"events": {"item.changed": "product"}},
    ],
)
def test_settings_that_go_together_are_accepted(stored: dict[str, Any]) -> None:
    settings = check_settings(stored)
    assert check_settings(settings.model_dump(mode="json")) == settings


@given(st.dictionaries(st.sampled_from(sorted(Settings.model_fields)), RUBBISH, min_size=1))
def test_whatever_is_stored_either_loads_or_is_explained(stored: dict[str, Any]) -> None:
    try:
        settings = check_settings(stored)
    except SettingsError as error:
        assert any(name in str(error) for name in stored)  # noqa: PT017 - either way is right
    else:
        assert check_settings(settings.model_dump(mode="json")) == settings


def test_what_only_the_next_version_has_stored_is_left_out() -> None:
    known = {"order": {"book": True}, "events": {"item.changed": "product"}}
    stored = {**known, "order": {"book": True, "colour": "red"}, "warehouse": {"origin": "both"}}
    assert load_settings(stored) == check_settings(known)
    with pytest.raises(SettingsError):
        check_settings(stored)


@pytest.mark.parametrize("kind", ["customer", "product"])
@pytest.mark.parametrize("document", ["order", "invoice"])
def test_a_combination_that_could_be_chosen_earlier_is_taken_where_it_is_stored(
    document: str, kind: str
) -> None:
    off = {"order": {"origin": "off"}, "invoice": {"origin": "off"}, kind: {"origin": "off"}}
    stored = off | {document: {"origin": "rackbeat"}}
    assert load_settings(stored).of(document).origin is Origin.RACKBEAT
    with pytest.raises(SettingsError, match=f"{document}s cannot originate in Rackbeat"):
        check_settings(stored)


# -- versions -----------------------------------------------------------------------------------


def test_settings_are_stored_with_their_version_and_those_without_one_are_of_the_first() -> None:
    assert as_stored({"order": {"book": True}}) == {"order": {"book": True}, "version": 1}
    assert as_stored({"version": 1}) == {"version": 1}
    assert load_settings({"version": 1, "order": {"book": True}}).order.book


def test_settings_of_a_newer_version_are_refused_in_plain_words() -> None:
    for using in (load_settings, as_stored):
        with pytest.raises(SettingsTooNewError, match="of version 2; this version of"):
            using({"version": 2, "customer": {"colour": "red"}})


def test_settings_of_an_older_version_are_made_those_of_this_one_step_by_step(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    upgrades = {
        1: lambda stored: {"order": {"book": stored["books"]}},
        2: lambda stored: stored | {"pull_minutes": 5},
    }
    monkeypatch.setattr(of_settings, "_UPGRADES", upgrades)
    monkeypatch.setattr(of_settings, "VERSION", 3)
    assert as_stored({"books": True}) == {
        "order": {"book": True}, "pull_minutes": 5, "version": 3,
    }  # fmt: skip
    assert as_stored({"version": 3, "order": {}}) == {"version": 3, "order": {}}
