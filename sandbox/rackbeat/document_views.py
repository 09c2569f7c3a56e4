"""The calls only orders and invoices have."""

from __future__ import annotations

from collections.abc import Iterator

from starlette.routing import Route

from sandbox.rackbeat import invoices, orders, records
from sandbox.rackbeat.calls import Call, Handler, Reply, Sandbox, api_route
from sandbox.rackbeat.errors import invalid
from sandbox.rackbeat.queries import is_true
from sandbox.rackbeat.resources import CUSTOMER_INVOICES, LINE_FIELDS, ORDER_SHIPMENTS, ORDERS
from sandbox.rackbeat.schema import Record, Resource
from sandbox.rackbeat.views import create, made, of, shown


def create_booked_order(call: Call) -> Reply:
    return _create_booked(call, ORDERS)


def create_booked_invoice(call: Call) -> Reply:
    """That this books, as it does for orders, is assumed."""
    return _create_booked(call, CUSTOMER_INVOICES)


def _create_booked(call: Call, resource: Resource) -> Reply:
    _check_lines(call.body)
    record = records.create(call.state, resource, call.body, call.note, is_booked=True)
    call.state.announce(resource, record, "booked")
    return made(call, resource, record)


def _check_lines(body: Record) -> None:
    if not body.get("lines"):
        raise invalid({"lines": ["The lines field is required."]})


def book_order(call: Call) -> Reply:
    order = call.record(ORDERS)
    orders.book(call.state, order)
    return shown(call, ORDERS, order)


def reopen_order(call: Call) -> Reply:
    order = call.record(ORDERS)
    orders.reopen(call.state, order)
    return shown(call, ORDERS, order)


def invoice_order(call: Call) -> Reply:
    """Books the invoice unless told not to."""
    is_booked = is_true(call.query.get("book", call.body.get("book", True)))
    invoice = orders.invoice(call.state, call.record(ORDERS), is_booked=is_booked)
    return Reply({"invoice_id": invoice["number"]}, 201)


def ship_order(call: Call) -> Reply:
    shipment = orders.create_shipment(call.state, call.record(ORDERS))
    return shown(call, ORDER_SHIPMENTS, shipment, 201)


def mark_shipped(call: Call) -> Reply:
    shipment = call.state.get(ORDER_SHIPMENTS, call.id())
    orders.mark_shipped(call.state, shipment)
    return shown(call, ORDER_SHIPMENTS, shipment)


def get_lines(call: Call) -> Reply:
    lines = call.record(ORDERS)["lines"]
    return Reply({"order_lines": [call.sandbox.reader.order_line(line) for line in lines]})


def add_line(call: Call) -> Reply:
    order = _open_for_lines(call)
    line = records.accept_part(call.state, LINE_FIELDS, call.body, call.note, creating=True)
    orders.add_line(call.state, order, line)
    return Reply({"order_line": call.sandbox.reader.order_line(line)}, 201)


def change_line(call: Call) -> Reply:
    order = _open_for_lines(call)
    line = orders.find_line(order, call.id())
    changes = records.accept_part(call.state, LINE_FIELDS, call.body, call.note, creating=False)
    orders.change_line(call.state, order, line, changes)
    return Reply({"order_line": call.sandbox.reader.order_line(line)})


def _open_for_lines(call: Call) -> Record:
    order = call.record(ORDERS)
    orders.check_change(order, {"lines": []})
    return order


def book_invoice(call: Call) -> Reply:
    """`mail` is taken, and no mail is sent."""
    invoice = call.record(CUSTOMER_INVOICES)
    invoices.book(call.state, invoice)
    return shown(call, CUSTOMER_INVOICES, invoice)


def unbook_invoice(call: Call) -> Reply:
    invoice = call.record(CUSTOMER_INVOICES)
    invoices.unbook(call.state, invoice)
    return shown(call, CUSTOMER_INVOICES, invoice)


def credit_invoice(call: Call) -> Reply:
    note = invoices.credit(call.state, call.record(CUSTOMER_INVOICES))
    return shown(call, CUSTOMER_INVOICES, note, 201)


OFFERED: tuple[tuple[str, str, Handler], ...] = (
    ("POST", "/orders", create_booked_order),
    ("POST", "/orders/drafts", of(ORDERS, create)),
    ("POST", "/orders/shipments/{id}/mark-shipped", mark_shipped),
    ("POST", "/orders/{number}/book", book_order),
    ("POST", "/orders/{number}/reopen", reopen_order),
    ("POST", "/orders/{number}/convert-to-invoice", invoice_order),
    ("POST", "/orders/{number}/create-shipment", ship_order),
    ("GET", "/orders/{number}/lines", get_lines),
    ("POST", "/orders/{number}/lines", add_line),
    ("PUT", "/orders/{number}/lines/{id}", change_line),
    ("POST", "/customer-invoices", create_booked_invoice),
    ("POST", "/customer-invoices/drafts", of(CUSTOMER_INVOICES, create)),
    ("POST", "/customer-invoices/{number}/book", book_invoice),
    ("POST", "/customer-invoices/{number}/unbook", unbook_invoice),
    ("POST", "/customer-invoices/{number}/create-creditnote", credit_invoice),
)


def routes(sandbox: Sandbox) -> Iterator[Route]:
    """These routes come before the general ones, of which "/orders" is one."""
    for method, path, handler in OFFERED:
        yield api_route(sandbox, method, path, handler)
