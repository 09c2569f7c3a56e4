"""What both systems know about a record, in neutral terms.

Each kind has one entity. Each system's records are parsed into it and rendered from it, so a
mapping from one system to the other is `render(parse(record))`, and "has it changed?" is asked of
entities, in the same words whichever side it came from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Annotated, Any, ClassVar, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, ValidationInfo

from shared.failures import Unmappable
from shared.storable import is_storable

Seen = dict[str, Any]

# Rackbeat holds no more. A number with more places would never be equal on both sides.
SMALLEST = Decimal("0.000001")


@dataclass(frozen=True)
class Reference:
    """Another record this one refers to; the key is the source's.

    Attributes:
        optional: done without where it is neither linked nor on its way; otherwise it must be
            transferred first.
    """

    kind: str
    key: str
    optional: bool = False


@dataclass(frozen=True)
class RefersTo:
    """Marks a field that holds the key of a record of another kind."""

    kind: str
    optional: bool = False


def plain(value: Decimal) -> Decimal:
    """The same number in one spelling, to six places: 10.00, 10 and 1E+1 are equal."""
    rounded = value.quantize(SMALLEST, ROUND_HALF_UP)
    if rounded == rounded.to_integral_value():
        return rounded.quantize(Decimal(1)) + 0  # the sum has no negative zero
    return rounded.normalize()


def _readable(value: object, info: ValidationInfo) -> str | None:
    """Text without surrounding blanks; text without content is no value, a number is text."""
    match value:
        case None:
            return None
        case str() if is_storable(value):
            return value.strip() or None
        case int() | Decimal() if not isinstance(value, bool):
            return f"{value:f}" if isinstance(value, Decimal) else str(value)
    field = (info.field_name or "").replace("_", " ")
    raise Unmappable(
        f"The field {field} holds something that is not text, or a character that no text may "
        "hold. Correct it."
    )


Number = Annotated[Decimal, AfterValidator(plain)]
Text = Annotated[str | None, BeforeValidator(_readable)]


class Part(BaseModel):
    """A part of an entity, such as the line of an order."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def references(self) -> Iterator[Reference]:
        """The records this one needs, in the order of its fields."""
        for name, field in type(self).model_fields.items():
            value = getattr(self, name)
            marker = next((m for m in field.metadata if isinstance(m, RefersTo)), None)
            if marker is not None and value is not None:
                yield Reference(marker.kind, value, marker.optional)
            for part in value if isinstance(value, tuple) else (value,):
                if isinstance(part, Part):
                    yield from part.references()

    def with_references(self, key_of: Callable[[Reference], str | None]) -> Self:
        """The same record with its references in the target's keys."""
        changes: dict[str, Any] = {}
        for name, field in type(self).model_fields.items():
            value = getattr(self, name)
            marker = next((m for m in field.metadata if isinstance(m, RefersTo)), None)
            if marker is not None and value is not None:
                changes[name] = key_of(Reference(marker.kind, value, marker.optional))
            elif isinstance(value, Part):
                changes[name] = value.with_references(key_of)
            elif isinstance(value, tuple):
                changes[name] = tuple(
                    part.with_references(key_of) if isinstance(part, Part) else part
                    for part in value
                )
        return self.model_copy(update=changes)


class Entity(Part):
    """A record of one kind.

    Attributes of the class:
        not_compared: fields that only matter when the record is made, such as its number.
        may_be_empty: fields that are emptied with the source. In a record that is to be written
            such a field, be it no text, may hold "": it is to be emptied; None says nothing.
        together: fields that say something only together, and are written together.
        moves_on: fields that people are expected to take further at the target: that they are
            not as they were written is no drift.
        called: what people call an identifier, where its name here would tell them nothing.
        may_be_shared: identifiers that different records of one system may have in common.
    """

    not_compared: ClassVar[frozenset[str]] = frozenset({"number"})
    may_be_empty: ClassVar[frozenset[str]] = frozenset()
    together: ClassVar[frozenset[str]] = frozenset()
    moves_on: ClassVar[frozenset[str]] = frozenset()
    called: ClassVar[Mapping[str, str]] = {}
    may_be_shared: ClassVar[frozenset[str]] = frozenset()

    def seen(self) -> Seen:
        """The mapped fields as stored with the link; None means: known to be empty."""
        return self.model_dump(mode="json", exclude=set(self.not_compared))

    def known(self) -> Seen:
        """The fields that have a value; the others are not known."""
        return {name: value for name, value in self.seen().items() if value is not None}

    def over(self, current: Self) -> Self:
        """This record where it has values, the current one elsewhere."""
        values = {
            name: getattr(self, name)
            for name in type(self).model_fields
            if getattr(self, name) is not None
        }
        return current.model_copy(update=values)

    def empty(self) -> set[str]:
        """The fields known to be empty: what a record does not show is not known."""
        asked = self.may_be_empty & self.model_fields_set
        return {name for name in asked if getattr(self, name) is None}

    def to_be_emptied(self) -> set[str]:
        """The fields that writing this record is to empty."""
        return {name for name in self.may_be_empty if getattr(self, name) == ""}

    def with_all(self, names: Iterable[str], value: str | None) -> Self:
        """The same record with one value in some fields."""
        return self.model_copy(update=dict.fromkeys(names, value))

    def as_in(self, known: Seen) -> set[str]:
        """The fields that are as they were seen."""
        return {n for n, value in self.seen().items() if n in known and known[n] == value}

    def without(self, names: set[str]) -> Self:
        """The same record, to be written without some fields: the target's stay as they are."""
        return self.with_all(names if self.together <= names else names - self.together, None)

    def identifiers(self) -> list[tuple[str, str]]:
        """What tells the record from others in either system, the surest first."""
        raise NotImplementedError

    def contradicts(self, other: Self) -> str | None:
        """Why two records with the same identifier cannot be the same thing; None if they can."""
        del other
        return None

    def switched_off(self) -> Self | None:
        """The record in its system's inactive state; None where there is no such state."""
        return None

    def needless(self) -> str | None:
        """Why nothing is made of the record where it has not been transferred yet; None where
        something is."""
        return None

    def label(self) -> str:
        """How people call the record."""
        raise NotImplementedError


def changed(seen: Seen, current: Seen) -> set[str]:
    """The fields that have changed since a record was seen; what was not known then has not."""
    return {name for name, value in current.items() if name in seen and seen[name] != value}


def differs(seen: Seen, current: Seen) -> bool:
    """Whether a record has changed since it was seen; what was not known then is no change."""
    return bool(changed(seen, current))


def differences(before: Seen, after: Seen) -> dict[str, tuple[Any, Any]]:
    """Field by field, what differs: name to (before, after)."""
    names = sorted(before.keys() | after.keys())
    return {n: (before.get(n), after.get(n)) for n in names if before.get(n) != after.get(n)}
