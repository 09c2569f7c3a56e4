"""Values of a system's registers, such as units: known by number, and added where missing, once."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session, sessionmaker

from shared import idempotency
from shared.clock import Clock
from shared.failures import Failure, OutcomeUnknown, Transient
from shared.kind import Lookup, Note, Side
from shared.points import Point, Reached, pass_by
from shared.words import Direction

# How long a value, once found, is taken to be there still.
KEPT_SECONDS = 600.0


@dataclass(frozen=True)
class _Value:
    """What the idempotency key of an added value is about."""

    connection_id: int
    kind: str
    key: str
    direction: str = Direction.TFSO_TO_RACKBEAT.value
    id: None = None


@dataclass
class Registers:
    """The registers of all connections, as this process has found them.

    Attributes:
        settle: how long after a value was added without an answer its absence counts as proven.
        reached: called at named points around each value that is added.
    """

    sessions: sessionmaker[Session]
    clock: Clock
    settle: timedelta
    reached: Reached = pass_by
    _found: dict[tuple[int, Lookup], tuple[float, str]] = field(default_factory=dict)

    def number(
        self,
        connection_id: int,
        client: Any,
        side: Side[Any],
        lookup: Lookup,
        note: Note,
        *,
        pretend: bool,
    ) -> str:
        """The number of a value, added where it is missing.

        Args:
            note: is told where it was missing.
            pretend: nothing is added; what is missing has the number 0.

        Raises:
            Failure: it could not be found or added, or it is too early to tell.
        """
        found_at, number = self._found.get((connection_id, lookup), (None, ""))
        if found_at is not None and time.monotonic() - found_at < KEPT_SECONDS:
            return number
        if pretend:
            return side.value_number(client, lookup) or "0"
        # One worker at a time, so that two of them do not both add what is missing.
        with self.sessions.begin() as session:
            session.execute(
                text("SELECT pg_advisory_xact_lock(hashtext(:register), :id)"),
                {"register": lookup.register, "id": connection_id},
            )
            number = side.value_number(client, lookup) or ""
            if not number:
                number = self._added(connection_id, client, side, lookup)
                name = lookup.register.replace("_", " ")
                note(f"Rackbeat had no {name} '{lookup.value}'; it has been added there.")
        self._found[connection_id, lookup] = (time.monotonic(), number)
        return number

    def _added(self, connection_id: int, client: Any, side: Side[Any], lookup: Lookup) -> str:
        value = _Value(connection_id, lookup.register, lookup.value.casefold())
        self.reached(Point.BEFORE_KEY)
        key_id = self._started(value)
        self.reached(Point.AFTER_KEY)
        try:
            number = side.add_value(client, lookup)
        except OutcomeUnknown:
            raise  # the key stays started: nothing is added again before that is settled
        except Failure:
            self._finished(key_id, idempotency.FAILED, None)
            raise
        self.reached(Point.AFTER_CALL)
        self._finished(key_id, idempotency.SUCCEEDED, number)
        self.reached(Point.AFTER_COMMIT)
        return number

    def _started(self, value: _Value) -> int:
        now = self.clock()
        with self.sessions.begin() as session:
            earlier = idempotency.earlier_creation(session, value)
            if idempotency.is_unanswered(earlier):
                proven_at = earlier.started_at + self.settle
                if now < proven_at:
                    raise Transient(
                        f"Rackbeat did not answer when the {value.kind.replace('_', ' ')} "
                        f"'{value.key}' was added. It is looked for once more before it is added "
                        "again.",
                        retry_at=proven_at,
                    )
            return idempotency.start(
                session,
                value,
                idempotency.CREATE,
                request_fingerprint=idempotency.fingerprint({"value": value.key}),
                target_key=None,
                now=now,
            ).id

    def _finished(self, key_id: int, state: str, number: str | None) -> None:
        with self.sessions.begin() as session:
            idempotency.finish(session, key_id, state, target_key=number, now=self.clock())
            self.reached(Point.BEFORE_COMMIT)
