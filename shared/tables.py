"""The tables. Constraints here, not only code, make sure that nothing is doubled."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    ColumnElement,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Text,
    UniqueConstraint,
    func,
    literal_column,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from shared.storable import StorableJson, StorableText
from shared.words import System

Json = dict[str, Any]

# Which changes wait for a worker: the predicate of a unique index, so that statements that rely on
# that index must use these very words. With parameters in their place PostgreSQL no longer sees
# that the index fits, once it plans the statement for all parameters alike.
OPEN_CHANGE = text("state IN ('pending', 'waiting', 'parked')")


def constant(word: str) -> ColumnElement[str]:
    """One of our own words as a part of the statement: for the same reason no parameter."""
    return literal_column(f"'{word}'", Text)


class Base(DeclarativeBase):
    """Base of all tables; names of constraints are fixed so that migrations can name them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: DateTime(timezone=True),
        str: StorableText,
        Json: StorableJson,
        list[Any]: StorableJson,
        int: BigInteger,
    }


def _id() -> Mapped[int]:
    return mapped_column(BigInteger, Identity(always=True), primary_key=True)


def _connection() -> Mapped[int]:
    return mapped_column(ForeignKey("connection.id", ondelete="CASCADE"))


class Connection(Base):
    """One Rackbeat account paired with one 24SevenOffice client."""

    __tablename__ = "connection"
    __table_args__ = (CheckConstraint("state IN ('active', 'paused')", name="state"),)

    id: Mapped[int] = _id()
    slug: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    rackbeat_url: Mapped[str]
    tfso_url: Mapped[str]
    rackbeat_account: Mapped[str]  # checked against Rackbeat-Account-Id of every webhook
    tfso_identity: Mapped[str]
    tfso_client: Mapped[str]  # the company's name, shown and checked by people
    state: Mapped[str] = mapped_column(server_default="active")
    pause_reason: Mapped[str | None]
    settings: Mapped[Json] = mapped_column(server_default=text("'{}'"))
    created_at: Mapped[datetime]


class Credential(Base):
    """One secret of a connection, encrypted."""

    __tablename__ = "credential"

    connection_id: Mapped[int] = mapped_column(
        ForeignKey("connection.id", ondelete="CASCADE"), primary_key=True
    )
    name: Mapped[str] = mapped_column(primary_key=True)
    ciphertext: Mapped[bytes] = mapped_column(LargeBinary)
    updated_at: Mapped[datetime]


class WebhookSubscription(Base):
    """One event Rackbeat sends us; its token is kept only as a digest, to compare with."""

    __tablename__ = "webhook_subscription"

    connection_id: Mapped[int] = mapped_column(
        ForeignKey("connection.id", ondelete="CASCADE"), primary_key=True
    )
    event: Mapped[str] = mapped_column(primary_key=True)
    rackbeat_id: Mapped[int]
    token_digest: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime]


class WebhookDelivery(Base):
    """One webhook received and accepted. The body is kept only where the event is not known."""

    __tablename__ = "webhook_delivery"
    __table_args__ = (Index(None, "connection_id", "received_at"),)

    id: Mapped[int] = _id()
    connection_id: Mapped[int] = _connection()
    event: Mapped[str | None]
    key: Mapped[str | None]
    recognised: Mapped[bool] = mapped_column(Boolean)
    body: Mapped[str | None]
    received_at: Mapped[datetime]


class Run(Base):
    """An initial sync, a resync or a reconciliation: lists records, records changes for them."""

    __tablename__ = "run"

    id: Mapped[int] = _id()
    connection_id: Mapped[int] = _connection()
    cause: Mapped[str]
    direction: Mapped[str]
    kinds: Mapped[list[Any]]
    since: Mapped[datetime | None]  # only records changed in this span of time
    until: Mapped[datetime | None]
    listed: Mapped[Json] = mapped_column(server_default=text("'{}'"))  # kind -> what was found
    # kind -> what was found -> the first keys of those
    keys: Mapped[Json] = mapped_column(server_default=text("'{}'"))
    state: Mapped[str] = mapped_column(server_default="listing")  # listing, transferring, done
    message: Mapped[str | None]
    lease_expires_at: Mapped[datetime | None]
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


