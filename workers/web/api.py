"""The JSON API: what the command line can do, for programs. Needs the token VAREBRO_API_TOKEN."""

from __future__ import annotations

import hmac
from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from sqlalchemy import select

from shared import audit
from shared.config import configuration
from shared.connections import NotUsable
from shared.operations import EARLIEST, LATEST, Operations, check_no_span, only_kind
from shared.progress import progress
from shared.report import of_connection, pauses, tally
from shared.settings import SettingsError
from shared.tables import Change, Connection
from shared.words import Cause, Direction, State
from workers.process import the_engine
from workers.web.plain import PlainRoute

_bearer = HTTPBearer(auto_error=False)


def _allowed(
    given: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> Operations:
    """The operations, for whoever has the token."""
    token = configuration().api_token
    expected = token.get_secret_value() if token else ""
    offered = given.credentials if given else ""
    if not expected or not hmac.compare_digest(offered.encode(), expected.encode()):
        raise HTTPException(401, "Send the token VAREBRO_API_TOKEN as Authorization: Bearer ...")
    return Operations(the_engine(), actor="api")


Allowed = Annotated[Operations, Depends(_allowed)]
router = APIRouter(prefix="/api", route_class=PlainRoute)

Moment = Annotated[AwareDatetime, Field(ge=EARLIEST, lt=LATEST)]


class Resync(BaseModel):
    """What to transfer again.

    Attributes:
        keys: numbers (Rackbeat) or Ids (24SevenOffice); without them everything of the kinds.
        since, until: only what changed in that span of time; not together with keys.
    """

    model_config = ConfigDict(extra="forbid")

    direction: Direction
    kind: str | None = None
    keys: list[Annotated[str, Field(min_length=1, max_length=200)]] | None = None
    since: Moment | None = None
    until: Moment | None = None


@router.get("/connections")
def connections(operations: Allowed) -> list[dict[str, Any]]:
    """All connections, each with the vendors that are left alone for it."""
    with operations.engine.sessions() as session:
        found = session.scalars(select(Connection).order_by(Connection.slug)).all()
        left_alone = list(pauses(session, None, now=operations.engine.clock()))
    names = ("slug", "name", "tfso_client", "state", "pause_reason")
    return [
        {name: getattr(connection, name) for name in names}
        | {"pauses": [each for each in left_alone if each["connection"] == connection.slug]}
        for connection in found
    ]


@router.get("/connections/{slug}/settings")
def settings(slug: str, operations: Allowed) -> dict[str, Any]:
    """A connection's settings, defaults included."""
    return operations.settings(slug).model_dump(mode="json")


@router.patch("/connections/{slug}/settings")
def change_settings(slug: str, changes: dict[str, Any], operations: Allowed) -> dict[str, Any]:
    """Change settings, named as "product.origin"; null goes back to the default."""
    return operations.change_settings(slug, changes).model_dump(mode="json")


@router.post("/connections/{slug}/sync/{what}", status_code=202)
def sync(slug: str, what: Literal["initial", "reconcile"], operations: Allowed) -> dict[str, int]:
    """Begin the initial sync or a reconciliation."""
    return {"run": operations.begin(slug, Cause(what))}


@router.post("/connections/{slug}/resync", status_code=202)
def resync(slug: str, wanted: Resync, operations: Allowed) -> dict[str, int | str]:
    """Transfer records again: those named, all of a kind, a span of time, or everything. Where the
    settings keep them from being transferred that way, a message says so."""
    operations.connection(slug)
    if wanted.keys is not None:
        check_no_span(wanted.since, wanted.until)
        count = operations.resync(slug, only_kind(wanted.kind), wanted.keys, wanted.direction)
        return {"changes": count} | _message(operations, slug, wanted)
    run = operations.begin(
        slug,
        Cause.RESYNC,
        direction=wanted.direction,
        kinds=wanted.kind,
        since=wanted.since,
        until=wanted.until,
    )
    return {"run": run} | _message(operations, slug, wanted)


def _message(operations: Operations, slug: str, wanted: Resync) -> dict[str, str]:
    reason = operations.skipped(slug, wanted.kind, wanted.direction)
    return {} if reason is None else {"message": reason}


@router.post("/connections/{slug}/retry", status_code=202)
def retry(slug: str, operations: Allowed) -> dict[str, int]:
    """Try everything again that is parked."""
    return {"changes": operations.retry_parked(slug)}


@router.get("/connections/{slug}/changes")
def changes(
    slug: str,
    operations: Allowed,
    state: State | None = None,
    kind: Annotated[str | None, Field(max_length=40)] = None,
    limit: Annotated[int, Field(ge=1, le=1000)] = 100,
) -> list[dict[str, Any]]:
    """The newest changes in the journal."""
    connection_id = operations.connection(slug).id
    query = select(Change).where(Change.connection_id == connection_id)
    if state is not None:
        query = query.where(Change.state == state.value)
    if kind is not None:
        query = query.where(Change.kind == operations.kind(kind))
    with operations.engine.sessions() as session:
        found = session.scalars(query.order_by(Change.id.desc()).limit(limit)).all()
    names = (
        "id", "kind", "direction", "key", "target_key", "cause", "state", "outcome", "attempts",
        "failure_class", "message", "notes", "recorded_at", "due_at", "finished_at",
    )  # fmt: skip
    return [{name: getattr(change, name) for name in names} for change in found]


@router.get("/connections/{slug}/status")
def status(slug: str, operations: Allowed) -> list[dict[str, Any]]:
    """How many changes there are, by kind, direction, state and outcome."""
    operations.connection(slug)
    names = ("connection", "kind", "direction", "state", "outcome", "changes")
    with operations.engine.sessions() as session:
        return [dict(zip(names, row, strict=True)) for row in tally(session, slug)]


@router.get("/connections/{slug}/audit")
def audit_trail(
    slug: str,
    operations: Allowed,
    limit: Annotated[int, Field(ge=1, le=1000)] = 100,
) -> list[dict[str, Any]]:
    """Who did what with the connection, the newest first."""
    operations.connection(slug)
    with operations.engine.sessions() as session:
        return list(audit.trail(session, slug, limit=limit))


@router.get("/connections/{slug}/pauses")
def current_pauses(slug: str, operations: Allowed) -> list[dict[str, Any]]:
    """Vendors that are left alone: since when, why, and when they are asked again."""
    operations.connection(slug)
    with operations.engine.sessions() as session:
        return list(pauses(session, slug, now=operations.engine.clock()))


@router.get("/connections/{slug}/runs")
def runs(slug: str, operations: Allowed) -> list[dict[str, Any]]:
    """How far the bulk jobs are, the oldest first; `left` is an estimate, in seconds."""
    operations.connection(slug)
    now = operations.engine.clock()
    with operations.engine.sessions() as session:
        found = list(progress(session, of_connection(slug), configuration(), now=now))
    return [
        asdict(run) | {"left": None if run.left is None else round(run.left.total_seconds())}
        for run in found
    ]


EXPECTED = (NotUsable, SettingsError)
