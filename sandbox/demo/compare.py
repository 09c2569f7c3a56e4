"""Both sandboxes side by side, record by record, in plain fields.

The translation is written anew here, on purpose: taken from the product's own mappings it would
share their mistakes.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from zoneinfo import ZoneInfo

Json = dict[str, Any]
Plain = dict[str, Any]

LONGEST_NUMBER = 25  # of a product in Rackbeat
LOCAL_CURRENCY = "NOK"
INVOICES = ("ForInvoicing", "Invoiced")  # statuses of what is, or is to be, an invoice
OF_RACKBEAT = re.compile(r"Rackbeat \d+")  # the mark of an order made there
COUNTRIES = {"no": "NO", "norge": "NO", "norway": "NO", "sverige": "SE", "finland": "FI"}
NORWAY = ZoneInfo("Europe/Oslo")
ORE = Decimal("0.01")


@dataclass(frozen=True)
class Difference:
    """A field, or a whole record, that is not the same in both systems."""

    kind: str
    key: str
    field: str
    tfso: Any
    rackbeat: Any

    def __str__(self) -> str:
        return (
            f"{self.kind} {self.key}: {self.field} is {self.tfso!r} in 24SevenOffice "
            f"and {self.rackbeat!r} in Rackbeat"
        )


@dataclass(frozen=True)
class Comparison:
    """What comparing came to.

    Attributes:
        compared: kind to the number of records that are in both systems.
        left_out: Ids of the 24SevenOffice products that Rackbeat cannot hold.
    """

    compared: Mapping[str, int]
    differences: tuple[Difference, ...]
    left_out: frozenset[str]


def compare(tfso: Json, rackbeat: Json) -> Comparison:
    """Compare the states both sandboxes show.

    Args:
        tfso: one client's records by kind.
        rackbeat: the account's records by resource.
    """
    # A structure item is a product in 24SevenOffice.
    items = [*rackbeat["products"], *rackbeat["lots"]]
    products = [_rackbeat_product(record) for record in items]
    groups = _group_numbers(tfso, rackbeat)
    expected, left_out = _transferable(tfso, products, groups)
    companies = tfso["companies"]
    customers = [c for c in companies if c["Type"] in ("Business", "Consumer")]
    suppliers = [c for c in companies if c["Type"] == "Supplier"]
    numbers = {record["Id"]: record.get("No") for record in tfso["products"]}
    pairs = {
        "product_group": (
            [{"key": groups[c["Id"]], "name": c["Name"]} for c in tfso["categories"]],
            [{"key": str(g["number"]), "name": g["name"]} for g in rackbeat["product_groups"]],
        ),
        "product": (expected, products),
        "customer": (
            [_tfso_company(record) for record in customers],
            [_rackbeat_company(record) for record in rackbeat["customers"]],
        ),
        "supplier": (
            [_tfso_company(record) for record in suppliers],
            [_rackbeat_company(record) for record in rackbeat["suppliers"]],
        ),
        "order": (
            [_tfso_order(record, numbers) for record in tfso["orders"]],
            [_rackbeat_order(record) for record in rackbeat["orders"]],
        ),
        "invoice": (
            [_tfso_invoice(o, numbers) for o in tfso["orders"] if o["OrderStatus"] in INVOICES],
            [_rackbeat_invoice(record) for record in rackbeat["customer_invoices"]],
        ),
    }
    found = [d for kind, sides in pairs.items() for d in differences(kind, *sides)]
    compared = {
        kind: len({r["key"] for r in ours} & {r["key"] for r in theirs})
        for kind, (ours, theirs) in pairs.items()
    }
    return Comparison(compared, tuple(found), left_out)


def differences(
    kind: str, tfso: Iterable[Plain], rackbeat: Iterable[Plain]
) -> Iterator[Difference]:
    """What differs between two lists of records, matched by their "key"."""
    sides = [list(tfso), list(rackbeat)]
    times = [Counter(record["key"] for record in side) for side in sides]
    ours, theirs = ({record["key"]: record for record in side} for side in sides)
    for key in sorted(ours.keys() | theirs.keys()):
        if times[0][key] != 1 or times[1][key] != 1:
            yield Difference(kind, key, "number of records", times[0][key], times[1][key])
            continue
        for name, value in ours[key].items():
            if value != theirs[key][name]:
                yield Difference(kind, key, name, value, theirs[key][name])


def _group_numbers(tfso: Json, rackbeat: Json) -> dict[int, str]:
    """Rackbeat's numbers of the categories: their Ids, or what a group made there wrote in No."""
    there = {str(group["number"]) for group in rackbeat["product_groups"]}
    return {
        category["Id"]: category["No"] if category.get("No") in there else str(category["Id"])
        for category in tfso["categories"]
    }