class ListedPage(Base):
    """A part of a list that a run has read, until it has listed that kind: see shared/pages.py."""

    __tablename__ = "listed_page"

    run_id: Mapped[int] = mapped_column(ForeignKey("run.id", ondelete="CASCADE"), primary_key=True)
    request: Mapped[str] = mapped_column(primary_key=True)  # its fingerprint
    answer: Mapped[str]  # as JSON
    read_at: Mapped[datetime]


class Change(Base):
    """The journal: the record of this kind with this key changed at its source."""

    __tablename__ = "change"
    __table_args__ = (
        CheckConstraint(
            "state IN ('pending', 'running', 'waiting', 'parked', 'done')", name="state"
        ),
        # Changes of one record that still wait for a worker are one.
        Index(
            "uq_change_open",
            "connection_id",
            "kind",
            "direction",
            "key",
            unique=True,
            postgresql_where=OPEN_CHANGE,
        ),
        # At most one worker acts on one record.
        Index(
            "uq_change_running",
            "connection_id",
            "kind",
            "direction",
            "key",
            unique=True,
            postgresql_where=text("state = 'running'"),
        ),
        # The order in which pending changes get their turns.
        Index(
            "ix_change_turn",
            "connection_id",
            "kind",
            "bulk",
            "enqueued_at",
            "due_at",
            postgresql_where=text("state = 'pending'"),
        ),
        Index(
            "ix_change_blocked",
            "connection_id",
            "blocked_kind",
            "blocked_key",
            postgresql_where=text("blocked_kind IS NOT NULL"),
        ),
        Index("ix_change_history", "connection_id", "kind", "key"),
        Index("ix_change_run", "run_id", "state"),
    )

    id: Mapped[int] = _id()
    connection_id: Mapped[int] = _connection()
    kind: Mapped[str]
    direction: Mapped[str]
    key: Mapped[str]
    cause: Mapped[str]
    state: Mapped[str]
    bulk: Mapped[bool] = mapped_column(Boolean)
    forced: Mapped[bool] = mapped_column(Boolean)  # compare with the target itself, not the link
    attempts: Mapped[int] = mapped_column(Integer, server_default="0")
    recorded_at: Mapped[datetime]
    due_at: Mapped[datetime]
    enqueued_at: Mapped[datetime | None]
    claim: Mapped[str | None]
    claim_expires_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    duration_ms: Mapped[int | None]
    outcome: Mapped[str | None]
    failure_class: Mapped[str | None]
    message: Mapped[str | None]
    notes: Mapped[list[Any]] = mapped_column(server_default=text("'[]'"))
    target_key: Mapped[str | None]
    blocked_kind: Mapped[str | None]
    blocked_key: Mapped[str | None]
    snapshot: Mapped[Json | None]  # the source record as a pull or a run has just read it
    candidates: Mapped[list[Any] | None]  # keys of target records a run found to be the same
    run_id: Mapped[int | None] = mapped_column(ForeignKey("run.id", ondelete="SET NULL"))


class Attempt(Base):
    """One try at a change: what was sent, what came back, why it failed."""

    __tablename__ = "attempt"
    __table_args__ = (Index(None, "change_id"),)

    id: Mapped[int] = _id()
    change_id: Mapped[int] = mapped_column(ForeignKey("change.id", ondelete="CASCADE"))
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime]
    outcome: Mapped[str | None]
    failure_class: Mapped[str | None]
    message: Mapped[str | None]
    request: Mapped[Json | None]
    response: Mapped[Json | None]


