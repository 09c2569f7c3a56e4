"""The notation in which the services' interfaces are written down, and what can be asked of them.

A list of elements is text: `Name type` pairs, separated by commas, in the order of the wire. After
the type may stand, in this order:

    []    an array; its element type is called ArrayOf<Type>, as ASP.NET does
    !     the element has to be there (minOccurs 1); without it may be absent
    ?     it may be there as nil
    =     its default is the type's "unset" value, the .NET minimum
    =x    its default is x
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

TARGET = "http://24sevenOffice.com/webservices"
GUIDS = "http://microsoft.com/wsdl/types/"

UNSET = {
    "int": "-2147483648",
    "short": "-32768",
    "long": "-9223372036854775808",
    "decimal": "-79228162514264337593543950335",
    "double": "-1.7976931348623157E+308",
    "dateTime": "0001-01-01T00:00:00",
    "string": "",
    "guid": "00000000-0000-0000-0000-000000000000",
}
SIMPLE = frozenset(UNSET) | {"boolean", "any"}

_ELEMENT = re.compile(
    r"(?P<name>\w+) (?P<type>\w+)"
    r"(?P<array>\[\])?(?P<required>!)?(?P<nillable>\?)?(=(?P<default>.*))?"
)
_OPERATION = re.compile(r"(?P<name>\w+)\((?P<arguments>.*)\) -> (?P<result>\S+)")


@dataclass(frozen=True)
class Field:
    """One element: its name, its type's name, whether it must occur, may be nil, may repeat."""

    name: str
    type: str
    required: bool = False
    nillable: bool = False
    many: bool = False
    default: str | None = None


@dataclass(frozen=True)
class Operation:
    """One operation: the elements of its request, and the one element of its reply."""

    name: str
    arguments: tuple[Field, ...]
    result: Field

    @property
    def action(self) -> str:
        return f"{TARGET}/{self.name}"


@dataclass(frozen=True, eq=False)
class Service:
    """One service: where it is, what it does, and the types it does it with.

    Attributes:
        types: the elements of every structure, arrays included, by type name.
        enums: the words of every enumeration, by type name.
    """

    name: str
    path: str
    operations: Mapping[str, Operation]
    types: Mapping[str, tuple[Field, ...]]
    enums: Mapping[str, tuple[str, ...]]

    def item(self, type_name: str) -> Field | None:
        """The repeated element, when the type is an array."""
        fields = self.types.get(type_name, ())
        return fields[0] if fields and fields[0].many else None

    @cached_property
    def uses_guids(self) -> bool:
        messages = [(*op.arguments, op.result) for op in self.operations.values()]
        return any(f.type == "guid" for fields in (*self.types.values(), *messages) for f in fields)


def service(
    name: str, path: str, *, operations: str, types: Mapping[str, str], enums: Mapping[str, str]
) -> Service:
    """Read one service's tables: operations one a line, `Name(arguments) -> type of the result`."""
    found = [_operation(line.strip()) for line in operations.strip().splitlines()]
    structures = {type_name: _elements(text) for type_name, text in types.items()}
    words = {type_name: tuple(text.split()) for type_name, text in enums.items()}
    used = [f for op in found for f in (*op.arguments, op.result)]
    used += [f for fields in structures.values() for f in fields]
    for field in used:
        if field.type.startswith("ArrayOf"):
            structures[field.type] = (_item(field.type, structures, words),)
    return Service(name, path, {op.name: op for op in found}, structures, words)


def _operation(line: str) -> Operation:
    match = _OPERATION.fullmatch(line)
    if match is None:
        raise ValueError(f"not an operation: {line}")
    name = match["name"]
    return Operation(
        name, _elements(match["arguments"]), _element(f"{name}Result {match['result']}")
    )


def _elements(text: str) -> tuple[Field, ...]:
    return tuple(_element(" ".join(part.split())) for part in text.split(",") if part.strip())


def _element(text: str) -> Field:
    match = _ELEMENT.fullmatch(text)
    if match is None:
        raise ValueError(f"not an element: {text}")
    type_name = match["type"]
    default = match["default"]
    if match["array"]:
        type_name = f"ArrayOf{type_name[0].upper()}{type_name[1:]}"
    return Field(
        name=match["name"],
        type=type_name,
        required=bool(match["required"]),
        nillable=bool(match["nillable"]),
        default=UNSET[type_name] if default == "" else default,
    )


def _item(
    array: str, structures: Mapping[str, tuple[Field, ...]], words: Mapping[str, tuple[str, ...]]
) -> Field:
    name = array.removeprefix("ArrayOf")
    if name not in structures and name not in words:
        name = name.lower()
    # .NET's value types cannot be null, its reference types can.
    return Field(name, name, nillable=name in structures or name == "string", many=True)
