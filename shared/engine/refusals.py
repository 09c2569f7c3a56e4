"""Refusals of a new record that may be about a setting, which the vendor cannot know."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from shared.failures import Rejected
from shared.kind import Payload, Side
from shared.settings import Settings


@contextmanager
def naming_settings(side: Side[Any], payload: Payload, settings: Settings) -> Iterator[None]:
    """Let a refusal in the block name the settings that the refused numbers come from."""
    try:
        yield
    except Rejected as refused:
        for name, setting in side.chosen.items():
            number = settings.named(setting)
            about_others = refused.fields and name not in refused.fields
            if number is None or payload.get(name) != number or about_others:
                continue
            refused.message += (
                f" The number {number} comes from the setting {setting}: if there is no such "
                "number, choose another, and try again with `varebro sync retry`."
            )
        raise
