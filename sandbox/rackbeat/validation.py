"""Checks what is written by the table of fields; refusals are worded as Laravel does (assumed)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from sandbox.rackbeat.schema import Field, Record, Shape

PLACES = Decimal("0.000001")
LARGEST = Decimal(10) ** 15

Exists = Callable[[str, Any], bool]


@dataclass
class Findings:
    """What a body holds.

    Attributes:
        values: the accepted values by stored name.
        errors: the complaints by written name, such as "lines.0.item_id".
        unknown: names that no field has; the real service ignores them, a test need not.
    """

    values: Record = field(default_factory=dict)
    errors: dict[str, list[str]] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)

    def complain(self, name: str, text: str) -> None:
        self.errors.setdefault(name, []).append(text)


class _Bad(Exception):
    """A value its field cannot hold; the message completes "The <field> ..."."""


def check(fields: Iterable[Field], body: Record, *, creating: bool, exists: Exists) -> Findings:
    """Check a body against fields.

    Args:
        creating: whether required fields have to be there; otherwise only those sent are checked.
        exists: whether a resource (by plural) has a record with a key.
    """
    checker = _Checker(exists)
    checker.findings.values = checker.values(fields, body, creating=creating)
    return checker.findings


class _Checker:
    """Goes through one body, its nested parts included."""

    def __init__(self, exists: Exists) -> None:
        self.findings = Findings()
        self._exists = exists

    def values(
        self, fields: Iterable[Field], body: Record, *, creating: bool = True, prefix: str = ""
    ) -> Record:
        """The accepted values of a body, or of the part of it whose path starts with a prefix."""
        values: Record = {}
        known: set[str] = set()
        for each in fields:
            names = (each.name, *each.also)
            known.update(names)
            written = next((name for name in names if name in body), None)
            path = prefix + (written or each.name)
            value = body[written] if written else None
            if value is not None and value != "":
                self._accept_into(values, path, each, value)
            elif _is_required(each, body, creating, sent=written is not None):
                self._complain(path, "The {} field is required.")
            elif written:
                values[each.name] = None
        self.findings.unknown.extend(prefix + name for name in body if name not in known)
        return values

    def _accept_into(self, values: Record, path: str, each: Field, value: Any) -> None:
        try:
            if each.nested:
                values[each.name] = self._nested(path, each, value)
                return
            accepted = _single(each, value)
        except _Bad as bad:
            self._complain(path, f"The {{}} {bad}")
            return
        values[each.name] = accepted
        is_offered = not each.options or accepted in each.options
        if not is_offered or (each.refers and not self._exists(each.refers, accepted)):
            self._complain(path, "The selected {} is invalid.")

    def _nested(self, path: str, each: Field, value: Any) -> Any:
        if each.shape is Shape.OBJECT:
            if not isinstance(value, dict):
                raise _Bad("must be an object.")
            return self.values(each.nested, value, prefix=f"{path}.")
        if not isinstance(value, list) or not all(isinstance(part, dict) for part in value):
            raise _Bad("must be an array.")
        return [
            self.values(each.nested, part, prefix=f"{path}.{index}.")
            for index, part in enumerate(value)
        ]

    def _complain(self, path: str, text: str) -> None:
        self.findings.complain(path, text.format(path.replace("_", " ")))


def _is_required(each: Field, body: Record, creating: bool, *, sent: bool) -> bool:
    if each.required:
        return creating or sent
    return any(body.get(name) is not None for name in each.required_with)


def _single(each: Field, value: Any) -> Any:
    accepted = _CONVERSIONS[each.shape](value)
    # Item numbers are text but may be written as numbers.
    if each.shape is Shape.TEXT and not isinstance(accepted, str):
        if isinstance(accepted, bool) or not (each.refers or each.name == "number"):
            raise _Bad("must be a string.")
        accepted = str(accepted)
    if each.max_length is not None and len(accepted) > each.max_length:
        raise _Bad(f"may not be greater than {each.max_length} characters.")
    return accepted


def _as_is(value: Any) -> Any:
    return value


def _text(value: Any) -> Any:
    if isinstance(value, (list, dict)):
        raise _Bad("must be a string.")
    return value


def _integer(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and value.isascii() and value.isdigit():
        return int(value)
    raise _Bad("must be an integer.")


def _decimal(value: Any) -> Decimal:
    if not isinstance(value, (int, Decimal, str)) or isinstance(value, bool):
        raise _Bad("must be a number.")
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise _Bad("must be a number.") from None
    if not number.is_finite() or abs(number) >= LARGEST:
        raise _Bad("must be a number.")
    if number != number.quantize(PLACES):
        raise _Bad("may not have more than 6 decimals.")
    return number


def _boolean(value: Any) -> bool:
    if value in (True, 1, "1"):
        return True
    if value in (False, 0, "0"):
        return False
    raise _Bad("field must be true or false.")


def _date(value: Any) -> str:
    try:
        day = date.fromisoformat(value).isoformat()
    except (TypeError, ValueError):
        raise _Bad("is not a valid date.") from None
    if day != value:  # the other ways ISO 8601 has of writing a day
        raise _Bad("does not match the format Y-m-d.")
    return day


_CONVERSIONS: dict[Shape, Callable[[Any], Any]] = {
    Shape.TEXT: _text,
    Shape.INTEGER: _integer,
    Shape.DECIMAL: _decimal,
    Shape.BOOLEAN: _boolean,
    Shape.DATE: _date,
    Shape.ANY: _as_is,
}
