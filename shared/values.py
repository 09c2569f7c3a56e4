"""Conversions of single values that both systems write in their own way."""

from __future__ import annotations

import gettext
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import pycountry
from email_validator import EmailNotValidError, validate_email

from shared.entity import plain
from shared.failures import Transient, Unmappable
from shared.kind import Context, Record
from shared.words import System

NORWAY = ZoneInfo("Europe/Oslo")
# Languages in which people in the Nordic countries write the names of countries.
_COUNTRY_LANGUAGES = ("nb", "nn", "da", "sv")
_EMAIL_SEPARATORS = re.compile(r"[;,\s<>]+")  # "Kari <kari@example.no>" is an address, too
_WHOLE_KEY = re.compile("-?[0-9]{1,18}")
_LONGEST_KEY = 200
# Far more than any price or quantity, and little enough to be calculated with exactly.
_TOO_LARGE = Decimal(10) ** 15


def dig(record: Mapping[str, Any] | None, *path: str) -> Any:
    """A value deep in nested records; None where any step is missing."""
    value: Any = record
    for name in path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(name)
    return value


def part(record: Mapping[str, Any] | None, *path: str) -> Mapping[str, Any]:
    """The record deep in nested records; an empty one where there is none."""
    found = dig(record, *path)
    return found if isinstance(found, Mapping) else {}


def records(value: Any, field: str) -> list[Record]:
    """The records of a list, which may be absent.

    Raises:
        Unmappable: it is no list, or holds something else.
    """
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise Unmappable(f"The field {field} is not a list of records.")
    return value


def key_in(record: Record, name: str, system: System, *, whole: bool = True) -> str:
    """What a record is known by in a system.

    Args:
        whole: it is a whole number, as everything but items has.

    Raises:
        Transient: the vendor does not say it, or says what can be none.
    """
    value = record.get(name)
    key = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    if not (_WHOLE_KEY.fullmatch(key) if whole else 0 < len(key.strip()) <= _LONGEST_KEY):
        raise Transient(
            f"{system.title} answered with a record whose {name} is {value!r:.40}, which is none. "
            "It is asked again.",
            system=system,
        )
    return key


def without_nothing(payload: Mapping[str, Any]) -> dict[str, Any]:
    """The payload without fields that have no value, at every depth."""
    clean = {
        name: without_nothing(value) if isinstance(value, Mapping) else value
        for name, value in payload.items()
        if value is not None
    }
    return {name: value for name, value in clean.items() if value != {}}


def decimal(value: Any, field: str) -> Decimal | None:
    """A number to six places as a Decimal, whether it came as number or text.

    Raises:
        Unmappable: it is not a number, or too large for an amount.
    """
    if value is None or value == "":
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or abs(number) >= _TOO_LARGE:
        raise Unmappable(f"The field {field} is {value!r}, which is not a number. Correct it.")
    return plain(number)


def whole(value: Any, field: str) -> int | None:
    """A whole number, whether it came as number or text.

    Raises:
        Unmappable: it is not a whole number.
    """
    number = decimal(value, field)
    if number is None:
        return None
    if number != int(number):
        raise Unmappable(f"The field {field} is {value!r}, which is not a whole number.")
    return int(number)


def flag(value: Any, field: str) -> bool | None:
    """Yes or no.

    Raises:
        Unmappable: it is neither true nor false, 1 nor 0.
    """
    if value is None or isinstance(value, bool):
        return value
    if whole(value, field) not in (0, 1):
        raise Unmappable(f"The field {field} is {value!r}, which is neither yes nor no.")
    return bool(whole(value, field))


def shown(record: Record, names: Mapping[str, str]) -> Record:
    """The fields that a record shows, be they empty or not; of others nothing is known.

    Args:
        names: what the fields are called in the record, by what they are called here.
    """
    return {name: record[theirs] for name, theirs in names.items() if theirs in record}


def text(value: Any) -> str | None:
    """Text without surrounding blanks; None where nothing is left."""
    return None if value is None else str(value).strip() or None


def day(value: Any, field: str) -> date | None:
    """The day of a date or time as text or object; of a time with a zone, the day it is in Norway.

    Midnight there, which is how 24SevenOffice has the days it sets itself, is the evening before
    in UTC. The midnights in UTC that we write are early hours of the same day.

    Raises:
        Unmappable: it is not a date.
    """
    if value is None or value == "":
        return None
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    try:
        time = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError:
        raise Unmappable(f"The field {field} is {value!r}, which is not a date.") from None
    try:
        return time.date() if time.tzinfo is None else time.astimezone(NORWAY).date()
    except OverflowError:  # in the last hours of the calendar
        return time.date()


def moment(value: Any) -> datetime | None:
    """A time as an aware datetime in UTC; None where it is missing or cannot be read."""
    if isinstance(value, datetime):
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, str):
        try:
            return moment(datetime.fromisoformat(value))
        except (ValueError, OverflowError):
            return None
    return None


@lru_cache(maxsize=1)
def _countries() -> dict[str, str]:
    names: dict[str, str] = {}
    translations = [
        gettext.translation("iso3166-1", pycountry.LOCALES_DIR, languages=[language])
        for language in _COUNTRY_LANGUAGES
    ]
    for country in pycountry.countries:
        known_as = [country.name, getattr(country, "common_name", country.name)]
        known_as += [translation.gettext(country.name) for translation in translations]
        for name in (country.alpha_2, country.alpha_3, *known_as):
            names[name.casefold()] = country.alpha_2
    return names


def country(value: Any, default: str, context: Context) -> str:
    """The two-letter code of a country written in any way; the default where it is unknown."""
    written = text(value)
    if written is None:
        return default
    code = _countries().get(written.casefold())
    if code is None:
        context.note(f"Country '{written}' is not known; {default} is used instead.")
        return default
    if written.upper() != code:
        context.note(f"Country '{written}' is read as {code}.")
    return code


def email(value: Any, context: Context) -> str | None:
    """The first valid address in a field that may hold several, or rubbish."""
    written = text(value)
    if written is None:
        return None
    for part in _EMAIL_SEPARATORS.split(written):
        try:
            address = validate_email(part, check_deliverability=False).normalized
        except EmailNotValidError:
            continue
        if address != written:
            context.note(f"Of the e-mail field '{written}' only {address} is transferred.")
        return address
    context.note(f"The e-mail field '{written}' holds no valid address; none is transferred.")
    return None


def no_longer_than(value: str | None, limit: int, field: str, system: str) -> str | None:
    """The text itself, where the target can hold it.

    Raises:
        Unmappable: it is too long; text is never cut.
    """
    if value is not None and len(value) > limit:
        raise Unmappable(
            f"The {field} '{value}' has {len(value)} characters, {system} takes at most {limit}. "
            f"Shorten it."
        )
    return value
