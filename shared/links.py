"""Links: which two records are the same thing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Text, bindparam, func, literal, select, update
from sqlalchemy.orm import Session

from shared.entity import Seen
from shared.kind import Kind
from shared.tables import Link
from shared.words import System

# Made once: nothing is asked for as often, and to make a statement takes longer than to send it.
_BY_KEY = {
    system: select(Link).where(
        Link.connection_id == bindparam("connection_id"),
        Link.kind == bindparam("kind"),
        column == bindparam("key"),
    )
    for system, column in ((System.RACKBEAT, Link.rackbeat_key), (System.TFSO, Link.tfso_key))
}
# Of records whose absence has been dealt with nothing is seen any more.
_BY_NAME = select(Link).where(
    Link.connection_id == bindparam("connection_id"),
    Link.kind == bindparam("kind"),
    func.jsonb_extract_path_text(Link.rackbeat_seen, "name") == bindparam("name"),
)
# Stored with what was seen of a Rackbeat record, where it has got another number since; it stays
# until that has been brought to 24SevenOffice, whatever else is seen meanwhile.
_NUMBER_BEFORE = "number_before"
_LOCKED_BY_KEY = {system: query.with_for_update() for system, query in _BY_KEY.items()}


def find_link(
    session: Session,
    connection_id: int,
    kind: str,
    system: System,
    key: str,
    *,
    lock: bool = False,
) -> Link | None:
    """The link of one system's record; locked until the commit where asked for."""
    query = (_LOCKED_BY_KEY if lock else _BY_KEY)[system]
    return session.scalar(query, {"connection_id": connection_id, "kind": kind, "key": key})


def links_called(session: Session, connection_id: int, kind: str, name: str) -> Sequence[Link]:
    """The links of the Rackbeat records that had this name when both sides last agreed."""
    asked = {"connection_id": connection_id, "kind": kind, "name": name}
    return session.scalars(_BY_NAME, asked).all()


def number_before(link: Link) -> str | None:
    """The number that 24SevenOffice knows the Rackbeat record by, where it has another one now."""
    number: str | None = link.rackbeat_seen.get(_NUMBER_BEFORE)
    return number


def keep_number_before(link: Link, number: str) -> None:
    """Remember the number of a Rackbeat record that gets another one: the first, if several have
    changed since."""
    link.rackbeat_seen = {_NUMBER_BEFORE: number, **link.rackbeat_seen}


def forget_number_before(link: Link) -> None:
    """The new number has been brought to 24SevenOffice, as far as it can be."""
    link.rackbeat_seen = seen(link, System.RACKBEAT)


def relink(session: Session, connection_id: int, kind: Kind[Any], old: str, new: str) -> bool:
    """Let the links of a Rackbeat record follow it to its new number; whether it was linked, and
    the new number was not."""
    if find_link(session, connection_id, kind.name, System.RACKBEAT, new) is not None:
        return False
    link = find_link(session, connection_id, kind.name, System.RACKBEAT, old, lock=True)
    if link is not None:
        keep_number_before(link, old)
        session.flush()
    followed = session.scalars(
        update(Link)
        .where(
            Link.connection_id == connection_id,
            Link.kind.in_([kind.name, *kind.followed_by]),
            Link.rackbeat_key == old,
        )
        .values(rackbeat_key=new)
        .returning(Link.kind)
    ).all()
    return kind.name in followed


def forget_field(
    session: Session, connection_id: int, kind: str, system: System, field: str
) -> None:
    """Let all links of a kind know nothing of a field of one system's records."""
    column = Link.rackbeat_seen if system is System.RACKBEAT else Link.tfso_seen
    session.execute(
        update(Link)
        .where(Link.connection_id == connection_id, Link.kind == kind)
        .values({column: column.op("-")(literal(field, Text))})
        .execution_options(synchronize_session=False)
    )


def learn(session: Session, system: System, found: Mapping[int, Seen]) -> None:
    """Store what fields of one system's records hold that their links know nothing of.

    Links that somebody else works on are passed over: they learn it by that, or another time.

    Args:
        found: by the link's id.
    """
    links = select(Link).where(Link.id.in_(found)).with_for_update(skip_locked=True)
    for link in session.scalars(links):
        if not (known := seen(link, system)):
            continue  # its absence has been dealt with
        # Not by `see`: nothing has been agreed on anew.
        if system is System.RACKBEAT:
            link.rackbeat_seen = {**found[link.id], **known}
        else:
            link.tfso_seen = {**found[link.id], **known}


def counterpart(link: Link, system: System) -> str:
    """The key of the record on the other side of that system's."""
    return link.tfso_key if system is System.RACKBEAT else link.rackbeat_key


def seen(link: Link, system: System) -> Seen:
    """That system's fields as they were when both sides last agreed; none of a record whose absence
    has been dealt with."""
    known = link.rackbeat_seen if system is System.RACKBEAT else link.tfso_seen
    return {name: value for name, value in known.items() if name != _NUMBER_BEFORE}


def see(link: Link, system: System, fields: Seen, now: datetime) -> None:
    """Store how that system's record looks now that both sides agree."""
    if system is System.RACKBEAT:
        number = number_before(link)
        link.rackbeat_seen = fields if number is None else {**fields, _NUMBER_BEFORE: number}
    else:
        link.tfso_seen = fields
    link.updated_at = now


def make_link(
    connection_id: int,
    kind: str,
    *,
    source: System,
    source_key: str,
    target_key: str,
    now: datetime,
) -> Link:
    """A new link, nothing seen yet; the caller adds it to its session."""
    rackbeat = source is System.RACKBEAT
    return Link(
        connection_id=connection_id,
        kind=kind,
        rackbeat_key=source_key if rackbeat else target_key,
        tfso_key=target_key if rackbeat else source_key,
        rackbeat_seen={},
        tfso_seen={},
        created_at=now,
        updated_at=now,
    )
