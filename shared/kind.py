"""What a kind of record is to the engine: an entity and two sides."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar, Generic, TypeVar

from shared.entity import Entity, Reference
from shared.queues import Queue
from shared.settings import Settings
from shared.words import Direction, System

Record = dict[str, Any]  # as a vendor's client returns it
Payload = dict[str, Any]  # as a vendor's client takes it
Note = Callable[[str], None]  # takes a remark for the journal

E = TypeVar("E", bound=Entity)


@dataclass(frozen=True)
class Lookup:
    """A value of a register at the target, such as a unit or payment terms, needed by number."""

    register: str
    value: str


@dataclass
class Context:
    """All a pure mapping may look at besides the record.

    Attributes:
        settings: the connection's.
        found: numbers of the looked-up values at the target.
        existing: the target record as it is now, when it is updated.
        notes: remarks for the journal ("country 'Norge' read as NO"); mappings add to them.
    """

    settings: Settings
    found: Mapping[Lookup, str] = field(default_factory=dict)
    existing: Record | None = None
    notes: list[str] = field(default_factory=list)

    def note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)


@dataclass(frozen=True)
class Found:
    """A record found in a list or a search."""

    key: str
    record: Record
    changed_at: datetime | None = None


@dataclass(frozen=True)
class Written:
    """A record that has just been written.

    Attributes:
        record: as the system's answer shows it, whole; None where it does not.
    """

    key: str
    record: Record | None = None


@dataclass(frozen=True)
class Sought(Generic[E]):
    """What a record is looked for by.

    Attributes:
        field, value: one of the identifiers of the entity.
        entity: what the record is to be, its references by the keys of the system searched.
    """

    field: str
    value: str
    entity: E


class Side(ABC, Generic[E]):
    """One system's half of a kind. `parse` and `render` are pure; the others call the vendor.

    Attributes:
        shares_keys_with: other kinds whose records have their keys from the same series here.
        by_chance: identifiers that this system gives by itself, so that records with nothing else
            in common may have them alike, and a new one is not kept from being made.
        right_within: how far a time this system tells may be off.
        chosen: fields of a new record here that hold a number somebody has chosen: the names of the
            settings by that of the field.
        for_the_call: what `render` puts into a payload for `create` alone, and is not written.
    """

    shares_keys_with: ClassVar[tuple[str, ...]] = ()
    by_chance: ClassVar[frozenset[str]] = frozenset()
    right_within: ClassVar[timedelta] = timedelta(0)
    chosen: ClassVar[Mapping[str, str]] = {}
    for_the_call: ClassVar[frozenset[str]] = frozenset()

    # -- pure ---------------------------------------------------------------------------------

    @abstractmethod
    def key_of(self, record: Record) -> str:
        """The record's natural key in this system."""

    @abstractmethod
    def parse(self, record: Record, context: Context) -> E:
        """The entity in a record of this system; also reads a payload made by `render`.

        Raises:
            Unmappable: the record cannot be understood; says which field and why.
        """

    @abstractmethod
    def render(self, entity: E, context: Context) -> Payload:
        """The payload that makes this system's record equal to the entity.

        Raises:
            Unmappable: this system cannot hold the entity; says which field, why and the remedy.
        """

    def excluded(self, record: Record, settings: Settings) -> str | None:
        """Why this record is not transferred from here; None when it is."""
        del record, settings
        return None

    def rests(self, record: Record, settings: Settings) -> str | None:
        """Why a linked record is not transferred from here for now, whatever has changed in it;
        None when it is."""
        del record, settings
        return None

    def doubtful(self, record: Record) -> str | None:
        """Why a person has to decide whether a record that is not linked is transferred from here;
        None where that is clear."""
        del record
        return None

    def read_by(self) -> Mapping[str, tuple[str, ...]]:
        """Settings that decide what fields are read from here, and those fields: their old values
        say nothing once the setting has changed."""
        return {}

    def shared_identifier(self, settings: Settings) -> str | None:
        """The identifier that several records here may have, though the other system's record gets
        its key from it; None where each record has its own."""
        del settings
        return None

    def reserved(self, record: Record, settings: Settings) -> tuple[str, str] | None:
        """The identifier that a record of another kind takes from this one; None where it is of
        this kind, or takes nothing."""
        del record, settings
        return None

    def number_fields(self, settings: Settings) -> tuple[str, ...]:
        """Fields of an existing record here in which the number of its counterpart can be changed
        with that one's."""
        del settings
        return ()

    def refuses(self, existing: Record, settings: Settings) -> str | None:
        """Why an existing record here is left alone; None when it may be written."""
        del existing, settings
        return None

    def takes_empty(self, existing: Record) -> bool:
        """Whether an empty text, written to an existing record here, empties a field."""
        del existing
        return False

    def takes_only(self, existing: Record) -> frozenset[str] | None:
        """The fields that an existing record here takes from the other system; None for all."""
        del existing
        return None

    def needs_completing(self, settings: Settings) -> bool:
        """Whether a record as lists show it lacks something, which `completed` adds."""
        del settings
        return False

    def changed_at(self, record: Record) -> datetime | None:
        """When the record was last changed, by a clock like ours; None where it does not say."""
        del record
        return None

    def existed_by(self, record: Record) -> datetime | None:
        """A time at which the record was surely there, by whatever clock; None where it does not
        say."""
        del record
        return None

    def lookups(self, entity: E, settings: Settings) -> Iterable[Lookup]:
        """Values of this system's registers that `render` will need."""
        del entity, settings
        return ()

    def key_beforehand(self, payload: Payload) -> str | None:
        """The key a new record will get, where the payload decides it."""
        del payload
        return None

    # -- calls --------------------------------------------------------------------------------

    @abstractmethod
    def read(self, client: Any, key: str) -> Record | None:
        """The record as it is now; None when it does not exist."""

    def completed(self, client: Any, record: Record, settings: Settings) -> Record:
        """A record, with what these settings want of it and only further calls say."""
        del client, settings
        return record

    @abstractmethod
    def search(self, client: Any, sought: Sought[E], settings: Settings) -> list[Record]:
        """Records that may carry this identifier; the engine checks them."""

    @abstractmethod
    def create(self, client: Any, payload: Payload) -> Written:
        """Make a new record."""

    @abstractmethod
    def update(self, client: Any, key: str, payload: Payload, existing: Record) -> None:
        """Change an existing record."""

    @abstractmethod
    def all(self, client: Any) -> Iterator[Found]:
        """Every record, in as few calls as possible."""

    def missing(self, client: Any, keys: Sequence[str]) -> set[str]:
        """Those keys that no record has, in few calls; asked where lists do not hold everything."""
        raise NotImplementedError

    def value_number(self, client: Any, lookup: Lookup) -> str | None:
        """The number of a register's value here; None where it is missing."""
        del client
        raise NotImplementedError(lookup.register)

    def add_value(self, client: Any, lookup: Lookup) -> str:
        """Add a value to a register here; its number."""
        del client
        raise NotImplementedError(lookup.register)

    def changed_since(self, client: Any, position: datetime) -> Iterator[Found]:
        """Records changed at or after a time, by this system's clock."""
        del position
        return self.all(client)


