"""The rows of an order, and what they add up to."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal

from sandbox.tfso.failures import RefusedItem
from sandbox.tfso.records import merged
from sandbox.tfso.state import ClientState
from sandbox.tfso.values import Record

# What a row takes over from its product when it does not say otherwise (assumed).
_FROM_PRODUCT = {
    "Name": "Name",
    "ProductNo": "No",
    "Price": "Price",
    "VatRate": "TaxRate",
    "InPrice": "InPrice",
}


def changed_rows(client: ClientState, rows: list[Record], given: list[Record]) -> list[Record]:
    """The order's rows after the changes asked for.

    A row without ChangeState is left alone when it names a RowId, else added (assumed).

    Raises:
        RefusedItem: a row or a product that does not exist.
    """
    by_id = {row["RowId"]: row for row in rows}
    for change in given:
        state, row_id = change.get("ChangeState"), change.get("RowId")
        if state in ("Edit", "Delete") and row_id not in by_id:
            raise RefusedItem(f"The order has no row with RowId {row_id}.")
        if state == "Delete":
            del by_id[row_id]
        elif state == "Edit":
            _product(client, change)
            by_id[row_id] = _bare(merged(by_id[row_id], change))
        elif state == "Add" or row_id is None:
            row = _new_row(client, change)
            by_id[row["RowId"]] = row
    result = list(by_id.values())
    for position, row in enumerate(result, start=1):
        row.setdefault("SequenceNumber", position)
    return result


def first_rows(client: ClientState, given: list[Record]) -> list[Record]:
    """The rows of a new order: all of them are added, whatever they say (assumed)."""
    return changed_rows(client, [], [{**row, "ChangeState": "Add"} for row in given])


def _new_row(client: ClientState, given: Record) -> Record:
    product = _product(client, given)
    row: Record = {"Type": "Normal"}
    if product is not None:
        row |= {own: product[theirs] for own, theirs in _FROM_PRODUCT.items() if theirs in product}
    row = _bare(merged(row, given))
    row["RowId"] = next(client.row_ids)
    if row["Type"] == "Normal":
        row.setdefault("Quantity", Decimal(1))
        row.setdefault("Price", Decimal(0))
    return row


def _product(client: ClientState, row: Record) -> Record | None:
    number = row.get("ProductId")
    product = client.products.get(number)
    if number is not None and product is None:
        raise RefusedItem(f"There is no product with Id {number}.")
    return product


def _bare(row: Record) -> Record:
    row.pop("ChangeState", None)
    return row


def totals(rows: Iterable[Record], *, include_vat: bool) -> tuple[Decimal, Decimal]:
    """The total with VAT, and the VAT in it: summed exactly, then rounded half up to the øre.

    Args:
        include_vat: the rows' prices contain VAT.
    """
    nothing = Decimal(0)
    total = vat = nothing
    for row in rows:
        if row.get("Type", "Normal") != "Normal":
            continue
        discount = row.get("DiscountRate", nothing)
        amount = row.get("Quantity", nothing) * row.get("Price", nothing) * (100 - discount) / 100
        rate = row.get("VatRate", nothing)
        row_vat = amount * rate / (100 + rate if include_vat else 100)
        vat += row_vat
        total += amount if include_vat else amount + row_vat
    return _to_the_ore(total), _to_the_ore(vat)


def _to_the_ore(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)
