"""Settings that decide what a field is read from: what it held before says nothing any more."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from typing import Any

from sqlalchemy.orm import Session

from shared.baseline import read_anew
from shared.kind import Kind
from shared.links import forget_field
from shared.settings import Settings
from shared.tables import Cursor
from shared.words import System


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
