"""The addresses, parameters and fields that the reference knows of Rackbeat."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from tests.harness.recording import Sent

# What is known of Rackbeat (reference; those of products, orders and their lines as written by
# clients in production): the fields of a record, by where it is written.
PARTY = {
    "number", "company_name", "company_vat", "address_street", "address_street2", "address_city",
    "address_zipcode", "address_country", "contact_email", "contact_phone", "locale", "currency",
    "vat_zone", "payment_terms_id", "is_barred",
}  # fmt: skip
CUSTOMER = PARTY | {"ean", "our_reference", "their_reference", "attention", "customer_group_id"}
SUPPLIER = PARTY | {"supplier_group_id"}
GROUP = {"number", "name", "has_inventory"}
PRODUCT = {
    "number", "name", "group", "sales_price", "recommended_cost_price", "extra_cost", "unit_id",
    "description", "barcode", "min_inventory_quantity", "min_sales_quantity",
    "min_purchase_quantity", "default_location_id", "supplier_product_number", "is_barred",
}  # fmt: skip
LOT = {"number", "name", "add_products_individually", "lines"}
TERMS = {"number", "name", "maturity_days", "type"}
UNIT = {"number", "name"}
LINE = {
    "item_id", "name", "quantity", "line_price", "discount_percentage", "vat_percentage",
    "unit_id", "location_id", "cost_price", "variations",
}  # fmt: skip
ADDRESS = {
    f"{prefix}address_{part}"
    for prefix in ("", "delivery_")
    for part in ("name", "street", "street2", "city", "zipcode", "state", "country")
}
DOCUMENT = ADDRESS | {
    "customer_id", "lines", "payment_terms_id", "layout_id", "employee_id", "our_reference_id",
    "your_reference_id", "other_reference", "vat_zone", "heading", "note", "currency",
    "currency_rate", "general_discount", "custom_fields",
}  # fmt: skip
ORDER = DOCUMENT | {"order_date", "deliver_at"}
INVOICE = DOCUMENT | {"invoice_date", "due_date"}
WEBHOOK = {"event", "url", "is_active"}
NOTHING: set[str] = set()

READS = {
    "/self", "/customers", "/customers/{}", "/suppliers", "/suppliers/{}", "/product-groups",
    "/product-groups/{}", "/products", "/products/{}", "/lots", "/lots/{}", "/units",
    "/payment-terms", "/orders", "/orders/{}", "/customer-invoices", "/customer-invoices/{}",
    "/webhooks", "/locations/{}/get-stock/{}",
}  # fmt: skip
WRITES: Mapping[tuple[str, str], set[str]] = {
    ("POST", "/customers"): CUSTOMER,
    ("PUT", "/customers/{}"): CUSTOMER,
    ("POST", "/suppliers"): SUPPLIER,
    ("PUT", "/suppliers/{}"): SUPPLIER,
    ("POST", "/product-groups"): GROUP,
    ("PUT", "/product-groups/{}"): GROUP,
    ("POST", "/products"): PRODUCT,
    ("PUT", "/products/{}"): PRODUCT,
    ("PUT", "/lots/{}"): LOT,
    ("POST", "/units"): UNIT,
    ("POST", "/payment-terms"): TERMS,
    ("POST", "/orders"): ORDER,
    ("POST", "/orders/drafts"): ORDER,
    ("PUT", "/orders/{}"): ORDER,
    ("POST", "/orders/{}/lines"): LINE,
    ("PUT", "/orders/{}/lines/{}"): LINE,
    ("POST", "/orders/{}/book"): NOTHING,
    ("POST", "/orders/{}/convert-to-invoice"): NOTHING,
    ("POST", "/customer-invoices"): INVOICE,
    ("PUT", "/customer-invoices/{}"): INVOICE,
    ("POST", "/customer-invoices/{}/book"): {"mail"},
    ("POST", "/customer-invoices/{}/create-creditnote"): NOTHING,
    ("POST", "/webhooks"): WEBHOOK,
    ("DELETE", "/webhooks/{}"): NOTHING,
}
PARAMETERS = {
    "limit", "page", "search", "order_by", "order_direction", "order_number", "customer_number",
    "suppress_webhooks", "book",
}  # fmt: skip


def address(sent: Sent) -> tuple[str, str]:
    """The method and the known address that this path is one of."""
    path = sent.path.removeprefix("/api")
    known = READS if sent.method == "GET" else {p for m, p in WRITES if m == sent.method}
    # Of two that fit, such as /orders/drafts and /orders/{}, the plainer one is meant.
    for pattern in sorted(known, key=lambda each: each.count("{}")):
        if re.fullmatch(re.escape(pattern).replace(r"\{\}", "[^/]+"), path):
            return sent.method, pattern
    raise AssertionError(f"{sent.method} {path} is in no source")


def complaints(sent: Sent) -> Iterator[str]:
    """What a request has that no source knows."""
    try:
        place = address(sent)
    except AssertionError as unknown:
        yield str(unknown)
        return
    for name, _value in sent.query:
        if name not in PARAMETERS:
            yield f"{place}: the parameter {name}"
    if sent.method == "GET" or not sent.body:
        return
    body = sent.json()
    unknown = set(body) - WRITES[place]
    unknown |= {f"lines.{name}" for line in body.get("lines", ()) for name in set(line) - LINE}
    for name in sorted(unknown):
        yield f"{place}: the field {name}"
