"""The field reference: `python -m tasks.field_reference` prints docs/fields.md.

What travels where is found out by trying (tasks/field_probe.py); only remarks are written by hand.
Run it after a change of a mapping, or of a setting that a mapping looks at.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from itertools import groupby
from typing import Any, Literal, get_args, get_origin

from shared.entity import RefersTo
from shared.kind import Kind
from shared.settings import Settings
from shared.words import Direction
from tasks.field_notes import NOTES, Note
from tasks.field_probe import PARKED, Constant, Probe, Row
from tasks.kinds import KINDS

_HEAD = """\
# Fields

What becomes of every field, by kind and direction. Fields that are not listed are not carried over:
what the target has in them stays as it is. A field that is empty at the source, and for which no
default is named, is not written either. What a person empties after two records have been linked is
another matter: what becomes of it is said below the tables. When records meet for the first time,
nothing is emptied: what only the target holds stays there and, with origin `both`, comes to the
source once somebody edits it.

"New" means: written only when the record is made at the target. "Changes" means: written only when
a record that is there already is changed. "Default" is what is written to a new record where the
source says nothing. Settings are explained in [settings.md](settings.md). Text is never cut: what
is too long for the target is parked with a message that names the limit. Decimals have at most six
places.

The mark is what a transferred record is recognised by in the other system. What is said of a line
holds for every line.

This page is made by changing sample records field by field and looking at what the code makes of
them; do not edit it by hand.
"""

# Other values of settings that are free text or figures; None where no mapping looks at them, or
# a remark says all there is to say.
FREE: dict[str, Any] = {
    "country": "DK",
    "payment_terms_days": 60,
    "unit": "kg",
    "parent": 12,
    "category": 11,
    "group": 7,
    "item_for_text": "FRAKT",
    "locations": None,
    "local_currency": "DKK",
    "pull_minutes": None,
    "pull_statuses": None,
}
SHARED = (("customer", "country"), (None, "local_currency"), ("order", "item_for_text"))


@dataclass(frozen=True)
class Variant:
    """Settings in which one has another value than its default."""

    name: str
    value: Any
    settings: Settings

    @property
    def free(self) -> bool:
        """Whether the value stands for any other."""
        return self.name.rpartition(".")[2] in FREE


def variants(kind: str) -> Iterator[Variant]:
    """Settings a kind's mapping may depend on, one by one, with every other value they can have."""
    seen = set(SHARED) | {(kind, name) for name in type(Settings().of(kind)).model_fields}
    for group, name in sorted(seen, key=str):
        part = Settings().of(group) if group else Settings()
        for value in _others(name, type(part).model_fields[name].annotation, getattr(part, name)):
            changed = part.model_copy(update={name: value})
            settings = Settings().model_copy(update={group: changed}) if group else changed
            assert isinstance(settings, Settings)  # noqa: S101 - narrows for mypy
            yield Variant(f"{group}.{name}" if group else name, value, settings)


def _others(name: str, annotation: Any, default: Any) -> Iterator[Any]:
    if name == "origin":
        return
    values: tuple[Any, ...]
    if get_origin(annotation) is Literal:
        values = get_args(annotation)
    elif isinstance(annotation, type) and issubclass(annotation, Enum):
        values = tuple(annotation)
    elif annotation is bool:
        values = (True, False)
    else:
        values = () if FREE[name] is None else (FREE[name],)
    yield from (value for value in values if value != default)


# -- one table ------------------------------------------------------------------------------------


