"""Receiving Rackbeat's webhooks.

A delivery is believed to say only "look at this record": it is answered once the change is in the
journal, and the record itself is read later. Rackbeat waits 15 seconds and repeats what fails.
"""

from __future__ import annotations

import hmac
from typing import Annotated

import structlog
from fastapi import APIRouter, Depends, HTTPException, Request
from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.connections import token_digest
from shared.journal.record import News
from shared.links import relink
from shared.rackbeat.deliveries import Delivery, MalformedDelivery, parse_delivery, split_event
from shared.settings import Settings, load_settings
from shared.tables import Connection, WebhookDelivery, WebhookSubscription
from shared.words import Cause, Direction
from tasks import stock
from tasks.kinds import KINDS
from workers.process import the_engine

log = structlog.get_logger()
router = APIRouter()

DIRECTION = Direction.RACKBEAT_TO_24SO
_LONGEST_KEPT = 4000
_KINDS_BY_ENTITY = {
    split_event(event)[0]: kind.name for kind in KINDS.values() for event in kind.events
}


async def _body(request: Request) -> bytes:
    return await request.body()


@router.post("/webhooks/rackbeat/{slug}", status_code=202)
def receive(slug: str, request: Request, body: Annotated[bytes, Depends(_body)]) -> dict[str, str]:
    """Record the change a webhook tells of; 202 only when it is stored."""
    try:
        delivery = parse_delivery(dict(request.headers), body)
    except MalformedDelivery as error:
        # Whether the sender may know more is not known yet: the token stands in a header.
        raise HTTPException(400, f"This is not a webhook of Rackbeat's: {error}.") from error
    engine = the_engine()
    with engine.sessions() as session:
        connection = _authenticated(session, slug, delivery)
    settings = load_settings(connection.settings)
    kind = kind_of(delivery, settings)
    key = delivery.item if delivery.is_stock else delivery.new_key or delivery.key
    understood = kind is not None and key is not None
    news = _news(kind, key, settings)
    # What is not understood is told with its body, so that a person sees what it is about.
    told = None if understood else body.decode("utf-8", "replace").replace("\0", "")[:_LONGEST_KEPT]
    kept = WebhookDelivery(
        connection_id=connection.id,
        event=delivery.event,
        key=delivery.key or delivery.item,
        recognised=understood,
        body=told,
        received_at=engine.clock(),
    )

    def store(session: Session) -> None:
        session.add(kept)
        if kind is not None and delivery.old_key and delivery.new_key:
            relink(session, connection.id, KINDS[kind], delivery.old_key, delivery.new_key)

    engine.announce(connection.id, news, also=store)
    if not understood:
        log.warning(
            "webhook not understood", webhook_event=delivery.event, connection=slug, body=told
        )
    return {"status": "recorded" if news else "ignored"}


def _authenticated(session: Session, slug: str, delivery: Delivery) -> Connection:
    """The connection, if the delivery proves to come from its Rackbeat account.

    All tokens of the connection are compared, in a time that does not depend on which of them fits:
    the name of the event is only what the sender says.
    """
    connection = session.scalar(select(Connection).where(Connection.slug == slug))
    digests = session.scalars(
        select(WebhookSubscription.token_digest).where(
            WebhookSubscription.connection_id == (connection.id if connection else -1)
        )
    ).all()
    given = token_digest(delivery.token or "")
    fits = [hmac.compare_digest(given, digest) for digest in digests]
    if connection is None or not delivery.token or not any(fits):
        raise HTTPException(401, "The webhook's token is not one of this connection's.")
    if delivery.account is not None and delivery.account != connection.rackbeat_account:
        raise HTTPException(401, "The webhook comes from another Rackbeat account.")
    return connection


def kind_of(delivery: Delivery, settings: Settings) -> str | None:
    """The kind of record a delivery is about; None where the event is not known."""
    event = delivery.event or ""
    if event in settings.events:
        return settings.events[event]
    if delivery.is_stock:
        return stock.KIND.name
    return _KINDS_BY_ENTITY.get(split_event(event)[0])


def _news(kind: str | None, key: str | None, settings: Settings) -> list[News]:
    if kind is None or key is None or not settings.of(kind).lets(DIRECTION):
        return []
    return [News(kind, DIRECTION, key, Cause.WEBHOOK)]
