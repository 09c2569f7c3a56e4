"""Idempotency keys: one row for every intended write, stored before the write is sent."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol, TypeGuard

from pydantic_core import to_jsonable_python
from sqlalchemy import bindparam, or_, select, update
from sqlalchemy.orm import Session

from shared.entity import Seen
from shared.journal.record import OfARecord, into_a_system, is_record, record_of, which_record
from shared.tables import Change, IdempotencyKey, constant
from shared.words import Direction, State

CREATE = "create"
UPDATE = "update"
STARTED = "started"
SUCCEEDED = "succeeded"
FAILED = "failed"


class Subject(OfARecord, Protocol):
    """What a write is about.

    Attributes:
        id: the change's.
    """

    @property
    def id(self) -> int | None: ...


def fingerprint(payload: Mapping[str, Any]) -> str:
    """The same for two payloads that say the same."""
    text = json.dumps(to_jsonable_python(payload), sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


# Made once, as most transfers ask them.
_OF_A_RECORD = is_record(IdempotencyKey)
_OF_ITS_COUNTERPART = is_record(IdempotencyKey, direction="reverse", key="counterpart")
_CREATION = select(IdempotencyKey).where(
    _OF_A_RECORD,
    IdempotencyKey.operation == constant(CREATE),
    IdempotencyKey.state != constant(FAILED),
)
_UNANSWERED_UPDATES = (
    select(IdempotencyKey)
    .where(
        or_(_OF_A_RECORD, _OF_ITS_COUNTERPART),
        IdempotencyKey.operation == constant(UPDATE),
        IdempotencyKey.state == constant(STARTED),
    )
    .order_by(IdempotencyKey.started_at)
)
_SAME_UPDATE = select(IdempotencyKey).where(
    IdempotencyKey.change_id == bindparam("of_change"),
    IdempotencyKey.operation == constant(UPDATE),
    IdempotencyKey.request_fingerprint == bindparam("of_request"),
    IdempotencyKey.state != constant(FAILED),
)
_ENDED = (
    update(IdempotencyKey)
    .where(_OF_A_RECORD, IdempotencyKey.state == constant(STARTED))
    .values(state=SUCCEEDED, target_key=bindparam("of_target"), finished_at=bindparam("now"))
    .execution_options(synchronize_session=False)
)
_ITS_OPEN_CHANGE = (
    (Change.connection_id == IdempotencyKey.connection_id)
    & (Change.kind == IdempotencyKey.kind)
    & (Change.direction == IdempotencyKey.direction)
    & (Change.key == IdempotencyKey.key)
    & (Change.state != constant(State.DONE))
)
_CREATORS = (
    select(Change.state)
    .join(IdempotencyKey, _ITS_OPEN_CHANGE)
    .where(
        into_a_system(IdempotencyKey),
        IdempotencyKey.operation == constant(CREATE),
        IdempotencyKey.state == constant(STARTED),
        or_(
            IdempotencyKey.target_key.is_(None),
            IdempotencyKey.target_key == bindparam("of_target"),
        ),
    )
)
_CREATORS_OF_IT = _CREATORS.where(IdempotencyKey.key == bindparam("of_key"))
_IS_OURS = IdempotencyKey.key == bindparam("of_key")
_IS_ONTO_OURS = IdempotencyKey.target_key == bindparam("of_key")
_IS_THE_TARGETS = IdempotencyKey.key == bindparam("of_target")
_IS_ONTO_THE_TARGET = IdempotencyKey.target_key == bindparam("of_target")
_UPDATES_OF_OTHER_PAIRS = (
    select(Change)
    .join(IdempotencyKey, _ITS_OPEN_CHANGE)
    .where(
        IdempotencyKey.operation == constant(UPDATE),
        IdempotencyKey.state == constant(STARTED),
        or_(
            into_a_system(IdempotencyKey) & ~_IS_OURS & _IS_ONTO_THE_TARGET,
            into_a_system(IdempotencyKey, direction="reverse") & _IS_THE_TARGETS & ~_IS_ONTO_OURS,
            into_a_system(IdempotencyKey, direction="reverse") & ~_IS_THE_TARGETS & _IS_ONTO_OURS,
        ),
    )
)


def earlier_creation(session: Session, subject: Subject) -> IdempotencyKey | None:
    """The creation of this record that was started or has succeeded, if any."""
    return session.scalar(_CREATION, record_of(subject))


def start(
    session: Session,
    subject: Subject,
    operation: str,
    *,
    request_fingerprint: str,
    target_key: str | None,
    now: datetime,
    source_seen: Seen | None = None,
    target_seen: Seen | None = None,
) -> IdempotencyKey:
    """The key of the write about to be sent; a key left by an earlier try is taken up again."""
    row = _unfinished(session, subject, operation, request_fingerprint)
    if row is None:
        row = IdempotencyKey(
            connection_id=subject.connection_id,
            kind=subject.kind,
            direction=subject.direction,
            key=subject.key,
            operation=operation,
        )
        session.add(row)
    row.state = STARTED
    row.request_fingerprint = request_fingerprint
    row.change_id = subject.id
    row.target_key = target_key
    row.source_seen = source_seen
    row.target_seen = target_seen
    row.started_at = now
    session.flush()
    return row


def _unfinished(
    session: Session, subject: Subject, operation: str, request_fingerprint: str
) -> IdempotencyKey | None:
    if operation == CREATE:
        return earlier_creation(session, subject)
    which = {"of_change": subject.id, "of_request": request_fingerprint}
    return session.scalar(_SAME_UPDATE, which)


def is_unanswered(write: IdempotencyKey | None) -> TypeGuard[IdempotencyKey]:
    """Whether there was such a write and nobody knows how it ended."""
    return write is not None and write.state == STARTED


def finish(
    session: Session, key_id: int, state: str, *, target_key: str | None, now: datetime
) -> None:
    """Store how the write ended."""
    row = session.get_one(IdempotencyKey, key_id)
    row.state = state
    row.target_key = target_key or row.target_key
    row.finished_at = now


def close_started(session: Session, change: Change, *, target_key: str, now: datetime) -> None:
    """Both sides agree now: earlier writes of this record whose answer never came have ended."""
    session.execute(_ENDED, record_of(change) | {"of_target": target_key, "now": now})


def unanswered_updates(
    session: Session, subject: Subject, counterpart: str | None
) -> Sequence[IdempotencyKey]:
    """Updates of a pair of records, in both directions, that were to be sent and whose answer never
    came; the oldest first.

    Args:
        counterpart: the key of the subject's record in the other system, if it is known.
    """
    reverse = Direction(subject.direction).reverse.value
    pair = record_of(subject) | {"reverse": reverse, "counterpart": counterpart}
    return session.scalars(_UNANSWERED_UPDATES, pair).all()


def unanswered_creators(
    session: Session,
    connection_id: int,
    kind: str,
    *,
    into: Direction,
    record_key: str,
    made_of: str | None = None,
) -> set[State]:
    """The states of the changes that have not ended and may just have created a record.

    Args:
        into: the direction that writes into the record's system.
        record_key: the record's key there.
        made_of: the key of the record it would have been made of; None for any.
    """
    which = which_record(connection_id, kind, into.value, made_of) | {"of_target": record_key}
    states = session.scalars(_CREATORS if made_of is None else _CREATORS_OF_IT, which)
    return {State(state) for state in states}


def updates_of_other_pairs(session: Session, subject: Subject, target_key: str) -> Sequence[Change]:
    """The changes that have not ended and whose updates were to be sent, in either direction, of
    one of two records, but not of both: of the subject's and of the one with that key.

    Creations are none of them: what they make is looked for, and waits for nobody.
    """
    reverse = Direction(subject.direction).reverse.value
    which = record_of(subject) | {"reverse": reverse, "of_target": target_key}
    return session.scalars(_UPDATES_OF_OTHER_PAIRS, which).all()
