"""Creating, changing and deleting records of any resource."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandbox.rackbeat import invoices, orders
from sandbox.rackbeat.errors import forbidden_now, invalid
from sandbox.rackbeat.resources import CUSTOMER_INVOICES, LOTS, PRODUCTS
from sandbox.rackbeat.schema import Field, Record, Resource, Shape
from sandbox.rackbeat.state import State
from sandbox.rackbeat.stock import complete_adjustment, usage
from sandbox.rackbeat.validation import check

# Told the names in a body that no field has.
Note = Callable[[list[str]], None]


def ignore(_names: list[str]) -> None:
    """Nobody wants to know."""


def _complete_item(state: State, item: Record) -> None:
    item.setdefault("stock", {})
    for line in item.get("lines") or ():
        if line.get("id") is None:
            line["id"] = state.new_line_id()


def _complete_lot(state: State, lot: Record) -> None:
    lot["lines"] = lot["lines"] or []
    _complete_item(state, lot)


COMPLETE: dict[str, Callable[[State, Record], None]] = {
    "products": _complete_item,
    "lots": _complete_lot,
    "orders": orders.complete,
    "customer_invoices": invoices.complete,
    "inventory_regulations": complete_adjustment,
}
CHECK_CHANGE: dict[str, Callable[[Record, Record], None]] = {
    "orders": orders.check_change,
    "customer_invoices": invoices.check_change,
}


def create(
    state: State, resource: Resource, body: Record, note: Note = ignore, **given: Any
) -> Record:
    """Make a record of what a client sent, and of what it could not send itself.

    Raises:
        Refused: 422, the body is not valid.
    """
    record = resource.blank() | _accepted(state, resource, body, None, note) | given
    if record[resource.key] is None:
        record[resource.key] = state.next_key(resource)
    set_custom_values(record, record.pop("custom_fields", None) or [])
    complete(state, resource, record)
    state.insert(resource, record)
    return record


def change(
    state: State,
    resource: Resource,
    record: Record,
    body: Record,
    note: Note = ignore,
    **given: Any,
) -> None:
    """Change the fields a client sent; lines that are sent replace all lines (assumed).

    Raises:
        Refused: 422, the body is not valid.
    """
    values = _accepted(state, resource, body, record, note)
    key = values.pop(resource.key, None)
    if key is not None and key != record[resource.key]:
        state.rename(resource, record, key)
    set_custom_values(record, values.pop("custom_fields", None) or [])
    record.update(values | given)
    complete(state, resource, record)
    state.touch(resource, record)


def delete(state: State, resource: Resource, record: Record) -> None:
    """Delete a record nothing else names.

    Raises:
        Refused: 422, it is in use (assumed) or locked.
    """
    check_change(resource, record, {})
    if next(state.mentions(resource, record[resource.key]), None) is not None:
        raise forbidden_now(f"The {resource.singular.replace('_', ' ')} is in use.")
    state.remove(resource, record)
    if resource is CUSTOMER_INVOICES:
        orders.give_back(state, record)


def check_change(resource: Resource, record: Record, body: Record) -> None:
    if (checking := CHECK_CHANGE.get(resource.plural)) is not None:
        checking(record, body)


def complete(state: State, resource: Resource, record: Record) -> None:
    if (completing := COMPLETE.get(resource.plural)) is not None:
        completing(state, record)


def set_custom_values(record: Record, values: list[Record]) -> None:
    for each in values:
        record["custom_values"][each["id"]] = each.get("value")


def convert(state: State, product: Record) -> Record:
    """Turn a product into a structure item (lot) with the same number.

    The webhooks it sends are assumed: product.deleted, then lot.created.

    Raises:
        Refused: the product is used in lines.
    """
    if product["number"] in usage(state).in_lines:
        raise forbidden_now("The product is used in lines and cannot be converted.")
    state.remove(PRODUCTS, product)
    lot = LOTS.blank() | product | {"lines": []}
    state.insert(LOTS, lot)
    return lot


def accept_part(
    state: State, fields: tuple[Field, ...], body: Record, note: Note, *, creating: bool
) -> Record:
    """The accepted values of a part of a record, such as one line.

    Raises:
        Refused: 422, the body is not valid.
    """
    findings = check(fields, body, creating=creating, exists=state.exists)
    note(findings.unknown)
    if findings.errors:
        raise invalid(findings.errors)
    return findings.values


def _accepted(
    state: State, resource: Resource, body: Record, record: Record | None, note: Note
) -> Record:
    # An id is given by the service; a number may be chosen.
    fields = [each for each in resource.fields if each.name != "id"]
    findings = check(fields, body, creating=record is None, exists=state.exists)
    note(findings.unknown)
    name = resource.key
    key = findings.values.get(name)
    is_new = key is not None and (record is None or key != record[name])
    if is_new and state.is_taken(resource, key):
        findings.complain(name, f"The {name} has already been taken.")
    if findings.errors:
        raise invalid(findings.errors)
    for each in fields:
        # A list that is sent empty or as nothing is an empty list.
        if each.shape is Shape.LIST and each.name in body:
            findings.values[each.name] = findings.values.get(each.name) or []
    return findings.values
