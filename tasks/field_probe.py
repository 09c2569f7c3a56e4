"""Finds out which field of one system ends in which field of the other, by trying.

A sample record is changed in one field at a time; whatever differs afterwards is that field's
counterpart. So the field reference says what the mappings do, not what somebody remembered.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from shared.entity import Entity
from shared.failures import Unmappable
from shared.kind import Context, Kind, Lookup, Payload, Record, Side
from shared.settings import Settings
from shared.words import Direction
from tasks.field_samples import SAMPLES, Either

Path = tuple[str | int, ...]
Flat = dict[Path, Any]

# Checked against the lines, never written: left out, so that changed lines are not refused.
TOTALS = ("total", "total_with_vat")
# Made of the record's key, which is never missing, or instead taken from other fields or records.
NEVER_MISSING = frozenset(
    {"mark", "their_reference", "address.country", "delivery_address.country"}
)
PARKED = object()


@dataclass(frozen=True)
class Row:
    """One field of a kind on its way in one direction.

    Attributes:
        name: of the entity's field.
        sources: fields it is read from; of several tuples a later one counts where those before it
            are empty.
        made, changed: fields written when the target's record is made, and when it is changed.
        switch: it decides what else is written.
        examples: values read, and what is written of them.
        default: what is written where the source is empty: None for nothing, PARKED for a failure.
    """

    name: str
    sources: tuple[tuple[str, ...], ...]
    made: tuple[str, ...]
    changed: tuple[str, ...]
    switch: bool
    examples: tuple[tuple[Any, Any], ...]
    default: Any


@dataclass(frozen=True)
class Constant:
    """A field that is written whatever the source says."""

    name: str
    value: Any
    made: bool
    changed: bool


class _Numbers(dict[Lookup, str]):
    """A register that knows every value, each under a number of its own."""

    def __missing__(self, lookup: Lookup) -> str:
        self[lookup] = str(770_000 + len(self))
        return self[lookup]

    def told(self, value: Any) -> Any:
        """What stands behind a number of this register; any other value as it is."""
        return next((lookup.value for lookup, n in self.items() if str(value) == n), value)


@dataclass
class Probe:
    """One kind, one direction, some settings."""

    kind: Kind[Any]
    direction: Direction
    settings: Settings
    numbers: _Numbers = field(default_factory=_Numbers)

    def __post_init__(self) -> None:
        self.source: Side[Any] = self.kind.side(self.direction.source)
        self.target: Side[Any] = self.kind.side(self.direction.target)
        self.sample = SAMPLES[self.kind.name][self.direction.source]
        self.existing = build(SAMPLES[self.kind.name][self.direction.target])
        self.leaves = list(leaves(self.sample))

    # -- both halves of a mapping -----------------------------------------------------------------

    def parsed(self, record: Record) -> Entity:
        entity: Entity = self.source.parse(record, Context(self.settings))
        return entity.model_copy(
            update={name: None for name in TOTALS if name in type(entity).model_fields}
        )

    def rendered(self, entity: Entity, existing: Record | None) -> Flat:
        for lookup in self.target.lookups(entity, self.settings):
            self.numbers[lookup]
        context = Context(self.settings, found=self.numbers, existing=existing)
        payload: Payload = self.target.render(entity, context)
        written = {n: value for n, value in payload.items() if n not in self.target.for_the_call}
        return {path: self.numbers.told(value) for path, value in flat(written).items()}

    # -- trying -----------------------------------------------------------------------------------

    def rows(self) -> list[Row]:
        """Every field of the entity that the source's record has."""
        sources = self._sources()
        entity = self._entity()
        made, changed = self.rendered(entity, None), self.rendered(entity, self.existing)
        rows = []
        for path in flat(entity.model_dump()):
            if not (tiers := sources.get(title(path))):
                continue
            swapped = self._swapped(entity, path, tiers[0])
            after_made = self.rendered(swapped, None)
            after_changed = self.rendered(swapped, self.existing)
            switch = bool(made.keys() - after_made.keys() or changed.keys() - after_changed.keys())
            first = next(iter(_changes(made, after_made) + _changes(changed, after_changed)), None)
            rows.append(
                Row(
                    title(path),
                    tiers,
                    _titles(_changes(made, after_made)),
                    _titles(_changes(changed, after_changed)),
                    switch,
                    self._examples(tiers, first, (changed | made, after_changed | after_made)),
                    self._default(title(path), tiers, made, after_made),
                )
            )
        return rows

    def constants(self, rows: Collection[Row]) -> list[Constant]:
        """What is written besides."""
        entity = self._entity()
        made, changed = self.rendered(entity, None), self.rendered(entity, self.existing)
        taken = {n for row in rows if not row.switch for n in (*row.made, *row.changed)}
        return [
            Constant(title(path), value, path in made, path in changed)
            for path, value in (changed | made).items()
            if title(path) not in taken
        ]

    def exclusions(self) -> Iterator[tuple[str, Any, str]]:
        """Values of the source's fields because of which a record is not transferred, and why."""
        for path, either in self.leaves:
            record = build(self.sample, changed={path})
            if (why := self.source.excluded(record, self.settings)) is not None:
                yield title(path), either.other, why

    def refusals(self) -> Iterator[tuple[str, Any, str]]:
        """Values of the target's fields because of which its record is left alone, and why."""
        sample = SAMPLES[self.kind.name][self.direction.target]
        for path, either in leaves(sample):
            record = build(sample, changed={path})
            if (why := self.target.refuses(record, self.settings)) is not None:
                yield title(path), either.other, why

    def _entity(self, changed: str | None = None) -> Entity:
        paths = {path for path, _ in self.leaves if title(path) == changed}
        return self.parsed(build(self.sample, changed=paths))

    def _swapped(self, entity: Entity, path: Path, sources: tuple[str, ...]) -> Entity:
        """The entity with another value in that one field."""
        values = entity.model_dump()
        others = (flat(self._entity(source).model_dump()) for source in sources)
        now = flat(values)[path]
        other = next((o[path] for o in others if o.get(path, now) != now), now)
        return type(entity).model_validate(_with(values, path, other))

    def _sources(self) -> dict[str, tuple[tuple[str, ...], ...]]:
        """The source's fields of each of the entity's, by tiers."""
        every = [path for path, _ in self.leaves]
        first = self._effects(every, without=())
        taken = {path for name, ps in first.items() if name != "number" for path in ps}
        spare = [path for path in every if path not in taken]
        found = {}
        for name, paths in first.items():
            tiers, gone = [paths], set(paths)
            while more := self._effects(spare, without=gone).get(name):
                tiers.append(more)
                gone |= set(more)
            found[name] = tuple(_titles(tier) for tier in tiers)
        return found

    def _effects(self, paths: list[Path], without: Collection[Path]) -> dict[str, list[Path]]:
        """By the entity's fields, the source's fields that change them."""
        before = self._read(build(self.sample, without=without))
        effects: dict[str, list[Path]] = {}
        for path in paths:
            if path in without:
                continue
            after = self._read(build(self.sample, changed={path}, without=without))
            for name in before.keys() | after.keys():
                if before.get(name) != after.get(name):
                    effects.setdefault(name, []).append(path)
        return effects

    def _read(self, record: Record) -> dict[str, Any]:
        try:
            entity = self.source.parse(record, Context(self.settings))
        except Unmappable:
            return {}
        return {title(path): value for path, value in flat(entity.model_dump()).items()}

    def _examples(
        self, tiers: tuple[tuple[str, ...], ...], target: Path | None, payloads: tuple[Flat, Flat]
    ) -> tuple[tuple[Any, Any], ...]:
        if target is None or len(tiers[0]) != 1:
            return ()
        either = next(value for path, value in self.leaves if title(path) == tiers[0][0])
        return tuple(
            (value, payload.get(target)) for value, payload in zip(either, payloads, strict=True)
        )

    def _default(
        self, name: str, tiers: tuple[tuple[str, ...], ...], made: Flat, after: Flat
    ) -> Any:
        if name in NEVER_MISSING:
            return None
        empty = {path for path, _ in self.leaves for tier in tiers if title(path) in tier}
        try:
            payload = self.rendered(self.parsed(build(self.sample, without=empty)), None)
        except Unmappable:
            return PARKED
        return next((payload[path] for path in _changes(made, after) if path in payload), None)


