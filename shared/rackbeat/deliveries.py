"""What a webhook delivery says. Pure; it names a record, and nothing in it is trusted beyond that.

What really arrives differs from what is documented: the event stands in a header and often nowhere
else, the key is text, and a change of stock has a body of its own. All of these are read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from shared.rackbeat.numbers import decode
from shared.rackbeat.protocol import RESOURCES
from shared.storable import is_storable

# More than any of Rackbeat's numbers, and little enough for the tables' indexes.
_LONGEST = 200
_SINGULAR = {resource.plural: resource.singular for resource in RESOURCES}


class MalformedDelivery(ValueError):
    """The request is not a delivery of Rackbeat's: it names nothing that could be looked up."""


@dataclass(frozen=True)
class Delivery:
    """What one delivery says; None where it says nothing.

    Attributes:
        event: such as "order.created".
        key: the number of the record, as text.
        old_key, new_key: its numbers before and after, where an update tells.
        account: the Rackbeat account.
        token: proof that the sender knows what was agreed when the webhook was made.
        is_stock: whether it tells of a change of stock, of `item`.
        item, item_type: the item's number, and "product" or "lot".
    """

    event: str | None
    key: str | None
    old_key: str | None
    new_key: str | None
    account: str | None
    token: str | None = field(repr=False)
    is_stock: bool
    item: str | None
    item_type: str | None


def parse_delivery(headers: Mapping[str, str], body: bytes) -> Delivery:
    """Read a delivery; headers in any case, what is missing stays None.

    Raises:
        MalformedDelivery: the body is no JSON object, or a text holds what no database stores.
    """
    try:
        said = decode(body)
    except ValueError:
        raise MalformedDelivery("the body is not JSON") from None
    if not isinstance(said, dict):
        raise MalformedDelivery("the body is not a JSON object")
    sent = {name.lower(): value for name, value in headers.items()}
    return Delivery(
        event=_text(sent.get("rackbeat-webhook-event")) or _text(said.get("event")),
        key=_text(said.get("key")),
        old_key=_text(said.get("old_key")),
        new_key=_text(said.get("new_key")),
        account=_text(sent.get("rackbeat-account-id")),
        token=_text(sent.get("rackbeat-webhook-token")),
        is_stock=said.get("type") == "stock",
        item=_text(said.get("item")),
        item_type=_text(said.get("item_type")),
    )


def split_event(event: str) -> tuple[str, str]:
    """The entity, as Resource.singular names it, and the action: "orders.created" is
    ("order", "created"). Without a point, the action is empty."""
    entity, _, action = event.partition(".")
    return _SINGULAR.get(entity, entity), action


def _text(value: object) -> str | None:
    """Text, or a whole number as text; anything else says nothing."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    text = str(value).strip()
    if not is_storable(text):
        raise MalformedDelivery("a text holds a character that is not text")
    if len(text) > _LONGEST:
        raise MalformedDelivery("a text is longer than any number or name")
    return text or None
