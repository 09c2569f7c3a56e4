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
from shared.tables import Change, IdempotencyKey
from shared.words import Direction, State

CREATE = "create"
UPDATE = "update"
STARTED = "started"
SUCCEEDED = "succeeded"
FAILED = "failed"


class Subject(Protocol):
    """What a write is about: the record of a change, or a value of a register.

    Attributes:
        id: the change's.
    """

    @property
    def id(self) -> int | None: ...
    @property
    def connection_id(self) -> int: ...
    @property
    def kind(self) -> str: ...
    @property
    def direction(self) -> str: ...
    @property
    def key(self) -> str: ...


def fingerprint(payload: Mapping[str, Any]) -> str:
    """The same for two payloads that say the same."""
    text = json.dumps(to_jsonable_python(payload), sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


_OF_A_RECORD = (
    IdempotencyKey.connection_id == bindparam("connection_id"),
    IdempotencyKey.kind == bindparam("kind"),
    IdempotencyKey.direction == bindparam("direction"),
    IdempotencyKey.key == bindparam("key"),
)
_CREATION = select(IdempotencyKey).where(
    *_OF_A_RECORD, IdempotencyKey.operation == CREATE, IdempotencyKey.state != FAILED
)
_UNANSWERED_UPDATES = (
    select(IdempotencyKey)
    .where(*_OF_A_RECORD, IdempotencyKey.operation == UPDATE, IdempotencyKey.state == STARTED)
    .order_by(IdempotencyKey.started_at)
)


def earlier_creation(session: Session, subject: Subject) -> IdempotencyKey | None:
    """The creation of this record that was started or has succeeded, if any."""
    return session.scalar(
        _CREATION,
        {
            "connection_id": subject.connection_id,
            "kind": subject.kind,
            "direction": subject.direction,
            "key": subject.key,
        },
    )


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
    return session.scalar(
        select(IdempotencyKey).where(
            IdempotencyKey.change_id == subject.id,
            IdempotencyKey.operation == UPDATE,
            IdempotencyKey.request_fingerprint == request_fingerprint,
            IdempotencyKey.state != FAILED,
        )
    )


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
    session.execute(
        update(IdempotencyKey)
        .where(
            IdempotencyKey.connection_id == change.connection_id,
            IdempotencyKey.kind == change.kind,
            IdempotencyKey.direction == change.direction,
            IdempotencyKey.key == change.key,
            IdempotencyKey.state == STARTED,
        )
        .values(state=SUCCEEDED, target_key=target_key, finished_at=now)
    )


def unanswered_updates(
    session: Session, connection_id: int, kind: str, *, into: Direction, key: str
) -> Sequence[IdempotencyKey]:
    """Updates of a record that were to be sent and whose answer never came, the oldest first.

    Args:
        into: the direction that writes into the record's system.
        key: the source record's.
    """
    record = {
        "connection_id": connection_id, "kind": kind, "direction": into.value, "key": key
    }  # fmt: skip
    return session.scalars(_UNANSWERED_UPDATES, record).all()


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
    of_that = () if made_of is None else (IdempotencyKey.key == made_of,)
    its_change = (
        (Change.connection_id == IdempotencyKey.connection_id)
        & (Change.kind == IdempotencyKey.kind)
        & (Change.direction == IdempotencyKey.direction)
        & (Change.key == IdempotencyKey.key)
        & (Change.state != State.DONE.value)
    )
    states = session.scalars(
        select(Change.state)
        .join(IdempotencyKey, its_change)
        .where(
            IdempotencyKey.connection_id == connection_id,
            IdempotencyKey.kind == kind,
            IdempotencyKey.direction == into.value,
            IdempotencyKey.operation == CREATE,
            IdempotencyKey.state == STARTED,
            or_(
                IdempotencyKey.target_key.is_(None),
                IdempotencyKey.target_key == record_key,
            ),
            *of_that,
        )
    )
    return {State(state) for state in states}