def _transferable(
    tfso: Json, in_rackbeat: list[Plain], numbers: Mapping[int, str]
) -> tuple[list[Plain], frozenset[str]]:
    """The products Rackbeat can hold, and the Ids of the others.

    Of several with one number Rackbeat holds one: the one it has, if it has any.
    """
    groups = {record["Id"]: record["Name"] for record in tfso["categories"]}
    barcodes = {record["key"]: record["EAN"] for record in in_rackbeat}
    chosen: dict[str, tuple[str, Plain]] = {}
    left_out: set[str] = set()
    for record in tfso["products"]:
        plain = _tfso_product(record, groups, numbers[record["CategoryId"]])
        identity = str(record["Id"])
        rival = chosen.get(plain["key"])
        if len(plain["key"]) > LONGEST_NUMBER:
            left_out.add(identity)
        elif rival is None:
            chosen[plain["key"]] = (identity, plain)
        elif barcodes.get(plain["key"]) == plain["EAN"]:
            left_out.add(rival[0])
            chosen[plain["key"]] = (identity, plain)
        else:
            left_out.add(identity)
    return [plain for _, plain in chosen.values()], frozenset(left_out)


def _tfso_product(record: Json, groups: Mapping[int, str], group_number: str) -> Plain:
    return {
        "key": record["No"],
        "name": record["Name"],
        "description": record.get("Description"),
        "price": _amount(record.get("Price")),
        "cost price": _amount(record.get("InPrice")),
        "EAN": record.get("EAN1"),
        "group number": group_number,
        "group name": groups.get(record["CategoryId"]),
        "out of use": record["StatusId"] == 0,
    }


def _rackbeat_product(record: Json) -> Plain:
    group = record["group"] or {}
    return {
        "key": record["number"],
        "name": record["name"],
        "description": record["description"],
        "price": _amount(record["sales_price"]),
        "cost price": _amount(record["recommended_cost_price"]),
        "EAN": record["barcode"],
        "group number": str(group.get("number")),
        "group name": group.get("name"),
        "out of use": record["is_barred"],
    }


def _tfso_company(record: Json) -> Plain:
    address = record.get("Addresses", {}).get("Post", {})
    phones = record.get("PhoneNumbers", {})
    named = (phones.get(name, {}).get("Value") for name in ("Primary", "Work", "Mobile"))
    currency = record["CurrencyId"]
    return {
        "key": str(record["Id"]),
        "name": " ".join(filter(None, (record.get("FirstName"), record["Name"]))),
        "organisation number": record.get("OrganizationNumber"),
        "e-mail": _first_email(record.get("EmailAddresses", {}).get("Primary", {}).get("Value")),
        "phone": next(filter(None, named), None),
        "street": address.get("Street"),
        "postal code": address.get("PostalCode"),
        "city": address.get("PostalArea"),
        "country": record.get("Country"),
        "payment terms": _end_of_month_or_days(record["PaymentTime"]),
        "currency": LOCAL_CURRENCY if currency == "LOCAL" else currency,
    }


def _rackbeat_company(record: Json) -> Plain:
    terms = record["payment_terms"] or {}
    by_month = terms.get("type") != "net"
    return {
        "key": str(record["number"]),
        "name": record["name"],
        "organisation number": record["company_vat"],
        "e-mail": record["contact_email"],
        "phone": record["contact_phone"],
        "street": record["address_street"],
        "postal code": record["address_zipcode"],
        "city": record["address_city"],
        "country": _country(record["address_country"]),
        "payment terms": ("end of month" if by_month else "days", terms.get("maturity_days")),
        "currency": record["currency"],
    }


