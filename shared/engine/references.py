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
        Wait: it could be done without, but is on its way, or an edit of it is: an invoice must not
            overtake its order.
    """
    direction = Direction(change.direction)
    link = find_link(session, change.connection_id, reference.kind, direction.source, reference.key)
    if link is None and not reference.optional:
        raise Missing(reference)
    if reference.optional and change.id is not None:  # a preview overtakes nothing
        _is_not_on_its_way(session, change, reference, is_linked=link is not None)
    return None if link is None else counterpart(link, direction.source)


def _is_not_on_its_way(
    session: Session, change: Change, reference: Reference, *, is_linked: bool
) -> None:
    direction = Direction(change.direction)
    kind, key = reference.kind, reference.key
    for other in open_or_running(session, change.connection_id, kind, direction, key):
        # A resync may take hours to come to it, and will mostly find nothing to write.
        waits_in_bulk = is_linked and other.bulk and not change.bulk
        if other.state != State.PARKED.value and other.id != change.id and not waits_in_bulk:
            raise Wait(f"Its {kind} {key} is on its way and goes first.", seconds=2)
