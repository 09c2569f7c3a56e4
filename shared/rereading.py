"""Settings that decide what a field is read from: what it held before says nothing any more."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import product
from typing import Any

from sqlalchemy.orm import Session, sessionmaker

from shared.baseline import read_anew
from shared.entity import Seen
from shared.kind import Kind
from shared.links import forget_field, learn
from shared.settings import Settings, load_settings
from shared.tables import Connection, Cursor
from shared.words import System

# So many links are kept from others at a time.
AT_ONCE = 100


def forget(
    session: Session,
    connection_id: int,
    kinds: Iterable[Kind[Any]],
    before: Settings,
    after: Settings,
) -> None:
    """Let no record seem to be edited because one of its fields is read from elsewhere now."""
    for kind, system in product(kinds, System):
        fields = {
            field
            for setting, fields_of_it in kind.side(system).read_by().items()
            if before.named(setting) != after.named(setting)
            for field in fields_of_it
        }
        for field in fields:
            forget_field(session, connection_id, kind.name, system, field)
        cursor = session.get(Cursor, (connection_id, kind.name)) if fields else None
        known = None if cursor is None else cursor.baseline_of(system)
        if cursor is not None and known is not None:
            cursor.set_baseline(system, read_anew(known))


def learn_again(
    sessions: sessionmaker[Session],
    connection_id: int,
    kind: Kind[Any],
    read_by: Settings,
    learned: Mapping[System, Mapping[int, Seen]],
) -> None:
    """Let links know again what a comparison has found in fields they knew nothing of, so that an
    edit of these is noticed from now on.

    Args:
        read_by: the settings that the records were read by.
    """
    for system, found in learned.items():
        ids = sorted(found)
        for start in range(0, len(ids), AT_ONCE):
            with sessions.begin() as session:
                learn(session, system, {each: found[each] for each in ids[start : start + AT_ONCE]})
    # Afterwards: settings that change later still let it be forgotten by themselves.
    with sessions.begin() as session:
        now = load_settings(session.get_one(Connection, connection_id).settings)
        if now != read_by:
            forget(session, connection_id, [kind], read_by, now)