class Link(Base):
    """Which Rackbeat record and which 24SevenOffice record are the same thing.

    `seen` columns hold the mapped fields of each side as they were when both last agreed; a field
    that is missing there is not known yet.
    """

    __tablename__ = "link"
    __table_args__ = (
        UniqueConstraint("connection_id", "kind", "rackbeat_key"),
        UniqueConstraint("connection_id", "kind", "tfso_key"),
    )

    id: Mapped[int] = _id()
    connection_id: Mapped[int] = _connection()
    kind: Mapped[str]
    rackbeat_key: Mapped[str]
    tfso_key: Mapped[str]
    rackbeat_seen: Mapped[Json]
    tfso_seen: Mapped[Json]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class IdempotencyKey(Base):
    """One intended write, stored before it is sent.

    `target_key` is known beforehand where we choose the number, otherwise once it succeeded. The
    `seen` columns hold both records' fields as the write leaves them, as a link has them: by these
    it is recognised when its answer never came.
    """

    __tablename__ = "idempotency_key"
    __table_args__ = (
        CheckConstraint("state IN ('started', 'succeeded', 'failed')", name="state"),
        CheckConstraint("operation IN ('create', 'update')", name="operation"),
        # A record is created at most once, whatever happens.
        Index(
            "uq_idempotency_key_create",
            "connection_id",
            "kind",
            "direction",
            "key",
            unique=True,
            postgresql_where=text("operation = 'create' AND state <> 'failed'"),
        ),
        Index(
            "uq_idempotency_key_update",
            "change_id",
            "request_fingerprint",
            unique=True,
            postgresql_where=text("operation = 'update' AND state <> 'failed'"),
        ),
        Index(
            "ix_idempotency_key_started",
            "connection_id",
            "kind",
            "direction",
            "key",
            postgresql_where=text("state = 'started'"),
        ),
    )

    id: Mapped[int] = _id()
    connection_id: Mapped[int] = _connection()
    kind: Mapped[str]
    direction: Mapped[str]
    key: Mapped[str]
    operation: Mapped[str]
    state: Mapped[str]
    request_fingerprint: Mapped[str]
    # Kept when the journal is cleaned up: that a record was created must never be forgotten.
    change_id: Mapped[int | None] = mapped_column(ForeignKey("change.id", ondelete="SET NULL"))
    target_key: Mapped[str | None]
    source_seen: Mapped[Json | None]
    target_seen: Mapped[Json | None]
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


class Cursor(Base):
    """How far a kind has been pulled, and when it is pulled next."""

    __tablename__ = "cursor"

    connection_id: Mapped[int] = mapped_column(
        ForeignKey("connection.id", ondelete="CASCADE"), primary_key=True
    )
    kind: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[datetime]  # the newest time of change seen, by the vendor's clock
    next_at: Mapped[datetime]
    pulled_at: Mapped[datetime | None]
    message: Mapped[str | None]  # why the last pull failed
    # Keys there were at the first pull, of a kind whose records do not say when they changed.
    baseline: Mapped[list[Any] | None]
    # Keys that were not linked when the two systems were first compared, and what they said:
    # see shared/baseline.py.
    rackbeat_baseline: Mapped[Json | None]
    tfso_baseline: Mapped[Json | None]

    def baseline_of(self, system: System) -> Json | None:
        return self.rackbeat_baseline if system is System.RACKBEAT else self.tfso_baseline

    def set_baseline(self, system: System, baseline: Json) -> None:
        if system is System.RACKBEAT:
            self.rackbeat_baseline = baseline
        else:
            self.tfso_baseline = baseline


class Pause(Base):
    """No call is made to one vendor for one connection.

    A used-up quota's pause ends at `until`. That of an outage or a refused login ends when a probe
    has been answered; `until` is when the next one is due.
    """

    __tablename__ = "pause"

    connection_id: Mapped[int] = mapped_column(
        ForeignKey("connection.id", ondelete="CASCADE"), primary_key=True
    )
    system: Mapped[str] = mapped_column(primary_key=True)
    bulk_only: Mapped[bool] = mapped_column(Boolean, primary_key=True)
    until: Mapped[datetime]
    failure_class: Mapped[str]
    message: Mapped[str]
    failures: Mapped[int] = mapped_column(Integer)  # in a row; the wait grows with them
    since: Mapped[datetime] = mapped_column(server_default=func.now())


class Audit(Base):
    """Who did what: settings changed, connections paused, changes retried."""

    __tablename__ = "audit"
    __table_args__ = (Index(None, "connection_id", "at"),)

    id: Mapped[int] = _id()
    connection_id: Mapped[int | None] = mapped_column(
        ForeignKey("connection.id", ondelete="SET NULL")
    )
    at: Mapped[datetime]
    actor: Mapped[str]
    action: Mapped[str]
    details: Mapped[Json]
