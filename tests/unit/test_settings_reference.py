"""The page of settings says what the settings are."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from shared import settings_reference
from shared.operations import _changed
from shared.settings import Settings, SettingsError, check_settings
from shared.settings_reference import Setting

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"
ALL = [setting for _, _, settings in settings_reference.groups() for setting in settings]


def test_the_page_of_settings_is_up_to_date() -> None:
    assert PAGE.read_text() == settings_reference.markdown()


def test_every_setting_is_on_the_page_and_says_what_it_means() -> None:
    stored = Settings().model_dump(mode="json")
    names = {
        f"{group}.{name}" if isinstance(part, dict) and group != "events" else group
        for group, part in stored.items()
        for name in (part if isinstance(part, dict) and part else [""])
    }
    assert {setting.name for setting in ALL} == names - {"version"}
    assert [setting.name for setting in ALL if not setting.meaning] == []


def value_of(written: str) -> object:
    """A value as the command line understands it."""
    try:
        return json.loads(written)
    except json.JSONDecodeError:
        return written


@pytest.mark.parametrize("setting", ALL, ids=lambda setting: setting.name)
def test_the_default_on_the_page_is_what_holds_when_nothing_is_chosen(setting: Setting) -> None:
    chosen = _changed({}, {setting.name: value_of(setting.default)})
    assert check_settings(chosen) == Settings()


# What else has to be chosen so that nothing else contradicts the value that is tried.
OFF = {"order.origin": "off", "invoice.origin": "off", "product.origin": "off"}
FITTING = {
    "order.origin": {},
    "invoice.origin": {},
    "product.number": {"product.origin": "24so"},
}
CHOICES = [
    (setting.name, value)
    for setting in ALL
    if setting.allowed.startswith("`")
    for value in setting.allowed.replace("`", "").split(", ")
]


@pytest.mark.parametrize(("name", "value"), CHOICES)
def test_each_value_on_the_page_is_allowed(name: str, value: str) -> None:
    check_settings(_changed({}, {**FITTING.get(name, OFF), name: value_of(value)}))


@pytest.mark.parametrize("name", sorted({name for name, _ in CHOICES}))
def test_a_value_that_is_not_on_the_page_is_refused(name: str) -> None:
    with pytest.raises(SettingsError):
        check_settings(_changed({}, {**FITTING.get(name, OFF), name: "sometimes"}))