class Section:
    """One kind in one direction."""

    def __init__(self, kind: Kind[Any], direction: Direction) -> None:
        self.kind = kind
        self.direction = direction
        self.probe = Probe(kind, direction, Settings())
        self.rows = self.probe.rows()
        self.constants = self.probe.constants(self.rows)
        self.varied = []
        for variant in variants(kind.name):
            probe = Probe(kind, direction, variant.settings)
            rows = probe.rows()
            self.varied.append((variant, probe, rows, probe.constants(rows)))
        self.shared = Counter(name for row in self.rows for name in {*row.made, *row.changed})

    def lines(self) -> Iterator[str]:
        source, target = self.direction.source.title, self.direction.target.title
        yield f"### {source} to {target}\n"
        for note in self._notes(""):
            yield f"{note}\n"
        yield f"| field | {source} | {target} | conversion and default |"
        yield "|---|---|---|---|"
        for row in self.rows:
            yield self._line(row)
        for constant in self.constants:
            yield self._constant(constant)
        yield from self._emptied()
        yield from self._kept_back()

    def _emptied(self) -> Iterator[str]:
        """What becomes of fields that a person empties at the source."""
        fields = {row.name.partition(".")[0] for row in self.rows}
        names = sorted(self.kind.entity.may_be_empty & fields)
        if names:
            taken = self.probe.target.takes_empty(self.probe.existing)
            target = self.direction.target.title
            yield ""
            yield (
                f"Emptied at the source, emptied in {target}: " if taken else
                f"Emptied at the source, left as it is in {target}, with a remark in the journal: "
            ) + f"{', '.join(map(_words, names))}."  # fmt: skip

    def _line(self, row: Row) -> str:
        sources = ", else ".join(_listed(tier) for tier in row.sources)
        remarks = [*self._meaning(row), *self._settings(row), *self._notes(row.name)]
        written = _written(row.made, row.changed)
        return f"| {_words(row.name)} | {sources} | {written} | {' '.join(remarks)} |"

    def _meaning(self, row: Row) -> Iterator[str]:
        refers_to = _reference(self.kind.entity, row.name)
        if refers_to is not None and (row.made or row.changed):
            yield f"The key of the linked {refers_to.kind.replace('_', ' ')}."
        elif not row.switch and all(self.shared[name] == 1 for name in (*row.made, *row.changed)):
            different = [(a, b) for a, b in row.examples if _text(a) != _text(b)]
            if different:
                yield "; ".join(f"`{_text(a)}` becomes `{_text(b)}`" for a, b in different) + "."
        if (default := self._default(row)) is not None:
            yield f"Default: {default}."

    def _default(self, row: Row) -> str | None:
        if row.default is PARKED:
            return "none, it is parked"
        if _reference(self.kind.entity, row.name) is not None:
            return None
        own = all(self.shared[name] == 1 for name in row.made)
        return None if row.default is None or row.switch or not own else f"`{_text(row.default)}`"

    def _settings(self, row: Row) -> Iterator[str]:
        for variant, _, rows, _ in self.varied:
            other = next((r for r in rows if r.name == row.name), None)
            if other is None:
                yield f"Not carried over with {_with(variant)}."
                continue
            if other.sources != row.sources:
                yield f"With {_with(variant)} from {', else '.join(map(_listed, other.sources))}."
            if (other.made, other.changed) != (row.made, row.changed):
                yield f"With {_with(variant)} to {_written(other.made, other.changed)}."
            if self._default(row) != self._default(other):
                yield f"Setting `{variant.name}`."

    def _constant(self, constant: Constant) -> str:
        made = (constant.name,) if constant.made else ()
        changed = (constant.name,) if constant.changed else ()
        by_setting = dict.fromkeys(
            variant.name
            for variant, _, _, constants in self.varied
            if any(c.name == constant.name and c.value != constant.value for c in constants)
        )
        notes = list(self._notes(constant.name))
        remarks = [] if notes else [f"Always `{_text(constant.value)}`."]
        if by_setting:
            remarks = [f"`{_text(constant.value)}`; setting {_listed(tuple(by_setting))}."]
        for variant, _, _, constants in self.varied:
            if not any(c.name == constant.name for c in constants):
                remarks.append(f"Not written with {_with(variant)}.")
        return f"| | | {_written(made, changed)} | {' '.join([*remarks, *notes])} |"

    def _notes(self, field: str) -> Iterator[str]:
        return (note.text for note in NOTES if applies(note, self.kind.name, self.direction, field))

    def _kept_back(self) -> Iterator[str]:
        """Because of what a record is not transferred, in the program's own words."""
        told: dict[str, str] = {}
        for probe in (self.probe, *(probe for _, probe, _, _ in self.varied)):
            for name, value, why in probe.exclusions():
                told.setdefault(why, f"- Not transferred, for example with `{name}` "
                                     f"`{_text(value)}`: {why}")  # fmt: skip
            for name, value, why in probe.refusals():
                told.setdefault(why, f"- Left as it is in {self.direction.target.title}, for "
                                     f"example with `{name}` `{_text(value)}`: {why}")  # fmt: skip
        if told:
            yield ""
            yield from told.values()


def applies(note: Note, kind: str, direction: Direction, field: str) -> bool:
    """Whether a note is about that field of that kind on that way."""
    right_way = note.direction is None or note.direction is direction
    return kind in note.kinds and right_way and note.field == field


def _reference(entity: type[Any], name: str) -> RefersTo | None:
    """The kind of record a field refers to, if it does."""
    first, _, rest = name.partition("[].")
    if first not in entity.model_fields:
        return None
    info = entity.model_fields[first]
    if not rest:
        return next((m for m in info.metadata if isinstance(m, RefersTo)), None)
    (part,) = (a for a in get_args(get_args(info.annotation)[0]) if isinstance(a, type))
    return _reference(part, rest)


# -- words ----------------------------------------------------------------------------------------


def _words(name: str) -> str:
    return name.replace("lines[].", "line: ").replace(".", ": ").replace("_", " ")


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _written(made: tuple[str, ...], changed: tuple[str, ...]) -> str:
    parts = []
    for name in dict.fromkeys((*made, *changed)):
        when = " (new)" if name not in changed else " (changes)" if name not in made else ""
        parts.append(f"`{name}`{when}")
    return ", ".join(parts) or "not written"


def _with(variant: Variant) -> str:
    return f"`{variant.name}`" + ("" if variant.free else f" `{_text(variant.value)}`")


def _text(value: Any) -> str:
    """A value as people write it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return value.date().isoformat()
    return str(value)


def sections() -> list[Section]:
    """Every kind in every direction it travels."""
    return [Section(kind, direction) for kind in KINDS.values() for direction in kind.directions]


def markdown(every: Sequence[Section]) -> str:
    """The page docs/fields.md."""
    lines = [_HEAD]
    for _, of_kind in groupby(every, key=lambda section: section.kind.title):
        both = list(of_kind)
        lines.append(f"## {both[0].kind.title}\n")
        for section in both:
            lines += [*section.lines(), ""]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.stdout.write(markdown(sections()))
