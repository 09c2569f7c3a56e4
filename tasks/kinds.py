"""The table of kinds: the one place a new kind is entered."""

from __future__ import annotations

from typing import Any

from shared.kind import Kind
from tasks import customers, invoices, orders, product_groups, products, stock, suppliers

# In the order of the initial sync: what others refer to comes first.
KINDS: dict[str, Kind[Any]] = {
    kind.name: kind
    for kind in (
        product_groups.KIND,
        products.KIND,
        customers.KIND,
        suppliers.KIND,
        orders.KIND,
        invoices.KIND,
        stock.KIND,
    )
}