def leaves(sample: Any, path: Path = ()) -> Iterator[tuple[Path, Either]]:
    """The fields of a sample, at every depth."""
    match sample:
        case Either():
            yield path, sample
        case Mapping():
            for name, value in sample.items():
                yield from leaves(value, (*path, name))
        case list():
            for position, value in enumerate(sample):
                yield from leaves(value, (*path, position))


def build(
    sample: Any,
    changed: Collection[Path] = (),
    without: Collection[Path] = (),
    path: Path = (),
) -> Any:
    """The sample as a record, with some fields changed and some left out."""
    match sample:
        case Either():
            return sample.other if path in changed else sample.one
        case Mapping():
            return {
                name: build(value, changed, without, (*path, name))
                for name, value in sample.items()
                if (*path, name) not in without
            }
        case _:
            return [
                build(value, changed, without, (*path, position))
                for position, value in enumerate(sample)
                if (*path, position) not in without
            ]


def flat(value: Any, path: Path = ()) -> Flat:
    """Nested records and lists as one, by path."""
    if isinstance(value, Mapping):
        return {p: v for name, part in value.items() for p, v in flat(part, (*path, name)).items()}
    if isinstance(value, list | tuple):
        return {p: v for n, part in enumerate(value) for p, v in flat(part, (*path, n)).items()}
    return {path: value}


@cache
def title(path: Path) -> str:
    """A path as people write it: lines[].price."""
    names = (f".{part}" if isinstance(part, str) else "[]" for part in path)
    return "".join(names).removeprefix(".")


def _titles(paths: Collection[Path]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(title(path) for path in paths))


def _changes(before: Flat, after: Flat) -> list[Path]:
    return [path for path, value in after.items() if path not in before or before[path] != value]


def _with(value: Any, path: Path, new: Any) -> Any:
    """Nested records and lists with one field replaced."""
    if not path:
        return new
    first, *rest = path
    items = value.items() if isinstance(value, Mapping) else enumerate(value)
    replaced = {k: _with(v, tuple(rest), new) if k == first else v for k, v in items}
    return replaced if isinstance(value, Mapping) else list(replaced.values())
