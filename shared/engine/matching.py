"""Recognising a record that already exists at the target, before anything is created."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from shared.entity import Entity
from shared.failures import Unmappable
from shared.journal.decide import Wait
from shared.kind import Context, Kind, Record, Side, Sought
from shared.settings import Settings
from shared.words import Direction, System


@dataclass(frozen=True)
class Match:
    """The one record at the target that is the same thing."""

    key: str
    record: Record


def find_match(
    kind: Kind[Any],
    direction: Direction,
    desired: Entity,
    *,
    client: Any,
    source_client: Any,
    context: Context,
    candidates: list[str] | None,
    own_key: str,
    linked_to: Callable[[str], str | None],
    is_linked: Callable[[str], bool],
    settled: Callable[[str], None],
    created: bool,
) -> Match | None:
    """The existing record that is the same thing as the desired one; None when there is none.

    What has nothing surer in common with it than an identifier that several may share, and is the
    counterpart of another source record, or will be by its name, is none.

    Args:
        candidates: keys found by comparing complete lists; None to search by identifiers.
        own_key: the source record's key.
        linked_to: the source key a target record is linked to already, if any.
        is_linked: whether a source record is linked already.
        settled: raises while it is too early to say what a target record is.
        created: whether we tried to create it before without an answer. Nothing carried its surest
            identifier then: what carries it now is ours, whatever has been edited since.

    Raises:
        Unmappable: several records fit, or the one that fits belongs to another record.
        Wait: the one that fits has just been linked to this very record.
    """
    side = kind.side(direction.target)
    others = _Others(
        kind, direction, desired, source_client, context, own_key, linked_to, is_linked
    )
    matches, by = _listed(side, client, candidates or ()), "number, organisation number or EAN"
    if candidates is None or (matches and others.have_all(matches)):
        matches, by = _search(others, client)
    matches = [
        each for each in matches if not _is_by_chance(kind, direction, desired, each, context)
    ]
    if not matches:
        return None
    _is_of_this_kind(kind, direction, desired, matches, context)
    where = direction.target.title
    matches = others.without_theirs(matches)
    if len(matches) > 1:
        named = ", ".join(_name(kind, direction, match, context) for match in matches)
        raise Unmappable(
            f"Several records in {where} have the same {by} as {desired.label()}: {named}. Keep "
            "one of them, or change the others, and try again."
        )
    match = matches[0]
    name = _name(kind, direction, match, context)
    if (other := linked_to(match.key)) == own_key:
        # Linked in this very moment, by the change that travels the other way: what both sides
        # agreed on there is no difference to be written.
        raise Wait(f"It has just been linked to {name} in {where}.", seconds=1)
    if other is not None:
        source = direction.source.title
        said = f"{desired.label()} has the same {by} as {source} record {other}, which is"
        if others.is_shared(match):
            raise Unmappable(
                f"{said} gone in {source} and still linked to {name} in {where}. If this one has "
                f"taken its place, {_instead(direction)}."
            )
        raise Unmappable(
            f"{said} already linked to {name} in {where}. Give one of the two another {by}. If "
            f"this one has taken the place of {other}, {_instead(direction)}."
        )
    if others.is_shared(match):
        others.see_that_no_other_is_meant(match, name)
    settled(match.key)
    found = side.parse(match.record, Context(context.settings))
    # By whichever it was found: it may have arrived between two searches.
    if created and desired.identifiers()[0] in found.identifiers():
        return match
    if (why := desired.contradicts(found)) is not None:
        raise Unmappable(
            f"{name} in {where} has the same {by} as {desired.label()}, but {why}. Change one of "
            "the two numbers, or make both records agree if they are the same thing."
        )
    return match


@dataclass(frozen=True)
class _Others:
    """Whose counterparts are the records at the target that share an identifier with the desired
    one: branches of a chain have one organisation number."""

    kind: Kind[Any]
    direction: Direction
    desired: Entity
    source_client: Any
    context: Context
    own_key: str
    linked_to: Callable[[str], str | None]
    is_linked: Callable[[str], bool]
    # What has been looked up, by the key at the target: each costs calls.
    _holders: dict[str, str | None] = field(default_factory=dict)
    _found_rivals: dict[str, dict[str, Entity]] = field(default_factory=dict)

    def have_all(self, matches: Sequence[Match]) -> bool:
        """Whether each of them is the counterpart of another source record, which a note says."""
        holders: list[str] = []
        for match in matches:
            holder = self._holder(match) if self.is_shared(match) else None
            if holder is None:
                return False
            holders.append(holder)
        source, target = self.direction.source.title, self.direction.target.title
        for match, holder in zip(matches, holders, strict=True):
            name = _name(self.kind, self.direction, match, self.context)
            self.context.note(
                f"It is not taken for {name} in {target}, with which it has only the "
                f"{self._in_common(match)} in common: that is {source} record {holder}."
            )
        return True

    def without_theirs(self, matches: list[Match]) -> list[Match]:
        """Of several, the one that no other source record has, if it has the name as well."""
        if len(matches) == 1 or not all(map(self.is_shared, matches)):
            return matches
        free = [match for match in matches if self._holder(match) is None]
        found = [self._parsed(match) for match in free]
        return free if len(found) == 1 and _same_name(self.desired, found[0]) else matches

    def see_that_no_other_is_meant(self, match: Match, name: str) -> None:
        """See that what is only found by what several may share fits no other source record as
        well, unless the name decides.

        Raises:
            Unmappable: it does.
        """
        rivals = self._rivals(match)
        found = self._parsed(match)
        if _same_name(self.desired, found):
            rivals = {key: rival for key, rival in rivals.items() if _same_name(rival, found)}
        elif not _is_out_of_use(self.desired):
            rivals = {key: rival for key, rival in rivals.items() if not _is_out_of_use(rival)}
        if not rivals:
            return
        source, target = self.direction.source.title, self.direction.target.title
        named = ", ".join(f"{key} ({rivals[key].label()})" for key in sorted(rivals))
        raise Unmappable(
            f"{name} in {target} has the same {self._in_common(match)} as {self.desired.label()}, "
            f"but so has {source} record {named}. None is guessed. Give it in {target} the name of "
            "the one that it is, and try all of them again."
        )

    def _rivals(self, match: Match) -> dict[str, Entity]:
        """The other source records that share the same with it and are not linked, by key."""
        if match.key not in self._found_rivals:
            found = self._parsed(match)
            self._found_rivals[match.key] = {
                key: rival
                for name, value in set(self.desired.identifiers()) & set(found.identifiers())
                for key, rival in self._at_source(Sought(name, value, self.desired))
                if not self.is_linked(key)
            }
        return self._found_rivals[match.key]

    def is_shared(self, match: Match) -> bool:
        """Whether they have nothing in common but what several records may share."""
        common = self._common(match)
        return bool(common) and common <= self.desired.may_be_shared

    def _common(self, match: Match) -> set[str]:
        found = self._parsed(match)
        both = set(self.desired.identifiers()) & set(found.identifiers())
        return {name for name, _value in both}

    def _in_common(self, match: Match) -> str:
        return ", ".join(_title(self.kind, name) for name in sorted(self._common(match)))

    def _holder(self, match: Match) -> str | None:
        """The other source record, if it is still there, that is linked to it or, where none is,
        has its number, as it may have been made of that one without an answer, or its name."""
        if match.key not in self._holders:
            self._holders[match.key] = self._found_holder(match)
        return self._holders[match.key]

    def _found_holder(self, match: Match) -> str | None:
        source = self.kind.side(self.direction.source)
        linked = self.linked_to(match.key)
        if linked is not None:
            is_gone = linked == self.own_key or source.read(self.source_client, linked) is None
            return None if is_gone else linked
        found = self._parsed(match)
        surer = [each for each in found.identifiers() if each[0] not in found.may_be_shared]
        keys = (self._named(name, value, found) for name, value in surer)
        number = next((key for key in keys if key is not None), None)
        if number is not None or _same_name(self.desired, found):
            return number
        rivals = self._rivals(match).items()
        return next((key for key, rival in rivals if _same_name(rival, found)), None)

    def _named(self, name: str, value: str, found: Entity) -> str | None:
        """The other source record of that number, if it may be the same thing."""
        others = self._at_source(Sought(name, value, found))
        return next((key for key, other in others if other.contradicts(found) is None), None)

    def _at_source(self, sought: Sought[Any]) -> Iterator[tuple[str, Entity]]:
        """The other source records that carry an identifier and are transferred from there."""
        side, settings = self.kind.side(self.direction.source), self.context.settings
        for key, record, entity in carriers(
            side, self.source_client, sought, settings, but=self.own_key
        ):
            if side.excluded(record, settings) is None:
                yield key, entity

    def _parsed(self, match: Match) -> Entity:
        side = self.kind.side(self.direction.target)
        entity: Entity = side.parse(match.record, Context(self.context.settings))
        return entity


def carriers(
    side: Side[Any],
    client: Any,
    sought: Sought[Any],
    settings: Settings,
    *,
    but: str | None = None,
) -> Iterator[tuple[str, Record, Entity]]:
    """The records of a system that carry an identifier, with their keys and as entities.

    Args:
        but: the key of one that is left out.
    """
    for record in side.search(client, sought, settings):
        entity, key = side.parse(record, Context(settings)), side.key_of(record)
        if key != but and (sought.field, sought.value) in entity.identifiers():
            yield key, record, entity


def _listed(side: Side[Any], client: Any, keys: Sequence[str]) -> list[Match]:
    records = [(key, side.read(client, key)) for key in keys]
    return [Match(key, record) for key, record in records if record is not None]


def _instead(direction: Direction) -> str:
    """What to do about the link of a record that another one of the same system replaces."""
    remove = "remove the link with `varebro link remove`"
    if direction.source is System.RACKBEAT:
        return f"let the link follow it with `varebro link renumber`, or {remove}"
    return remove


def _is_by_chance(
    kind: Kind[Any], direction: Direction, desired: Entity, match: Match, context: Context
) -> bool:
    """Whether two different records only have in common what the target gives by itself."""
    side = kind.side(direction.target)
    found = side.parse(match.record, Context(context.settings))
    common = {name for name, _value in set(desired.identifiers()) & set(found.identifiers())}
    return bool(common) and common <= side.by_chance and desired.contradicts(found) is not None


def see_to_twins(
    kind: Kind[Any],
    direction: Direction,
    entity: Entity,
    *,
    own_key: str,
    client: Any,
    context: Context,
) -> None:
    """See that the source has no other record that would be the same one at the target. Where all
    others are out of use, this one is meant, and a note says so.

    Raises:
        Unmappable: it has.
    """
    side = kind.side(direction.source)
    name = side.shared_identifier(context.settings)
    value = dict(entity.identifiers()).get(name or "")
    if name is None or value is None:
        return
    sought = Sought(name, value, entity)
    found = carriers(side, client, sought, context.settings, but=own_key)
    twins = {key: twin for key, _record, twin in found}
    if not twins:
        return
    source, target = direction.source.title, direction.target.title
    named = ", ".join(f"{kind.title} {key} ({twins[key].label()})" for key in sorted(twins))
    shared = f"The {_title(kind, name)} of {entity.label()} is also that of {named} in {source}"
    in_use = [key for key, twin in twins.items() if not _is_out_of_use(twin)]
    if not in_use and not _is_out_of_use(entity):
        context.note(f"{shared}; this is the only one in use, and is the one transferred.")
        return
    if len(in_use) == 1 and _is_out_of_use(entity):
        which = f"Only {in_use[0]} is in use, and is the one transferred."
    else:
        which = "Give each its own, or take all but one out of use, and try all of them again."
    raise Unmappable(
        f"{shared}. {target} cannot have several records of one {_title(kind, name)}, and none is "
        f"guessed. {which}"
    )


def _same_name(one: Entity, other: Entity) -> bool:
    names = {(each.seen().get("name") or "").casefold() for each in (one, other)}
    return len(names) == 1 and "" not in names


def _is_out_of_use(entity: Entity) -> bool:
    return entity.switched_off() == entity


def _search(others: _Others, client: Any) -> tuple[list[Match], str]:
    kind, desired, context = others.kind, others.desired, others.context
    side = kind.side(others.direction.target)
    reserved: list[Match] = []
    for name, value in desired.identifiers():
        sought = Sought(name, value, desired)
        matches = {key: each for key, each, _ in carriers(side, client, sought, context.settings)}
        found = [Match(key, matches[key]) for key in sorted(matches)]
        own = [match for match in found if side.reserved(match.record, context.settings) is None]
        if own and not others.have_all(own):
            return own, _title(kind, name)
        reserved += [match for match in found if match not in own]
    return reserved, ""


def _is_of_this_kind(
    kind: Kind[Any], direction: Direction, desired: Entity, matches: list[Match], context: Context
) -> None:
    """See that what was found does not only stand in the way of a new record.

    Raises:
        Unmappable: it does.
    """
    side, where = kind.side(direction.target), direction.target.title
    for match in matches:
        if (reserved := side.reserved(match.record, context.settings)) is None:
            continue
        other = side.parse(match.record, Context(context.settings))
        name, value = reserved
        raise Unmappable(
            f"{desired.label()} would get the {_title(kind, name)} {value} in {where}, but "
            f"{other.label()} has it there. {side.excluded(match.record, context.settings)} Give "
            f"one of the two another number, or choose another field for {kind.name}.number in "
            "the settings."
        )


def _title(kind: Kind[Any], identifier: str) -> str:
    return kind.entity.called.get(identifier) or identifier.replace("_", " ")


def _name(kind: Kind[Any], direction: Direction, match: Match, context: Context) -> str:
    entity = kind.side(direction.target).parse(match.record, Context(context.settings))
    return f"{kind.title} {match.key} ({entity.label()})"
