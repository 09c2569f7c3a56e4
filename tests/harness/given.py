"""What hypothesis makes up: values as the vendors' clients return them, and rubbish."""

from __future__ import annotations

import os
from datetime import UTC
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from shared.entity import plain

# `make fuzz` asks for many examples, new ones each time; the suite for few, always the same.
_EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "0"))

# A machine that others use, too, is sometimes slow; the suite's own time limit is the net. What is
# left to chance in every run adds up, so that each need not have many examples.
settings.register_profile(
    "varebro", max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("varebro")


def fuzzed(few: int) -> settings:
    """So many examples in the suite."""
    return settings(max_examples=_EXAMPLES or few, derandomize=not _EXAMPLES)


# What XML can carry.
_LETTERS = st.characters(exclude_categories=("Cc", "Cs"), exclude_characters="\ufffe\uffff")


def texts(longest: int = 25) -> st.SearchStrategy[str]:
    """Text as an entity holds it: something in it, no blanks around it."""
    return st.text(_LETTERS, min_size=1, max_size=longest).map(str.strip).filter(bool)


def numbers(largest: int = 999_999) -> st.SearchStrategy[str]:
    """A whole number, as text."""
    return st.integers(1, largest).map(str)


def amounts(most: int = 1_000_000, places: int = 6, least: int = 0) -> st.SearchStrategy[Any]:
    """Decimals in an entity's own spelling."""
    return st.decimals(least, most, places=places).map(plain)


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


# Anything JSON or SOAP can carry, wherever it does not belong.
RUBBISH = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.decimals(allow_nan=True, allow_infinity=True)
    | st.text(st.characters())
    | st.sampled_from(["-1", "1E+400", "NaN", "0", "2026-02-30", "a@b.no; c", "\x00", "\ud800"])
    | st.datetimes(timezones=st.just(UTC))
    | st.dates(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)


def rubbish_in(*names: str, **nested: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """A record of these fields in which anything may stand, or nothing.

    Args:
        nested: fields that hold records themselves: rubbish, or a record of rubbish.
    """
    fields: dict[str, st.SearchStrategy[Any]] = dict.fromkeys(names, RUBBISH)
    fields |= {name: RUBBISH | inner for name, inner in nested.items()}
    return st.fixed_dictionaries({}, optional=fields)


# Anything JSON can carry.
JSON_RUBBISH: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(exclude_categories=()))
    | st.sampled_from([2**63, -1, 10**400, "\x00", "\ud800", "0001-01-01", "9999-12-31T23:59:59Z"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)
