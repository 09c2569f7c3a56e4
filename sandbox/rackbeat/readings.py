"""The shapes records are read in, which are not those they are written in."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from sandbox.rackbeat.resources import BY_PLURAL, LINE_FIELDS
from sandbox.rackbeat.schema import Field, Record, Resource, Shape
from sandbox.rackbeat.state import State
from sandbox.rackbeat.stock import UsageCache, quantity
from sandbox.rackbeat.totals import line_total, rounded, totals


class Reader:
    """Reads records of one account."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._usage = UsageCache(state)
        self._computed: dict[str, Callable[[Record], Record]] = {
            "products": self._item,
            "lots": self._lot,
            "items": self._item,
            "orders": self._order,
            "customer_invoices": self._invoice,
            "product_groups": self._product_group,
        }

    def read(self, resource: Resource, record: Record) -> Record:
        """The whole record, as a client reads it."""
        computed = self._computed.get(resource.plural)
        return self._plain(resource, record) | (computed(record) if computed else {})

    def field_values(self, record: Record) -> list[Record]:
        """The record's custom fields."""
        values = record.get("custom_values", {}).items()
        return [
            {"id": key, "name": field["name"], "value": value}
            for key, value in values
            if (field := self._state.find("fields", key)) is not None
        ]

    def order_line(self, line: Record) -> Record:
        """A line of an order or invoice."""
        item = self._state.find("items", line["item_id"])
        return {
            "id": line["id"],
            "child_id": line["item_id"],
            "child_type": self._kind(line["item_id"]),
            "item": self._summary("items", line["item_id"]) if item else None,
            "name": line["name"],
            "quantity": line["quantity"],
            "quantity_shipped": line["quantity_shipped"],
            "line_price": line["line_price"],
            "line_total": line_total(line),
            "discount_percentage": line["discount_percentage"],
            "vat_percentage": line["vat_percentage"],
            "item_cost_price": line["cost_price"],
            "unit": self._expanded(LINE_FIELDS, "unit_id", line),
            "location": self._expanded(LINE_FIELDS, "location_id", line),
            "delivery_date": None,
            "variations": line.get("variations"),
        }

    def lot_line(self, line: Record) -> Record:
        item = self._state.find("items", line["item_id"]) or {}
        return {
            "id": line["id"],
            "product_id": line["item_id"],
            "item": self._summary("items", line["item_id"]),
            "name": item.get("name"),
            "quantity": line["quantity"],
            "location": self._summary("locations", line.get("location_id")),
        }

    def _plain(self, resource: Resource, record: Record) -> Record:
        """The record without what is worked out."""
        shown: Record = {resource.key: record[resource.key]}
        for each in resource.fields:
            if each.shape is Shape.LIST:
                continue  # read in shapes of their own
            if each.read_in and not self._state.config.flat_addresses:
                inside = shown.setdefault(each.read_in, {})
                inside[each.name.rpartition("_")[2]] = record.get(each.name)
                continue
            shown[each.read_name] = record.get(each.name)
            if each.expands:
                shown[each.expands] = self._summary(each.refers, record.get(each.name))
        shown |= {flag: record[flag] for flag in resource.flags}
        if resource.key == "number":
            shown["urlfriendly_number"] = quote(str(record["number"]), safe="")
        return shown | {name: record[name] for name in ("created_at", "updated_at")}

    def _expanded(self, fields: tuple[Field, ...], name: str, record: Record) -> Record | None:
        each = next(each for each in fields if each.name == name)
        return self._summary(each.refers, record.get(name))

    def _summary(self, plural: str | None, key: Any) -> Record | None:
        """What is shown of a record inside another one."""
        record = self._state.find(plural, key) if plural and key is not None else None
        if plural is None or record is None:
            return None
        resource = BY_PLURAL[plural]
        shown = self._plain(resource, record)
        return {name: shown[name] for name in resource.summary}

    def _kind(self, number: str) -> str:
        return "lot" if number in self._state.records["lots"] else "product"

    def _item(self, item: Record) -> Record:
        used = self._usage.get()
        present, ordered = quantity(item), used.ordered[item["number"]]
        group = self._state.find("product_groups", item["group_id"]) or {}
        kind = self._kind(item["number"])
        return {
            "type": kind,
            "cost_price": item["recommended_cost_price"] or 0,
            "inventory_enabled": bool(group.get("has_inventory")),
            "is_convertable": kind == "product" and item["number"] not in used.in_lines,
            "metadata": [],
            **_quantities(present, ordered),
            "used_in_production_quantity": 0,
        }

    def stock_at(self, location: int, item: Record) -> Record:
        """How much there is of an item at one location, not counting those below it (assumed)."""
        ordered = self._usage.get().ordered_at[item["number"], location]
        return _quantities(item["stock"].get(location, Decimal(0)), ordered)

    def _lot(self, lot: Record) -> Record:
        return self._item(lot) | {"lines": [self.lot_line(line) for line in lot["lines"]]}

    def _product_group(self, group: Record) -> Record:
        members = (item["group_id"] == group["number"] for item in self._state.all("products"))
        return {"num_products": sum(members)}

    def _document(self, document: Record) -> Record:
        amounts = totals(document)
        return {
            "lines": [self.order_line(line) for line in document["lines"]],
            "total_subtotal": amounts.subtotal,
            "total_vat": amounts.vat,
            "total_total": amounts.total,
        }

    def _order(self, order: Record) -> Record:
        is_ready = order["is_booked"] and not order["is_invoiced"] and not order["is_cancelled"]
        return self._document(order) | {"is_ready_for_invoicing": is_ready}

    def _invoice(self, invoice: Record) -> Record:
        shown = self._document(invoice)
        return shown | {
            "orders": list(invoice["orders"]),
            "total_base_currency": rounded(shown["total_total"] * invoice["currency_rate"]),
            "balance": 0 if invoice["is_paid"] else shown["total_total"],
        }


def _quantities(present: Decimal, ordered: Decimal | int) -> Record:
    return {
        "stock_quantity": present,
        "in_order_quantity": ordered,
        "available_quantity": present - ordered,
        "purchased_quantity": 0,
    }
