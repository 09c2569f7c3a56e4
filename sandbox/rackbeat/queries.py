"""Lists: filters, order, pages, and the choice of fields."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from starlette.datastructures import QueryParams

from sandbox.rackbeat.errors import forbidden_now, invalid
from sandbox.rackbeat.readings import Reader
from sandbox.rackbeat.schema import Record, Resource
from sandbox.rackbeat.state import State

DEFAULT_LIMIT = 30  # assumed
MOST = 1000
PLAIN_FILTERS = {"booked": "is_booked", "shipped": "is_shipped", "customer_number": "customer_id"}
DAY_FILTERS: dict[str, Callable[[str, str], bool]] = {
    "from": lambda day, bound: day >= bound,
    "date_from": lambda day, bound: day >= bound,
    "to": lambda day, bound: day <= bound,
    "date_to": lambda day, bound: day <= bound,
}
BRACKETED = re.compile(r"(simple_filter|field|field_eq)\[([^\]]+)\]")
TRUTHS = {"true": True, "1": True, "false": False, "0": False}

Test = Callable[[Record], bool]


def is_true(text: Any) -> bool:
    """Whether a query parameter or body field says yes."""
    return TRUTHS.get(str(text).lower(), False)


def list_records(
    state: State, reader: Reader, resource: Resource, query: QueryParams
) -> tuple[int, Record]:
    """One page of a resource: the status (206 when more pages follow) and the body.

    Raises:
        Refused: a filter, an order or a page that cannot be.
    """
    tests = list(_tests(resource, query))
    found = [each for each in state.all(resource.plural) if all(test(each) for test in tests)]
    found = _ordered(resource, found, query)
    status, chosen, about = page_of(found, query, state.config.page_size)
    shown = [present(reader, resource, record, query) for record in chosen]
    return status, {resource.plural: shown} | about


def page_of(
    rows: list[Record], query: QueryParams, page_size: int
) -> tuple[int, list[Record], Record]:
    """The page of rows a query asks for: the status, the rows, and what is said of the page.

    Raises:
        Refused: a limit or page that cannot be.
    """
    limit, page = _page(query, page_size)
    pages = max(1, -(-len(rows) // limit))
    about = {"total": len(rows), "pages": pages, "limit": limit, "page": page}
    return 206 if page < pages else 200, rows[(page - 1) * limit : page * limit], about


def present(reader: Reader, resource: Resource, record: Record, query: QueryParams) -> Record:
    """One record as the query's `expand` and `fields` want it."""
    shown = reader.read(resource, record)
    if "field_values" in query.get("expand", "").split(","):
        shown["field_values"] = reader.field_values(record)
    chosen = query.get("fields")
    return choose(shown, parse_fields(chosen)) if chosen else shown


Tree = dict[str, Any]


def parse_fields(text: str) -> Tree:
    """The choice "a,b(c,d)" as {"a": {}, "b": {"c": {}, "d": {}}}."""
    root: Tree = {}
    stack, last = [root], root
    for name, mark in re.findall(r"([^,()]*)([,()]|$)", text):
        if name.strip():
            last = stack[-1].setdefault(name.strip(), {})
        if mark == "(":
            stack.append(last)
        elif mark == ")" and len(stack) > 1:
            stack.pop()
    return root


def choose(value: Any, tree: Tree) -> Any:
    """The chosen part of a value; all of it where nothing below it was chosen."""
    if not tree:
        return value
    if isinstance(value, list):
        return [choose(each, tree) for each in value]
    if isinstance(value, dict):
        return {name: choose(value[name], below) for name, below in tree.items() if name in value}
    return value


def _stored_names(resource: Resource) -> dict[str, str]:
    """The stored name of everything that can be filtered and ordered by, by its read name."""
    names = {each.read_name: each.name for each in resource.fields}
    return names | {name: name for name in (*resource.flags, "created_at", "updated_at")}


def _tests(resource: Resource, query: QueryParams) -> Iterable[Test]:
    stored = _stored_names(resource)
    for parameter, value in query.multi_items():
        name = PLAIN_FILTERS.get(parameter, parameter)
        if bracketed := BRACKETED.fullmatch(parameter):
            yield _bracketed(resource, stored, bracketed[1], bracketed[2], value)
        elif parameter == "search":
            yield _contains(resource.searchable, value.lower())
        elif parameter == "order_number" and "orders" in resource.flags:
            yield _among("orders", value)
        elif parameter in DAY_FILTERS:
            yield _on_days(DAY_FILTERS[parameter], value)
        elif (name.startswith("is_") or parameter in PLAIN_FILTERS) and name in stored:
            yield _equals(name, str(TRUTHS[value]) if value in TRUTHS and "is_" in name else value)


def _bracketed(
    resource: Resource, stored: dict[str, str], kind: str, name: str, value: str
) -> Test:
    if kind != "simple_filter":
        return _custom(name, value)
    if name not in resource.filterable:
        raise forbidden_now(f"Property '{name}' is not filterable")
    return _equals(stored[name], value)


def _equals(name: str, value: str) -> Test:
    return lambda record: str(record.get(name)) == value


def _contains(names: tuple[str, ...], part: str) -> Test:
    return lambda record: any(part in str(record.get(name) or "").lower() for name in names)


def _among(name: str, value: str) -> Test:
    return lambda record: value in map(str, record[name])


def _on_days(compare: Callable[[str, str], bool], bound: str) -> Test:
    return lambda record: compare(record["created_at"][:10], bound[:10])


def _custom(field_id: str, value: str) -> Test:
    def has_value(record: Record) -> bool:
        values = record.get("custom_values", {}).items()
        return any(str(key) == field_id and str(each) == value for key, each in values)

    return has_value


def _ordered(resource: Resource, found: list[Record], query: QueryParams) -> list[Record]:
    name = query.get("order_by") or query.get("sort")
    if name is None:
        return found
    stored = _stored_names(resource).get(name)
    if stored is None:
        raise forbidden_now(f"Property '{name}' is not sortable")
    down = query.get("order_direction", "ASC").upper() == "DESC" and "order_by" in query

    def position(record: Record) -> tuple[bool, Any]:
        value = record.get(stored)
        return value is not None, value

    return sorted(found, key=position, reverse=down)


def _page(query: QueryParams, page_size: int) -> tuple[int, int]:
    limit = _whole(query, "limit", DEFAULT_LIMIT)
    page = _whole(query, "page", 1)
    if limit > MOST:
        raise invalid({"limit": [f"The limit may not be greater than {MOST}."]})
    return min(limit, page_size), page


def _whole(query: QueryParams, name: str, default: int) -> int:
    text = query.get(name, str(default))
    if not (text.isascii() and text.isdigit()) or int(text) < 1:
        raise invalid({name: [f"The {name} must be at least 1."]})
    return int(text)
