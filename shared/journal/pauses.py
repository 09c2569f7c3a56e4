"""Pauses: a vendor that is left alone for one connection, and why.

A used-up quota's pause ends by itself. That of an outage, or of a refused login, ends when a single
probe finds the vendor back: until then its time is only that of the next probe. A call that ran
into its time limit is taken for an outage until the first probe is answered: then it was only that
record's, whose attempts are counted.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Select,
    SQLColumnExpression,
    bindparam,
    delete,
    exists,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from shared.failures import Failure, is_silent
from shared.journal.decide import PauseVendor, class_of, decide, explain
from shared.tables import Connection, Pause
from shared.words import FailureClass, System


def _held_for(failure_class: SQLColumnExpression[str]) -> ColumnElement[bool]:
    """Not IN, the parameters of which SQLAlchemy writes anew into every statement."""
    reasons = (FailureClass.OUTAGE, FailureClass.AUTH)
    return or_(*(failure_class == reason.value for reason in reasons))


_IS_HELD = _held_for(Pause.failure_class)


def in_force(
    connection_id: SQLColumnExpression[int],
    bulk: SQLColumnExpression[bool],
    now: SQLColumnExpression[datetime] | datetime,
) -> ColumnElement[bool]:
    """Whether a connection makes no calls for such work."""
    return exists().where(
        Pause.connection_id == connection_id,
        or_(Pause.until > now, _IS_HELD),
        or_(Pause.bulk_only.is_(False), bulk),
    )


_NOW: BindParameter[datetime] = bindparam("now")
_DUE_PROBES = (
    select(Pause, Connection.slug)
    .join(Connection, Connection.id == Pause.connection_id)
    .where(_IS_HELD, Pause.until <= _NOW, Connection.state == "active")
    .with_for_update(of=Pause, skip_locked=True)
)
_ENDED = (
    delete(Pause).where(Pause.until <= _NOW, ~_IS_HELD).execution_options(synchronize_session=False)
)


def pause_after(
    session: Session, connection_id: int, failure: Exception, *, now: datetime
) -> datetime | None:
    """Pause what this failure is about; until when, None where it does not say."""
    decision = decide(failure, attempts=1, now=now)
    message = explain(failure)
    if isinstance(decision, PauseVendor):
        _pause(session, connection_id, decision, class_of(failure), message, now=now)
        return decision.until
    if isinstance(failure, Failure) and is_silent(failure) and failure.system is not None:
        # The vendor, or only what it was asked for? A probe finds out, and is due now.
        suspicion = PauseVendor(failure.system, until=now)
        _pause(session, connection_id, suspicion, FailureClass.OUTAGE, message, now=now)
    return None


def _pause(
    session: Session,
    connection_id: int,
    decision: PauseVendor,
    failure_class: FailureClass,
    message: str,
    *,
    now: datetime,
) -> None:
    statement = insert(Pause).values(
        connection_id=connection_id,
        system=decision.system.value,
        bulk_only=decision.bulk_only,
        until=decision.until,
        failure_class=failure_class.value,
        message=message,
        failures=1,
        since=now,
    )
    new = statement.excluded
    longer = or_(_held_for(new.failure_class), Pause.until < new.until)
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["connection_id", "system", "bulk_only"],
            set_={
                "until": new.until,
                "failure_class": new.failure_class,
                "message": new.message,
                "failures": 1,
                "since": new.since,
            },
            # Workers that fail together are one failure; and what waits for a probe waits for it.
            where=~_IS_HELD & longer,
        )
    )


def held(session: Session, connection_id: int, system: System) -> Pause | None:
    """The pause that a probe may end, locked until the commit."""
    return session.scalar(
        select(Pause)
        .where(Pause.connection_id == connection_id, Pause.system == system.value, _IS_HELD)
        .with_for_update()
    )


def take_due_probes(session: Session, *, now: datetime, next_at: datetime) -> list[tuple[str, str]]:
    """Connections and vendors to be probed now. The caller commits.

    Args:
        next_at: when the next probe comes if nothing is heard of this one.
    """
    probes = []
    for found, slug in session.execute(_DUE_PROBES, {"now": now}):
        found.until = next_at
        probes.append((slug, found.system))
    return probes


def forget_ended(session: Session, *, now: datetime) -> None:
    """Pauses for want of quota that are over are forgotten."""
    session.execute(_ENDED, {"now": now})


def forget_all(session: Session, connection_id: int) -> None:
    """A person has mended what was wrong: let the connection try at once."""
    session.execute(delete(Pause).where(Pause.connection_id == connection_id, _IS_HELD))


def current(now: datetime) -> Select[str, Pause]:
    """All pauses in force, with their connections' names."""
    return (
        select(Connection.slug, Pause)
        .join(Connection, Connection.id == Pause.connection_id)
        .where(or_(Pause.until > now, _IS_HELD))
        .order_by(Connection.slug, Pause.system, Pause.bulk_only)
    )
