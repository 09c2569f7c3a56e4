"""What orders and invoices have in common: what is filled in when it is not sent (assumed)."""

from __future__ import annotations

from decimal import Decimal

from sandbox.rackbeat.resources import DOCUMENT_FIELDS
from sandbox.rackbeat.schema import Record
from sandbox.rackbeat.state import State

FROM_CUSTOMER = ("payment_terms_id", "layout_id", "vat_zone", "currency")
ADDRESS_PARTS = ("street", "street2", "city", "zipcode", "state", "country")
# What a document made of another one takes from it.
CARRIED_OVER = tuple(
    each.name for each in DOCUMENT_FIELDS if each.name not in {"number", "lines", "custom_fields"}
)
ZERO = Decimal(0)


def complete(state: State, document: Record) -> None:
    """Fill in what the customer and the items of the lines say, where the client did not."""
    customer = state.find("customers", document["customer_id"]) or {}
    for name in FROM_CUSTOMER:
        if document[name] is None:
            document[name] = customer.get(name)
    if not any(document[f"address_{part}"] for part in ("name", *ADDRESS_PARTS)):
        document["address_name"] = customer.get("company_name")
        for part in ADDRESS_PARTS:
            document[f"address_{part}"] = customer.get(f"address_{part}")
    if document["general_discount"] is None:
        document["general_discount"] = customer.get("general_discount_percentage")
    if document["currency_rate"] is None:
        document["currency_rate"] = Decimal(1)
    document["lines"] = document["lines"] or []
    for line in document["lines"]:
        complete_line(state, document, line)


def complete_line(state: State, document: Record, line: Record) -> None:
    """Fill in what the item says, where the client did not; no discount comes by itself."""
    item = state.find("items", line["item_id"]) or {}
    line.setdefault("id", None)
    if line["id"] is None:
        line["id"] = state.new_line_id()
    defaults = {
        "name": item.get("name"),
        "line_price": item.get("sales_price") or ZERO,
        "discount_percentage": ZERO,
        "vat_percentage": _vat(state, document, item),
        "unit_id": item.get("unit_id"),
        "cost_price": item.get("recommended_cost_price") or ZERO,
        "quantity_shipped": ZERO,
        "quantity_invoiced": ZERO,
    }
    for name, value in defaults.items():
        if line.get(name) is None:
            line[name] = value


def _vat(state: State, document: Record, item: Record) -> Decimal:
    zone = document["vat_zone"] or "domestic"
    group = state.find("product_groups", item.get("group_id")) or {}
    standard = state.config.standard_vat if zone == "domestic" else 0
    rate = group.get(f"vat_{zone}")
    return Decimal(standard) if rate is None else Decimal(rate)
