"""Rackbeat's resources as a table: paths, names, fields, and what is checked.

Facts come from the reference (fields "written" by clients in production first, then the published
descriptions). Assumed here, for want of a source: the limits of `type` in payment terms (net,
current_month), the VAT figures of product groups being percentages, first numbers of the series.
"""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import Any

from sandbox.rackbeat.schema import Field, Resource, Shape

READ_ONLY = frozenset({"GET"})
CHANGES = frozenset({"created", "updated", "deleted"})
VAT_ZONES = ("domestic", "domestic_exempt", "eu", "abroad")
INTEGER, DECIMAL, BOOLEAN, DATE = Shape.INTEGER, Shape.DECIMAL, Shape.BOOLEAN, Shape.DATE
OBJECT, LIST, ANY = Shape.OBJECT, Shape.LIST, Shape.ANY

NUMBER = Field("number", INTEGER)
NAME = Field("name", required=True)
CUSTOM_FIELDS = Field(
    "custom_fields",
    LIST,
    nested=(Field("id", INTEGER, required=True, refers="fields"), Field("value", ANY)),
)


def _texts(*names: str) -> tuple[Field, ...]:
    return tuple(Field(name) for name in names)


def _address(prefix: str = "address") -> tuple[Field, ...]:
    parts = ("street", "street2", "city", "zipcode", "state", "country")
    return _texts(*(f"{prefix}_{part}" for part in parts))


def _document_address(prefix: str, read_in: str) -> tuple[Field, ...]:
    fields = (Field(f"{prefix}_name"), *_address(prefix))
    return tuple(replace(each, read_in=read_in) for each in fields)


def _reference(name: str, refers: str, **options: Any) -> Field:
    return Field(name, INTEGER, refers=refers, expands=name.removesuffix("_id"), **options)


PARTY_FIELDS = (
    NUMBER,
    Field("company_name", required=True, read_as="name"),
    *_address(),
    *_texts("company_vat", "contact_email", "contact_phone", "locale"),
    _reference("payment_terms_id", "payment_terms", required=True),
    Field("vat_zone", options=VAT_ZONES, default="domestic"),
    Field("currency", max_length=3, default="NOK"),
    Field("is_barred", BOOLEAN, default=False),
)
PARTY: dict[str, Any] = {
    "events": CHANGES,
    "flags": MappingProxyType({"is_deleted": False}),
    "searchable": ("number", "company_name", "company_vat", "contact_email"),
    "first_number": 1001,
    "custom_fields": True,
}

PHYSICAL = (
    Field("weight", DECIMAL),
    Field("weight_unit", required_with=("weight",)),
    Field("width", DECIMAL),
    Field("height", DECIMAL),
    Field("depth", DECIMAL),
    Field("size_unit", required_with=("width", "height", "depth")),
)

PRODUCT_FIELDS = (
    Field("number", required=True, max_length=25),
    NAME,
    _reference("group_id", "product_groups", also=("group",), required=True),
    Field("sales_price", DECIMAL, required=True),
    Field("recommended_cost_price", DECIMAL),
    Field("recommended_sales_price", DECIMAL),
    Field("extra_cost", DECIMAL),
    _reference("unit_id", "units"),
    *_texts("description", "barcode", "supplier_product_number", "discount_group"),
    Field("min_inventory_quantity", DECIMAL),
    Field("min_sales_quantity", DECIMAL),
    Field("min_purchase_quantity", DECIMAL),
    _reference("default_location_id", "locations"),
    _reference("default_supplier_id", "suppliers"),
    Field("physical", OBJECT, nested=PHYSICAL),
    Field("is_barred", BOOLEAN, default=False),
)
ITEM: dict[str, Any] = {
    "events": CHANGES,
    "flags": MappingProxyType({"deleted_at": None}),
    "filterable": ("number",),
    "searchable": ("number", "name", "barcode"),
    "summary": ("number", "name", "barcode", "group"),
    "custom_fields": True,
}

