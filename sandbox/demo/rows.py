"""One record of every kind in every direction it has: what a person does at the source, and what
is then to be seen at the target."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.demo.people import People
from shared.words import Direction, Outcome

FORTH, BACK = Direction.RACKBEAT_TO_24SO, Direction.TFSO_TO_RACKBEAT
INVOICE_STATUS = "Invoiced"
NET_14 = 1  # those payment terms in Rackbeat
GROUP, TENT, COUNTED, PARTS = 900, "LAVVO-6", 41, 2


@dataclass(frozen=True)
class Row:
    """One row of the table of kinds and directions.

    Attributes:
        name: what people call such a record.
        kind: what Varebro calls it.
        deed: what a person does at the source, in words.
        do: does it; gives the record's key at the source.
        outcome: what has to become of it; None where nothing may be sent.
        target: how the target's sandbox calls such records.
        shown: what has to be seen of the record there; a field's name may be a path.
    """

    name: str
    kind: str
    direction: Direction
    deed: str
    do: Callable[[People], str]
    outcome: Outcome | None = Outcome.CREATED
    target: str = ""
    shown: Mapping[str, Any] = field(default_factory=dict)

    @property
    def title(self) -> str:
        return f"{self.name} to {self.direction.target.title}"


@dataclass
class Result:
    """What came of a row."""

    row: Row
    source_key: str
    target_key: str | None = None
    outcome: str = ""
    seconds: float | None = None
    wrong: str = ""


@dataclass(frozen=True)
class Phase:
    """Rows that need the same settings."""

    settings: Mapping[str, Any]
    rows: tuple[Row, ...]


# -- Rackbeat to 24SevenOffice ------------------------------------------------------------------

_ADDRESS = {
    "payment_terms_id": NET_14,
    "address_street": "Fjellvegen 8",
    "address_zipcode": "2670",
    "address_city": "Otta",
    "address_country": "Norge",
}


def _in_rackbeat(kind: str, record: Mapping[str, Any]) -> Callable[[People], str]:
    return lambda people: str(people.rackbeat.add(kind, dict(record))["number"])


MADE_IN_RACKBEAT = (
    Row(
        "customer", "customer", FORTH, "makes one",
        _in_rackbeat("customers", {"number": 20001, "company_name": "Rondane Turlag", **_ADDRESS}),
        target="companies",
        shown={"Name": "Rondane Turlag", "Type": "Business", "Addresses.Post.PostalArea": "Otta"},
    ),
    Row(
        "supplier", "supplier", FORTH, "makes one",
        _in_rackbeat("suppliers", {"number": 30001, "company_name": "Duk og Stang", **_ADDRESS}),
        target="companies",
        shown={"Name": "Duk og Stang", "Type": "Supplier"},
    ),
    Row(
        "product group", "product_group", FORTH, "makes one",
        _in_rackbeat(
            "product_groups", {"number": GROUP, "name": "Lavvoer", "has_inventory": True}
        ),
        target="categories",
        shown={"Name": "Lavvoer", "No": str(GROUP)},
    ),
    Row(
        "product", "product", FORTH, "makes one in that group",
        _in_rackbeat(
            "products",
            {"number": TENT, "name": "Lavvo 6 personer", "group": GROUP, "sales_price": "5990"},
        ),
        target="products",
        shown={"No": TENT, "Name": "Lavvo 6 personer", "Price": "5990"},
    ),
    Row(
        "structure item", "product", FORTH, "makes one of two parts",
        _in_rackbeat(
            "lots",
            {"number": "LEIR/6", "name": "Leir for 6", "group": GROUP, "sales_price": "6990",
             "lines": [{"item_id": TENT, "quantity": 1}, {"item_id": "10-1001", "quantity": 12}]},
        ),
        target="products",
        shown={"No": "LEIR/6", "Name": "Leir for 6", "Price": "6990"},
    ),
    Row(
        "stock", "stock", FORTH, f"counts {COUNTED} of a product",
        lambda people: people.count(100, COUNTED),
        Outcome.UPDATED,
        target="products",
        shown={"Stock": COUNTED},
    ),
    Row(
        "invoice", "invoice", FORTH, "invoices an order from 24SevenOffice",
        lambda people: people.invoice(3),
        Outcome.UPDATED,  # the order itself becomes the invoice
        target="orders",
        shown={"OrderStatus": INVOICE_STATUS},
    ),
    Row(
        "supplier invoice", "supplier_invoice", FORTH, "enters one",
        lambda people: people.receive_invoice(77001),
        None,
    ),
)  # fmt: skip
ORDER_IN_RACKBEAT = Row(
    "order", "order", FORTH, "books a draft",
    lambda people: people.book(
        {"customer_id": 20001, "lines": [{"item_id": TENT, "quantity": 2}]}
    ),
    target="orders",
    shown={"OrderStatus": "Confirmed", "CustomerId": 20001, "OrderTotalIncVat": "14975"},
)  # fmt: skip

# -- 24SevenOffice to Rackbeat ------------------------------------------------------------------

_COMPANY = {
    "Country": "NO",
    "PaymentTime": 14,
    "Addresses": {
        "Post": {
            "Street": "Torget 2",
            "PostalCode": "7011",
            "PostalArea": "Trondheim",
            "Country": "Norge",
        }
    },
}


def _in_tfso(kind: str, record: Mapping[str, Any]) -> Callable[[People], str]:
    return lambda people: people.add(kind, dict(record))


def _product(people: People) -> str:
    group = int(people.made["product group to Rackbeat"])
    record = {"No": "BÅL+1", "Name": "Bålpanne", "CategoryId": group, "Price": "1249.50",
              "TaxRate": "25"}  # fmt: skip
    return people.add("products", record)


def _order(people: People) -> str:
    customer, product = (people.made[f"{each} to Rackbeat"] for each in ("customer", "product"))
    row = {"ProductId": int(product), "Quantity": 4}
    record = {"CustomerId": int(customer), "IncludeVAT": False, "InvoiceRows": [row]}
    return people.add("orders", record)


MADE_IN_TFSO = (
    Row(
        "customer", "customer", BACK, "makes one",
        _in_tfso("companies", {"Name": "Trollheim Sport AS", "Type": "Business", **_COMPANY}),
        target="customers",
        shown={"name": "Trollheim Sport AS", "address_city": "Trondheim"},
    ),
    Row(
        "supplier", "supplier", BACK, "makes one",
        _in_tfso("companies", {"Name": "Jern og Glo AS", "Type": "Supplier", **_COMPANY}),
        target="suppliers",
        shown={"name": "Jern og Glo AS"},
    ),
    Row(
        "product group", "product_group", BACK, "makes one",
        _in_tfso("categories", {"Name": "Bål og kokekar", "No": "95"}),
        target="product_groups",
        shown={"name": "Bål og kokekar"},
    ),
    Row(
        "product", "product", BACK, "makes one in that group",
        _product,
        target="products",
        shown={"number": "BÅL+1", "name": "Bålpanne", "sales_price": "1249.50"},
    ),
    Row(
        "structure item", "product", BACK, "edits one that is converted in Rackbeat",
        lambda people: people.convert(
            108, "Hodelykt med batterier", [{"item_id": "10-1001", "quantity": PARTS}]
        ),
        Outcome.UPDATED,
        target="lots",
        shown={"name": "Hodelykt med batterier", "lines.0.product_id": "10-1001",
               "lines.0.quantity": PARTS},
    ),
    Row(
        "order", "order", BACK, "places one of these",
        _order,
        target="orders",
        shown={"is_booked": False, "lines.0.child_id": "BÅL+1", "total_subtotal": "4998"},
    ),
)  # fmt: skip
INVOICE_IN_TFSO = Row(
    "invoice", "invoice", BACK, "invoices that order",
    lambda people: people.invoice_there(people.made["order to Rackbeat"]),
    target="customer_invoices",
    shown={"is_booked": True, "total_total": "6247.50"},
)  # fmt: skip


def phases(pull_minutes: float) -> tuple[Phase, ...]:
    """All rows, in the order in which they are gone through.

    Args:
        pull_minutes: between two pulls.
    """
    return (
        Phase(
            {"pull_minutes": pull_minutes, "invoice.status": INVOICE_STATUS},
            MADE_IN_RACKBEAT + MADE_IN_TFSO,
        ),
        Phase(
            {"order.origin": "rackbeat", "invoice.origin": "24so"},
            (ORDER_IN_RACKBEAT, INVOICE_IN_TFSO),
        ),
    )


ROWS: tuple[Row, ...] = (*MADE_IN_RACKBEAT, ORDER_IN_RACKBEAT, *MADE_IN_TFSO, INVOICE_IN_TFSO)


def created() -> Counter[str]:
    """How many records the rows make, by what travels."""
    return Counter(
        f"{row.kind.replace('_', ' ')} to {row.direction.target.title}"
        for row in ROWS
        if row.outcome is Outcome.CREATED
    )


def wrong_rows(results: Iterable[Result]) -> list[str]:
    """What is not as it has to be, in sentences: a row that is missing, or was told to be wrong."""
    found = {result.row.title: result for result in results}
    problems = []
    for row in ROWS:
        result = found.get(row.title)
        if result is None or not result.outcome:
            problems.append(f"{row.title}: none has arrived.")
        elif result.wrong:
            problems.append(f"{row.title}: {result.wrong}")
    return problems
