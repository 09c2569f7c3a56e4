"""ProductService: products and their categories."""

from __future__ import annotations

from decimal import Decimal

from sandbox.tfso.failures import RefusedItem
from sandbox.tfso.records import changed_after, check_lengths, each, merged, selected
from sandbox.tfso.state import Call, ClientState, Handler
from sandbox.tfso.values import Record

LENGTHS = {"Name": 125, "No": 100, "EAN1": 50, "Description": 500}
# Whether a saved Stock moves the stock is not known; assumed that only SetStockQuantity does.
READ_ONLY = frozenset({"APIException", "DateChanged", "Stock"})
NEW: Record = {"StatusId": 1, "Stock": Decimal(0), "StockControlled": False}
_EXACT = ("Id", "CategoryId", "No", "EAN1", "Price")


def get_products(call: Call, arguments: Record) -> list[Record]:
    search = arguments.get("searchParams", {})
    wanted = arguments.get("returnProperties", [])
    return [
        selected(product, wanted) for product in call.client.products if _matches(product, search)
    ]


def _matches(product: Record, search: Record) -> bool:
    """All criteria given have to be met; the name by a part of it, the rest whole (assumed)."""
    return (
        all(product.get(name) == search[name] for name in _EXACT if name in search)
        and product["Id"] in (search.get("ProductIds") or [product["Id"]])
        and search.get("Name", "").lower() in product["Name"].lower()
        and changed_after(product, search.get("DateChanged"))
    )


def save_products(call: Call, arguments: Record) -> list[Record]:
    client = call.client
    return each(arguments.get("products", []), lambda item: save_product(client, item))


def save_product(
    client: ClientState, changes: Record, read_only: frozenset[str] = READ_ONLY
) -> Record:
    """Create or update one product.

    Raises:
        RefusedItem: it cannot be saved as asked.
    """
    number = changes.get("Id")
    existing = client.products.get(number)
    if number is not None and existing is None:
        raise RefusedItem(f"There is no product with Id {number}.")
    record = {**NEW, **merged(existing or {}, changes, read_only=read_only)}
    if not record.get("Name", "").strip():
        raise RefusedItem("Name is required.")
    if client.categories.get(record.get("CategoryId")) is None:
        raise RefusedItem("CategoryId is required and has to be that of a category.")
    check_lengths(record, LENGTHS)
    client.keep(client.products, record)
    return record


def edit_product(client: ClientState, changes: Record) -> Record:
    """The same by a person, who may count the stock, too."""
    return save_product(client, changes, READ_ONLY - {"Stock"})


def delete_products(call: Call, arguments: Record) -> list[Record]:
    client = call.client
    return each(arguments.get("products", []), lambda item: delete_product(client, item.get("Id")))


def delete_product(client: ClientState, number: int | None) -> Record:
    """Remove a product; it is not found any more (assumed).

    Raises:
        RefusedItem: there is no such product.
    """
    if number is None or client.products.get(number) is None:
        raise RefusedItem(f"There is no product with Id {number}.")
    client.products.remove(number)
    return {"Id": number}


def set_stock_quantity(call: Call, arguments: Record) -> bool:
    """False for a product that does not exist or whose stock is not managed (assumed)."""
    product = call.client.products.get(arguments["productId"])
    if product is None or not product.get("StockControlled"):
        return False
    call.client.set_stock(product, arguments["stockQuantity"])
    return True


def get_categories(call: Call, arguments: Record) -> list[Record]:
    wanted = arguments.get("returnProperties", [])
    return [selected(category, wanted) for category in call.client.categories]


def save_categories(call: Call, arguments: Record) -> list[Record]:
    client = call.client
    return each(arguments.get("categories", []), lambda item: save_category(client, item))


def save_category(client: ClientState, changes: Record) -> Record:
    """Create or update one category.

    Raises:
        RefusedItem: it cannot be saved as asked.
    """
    number = changes.get("Id")
    existing = client.categories.get(number)
    if number is not None and existing is None:
        raise RefusedItem(f"There is no category with Id {number}.")
    record = merged(existing or {}, changes, read_only=frozenset({"APIException"}))
    if not record.get("Name", "").strip():
        raise RefusedItem("Name is required.")
    if "ParentId" in record and client.categories.get(record["ParentId"]) is None:
        raise RefusedItem(f"There is no category with Id {record['ParentId']} to be the parent.")
    client.keep(client.categories, record)
    return record


def delete_category(client: ClientState, number: int) -> Record:
    """Remove an empty category, as a person can; the service offers no operation for it.

    Raises:
        RefusedItem: there is no such category, or products are in it.
    """
    if client.categories.get(number) is None:
        raise RefusedItem(f"There is no category with Id {number}.")
    if any(product["CategoryId"] == number for product in client.products):
        raise RefusedItem(f"There are products in the category {number}.")
    client.categories.remove(number)
    return {"Id": number}


OPERATIONS: dict[str, Handler] = {
    "GetProducts": get_products,
    "SaveProducts": save_products,
    "DeleteProducts": delete_products,
    "SetStockQuantity": set_stock_quantity,
    "GetCategories": get_categories,
    "SaveCategories": save_categories,
}
