"""Text and JSON in a form that PostgreSQL stores.

Vendors, and people by way of them, send characters that no table can hold. Whatever is written down
of them (a message that quotes them, a remark, a snapshot) must not fail for that.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic_core import to_jsonable_python
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import Text, TypeDecorator

# NUL, and halves of the pairs that UTF-16 writes rare characters in.
_NOT_STORABLE = re.compile("[\x00\ud800-\udfff]")
_REPLACEMENT = "\ufffd"


def is_storable(value: Any) -> bool:
    """Whether text, or JSON of any depth, can be stored as it is."""
    match value:
        case str():
            return not _NOT_STORABLE.search(value)
        case Mapping():
            return all(is_storable(name) and is_storable(item) for name, item in value.items())
        case list() | tuple():
            return all(map(is_storable, value))
        case _:
            return True


def storable(value: Any) -> Any:
    """The same text or JSON with a replacement for every character that cannot be stored."""
    match value:
        case str():
            return _NOT_STORABLE.sub(_REPLACEMENT, value)
        case Mapping():
            return {storable(name): storable(item) for name, item in value.items()}
        case list() | tuple():
            return [storable(item) for item in value]
        case _:
            return value


def snapshot_of(record: Mapping[str, Any]) -> dict[str, Any] | None:
    """A vendor's record as JSON; None where storing it would change it: then it is read anew."""
    if not is_storable(record):
        return None
    snapshot: dict[str, Any] = to_jsonable_python(record)
    return snapshot


class StorableText(TypeDecorator[str]):
    """Text of any origin."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Any) -> str | None:
        del dialect
        return None if value is None else str(storable(value))


class StorableJson(TypeDecorator[Any]):
    """JSON of any origin; None is NULL."""

    impl = JSONB(none_as_null=True)
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Any) -> Any:
        del dialect
        return storable(value)
