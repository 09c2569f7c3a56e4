"""JSON without floating point: decimals go out and come in exactly."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from typing import Any

# Rackbeat allows six places; the precision leaves room for any amount there is.
_SMALLEST = Decimal("0.000001")
_EXACT = Context(prec=60, rounding=ROUND_HALF_UP)


def encode(value: object) -> str:
    """JSON text in which Decimals are plain numbers: no exponent, at most six places.

    Raises:
        TypeError: the value holds something JSON has no counterpart for, or a float: amounts are
            Decimals here, and a float would smuggle in its rounding.
        ValueError: a Decimal is not a number, or too large for one.
    """
    match value:
        case None | bool() | int() | str():
            return json.dumps(value)
        case Decimal():
            return _plain(value)
        case Mapping():
            return "{" + ",".join(f"{_name(k)}:{encode(v)}" for k, v in value.items()) + "}"
        case list() | tuple():
            return "[" + ",".join(encode(each) for each in value) + "]"
    raise TypeError(f"a {type(value).__name__} cannot be sent to Rackbeat")


def _name(key: object) -> str:
    if not isinstance(key, str):
        raise TypeError(f"a field's name must be text, not a {type(key).__name__}")
    return json.dumps(key)


def _plain(value: Decimal) -> str:
    try:
        # plus() turns a negative zero, which rounding can leave, into an ordinary one.
        rounded = _EXACT.plus(value.quantize(_SMALLEST, context=_EXACT))
    except InvalidOperation:
        raise ValueError(f"{value} is not a number that can be sent to Rackbeat") from None
    if not rounded.is_finite():
        raise ValueError(f"{value} is not a number that can be sent to Rackbeat")
    return f"{rounded:f}".rstrip("0").rstrip(".")


def decode(body: bytes) -> Any:
    """The JSON value, its numbers with a point as Decimals.

    Raises:
        ValueError: it is not JSON, or holds NaN or an infinity, which JSON does not have.
    """
    try:
        return json.loads(body, parse_float=Decimal, parse_constant=_refuse)
    except (RecursionError, InvalidOperation) as error:
        raise ValueError("nested too deep, or a number out of all bounds") from error


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")