LOT_LINE_FIELDS = (
    Field("item_id", also=("product_id",), required=True, refers="items"),
    Field("quantity", DECIMAL, required=True),
    _reference("location_id", "locations"),
)
# Only a product has to name its group and its price.
LOT_FIELDS = (
    *(
        replace(each, required=each.required and each.name in {"number", "name"})
        for each in PRODUCT_FIELDS
    ),
    Field("add_products_individually", BOOLEAN, default=False),
    Field("lines", LIST, nested=LOT_LINE_FIELDS),
)

LINE_FIELDS = (
    Field("item_id", required=True, refers="items"),
    Field("name"),
    Field("quantity", DECIMAL, required=True),
    Field("line_price", DECIMAL),
    Field("discount_percentage", DECIMAL),
    Field("vat_percentage", DECIMAL),
    _reference("unit_id", "units"),
    _reference("location_id", "locations"),
    Field("cost_price", DECIMAL),
    Field("variations", ANY),
)
DOCUMENT_FIELDS = (
    NUMBER,
    _reference("customer_id", "customers", required=True),
    _reference("payment_terms_id", "payment_terms"),
    _reference("layout_id", "layouts"),
    _reference("employee_id", "employees"),
    _reference("our_reference_id", "employees"),
    Field("your_reference_id", INTEGER),
    Field("other_reference"),
    Field("vat_zone", options=VAT_ZONES),
    Field("heading", max_length=255),
    Field("note", max_length=800),
    Field("currency", max_length=3),
    Field("currency_rate", DECIMAL),
    Field("general_discount", DECIMAL),
    *_document_address("address", "billing_address"),
    *_document_address("delivery_address", "delivery_address"),
    Field("lines", LIST, nested=LINE_FIELDS),
    CUSTOM_FIELDS,
)
# The references that are read are text (assumed), those that are written numbers.
ORDER_FLAGS = MappingProxyType(
    {
        "is_booked": False,
        "is_cancelled": False,
        "is_archived": False,
        "is_shipped": False,
        "is_partly_shipped": False,
        "is_invoiced": False,
        "is_partly_invoiced": False,
        "is_paid": False,
        "is_partly_paid": False,
        "their_reference": None,
    }
)
INVOICE_FLAGS = MappingProxyType(
    {"is_booked": False, "is_paid": False, "is_creditnote": False, "orders": ()}
)


def _named(path: str, singular: str, plural: str, *more: Field, **options: Any) -> Resource:
    return Resource(path, singular, plural, (NUMBER, NAME, *more), **options)


