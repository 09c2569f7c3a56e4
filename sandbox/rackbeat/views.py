"""What all resources answer, and the few calls that only one of them has."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from starlette.routing import Route

from sandbox.rackbeat import queries, records, stock
from sandbox.rackbeat.calls import Call, Handler, Reply, Sandbox, api_route
from sandbox.rackbeat.resources import (
    CUSTOM_FIELDS,
    INVENTORY_ADJUSTMENTS,
    ITEMS,
    LOCATIONS,
    LOTS,
    PRODUCTS,
    SERVED,
)
from sandbox.rackbeat.schema import Record, Resource

Act = Callable[[Call, Resource], Reply]


def shown(call: Call, resource: Resource, record: Record, status: int = 200) -> Reply:
    """One record, wrapped in its singular name."""
    presented = queries.present(call.sandbox.reader, resource, record, call.query)
    return Reply({resource.singular: presented}, status)


def made(call: Call, resource: Resource, record: Record) -> Reply:
    """The answer to a creation."""
    if call.state.config.brief_answers:
        return Reply({resource.singular: {"number": record["number"]}}, 201)
    return shown(call, resource, record, 201)


def of(resource: Resource, act: Act) -> Handler:
    """An act on any resource, made a handler for one."""
    return lambda call: act(call, resource)


def get_list(call: Call, resource: Resource) -> Reply:
    status, body = queries.list_records(call.state, call.sandbox.reader, resource, call.query)
    return Reply(body, status)


def create(call: Call, resource: Resource) -> Reply:
    record = records.create(call.state, resource, call.body, call.note)
    return made(call, resource, record)


def get_one(call: Call, resource: Resource) -> Reply:
    return shown(call, resource, call.record(resource))


def change(call: Call, resource: Resource) -> Reply:
    record = call.record(resource)
    records.check_change(resource, record, call.body)
    records.change(call.state, resource, record, call.body, call.note)
    return shown(call, resource, record)


def delete(call: Call, resource: Resource) -> Reply:
    records.delete(call.state, resource, call.record(resource))
    return Reply({"message": "Deleted."})


def get_field_values(call: Call, resource: Resource) -> Reply:
    return Reply({"field_values": call.sandbox.reader.field_values(call.record(resource))})


def set_field_values(call: Call, resource: Resource) -> Reply:
    """Custom fields are no part of what booking locks (assumed)."""
    record = call.record(resource)
    values = records.accept_part(call.state, (CUSTOM_FIELDS,), call.body, call.note, creating=True)
    records.set_custom_values(record, values.get("custom_fields") or [])
    call.state.touch(resource, record)
    return get_field_values(call, resource)


def get_self(call: Call) -> Reply:
    config = call.sandbox.config
    account = {"id": config.account_id, "company_name": config.company_name}
    user = {"id": 1, "name": "Varebro", "email": "integrasjon@fjellheim.example"}
    return Reply({"user_account": account | {"currency": config.currency}, "user": user})


def convert_product(call: Call) -> Reply:
    return shown(call, LOTS, records.convert(call.state, call.record(PRODUCTS)))


def get_lot_lines(call: Call) -> Reply:
    lines = call.record(LOTS)["lines"]
    return Reply({"lot_lines": [call.sandbox.reader.lot_line(line) for line in lines]})


def get_stock_at(call: Call) -> Reply:
    location = call.record(LOCATIONS)
    item = call.record(ITEMS, "item")
    return Reply(call.sandbox.reader.stock_at(location["number"], item))


def book_adjustment(call: Call) -> Reply:
    adjustment = call.state.get(INVENTORY_ADJUSTMENTS, call.id())
    stock.book_adjustment(call.state, adjustment)
    return shown(call, INVENTORY_ADJUSTMENTS, adjustment)


ON_ALL: tuple[tuple[str, Act], ...] = (("GET", get_list), ("POST", create))
ON_ONE: tuple[tuple[str, Act], ...] = (("GET", get_one), ("PUT", change), ("DELETE", delete))
ON_FIELDS: tuple[tuple[str, Act], ...] = (("GET", get_field_values), ("PUT", set_field_values))


def routes(sandbox: Sandbox) -> Iterator[Route]:
    """The routes of all resources, but for what orders and invoices have of their own."""
    yield api_route(sandbox, "GET", "/self", get_self)
    yield api_route(sandbox, "POST", "/products/{number}/convert", convert_product)
    yield api_route(sandbox, "GET", "/lots/{number}/lines", get_lot_lines)
    yield api_route(sandbox, "GET", "/locations/{number}/get-stock/{item}", get_stock_at)
    yield api_route(sandbox, "POST", "/inventory-adjustments/{id}/book", book_adjustment)
    for resource in SERVED:
        path, one = f"/{resource.path}", f"/{resource.path}/{{number}}"
        offered = [
            *((method, path, act) for method, act in ON_ALL if method in resource.allows),
            *((method, one, act) for method, act in ON_ONE if method in resource.allows),
        ]
        if resource.custom_fields:
            offered += [(method, f"{one}/fields", act) for method, act in ON_FIELDS]
        for method, where, act in offered:
            yield api_route(sandbox, method, where, of(resource, act))
