"""Two records become a pair: each has one counterpart, whoever else is looking for one."""

from __future__ import annotations

from sqlalchemy import BindParameter, Integer, bindparam, func, select
from sqlalchemy.orm import Session

from shared import idempotency
from shared.failures import DependencyParked
from shared.journal.decide import Wait
from shared.links import find_link
from shared.tables import Change
from shared.words import Direction, State, System

_CONNECTION: BindParameter[int] = bindparam("connection_id", type_=Integer)
_LOCK = select(func.pg_advisory_xact_lock(func.hashtext(bindparam("record")), _CONNECTION))


def see_that_they_are_free(session: Session, change: Change, target_key: str) -> None:
    """See that neither a change's record nor the one it is to be written onto belongs to a third;
    until the commit nobody else sees to that.

    Raises:
        Wait: one does, or perhaps will in a moment.
        DependencyParked: one perhaps will, once a change that is parked has been transferred.
    """
    direction = Direction(change.direction)
    keys = {direction.source: change.key, direction.target: target_key}
    for system in System:  # in one order for all, so that no two wait for each other
        which = {"record": f"{change.kind} {system.value} {keys[system]}"}
        session.execute(_LOCK, which | {"connection_id": change.connection_id})
    # Before the links: a write ends in the moment in which its link is there.
    _nobody_else_writes(session, change, target_key)
    for system in System:
        key = keys[system]
        if find_link(session, change.connection_id, change.kind, system, key) is not None:
            raise Wait(f"{key} in {system.title} has just been linked.", seconds=1)


def _nobody_else_writes(session: Session, change: Change, target_key: str) -> None:
    others = idempotency.updates_of_other_pairs(session, change, target_key)
    if not others:
        return
    if any(other.state != State.PARKED.value for other in others):
        raise Wait("Another record is just being written onto the same one.", seconds=2)
    other = others[0]
    source, target = Direction(other.direction).source.title, Direction(other.direction).target
    raise DependencyParked(
        f"{source} record {other.key} was to be written onto the same record as this one, without "
        f"an answer from {target.title}, and is parked since. Mend that one first; then try this "
        "one again."
    )
