"""How a resource is described: the columns of the table in resources.py."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any

Record = dict[str, Any]


class Shape(StrEnum):
    """What a field's value may be."""

    TEXT = "text"
    INTEGER = "integer"
    DECIMAL = "decimal"
    BOOLEAN = "boolean"
    DATE = "date"
    OBJECT = "object"
    LIST = "list"
    ANY = "any"


@dataclass(frozen=True)
class Field:
    """One field a client may write.

    Attributes:
        name: as written and stored; `also` are other names it may be written under.
        required: on creation; `required_with` names fields that make it so when they are given.
        refers: the plural of the resource whose key the value is.
        expands: the name under which the referred record itself is read.
        read_as: the name it is read under, where that differs.
        read_in: the record inside the record it is read in, under the last word of its name.
        nested: the fields of the object, or of each object of the list.
    """

    name: str
    shape: Shape = Shape.TEXT
    required: bool = False
    required_with: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    refers: str | None = None
    expands: str | None = None
    read_as: str | None = None
    read_in: str | None = None
    max_length: int | None = None
    options: tuple[str, ...] = ()
    default: Any = None
    nested: tuple[Field, ...] = ()

    @property
    def read_name(self) -> str:
        return self.read_as or self.name


@dataclass(frozen=True)
class Resource:
    """One kind of record.

    Attributes:
        key: the field that names a record in paths.
        allows: the methods that work on it.
        entity, events: the first part of its webhooks' names, and the second parts there are.
        flags: read-only fields and their values in a new record.
        filterable: what simple_filter[...] takes; anything else is refused.
        searchable: stored fields that `search` looks in.
        summary: what is shown of it inside another record.
        first_number: where the series starts that gives numbers to records without one.
        custom_fields: whether it carries the account's custom fields.
    """

    path: str
    singular: str
    plural: str
    fields: tuple[Field, ...]
    key: str = "number"
    allows: frozenset[str] = frozenset({"GET", "POST", "PUT", "DELETE"})
    entity: str = ""
    events: frozenset[str] = frozenset()
    flags: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    filterable: tuple[str, ...] = ()
    searchable: tuple[str, ...] = ("number", "name")
    summary: tuple[str, ...] = ("number", "name")
    first_number: int = 1
    custom_fields: bool = False

    @property
    def key_shape(self) -> Shape:
        return next(each.shape for each in self.fields if each.name == self.key)

    def blank(self) -> Record:
        """A record nobody has written anything in."""
        empty = {each.name: each.default for each in self.fields if each.name != "custom_fields"}
        return empty | dict(self.flags) | {"custom_values": {}}
