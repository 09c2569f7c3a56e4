"""Finding the records a bulk job is about, in few calls: whole lists, not one call a record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select, true
from sqlalchemy.orm import Session

from shared.baseline import NOT_WANTED, Baseline, was_there
from shared.engine.clients import Clients
from shared.engine.renumbering import perhaps_renumbered
from shared.entity import Entity, Seen, changed, differs
from shared.idempotency import fingerprint
from shared.journal.record import News
from shared.kind import Context, Found, Kind
from shared.links import seen
from shared.settings import Settings
from shared.storable import snapshot_of
from shared.tables import Link
from shared.words import Cause, Direction, System

AnyKind = Kind[Any]
# So many records that a comparison counts are also named.
NAMED = 20
# So many gone, and more than half of what is linked: that is rather another account, or a system
# that is not well, than somebody who tidies up.
MANY = 20
Index = dict[tuple[str, str], list[str]]


def for_initial_sync(
    kind: AnyKind, direction: Direction, settings: Settings, clients: Clients
) -> Iterator[News]:
    """Every record of the source, each with the records at the target that are the same thing.

    Records that share what their key at the target is made of have no candidates: their transfers
    compare them with each other first.
    """
    at_target, reserved = _index(kind, direction.target, settings, clients)
    listed = list(_listed(kind, direction.source, settings, clients))
    shared = kind.side(direction.source).shared_identifier(settings)
    holders = Counter(_value(entity, shared) for _, entity in listed)
    for found, entity in listed:
        value = _value(entity, shared)
        has_twins = value is not None and holders[value] > 1
        yield News(
            kind.name,
            direction,
            found.key,
            Cause.INITIAL,
            bulk=True,
            snapshot=snapshot_of(found.record),
            candidates=(
                None if entity is None or has_twins else _candidates(entity, at_target, reserved)
            ),
        )


def for_resync(
    kind: AnyKind,
    direction: Direction,
    settings: Settings,
    clients: Clients,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Iterator[News]:
    """Every record of the source, or those changed in a span of time; transferred whatever the
    journal says. Records that do not say when they changed, or not for sure, belong to every span.
    """
    margin = kind.side(direction.source).right_within
    since = None if since is None else since - margin
    for found, _entity in _listed(kind, direction.source, settings, clients, since):
        if until is not None and found.changed_at is not None and found.changed_at > until + margin:
            continue
        yield News(kind.name, direction, found.key, Cause.RESYNC, bulk=True, forced=True)


@dataclass
class Comparison:
    """What a reconciliation found of one kind.

    Attributes:
        renumbered: links whose Rackbeat record has a new number: old to new.
        doubtful: keys of records that may be renumbered ones, with a message for a person.
        not_linked: by system, what is not linked.
        report: numbers, for people.
        keys: the first keys of what is counted there, where something is to be done about it.
        learned: by system and link, the fields of a record that the link knew nothing of.
    """

    renumbered: dict[str, str] = field(default_factory=dict)
    doubtful: dict[str, str] = field(default_factory=dict)
    not_linked: dict[System, Baseline] = field(
        default_factory=lambda: {system: {} for system in System}
    )
    report: dict[str, int] = field(default_factory=dict)
    keys: dict[str, list[str]] = field(default_factory=dict)
    learned: dict[System, dict[int, Seen]] = field(
        default_factory=lambda: {system: {} for system in System}
    )
    _news: list[tuple[str, News]] = field(default_factory=list)

    @property
    def news(self) -> list[News]:
        """Changes that bring the two systems together."""
        return [news for _what, news in self._news]

    def add(self, what: str, key: str | None = None, news: News | None = None) -> None:
        self.report[what] = self.report.get(what, 0) + 1
        if key is not None and len(keys := self.keys.setdefault(what, [])) < NAMED:
            keys.append(key)
        if news is not None:
            self._news.append((what, news))

    def learn(self, system: System, link: Link, listed: Listed | None) -> None:
        """Note what the link does not know of a record that is as it was otherwise."""
        known = seen(link, system)
        if not known or listed is None or listed.entity is None or listed.rests:
            return
        now = listed.entity.seen()
        if (unknown := now.keys() - known.keys()) and not differs(known, now):
            self.learned[system][link.id] = {name: now[name] for name in unknown}

    def take_back(self, what: str, instead: str) -> None:
        """Report it under another name, and do nothing about it."""
        self.report[instead] = self.report.pop(what)
        self.keys[instead] = self.keys.pop(what)
        self._news = [each for each in self._news if each[0] != what]


@dataclass(frozen=True)
class Listed:
    """A record as a list shows it.

    Attributes:
        entity: None where it cannot be understood; its transfer will say why.
        wanted: whether it would be transferred from there.
        rests: whether it is not, for now, if it is linked.
    """

    entity: Entity | None
    wanted: bool
    rests: bool


@dataclass(frozen=True)
class Links:
    """The links of a kind.

    Attributes:
        watched: those whose records are compared.
        unlisted: of these, the ones so old that a list may lack their records.
        keys: by system, the keys of all that is linked.
    """

    watched: Sequence[Link]
    unlisted: Sequence[Link]
    keys: dict[System, set[str]]


@dataclass(frozen=True)
class Comparing:
    """One kind, listed on both sides, and its links.

    Attributes:
        vanished: the keys of linked records that 24SevenOffice has no more.
        known: by system, what was not linked when the two were first compared; None where this is
            the first time.
        is_gone: whether Rackbeat has no record of a key, though its list may lack only that.
    """

    kind: AnyKind
    settings: Settings
    rackbeat: dict[str, Listed]
    tfso: dict[str, Listed]
    links: Links
    vanished: set[str]
    known: dict[System, Baseline | None]
    is_gone: Callable[[str], bool]

    def compare(self) -> Comparison:
        """What differs, and what to do about it."""
        result = Comparison()
        taken: set[str] = set()
        unlisted = {link.id for link in self.links.unlisted}
        for link in self.links.watched:
            if link.rackbeat_key in self.rackbeat or link.id in unlisted:
                self._drifted(link, result)
            else:
                taken |= self._gone(link, result)
        for system in System:
            self._doubt(f"gone_in_{system.value}", result)
        linked = self.links.keys
        self._unlinked(System.RACKBEAT, self.rackbeat, linked[System.RACKBEAT] | taken, result)
        self._unlinked(System.TFSO, self.tfso, linked[System.TFSO], result)
        return result

    def _doubt(self, gone: str, result: Comparison) -> None:
        """Where nearly everything seems to be gone, nothing is done about it but to say so."""
        times = result.report.get(gone, 0)
        if times > MANY and times > len(self.links.watched) / 2:
            result.take_back(gone, f"too_many_{gone}")

    def _drifted(self, link: Link, result: Comparison) -> None:
        ours = self.rackbeat.get(link.rackbeat_key)
        theirs = self.tfso.get(link.tfso_key)
        one_by_one = self.kind.rackbeat.needs_completing(self.settings)
        forth, back = self._forth(link.rackbeat_key), self._back(link.tfso_key)
        result.learn(System.RACKBEAT, link, None if one_by_one else ours)
        result.learn(System.TFSO, link, theirs)
        if ours is not None and not one_by_one and _is_changed(link.rackbeat_seen, ours):
            result.add("changed_in_rackbeat", forth.key, self._allowed(forth, back))
        elif link.tfso_key in self.vanished:
            if link.tfso_seen:  # otherwise its absence has been dealt with
                result.add("gone_in_24so", back.key, self._allowed(back, None))
        elif theirs is not None and _is_changed(link.tfso_seen, theirs):
            result.add("changed_in_24so", back.key, self._allowed(back, forth))
        elif one_by_one:
            result.add("read_one_by_one", news=self._allowed(forth, None))

    def _allowed(self, news: News, instead: News | None) -> News | None:
        """The change itself, or where it does not travel, the one that undoes it."""
        part = self.settings.of(self.kind.name)
        for item in (news, instead if self.kind.mends_drift else None):
            if item is None or item.direction not in self.kind.directions:
                continue
            if part.lets(item.direction):
                forced = item is instead
                return News(
                    item.kind, item.direction, item.key, item.cause, bulk=True, forced=forced
                )
        return None

    def _gone(self, link: Link, result: Comparison) -> set[str]:
        """A linked record that the list of Rackbeat lacks: renumbered, or really gone; the keys of
        what it may have become."""
        old = link.rackbeat_key
        # Of what has been dealt with nothing is seen.
        if not seen(link, System.RACKBEAT) or not self.is_gone(old):
            return set()
        alike = self._alike(link)
        certain = [key for key, said in alike.items() if not differs(link.rackbeat_seen, said)]
        if len(certain) == len(alike) == 1:
            news = self._allowed(self._forth(certain[0]), None)
            result.add("renumbered", old, news)
            result.renumbered[old] = certain[0]
        elif alike:
            result.add("perhaps_renumbered", old)
            message = perhaps_renumbered(self.kind, alike, [old])
            result.doubtful |= dict.fromkeys(alike, message)
        else:
            result.add("gone_in_rackbeat", old, self._allowed(self._forth(old), None))
        return set(alike)

    def _alike(self, link: Link) -> dict[str, Seen]:
        """What has come to Rackbeat since the first comparison, is not linked and has its name."""
        name, before = link.rackbeat_seen.get("name"), self.known[System.RACKBEAT] or {}
        linked = self.links.keys[System.RACKBEAT]
        found = {
            key: listed.entity.seen()
            for key, listed in self.rackbeat.items()
            if key not in linked and key not in before and listed.entity is not None
        }
        return {key: said for key, said in found.items() if name and said.get("name") == name}

    def _forth(self, key: str) -> News:
        return News(self.kind.name, Direction.RACKBEAT_TO_24SO, key, Cause.RECONCILE, bulk=True)

    def _back(self, key: str) -> News:
        return News(self.kind.name, Direction.TFSO_TO_RACKBEAT, key, Cause.RECONCILE, bulk=True)

    def _unlinked(
        self, system: System, records: dict[str, Listed], linked: set[str], result: Comparison
    ) -> None:
        direction = Direction.away_from(system)
        known, for_good = self.known[system], system in self.kind.leaves_old
        for key, listed in records.items():
            if key in linked or listed.entity is None:
                continue
            wanted = listed.wanted and listed.entity.needless() is None
            said = fingerprint(listed.entity.seen()) if wanted else NOT_WANTED
            result.not_linked[system][key] = said
            if not wanted:
                continue
            if known is None or was_there(known, key, said, for_good=for_good):
                result.add(f"never_transferred_from_{system.value}")
                continue
            news = News(self.kind.name, direction, key, Cause.RECONCILE, bulk=True)
            result.add(f"new_in_{system.value}", key, self._allowed(news, None))


def _is_changed(known: Seen, listed: Listed) -> bool:
    """Whether a record is not as it was when both sides last agreed, and is to be transferred."""
    if listed.rests or listed.entity is None:
        return not listed.rests
    return bool(changed(known, listed.entity.seen()) - listed.entity.moves_on)


def links_to_compare(
    session: Session, connection_id: int, kind: AnyKind, *, now: datetime
) -> Links:
    """The links of a kind, those left out that are older than it is watched for."""
    of_kind = (Link.connection_id == connection_id, Link.kind == kind.name)
    keys = session.execute(select(Link.rackbeat_key, Link.tfso_key).where(*of_kind)).all()
    recent = true() if kind.watched_for is None else Link.updated_at > now - kind.watched_for
    watched = session.scalars(select(Link).where(*of_kind, recent).order_by(Link.id)).all()
    return Links(
        watched,
        [link for link in watched if kind.listed_for and link.updated_at <= now - kind.listed_for],
        {System.RACKBEAT: {ours for ours, _ in keys}, System.TFSO: {theirs for _, theirs in keys}},
    )


def compare(
    kind: AnyKind,
    settings: Settings,
    clients: Clients,
    *,
    links: Links,
    known: dict[System, Baseline | None],
) -> Comparison:
    """List both sides of a kind and compare them with each other and with what was last seen."""
    sides = {
        system: {found.key: listed for found, listed in _all(kind, system, settings, clients)}
        for system in System
    }
    rackbeat = clients.of(System.RACKBEAT)
    return Comparing(
        kind,
        settings,
        sides[System.RACKBEAT],
        sides[System.TFSO],
        links,
        _vanished(kind, links, sides[System.TFSO], clients),
        known,
        is_gone=lambda key: kind.rackbeat.read(rackbeat, key) is None,
    ).compare()


def _vanished(kind: AnyKind, links: Links, listed: dict[str, Listed], clients: Clients) -> set[str]:
    """The keys of linked records that 24SevenOffice has no more."""
    absent = {link.tfso_key for link in links.watched} - listed.keys()
    if kind.listed_for is None or not absent:
        return absent
    return kind.tfso.missing(clients.of(System.TFSO), sorted(absent))


def _listed(
    kind: AnyKind,
    system: System,
    settings: Settings,
    clients: Clients,
    since: datetime | None = None,
) -> Iterator[tuple[Found, Entity | None]]:
    """Records that are transferred from there; no entity where one cannot be understood."""
    for found, listed in _all(kind, system, settings, clients, since):
        if listed.wanted:
            yield found, listed.entity


def _all(
    kind: AnyKind,
    system: System,
    settings: Settings,
    clients: Clients,
    since: datetime | None = None,
) -> Iterator[tuple[Found, Listed]]:
    """All records there."""
    side, client = kind.side(system), clients.of(system)
    goes = settings.of(kind.name).lets(Direction.away_from(system))
    records = side.all(client) if since is None else side.changed_since(client, since)
    for found in records:
        entity: Entity | None = None
        with suppress(Exception):  # what is wrong with it its transfer says, and stops no other
            entity = side.parse(found.record, Context(settings))
        yield (
            found,
            Listed(
                entity,
                wanted=side.excluded(found.record, settings) is None,
                rests=goes and side.rests(found.record, settings) is not None,
            ),
        )


def _index(
    kind: AnyKind, system: System, settings: Settings, clients: Clients
) -> tuple[Index, Index]:
    """The records of one side by what identifies them, and those of other kinds by what they take
    from this one."""
    index: Index = {}
    reserved: Index = {}
    side = kind.side(system)
    for found, listed in _all(kind, system, settings, clients):
        entity = listed.entity if listed.wanted else None
        for identifier in dict.fromkeys(entity.identifiers() if entity else ()):
            index.setdefault(identifier, []).append(found.key)
        if (taken := side.reserved(found.record, settings)) is not None:
            reserved.setdefault(taken, []).append(found.key)
    return index, reserved


def _value(entity: Entity | None, identifier: str | None) -> str | None:
    return dict(entity.identifiers()).get(identifier or "") if entity else None


def _candidates(entity: Entity, *indexes: Index) -> list[str]:
    hits = (index.get(identifier) for index in indexes for identifier in entity.identifiers())
    return next((hit for hit in hits if hit), [])