def _tfso_order(record: Json, numbers: Mapping[int, str | None]) -> Plain:
    mark = record.get("ReferenceNumber") or ""
    return {
        "key": mark if OF_RACKBEAT.fullmatch(mark) else f"24SO {record['OrderId']}",
        "date": _day_in_norway(record["DateOrdered"]),
        **_tfso_document(record, numbers),
    }


def _day_in_norway(time: str) -> str:
    """24SevenOffice's times are in UTC, also where they do not say so."""
    told = datetime.fromisoformat(time)
    return (told if told.tzinfo else told.replace(tzinfo=UTC)).astimezone(NORWAY).date().isoformat()


def _tfso_invoice(record: Json, numbers: Mapping[int, str | None]) -> Plain:
    return {"key": f"24SO {record['OrderId']}", **_tfso_document(record, numbers)}


def _tfso_document(record: Json, numbers: Mapping[int, str | None]) -> Plain:
    rows = sorted(record["InvoiceRows"], key=lambda row: int(row["SequenceNumber"]))
    address = record["Addresses"].get("Invoice") or record["Addresses"]["Post"]
    total, vat = _amount(record["OrderTotalIncVat"]), _amount(record["OrderTotalVat"])
    assert total is not None  # noqa: S101 - an order always has totals
    assert vat is not None  # noqa: S101
    return {
        "customer": str(record["CustomerId"]),
        "currency": record["Currency"]["Symbol"],
        "street": address.get("Street"),
        "postal code": address.get("PostalCode"),
        "city": address.get("PostalArea"),
        "country": _country(address.get("Country")),
        "lines": [
            _tfso_line(row, numbers, with_vat=bool(record.get("IncludeVAT")))
            for row in rows
            if row["Type"] == "Normal"
        ],
        "texts": [row["Name"] for row in rows if row["Type"] != "Normal"],
        "total": total - vat,
    }


def _tfso_line(row: Json, numbers: Mapping[int, str | None], *, with_vat: bool) -> Plain:
    price, vat = _amount(row["Price"]) or Decimal(0), _amount(row["VatRate"]) or Decimal(0)
    return {
        "product": numbers.get(row["ProductId"]),
        "name": row["Name"],
        "quantity": _amount(row["Quantity"]),
        "price": _ore(price * 100 / (100 + vat) if with_vat else price),
        "discount": _amount(row.get("DiscountRate", 0)),
        "VAT": vat,
    }


def _rackbeat_order(record: Json) -> Plain:
    return {
        "key": record["other_reference"] or f"Rackbeat {record['number']}",
        "date": record["order_date"],
        **_rackbeat_document(record),
    }


def _rackbeat_invoice(record: Json) -> Plain:
    """Known by its order: every invoice of the demo is one of an order from 24SevenOffice."""
    key = record["other_reference"] or f"without reference: {record['number']}"
    return {"key": key, **_rackbeat_document(record)}


def _rackbeat_document(record: Json) -> Plain:
    address = record["billing_address"]
    return {
        "customer": str(record["customer_id"]),
        "currency": record["currency"],
        "street": address["street"],
        "postal code": address["zipcode"],
        "city": address["city"],
        "country": _country(address["country"]),
        "lines": [
            {
                "product": line["child_id"],
                "name": line["name"],
                "quantity": _amount(line["quantity"]),
                "price": _ore(_amount(line["line_price"]) or Decimal(0)),
                "discount": _amount(line["discount_percentage"]),
                "VAT": _amount(line["vat_percentage"]),
            }
            for line in record["lines"]
        ],
        "texts": (record["note"] or "").splitlines(),
        "total": _amount(record["total_subtotal"]),
    }


def _amount(value: Any) -> Decimal | None:
    return None if value is None else Decimal(str(value))


def _ore(price: Decimal) -> Decimal:
    return price.quantize(ORE, ROUND_HALF_UP)


def _country(written: str | None) -> str | None:
    return COUNTRIES.get(written.lower(), written) if written else None


def _first_email(written: str | None) -> str | None:
    parts = re.split(r"[;,]\s*", written or "")
    return next((part for part in parts if re.fullmatch(r"[\w.-]+@[\w-]+\.[a-z]+", part)), None)


def _end_of_month_or_days(payment_time: int) -> tuple[str, int]:
    """PaymentTime as the vendor describes it; the sandboxes use -4, the end of the month."""
    return ("days", payment_time) if payment_time >= 0 else ("end of month", payment_time + 4)
