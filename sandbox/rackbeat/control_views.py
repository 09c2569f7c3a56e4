"""The control interface: what a person at Rackbeat's screen does, and what a test wants to see."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any
from urllib.parse import unquote_plus

from pydantic import TypeAdapter, ValidationError
from starlette.routing import Route

from sandbox.faults import Fault
from sandbox.rackbeat import invoices, orders, records, webhook_views
from sandbox.rackbeat.calls import Call, Handler, Reply, Sandbox, control_route, whole
from sandbox.rackbeat.errors import forbidden_now
from sandbox.rackbeat.resources import CUSTOMER_INVOICES, ORDERS, STORED
from sandbox.rackbeat.schema import Record, Resource, Shape
from sandbox.rackbeat.state import ITEM_PLURALS, Event, resource_named
from sandbox.rackbeat.stock import set_quantity

FAULT: TypeAdapter[Fault] = TypeAdapter(Fault)
STAMPS = ("created_at", "updated_at")


def get_state(call: Call) -> Reply:
    """All records by resource, as a client reads them."""
    read = call.sandbox.reader.read
    return Reply(
        {
            each.plural: [read(each, record) for record in call.state.all(each.plural)]
            for each in STORED
        }
    )


def get_calls(call: Call) -> Reply:
    log = call.sandbox.log
    return Reply(
        {
            "total": log.total,
            "refused": log.refused,
            "by_operation": dict(log.by_operation),
            "unknown_fields": log.unknown_fields,
        }
    )


def reset_calls(call: Call) -> Reply:
    call.sandbox.log.reset()
    return Reply({})


def add_record(call: Call) -> Reply:
    resource = resource_named(call.path["kind"])
    body, beyond = _apart(resource, call.body)
    record = records.create(call.state, resource, body, **beyond.flags)
    if record.get("is_booked"):
        call.state.announce(resource, record, "booked")
    beyond.apply(call, resource, record)
    return Reply(call.sandbox.reader.read(resource, record), 201)


def edit_record(call: Call) -> Reply:
    resource, record = _addressed(call)
    body, beyond = _apart(resource, call.body)
    was_booked = record.get("is_booked", False)
    if body or beyond.flags or beyond.stamps:
        records.change(call.state, resource, record, body, **beyond.flags)
    if record.get("is_booked") and not was_booked:
        call.state.announce(resource, record, "booked")
    beyond.apply(call, resource, record)
    return Reply(call.sandbox.reader.read(resource, record))


def remove_record(call: Call) -> Reply:
    resource, record = _addressed(call)
    call.state.remove(resource, record)
    return Reply({})


class _Beyond:
    """What a person or the passing of time can set and the API cannot."""

    def __init__(self) -> None:
        self.flags: Record = {}
        self.stamps: Record = {}
        self.stock: Decimal | None = None

    def apply(self, call: Call, resource: Resource, record: Record) -> None:
        record.update(self.stamps)
        if self.stock is not None and resource.plural in ITEM_PLURALS:
            set_quantity(call.state, record, call.state.default_location(), self.stock)


def _apart(resource: Resource, sent: Record) -> tuple[Record, _Beyond]:
    """Take what the API would accept apart from the rest.

    Raises:
        Refused: 422, a name that the record does not have.
    """
    body, beyond = {}, _Beyond()
    writable = {name for each in resource.fields for name in (each.name, *each.also)}
    for name, value in sent.items():
        if name in resource.flags:
            beyond.flags[name] = value
        elif name in STAMPS:
            beyond.stamps[name] = value
        elif name == "stock_quantity" and resource.plural in ITEM_PLURALS:
            beyond.stock = Decimal(str(value))
        elif name in writable:
            body[name] = value
        else:
            raise forbidden_now(f"A {resource.singular} has no '{name}' that can be set.")
    return body, beyond


def _addressed(call: Call) -> tuple[Resource, Record]:
    resource = resource_named(call.path["kind"])
    text = unquote_plus(call.path["number"]) if "number" in call.path else call.query["number"]
    key: Any = whole(text) if resource.key_shape is Shape.INTEGER else text
    return resource, call.state.get(resource, key)


def invoice_part(call: Call) -> Reply:
    """What a person does who invoices a part: `lines` as {id, quantity}, `book`."""
    quantities = {line["id"]: Decimal(str(line["quantity"])) for line in call.body["lines"]}
    is_booked = call.body.get("book", True)
    made = orders.invoice(
        call.state, call.record(ORDERS), is_booked=is_booked, quantities=quantities
    )
    return Reply({"invoice_id": made["number"]}, 201)


def credit(call: Call) -> Reply:
    """What a person does who credits all of an invoice."""
    note = invoices.credit(call.state, call.record(CUSTOMER_INVOICES))
    invoices.book(call.state, note)
    return Reply({"invoice_id": note["number"]}, 201)


def add_fault(call: Call) -> Reply:
    try:
        call.sandbox.faults.add(FAULT.validate_python(call.body))
    except ValidationError as wrong:
        raise forbidden_now(str(wrong)) from None
    return Reply({}, 201)


def clear_faults(call: Call) -> Reply:
    call.sandbox.faults.clear()
    return Reply({})


def get_deliveries(call: Call) -> Reply:
    dispatcher = call.sandbox.dispatcher
    return Reply(
        {"deliveries": dispatcher.log, "pending": dispatcher.pending, "held": dispatcher.held}
    )


def repeat_delivery(call: Call) -> Reply:
    """Send a webhook again, as often as `times` says."""
    name, key = str(call.body["event"]), str(call.body["key"])
    event = Event(name, key, {"key_name": "number", "key": key})
    if name == call.sandbox.config.stock_event:
        event = call.state.stock_event(key)
    call.state.outbox.extend([event] * int(call.body.get("times", 1)))
    return Reply({}, 202)


def subscribe(call: Call) -> Reply:
    """Many webhooks at once, with their tokens: `events`, all of them to `url`."""
    each = [{"event": event, "url": call.body["url"]} for event in call.body["events"]]
    made = [webhook_views.create(replace(call, body=body)).body["webhook"] for body in each]
    return Reply({"webhooks": made}, 201)


def hold(call: Call) -> Reply:
    call.sandbox.dispatcher.hold()
    return Reply({})


def release(call: Call) -> Reply:
    call.sandbox.dispatcher.release()
    return Reply({})


OFFERED: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "/state", get_state),
    ("GET", "/calls", get_calls),
    ("DELETE", "/calls", reset_calls),
    ("POST", "/records/{kind}", add_record),
    ("PATCH", "/records/{kind}", edit_record),
    ("DELETE", "/records/{kind}", remove_record),
    ("PATCH", "/records/{kind}/{number}", edit_record),
    ("DELETE", "/records/{kind}/{number}", remove_record),
    ("POST", "/orders/{number}/invoice-part", invoice_part),
    ("POST", "/customer-invoices/{number}/credit", credit),
    ("POST", "/faults", add_fault),
    ("DELETE", "/faults", clear_faults),
    ("GET", "/deliveries", get_deliveries),
    ("POST", "/deliveries/repeat", repeat_delivery),
    ("POST", "/webhooks", subscribe),
    ("POST", "/webhooks/hold", hold),
    ("POST", "/webhooks/release", release),
)


def routes(sandbox: Sandbox) -> Iterator[Route]:
    for method, path, handler in OFFERED:
        yield control_route(sandbox, method, path, handler)
