"""Exchanges a reference to another record for that record's key at the target."""

from __future__ import annotations

from sqlalchemy.orm import Session

from shared.entity import Reference
from shared.journal.decide import Wait
from shared.journal.record import open_or_running
from shared.links import counterpart, find_link
from shared.tables import Change
from shared.words import Direction, State


class Missing(Exception):
    """A record this one needs has not been transferred yet."""

    def __init__(self, reference: Reference) -> None:
        super().__init__(f"{reference.kind} {reference.key}")
        self.reference = reference


def key_at_target(session: Session, change: Change, reference: Reference) -> str | None:
    """The key at the target; None where the record does without.

    Raises:
        Missing: that record has to be transferred first.
        Wait: it could be done without, but is on its way: an invoice must not overtake its order.
    """
    direction = Direction(change.direction)
    link = find_link(session, change.connection_id, reference.kind, direction.source, reference.key)
    if link is not None:
        return counterpart(link, direction.source)
    if not reference.optional:
        raise Missing(reference)
    others = open_or_running(
        session, change.connection_id, reference.kind, direction, reference.key
    )
    if any(other.state != State.PARKED.value for other in others):
        raise Wait(f"Its {reference.kind} {reference.key} is on its way and goes first.", seconds=2)
    return None