CUSTOMERS = Resource(
    "customers",
    "customer",
    "customers",
    (
        *PARTY_FIELDS,
        *_texts("ean", "our_reference", "their_reference", "attention"),
        Field("max_credit", DECIMAL),
        Field("general_discount_percentage", DECIMAL),
        _reference("employee_id", "employees"),
        _reference("layout_id", "layouts"),
        _reference("customer_group_id", "customer_groups"),
    ),
    entity="customer",
    filterable=("ean",),
    summary=("number", "name", "customer_group"),
    **PARTY,
)
SUPPLIERS = Resource(
    "suppliers",
    "supplier",
    "suppliers",
    (*PARTY_FIELDS, _reference("supplier_group_id", "supplier_groups")),
    entity="supplier",
    **PARTY,
)
PRODUCT_GROUPS = _named(
    "product-groups",
    "product_group",
    "product_groups",
    Field("has_inventory", BOOLEAN, required=True),
    *(Field(f"vat_{zone}", DECIMAL) for zone in VAT_ZONES),
    entity="product_group",
    events=CHANGES,
)
PRODUCTS = Resource("products", "product", "products", PRODUCT_FIELDS, entity="product", **ITEM)
LOTS = Resource("lots", "lot", "lots", LOT_FIELDS, entity="lot", **ITEM)
# Products and lots together; nothing is stored under this name.
ITEMS = Resource("items", "item", "items", PRODUCT_FIELDS, allows=READ_ONLY, **ITEM)
PAYMENT_TERMS = _named(
    "payment-terms",
    "payment_term",
    "payment_terms",
    Field("description"),
    Field("maturity_days", INTEGER, default=0),
    Field("type", required=True, options=("net", "current_month")),
    entity="payment_terms",
    events=frozenset({"created", "updated"}),
    summary=("number", "name", "maturity_days", "type"),
)
LOCATIONS = _named(
    "locations",
    "location",
    "locations",
    Field("is_default", BOOLEAN, default=False),
    Field("parent_id", INTEGER, refers="locations"),
)
ORDERS = Resource(
    "orders",
    "order",
    "orders",
    (*DOCUMENT_FIELDS, Field("order_date", DATE), Field("deliver_at", DATE)),
    entity="order",
    events=CHANGES | {"booked"},
    flags=ORDER_FLAGS,
    filterable=("number", "created_at", "updated_at"),
    searchable=("number", "heading", "other_reference"),
    first_number=1001,
    custom_fields=True,
)
CUSTOMER_INVOICES = Resource(
    "customer-invoices",
    "customer_invoice",
    "customer_invoices",
    (*DOCUMENT_FIELDS, Field("invoice_date", DATE), Field("due_date", DATE)),
    entity="customer_invoice",
    events=frozenset({"created", "updated", "booked"}),
    flags=INVOICE_FLAGS,
    searchable=("number", "heading", "other_reference"),
    first_number=50001,
    custom_fields=True,
)
INVENTORY_ADJUSTMENTS = Resource(
    "inventory-adjustments",
    "inventory_regulation",
    "inventory_regulations",
    (
        Field("id", INTEGER),
        Field("item_id", required=True, refers="items"),
        Field("adjustment_type", required=True, options=("quantity",)),
        Field("quantity", DECIMAL, required=True),
        Field("location", INTEGER, refers="locations"),
        Field("regulated_at", DATE),
        Field("reason"),
    ),
    key="id",
    flags=MappingProxyType({"is_booked": False}),
    searchable=("item_id", "reason"),
    allows=frozenset({"GET", "POST"}),
)
ORDER_SHIPMENTS = Resource(
    "order-shipments",
    "order_shipment",
    "order_shipments",
    (Field("id", INTEGER), Field("order_id", INTEGER, refers="orders"), Field("lines", ANY)),
    key="id",
    allows=READ_ONLY,
    flags=MappingProxyType({"is_picked": False, "is_shipped": False}),
    searchable=("order_id",),
)
FIELDS = Resource(
    "fields",
    "field",
    "fields",
    (Field("id", INTEGER), NAME, Field("type")),
    key="id",
    allows=READ_ONLY,
    searchable=("name",),
    summary=("id", "name"),
)

STORED = (
    CUSTOMERS,
    SUPPLIERS,
    _named("customer-groups", "customer_group", "customer_groups"),
    _named("supplier-groups", "supplier_group", "supplier_groups"),
    PRODUCT_GROUPS,
    PRODUCTS,
    LOTS,
    _named("units", "unit", "units"),
    PAYMENT_TERMS,
    LOCATIONS,
    _named("layouts", "layout", "layouts", allows=READ_ONLY),
    _named("employees", "employee", "employees", allows=READ_ONLY),
    ORDERS,
    CUSTOMER_INVOICES,
    Resource(
        "supplier-invoices", "supplier_invoice", "supplier_invoices", (NUMBER,), allows=READ_ONLY
    ),
    INVENTORY_ADJUSTMENTS,
    ORDER_SHIPMENTS,
    FIELDS,
)
SERVED = (*STORED, ITEMS)
BY_PLURAL = {resource.plural: resource for resource in SERVED}
