"""The life of an order: draft, booked, shipped, invoiced."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from sandbox.rackbeat import documents
from sandbox.rackbeat.errors import forbidden_now, not_found
from sandbox.rackbeat.invoices import insert_invoice
from sandbox.rackbeat.resources import ORDER_SHIPMENTS, ORDERS
from sandbox.rackbeat.schema import Record
from sandbox.rackbeat.state import State
from sandbox.rackbeat.stock import location_of, set_quantity


def complete(state: State, order: Record) -> None:
    documents.complete(state, order)
    if order["order_date"] is None:
        order["order_date"] = state.now_text()[:10]


def check_change(order: Record, body: Record) -> None:
    """A booked order's lines are locked, an invoiced order altogether.

    Raises:
        Refused: the change is not allowed.
    """
    if order["is_invoiced"] or order["is_partly_invoiced"]:
        raise forbidden_now("The order is invoiced and cannot be changed.")
    if order["is_booked"] and "lines" in body:
        raise forbidden_now("The order is booked: its lines cannot be changed.")


def book(state: State, order: Record) -> None:
    """Make a draft a booked order.

    Raises:
        Refused: it is booked, cancelled or empty.
    """
    if order["is_booked"]:
        raise forbidden_now("The order is already booked.")
    check_bookable(order)
    order["is_booked"] = True
    state.touch(ORDERS, order, "booked")


def check_bookable(order: Record) -> None:
    if order["is_cancelled"]:
        raise forbidden_now("The order is cancelled.")
    if not order["lines"]:
        raise forbidden_now("The order has no lines.")


def reopen(state: State, order: Record) -> None:
    """Make a booked order a draft again.

    Raises:
        Refused: it is a draft, or invoiced.
    """
    check_change(order, {})
    if not order["is_booked"]:
        raise forbidden_now("The order is not booked.")
    order["is_booked"] = False
    state.touch(ORDERS, order)


def add_line(state: State, order: Record, line: Record) -> None:
    documents.complete_line(state, order, line)
    order["lines"].append(line)
    state.touch(ORDERS, order)


def find_line(order: Record, line_id: int) -> Record:
    """One line.

    Raises:
        Refused: 404, the order has no such line.
    """
    line: Record | None = next((each for each in order["lines"] if each["id"] == line_id), None)
    if line is None:
        raise not_found()
    return line


def change_line(state: State, order: Record, line: Record, changes: Record) -> None:
    """Change a line; another item brings its own price unless one is sent along."""
    if changes.get("item_id", line["item_id"]) != line["item_id"]:
        line["line_price"] = line["cost_price"] = None
    line.update(changes)
    documents.complete_line(state, order, line)
    state.touch(ORDERS, order)


def invoice(
    state: State, order: Record, *, is_booked: bool, quantities: Mapping[int, Decimal] | None = None
) -> Record:
    """Invoice what is left of an order, or only the quantities given by line id.

    Lines without quantity, which are texts, come along when all is invoiced (assumed).

    Raises:
        Refused: the order is no booked order, or nothing is left to invoice.
    """
    if not order["is_booked"] or order["is_cancelled"]:
        raise forbidden_now("Only a booked order can be invoiced.")
    lines = []
    for line in order["lines"]:
        left = line["quantity"] - line["quantity_invoiced"]
        part = left if quantities is None else min(left, quantities.get(line["id"], Decimal(0)))
        if part or (quantities is None and not line["quantity"]):
            line["quantity_invoiced"] += part
            lines.append(
                line | {"id": state.new_line_id(), "quantity": part, "order_line_id": line["id"]}
            )
    if not any(line["quantity"] for line in lines):
        raise forbidden_now("The order has nothing left to invoice.")
    header = {name: order[name] for name in documents.CARRIED_OVER}
    made = insert_invoice(
        state, header | {"lines": lines, "orders": [order["number"]], "is_booked": is_booked}
    )
    count_invoiced(state, order)
    return made


def count_invoiced(state: State, order: Record) -> None:
    """Set the flags that say how much of the order is invoiced."""
    lines = order["lines"]
    order["is_invoiced"] = all(line["quantity_invoiced"] == line["quantity"] for line in lines)
    some = any(line["quantity_invoiced"] for line in lines)
    order["is_partly_invoiced"] = some and not order["is_invoiced"]
    state.touch(ORDERS, order)


def give_back(state: State, draft: Record) -> None:
    """Let an order's lines be invoiced again after the invoice draft made of them was deleted."""
    for number in draft["orders"]:
        order = state.find("orders", number)
        if order is None:
            continue
        by_id = {line["id"]: line for line in order["lines"]}
        for line in draft["lines"]:
            if (source := by_id.get(line.get("order_line_id"))) is not None:
                source["quantity_invoiced"] -= line["quantity"]
        count_invoiced(state, order)


def create_shipment(state: State, order: Record) -> Record:
    """A shipment of all that is not shipped; nothing leaves the stock yet.

    Raises:
        Refused: the order is no booked order, or nothing is left to ship.
    """
    lines = [
        {"order_line_id": line["id"], "quantity": line["quantity"] - line["quantity_shipped"]}
        for line in order["lines"]
        if line["quantity"] > line["quantity_shipped"]
    ]
    if not order["is_booked"] or not lines:
        raise forbidden_now("The order has nothing to ship.")
    shipment = {
        "id": state.next_key(ORDER_SHIPMENTS),
        "order_id": order["number"],
        "lines": lines,
        "is_picked": False,
        "is_shipped": False,
    }
    state.insert(ORDER_SHIPMENTS, shipment)
    return shipment


def mark_shipped(state: State, shipment: Record) -> None:
    """Ship: the stock goes down.

    Raises:
        Refused: it has been shipped, or its order is gone.
    """
    order = state.get(ORDERS, shipment["order_id"])
    if shipment["is_shipped"]:
        raise forbidden_now("The shipment is already shipped.")
    shipment["is_shipped"] = shipment["is_picked"] = True
    state.touch(ORDER_SHIPMENTS, shipment)
    for part in shipment["lines"]:
        line = find_line(order, part["order_line_id"])
        line["quantity_shipped"] += part["quantity"]
        _take_from_stock(state, line, part["quantity"])
    lines = order["lines"]
    order["is_shipped"] = all(line["quantity_shipped"] >= line["quantity"] for line in lines)
    order["is_partly_shipped"] = not order["is_shipped"]
    state.touch(ORDERS, order)


def _take_from_stock(state: State, line: Record, quantity: Decimal) -> None:
    item = state.find("items", line["item_id"])
    if item is None:
        return
    location = location_of(state, line)
    present = item["stock"].get(location, Decimal(0))
    set_quantity(state, item, location, present - quantity)
