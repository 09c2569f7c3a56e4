"""Element texts and their values, converted as .NET does it."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Any

from sandbox.tfso.schema import Field, Service

Record = dict[str, Any]
"""A structure: the values of its elements by name. What is unset is not in it."""

_BITS = {"short": 16, "int": 32, "long": 64}
_INTEGER = re.compile(r"[+-]?\d+")
# No exponents: the vendor rejects them (reference).
_DECIMAL = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)")
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


def read_value(service: Service, type_name: str, text: str) -> Any:
    """The value of a simple type's text.

    Raises:
        ValueError: the text does not belong to the type; the message says why.
    """
    if type_name in service.enums:
        if text not in service.enums[type_name]:
            raise ValueError(f"'{text}' is not a valid value for {type_name}")
        return text
    if type_name in ("string", "any"):
        return text
    text = text.strip()
    if type_name in _BITS:
        return _read_integer(type_name, text)
    return _READERS[type_name](text)


@cache
def default_of(service: Service, field: Field) -> Any:
    """What an absent element means; None where the schema names no default."""
    return None if field.default is None else read_value(service, field.type, field.default)


def _read_integer(type_name: str, text: str) -> int:
    limit = 1 << (_BITS[type_name] - 1)
    if not _INTEGER.fullmatch(text) or not -limit <= int(text) < limit:
        raise ValueError(f"'{text}' is not a whole number that fits the type {type_name}")
    return int(text)


def _read_decimal(text: str) -> Decimal:
    if not _DECIMAL.fullmatch(text):
        raise ValueError(f"'{text}' is not a decimal number written out in digits")
    return Decimal(text)


def _read_boolean(text: str) -> bool:
    if text not in _BOOLEANS:
        raise ValueError(f"'{text}' is not a valid Boolean value")
    return _BOOLEANS[text]


def _read_guid(text: str) -> str:
    if not _GUID.fullmatch(text.lower()):
        raise ValueError(f"'{text}' is not a GUID")
    return text.lower()


def _read_time(text: str) -> datetime:
    """Times without a zone are UTC (assumed for requests; for answers the reference says so)."""
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        return time.replace(tzinfo=UTC)
    try:
        return time.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"'{text}' is out of range") from error


_READERS: dict[str, Callable[[str], Any]] = {
    "decimal": _read_decimal,
    "double": float,
    "boolean": _read_boolean,
    "dateTime": _read_time,
    "guid": _read_guid,
}


def write_value(value: Any) -> str:
    """The text of a value in an answer."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        # Prices come back with trailing zeros (reference); that there are four is assumed.
        exponent = value.as_tuple().exponent
        decimals = -exponent if isinstance(exponent, int) else 0
        return f"{value:.{max(4, decimals)}f}"
    if isinstance(value, datetime):
        # Without a zone (assumed; the reference says only that it is UTC).
        return value.astimezone(UTC).replace(tzinfo=None).isoformat()
    return str(value)
