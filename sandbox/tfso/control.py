"""The control interface: looking into the sandbox, and being the people who use that system."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import wraps
from http import HTTPStatus
from typing import Any

from lxml import etree
from pydantic import TypeAdapter
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.faults import Fault, Faults
from sandbox.tfso import companies, orders, products, tables
from sandbox.tfso.failures import RefusedItem
from sandbox.tfso.limits import CallLog
from sandbox.tfso.schema import Field, Service
from sandbox.tfso.state import ClientState, Sandbox, Table
from sandbox.tfso.values import Record, read_value

_FAULT = TypeAdapter(Fault)


@dataclass(frozen=True)
class Kind:
    """How the records of one kind are kept and edited."""

    service: Service
    type: str
    table: Callable[[ClientState], Table]
    save: Callable[[ClientState, Record], Record]
    delete: Callable[[ClientState, int], Record]


KINDS = {
    "companies": Kind(
        tables.COMPANY,
        "Company",
        lambda client: client.companies,
        companies.save_company,
        companies.delete_company,
    ),
    "products": Kind(
        tables.PRODUCT,
        "Product",
        lambda client: client.products,
        products.edit_product,
        products.delete_product,
    ),
    "categories": Kind(
        tables.PRODUCT,
        "Category",
        lambda client: client.categories,
        products.save_category,
        products.delete_category,
    ),
    "orders": Kind(
        tables.INVOICE,
        "InvoiceOrder",
        lambda client: client.orders,
        orders.save_order,
        orders.delete_order,
    ),
}


class NotFound(Exception):
    """What the address names does not exist."""


Endpoint = Callable[[Request], Awaitable[Response]]


def _answering(endpoint: Endpoint) -> Endpoint:
    """Answer wrong input with 400 and the reason."""

    @wraps(endpoint)
    async def answered(request: Request) -> Response:
        try:
            return await endpoint(request)
        except NotFound as error:
            return _json({"error": str(error)}, HTTPStatus.NOT_FOUND)
        except (RefusedItem, ValueError) as error:
            return _json({"error": str(error)}, HTTPStatus.BAD_REQUEST)

    return answered


class Control:
    """The interface's operations on one sandbox."""

    def __init__(self, sandbox: Sandbox, faults: Faults, calls: CallLog) -> None:
        self._sandbox = sandbox
        self._faults = faults
        self._calls = calls

    async def state(self, _request: Request) -> Response:
        """Every record of every client: {client id: {"name": ..., kind: [records]}}."""
        clients = {
            str(client.id): {
                "name": client.name,
                **{name: list(kind.table(client)) for name, kind in KINDS.items()},
            }
            for client in self._sandbox.clients.values()
        }
        return _json(clients)

    async def show_calls(self, _request: Request) -> Response:
        return _json(self._calls.summary())

    async def clear_calls(self, _request: Request) -> Response:
        self._calls.clear()
        return _json({})

    async def create(self, request: Request) -> Response:
        kind, client = self._kind(request), self._client(request)
        values = _record(kind.service, kind.type, await _object(request))
        return _json(kind.save(client, values), HTTPStatus.CREATED)

    async def edit(self, request: Request) -> Response:
        kind, client, number = self._kind(request), self._client(request), _number(request)
        table = kind.table(client)
        if table.get(number) is None:
            raise NotFound(f"There is no record {number} among them.")
        values = _record(kind.service, kind.type, await _object(request))
        return _json(kind.save(client, {**values, table.key: number}))

    async def delete(self, request: Request) -> Response:
        kind, client, number = self._kind(request), self._client(request), _number(request)
        if kind.table(client).get(number) is None:
            raise NotFound(f"There is no record {number} among them.")
        return _json(kind.delete(client, number))

    async def add_fault(self, request: Request) -> Response:
        body = await _object(request)
        unknown = set(body) - {entry.name for entry in dataclasses.fields(Fault)}
        if unknown:
            raise RefusedItem(f"a fault has no {', '.join(sorted(unknown))}")
        self._faults.add(_FAULT.validate_python(body))
        return _json({}, HTTPStatus.CREATED)

    async def clear_faults(self, _request: Request) -> Response:
        self._faults.clear()
        return _json({})

    async def expire_sessions(self, _request: Request) -> Response:
        return _json({"expired": self._sandbox.expire_sessions()})

    def _kind(self, request: Request) -> Kind:
        name = request.path_params["kind"]
        if name not in KINDS:
            raise NotFound(f"There is no kind {name}; there are {', '.join(KINDS)}.")
        return KINDS[name]

    def _client(self, request: Request) -> ClientState:
        wanted = request.query_params.get("client")
        if wanted is None:
            return self._sandbox.seeded_client
        for client in self._sandbox.clients.values():
            if str(client.id) == wanted:
                return client
        raise NotFound(f"There is no client {wanted}.")


def control_routes(sandbox: Sandbox, faults: Faults, calls: CallLog) -> list[Route]:
    """The routes below /_control."""
    control = Control(sandbox, faults, calls)
    endpoints: list[tuple[str, str, Endpoint]] = [
        ("GET", "/state", control.state),
        ("GET", "/calls", control.show_calls),
        ("DELETE", "/calls", control.clear_calls),
        ("POST", "/records/{kind}", control.create),
        ("PATCH", "/records/{kind}/{number:int}", control.edit),
        ("DELETE", "/records/{kind}/{number:int}", control.delete),
        ("POST", "/faults", control.add_fault),
        ("DELETE", "/faults", control.clear_faults),
        ("POST", "/sessions/expire", control.expire_sessions),
    ]
    return [
        Route(path, _answering(endpoint), methods=[method]) for method, path, endpoint in endpoints
    ]


def _number(request: Request) -> int:
    return int(request.path_params["number"])


async def _object(request: Request) -> dict[str, Any]:
    body = await request.json()
    if not isinstance(body, dict):
        raise RefusedItem("the body has to be a JSON object")
    return body


def _json(content: Any, status: HTTPStatus = HTTPStatus.OK) -> Response:
    text = json.dumps(content, default=_plain, ensure_ascii=False)
    return Response(text, status, media_type="application/json")


def _plain(value: Any) -> str:
    """Amounts are written out, times are ISO 8601 with their zone."""
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    raise TypeError(f"no JSON for {type(value).__name__}")


def _record(service: Service, type_name: str, values: Mapping[str, Any]) -> Record:
    """A structure given as JSON; null stays, as None, which empties the element.

    Raises:
        RefusedItem: an unknown element, or a value that its type does not take.
    """
    fields = {field.name: field for field in service.types[type_name]}
    unknown = set(values) - set(fields)
    if unknown:
        raise RefusedItem(f"{type_name} has no element {', '.join(sorted(unknown))}")
    return {
        name: None if value is None else _content(service, fields[name], value)
        for name, value in values.items()
    }


def _content(service: Service, field: Field, value: Any) -> Any:
    item = service.item(field.type)
    if item is not None:
        if not isinstance(value, list):
            raise RefusedItem(f"{field.name} takes a list")
        return [_content(service, item, entry) for entry in value]
    if field.type in service.types:
        if not isinstance(value, dict):
            raise RefusedItem(f"{field.name} takes an object")
        return _record(service, field.type, value)
    if not isinstance(value, str | int | float):
        raise RefusedItem(f"{field.name} takes a single value")
    text = str(value).lower() if isinstance(value, bool) else str(value)
    etree.Element("probe").text = text  # a ValueError for characters that XML cannot hold
    try:
        return read_value(service, field.type, text)
    except ValueError as error:
        raise RefusedItem(f"{field.name}: {error}") from error
