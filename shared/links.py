"""Links: which two records are the same thing."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from shared.entity import Seen
from shared.tables import Link
from shared.words import System


def _key_column(system: System) -> InstrumentedAttribute[str]:
    return Link.rackbeat_key if system is System.RACKBEAT else Link.tfso_key


def _is(connection_id: int, kind: str) -> ColumnElement[bool]:
    return (Link.connection_id == connection_id) & (Link.kind == kind)


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
    query = select(Link).where(_is(connection_id, kind), _key_column(system) == key)
    return session.scalar(query.with_for_update() if lock else query)


def counterpart(link: Link, system: System) -> str:
    """The key of the record on the other side of that system's."""
    return link.tfso_key if system is System.RACKBEAT else link.rackbeat_key


def seen(link: Link, system: System) -> Seen:
    """That system's fields as they were when both sides last agreed."""
    return link.rackbeat_seen if system is System.RACKBEAT else link.tfso_seen


def see(link: Link, system: System, fields: Seen, now: datetime) -> None:
    """Store how that system's record looks now that both sides agree."""
    if system is System.RACKBEAT:
        link.rackbeat_seen = fields
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
