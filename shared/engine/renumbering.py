"""Numbers changed in Rackbeat, of which no webhook tells: a record appears, and another is gone."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from shared.engine.matching import carriers
from shared.entity import Entity, differs
from shared.failures import Unmappable
from shared.journal.decide import Wait
from shared.journal.record import is_record, which_record
from shared.kind import Context, Kind, Payload, Record, Side, Sought
from shared.links import keep_number_before, links_called, number_before, relink
from shared.tables import Change, Link, constant
from shared.values import text
from shared.words import Direction, State

# Of more that share a name none is looked at: it says too little, and each costs a call.
MOST = 20


def renumbered(
    sessions: sessionmaker[Session],
    change: Change,
    kind: Kind[Any],
    entity: Entity,
    *,
    read: Callable[[str], Record | None],
    pretend: bool,
) -> Link | None:
    """The link of what this record of Rackbeat's was called before, which follows it to its new
    number; None where it is new.

    Args:
        read: the record of Rackbeat's that has a number, if there is one.
        pretend: the link stays as it is.

    Raises:
        Unmappable: it looks like a record that is gone, but that is not certain.
        Wait: the link has just followed another one.
    """
    name = entity.seen().get("name")
    if not name:
        return None
    with sessions() as session:
        namesakes = links_called(session, change.connection_id, kind.name, name)
    others = [link for link in namesakes if link.rackbeat_key != change.key]
    if len(others) > MOST:
        return None
    gone = [link for link in others if read(link.rackbeat_key) is None]
    if not gone:
        return None
    if len(gone) > 1 or differs(gone[0].rackbeat_seen, entity.seen()):
        old = [link.rackbeat_key for link in gone]
        _await_their_own_changes(sessions, change, old)
        raise Unmappable(perhaps_renumbered(kind, [change.key], old))
    (link,) = gone
    if not pretend:
        with sessions.begin() as session:
            if not relink(session, change.connection_id, kind, link.rackbeat_key, change.key):
                raise Wait("Its link has just been changed.", seconds=1)
    keep_number_before(link, link.rackbeat_key)
    link.rackbeat_key = change.key
    return link


def new_numbers(
    side: Side[Any],
    client: Any,
    link: Link,
    entity: Entity,
    existing: Record,
    *,
    context: Context,
) -> Payload:
    """What follows a new number of Rackbeat's in its counterpart in 24SevenOffice: the fields that
    still carry the old one. A note says where that stays.

    Args:
        side, client: 24SevenOffice's.
        existing: the counterpart as it is.
    """
    old, new = number_before(link), link.rackbeat_key
    if old in {None, new}:
        return {}
    said = f"Its number was {old} and is {new} in Rackbeat now; in 24SevenOffice "
    names = [n for n in side.number_fields(context.settings) if text(existing.get(n)) == old]
    if names and (other := _has_it(side, client, entity, existing, context)) is not None:
        context.note(f"{said}{', '.join(names)} stays {old}, as {new} is that of {other}.")
        return {}
    if side.key_of(existing) == old:
        context.note(f"{said}its Id stays {old}: an Id cannot be changed there.")
    return dict.fromkeys(names, new)


def _has_it(
    side: Side[Any], client: Any, entity: Entity, existing: Record, context: Context
) -> str | None:
    """The key of another record that has one of these identifiers."""
    for name, value in entity.identifiers():
        if name in entity.may_be_shared:
            continue
        sought, own = Sought(name, value, entity), side.key_of(existing)
        for key, _record, _other in carriers(side, client, sought, context.settings, but=own):
            return key
    return None


_UNDER_WAY = select(Change.id).where(
    is_record(), Change.state.in_([constant(State.PENDING), constant(State.RUNNING)])
)


def _await_their_own_changes(
    sessions: sessionmaker[Session], change: Change, keys: Iterable[str]
) -> None:
    """Where Rackbeat has told that one is gone, that is seen to first; then it is no question."""
    with sessions() as session:
        for key in keys:
            which = which_record(change.connection_id, change.kind, change.direction, key)
            if session.scalar(_UNDER_WAY, which) is not None:
                raise Wait(f"It waits until the change of {key} has ended.", seconds=2)


def perhaps_renumbered(kind: Kind[Any], new: Iterable[str], old: Iterable[str]) -> str:
    """What a person has to decide: which of the new records is one of those that are gone."""
    ours, gone = ", ".join(sorted(new)), ", ".join(sorted(old))
    return (
        f"{kind.title} {gone} is gone in Rackbeat, but {ours} looks like it. If it has a new "
        "number, run `varebro link renumber` with the old number and the new one. If it was "
        "deleted, resync the old number to switch it off in 24SevenOffice; then try the other "
        "again."
    )


def see_that_it_is_no_other(
    change: Change, kind: Kind[Any], desired: Entity, current: Entity
) -> None:
    """See that a number that was gone has not been given to something else since.

    Raises:
        Unmappable: it has.
    """
    if (why := desired.contradicts(current)) is None:
        return
    direction = Direction(change.direction)
    source, target = direction.source.title, direction.target.title
    raise Unmappable(
        f"The {kind.title.lower()} {change.key} that was transferred has been deleted in {source}. "
        f"{desired.label()} has its number now, but is not what is linked in {target}, "
        f"{current.label()}: {why}. Give it another number in {source}, or remove the link with "
        "`varebro link remove` and try again."
    )