def events(entity: str, *more: str) -> tuple[str, ...]:
    """The names of an entity's webhook events, by the pattern Rackbeat's known ones follow."""
    return tuple(f"{entity}.{action}" for action in ("created", "updated", "deleted", *more))


def _nothing(direction: Direction, entity: Entity, settings: Settings) -> Iterable[Reference]:
    del direction, entity, settings
    return ()


@dataclass(frozen=True)
class Kind(Generic[E]):
    """A kind of record the engine can transfer.

    Attributes:
        name: as in settings, tables and task names.
        title: for people, with its article ("the product").
        entity: the neutral form.
        rackbeat, tfso: the two sides.
        queue: how urgent its changes are.
        directions: the ways it can travel at all.
        events: Rackbeat's webhook events that are about this kind. Most of the names are assumed
            from a pattern; reconciliation finds what a wrong name misses.
        initial: whether the initial sync copies it.
        followed_by: kinds with a change of the same record to be sent once it is linked.
        moves: records of other kinds at Rackbeat that do not stay as they are in 24SevenOffice when
            one of this kind is transferred: by the direction, the record as it is at Rackbeat, and
            the settings. Those that are linked are transferred anew.
        leaves_old: systems whose records that were there before the connection are left alone even
            when somebody edits them: documents, which may have been transferred by other means.
        mends_drift: whether an edit at the side that is not the origin is undone by reconciliation.
        listed_for: how far back the lists of both systems go; None where they hold everything.
        watched_for: how long after its last transfer a record is part of reconciliations; None for
            ever. Records that the lists may lack are asked for, whether they still are there.
        same_record: kinds whose target record may be the very one this kind writes, so that their
            links have to know what was written: an order that becomes the invoice.
        brings_along: whether records it needs are transferred with it; otherwise it waits for
            nothing and is skipped.
        links_refused: whether a record that is refused at the target is linked all the same, so
            that a reconciliation sees when that has changed, and passes over it until then.
    """

    name: str
    title: str
    entity: type[E]
    rackbeat: Side[E]
    tfso: Side[E]
    queue: Queue
    directions: tuple[Direction, ...] = tuple(Direction)
    events: tuple[str, ...] = ()
    initial: bool = False
    followed_by: tuple[str, ...] = ()
    moves: Callable[[Direction, E, Settings], Iterable[Reference]] = _nothing
    leaves_old: tuple[System, ...] = ()
    mends_drift: bool = True
    listed_for: timedelta | None = None
    watched_for: timedelta | None = None
    same_record: tuple[str, ...] = ()
    brings_along: bool = True
    links_refused: bool = False

    def side(self, system: System) -> Side[E]:
        return self.rackbeat if system is System.RACKBEAT else self.tfso


__all__ = [
    "Context",
    "Found",
    "Kind",
    "Lookup",
    "Payload",
    "Record",
    "Reference",
    "Side",
    "events",
]
