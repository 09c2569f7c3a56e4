"""Stock levels: Rackbeat's quantity of a product, set in 24SevenOffice as an absolute figure."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated

from shared.entity import Entity, Number, Reference, RefersTo, Text
from shared.failures import Unmappable
from shared.kind import Context, Found, Kind, Payload, Record, Side, Sought, Written
from shared.queues import Queue
from shared.rackbeat.client import RackbeatClient
from shared.settings import Settings
from shared.tfso.client import TfsoClient
from shared.values import decimal, key_in, text
from shared.words import Direction, System
from tasks import products
from tasks.documents import Document

BY_LOCATION = "by_location"  # what Rackbeat says of each location, put into the product's record


class Stock(Entity):
    """How many there are of a product.

    Attributes:
        quantity: none where 24SevenOffice keeps no stock of it, so that this is seen to change.
    """

    product: Annotated[Text, RefersTo("product")] = None
    quantity: Number | None = None

    def identifiers(self) -> list[tuple[str, str]]:
        return [("product", self.product)] if self.product else []

    def label(self) -> str:
        return f"the stock of product {self.product}"


class RackbeatStock(Side[Stock]):
    """The read-only quantities of a product."""

    def __init__(self) -> None:
        self._products = products.RackbeatProducts()

    def key_of(self, record: Record) -> str:
        return self._products.key_of(record)

    def parse(self, record: Record, context: Context) -> Stock:
        name = _quantity_field(context.settings)
        at = [_quantity_at(each, record, name) for each in self._chosen(record, context.settings)]
        quantity = sum(at, Decimal()) if at else decimal(record.get(name), name)
        return Stock(product=text(record.get("number")), quantity=quantity)

    def _chosen(self, record: Record, settings: Settings) -> list[int]:
        """The locations whose quantities count; none where the record's own total does."""
        return [] if self.excluded(record, settings) else sorted(set(settings.stock.locations))

    def excluded(self, record: Record, settings: Settings) -> str | None:
        if record.get(_quantity_field(settings)) is None:
            return "Rackbeat says no quantity of it."
        if record.get("inventory_enabled") is False:
            return "No stock is kept of it in Rackbeat."
        return None

    def read(self, client: RackbeatClient, key: str) -> Record | None:
        return self._products.read(client, key)

    def needs_completing(self, settings: Settings) -> bool:
        return bool(settings.stock.locations)

    def completed(self, client: RackbeatClient, record: Record, settings: Settings) -> Record:
        """With what Rackbeat says of each location that counts."""
        chosen = self._chosen(record, settings)
        if set(map(str, chosen)) == set(record.get(BY_LOCATION, ())):
            return record
        item = self.key_of(record)
        return {**record, BY_LOCATION: {str(each): client.stock_at(each, item) for each in chosen}}

    def all(self, client: RackbeatClient) -> Iterator[Found]:
        for product in self._products.all(client):
            # Whether a count moves a product's time of change no source says.
            yield Found(product.key, product.record)

    def render(self, entity: Stock, context: Context) -> Payload:
        raise NotImplementedError("stock never travels to Rackbeat")

    def search(
        self, client: RackbeatClient, sought: Sought[Stock], settings: Settings
    ) -> list[Record]:
        raise NotImplementedError("stock never travels to Rackbeat")

    def create(self, client: RackbeatClient, payload: Payload) -> Written:
        raise NotImplementedError("stock never travels to Rackbeat")

    def update(self, client: RackbeatClient, key: str, payload: Payload, existing: Record) -> None:
        raise NotImplementedError("stock never travels to Rackbeat")


def _quantity_field(settings: Settings) -> str:
    return {"in_stock": "stock_quantity", "available": "available_quantity"}[
        settings.stock.quantity
    ]


def _quantity_at(location: int, record: Record, name: str) -> Decimal:
    at = record.get(BY_LOCATION, {}).get(str(location))
    quantity = None if at is None else decimal(at.get(name), name)
    if quantity is None:
        raise Unmappable(
            f"Rackbeat does not say the {name} of product {record.get('number')} at location "
            f"{location}, which the setting stock.locations names. Correct the setting if Rackbeat "
            "has no such location; without any, all locations count."
        )
    return quantity


PROPERTIES = ("Id", "Stock", "StockControlled", "DateChanged")


class TfsoStock(Side[Stock]):
    """The quantity of a product, set by SetStockQuantity."""

    def key_of(self, record: Record) -> str:
        return key_in(record, "Id", System.TFSO)

    def parse(self, record: Record, context: Context) -> Stock:
        del context
        is_kept = record.get("StockControlled", True)  # of a payload nothing else is known
        quantity = decimal(record.get("Stock"), "Stock") if is_kept else None
        return Stock(product=text(record.get("Id")), quantity=quantity)

    def refuses(self, existing: Record, settings: Settings) -> str | None:
        del settings
        if existing.get("StockControlled"):
            return None
        return "24SevenOffice does not keep stock of this product (StockControlled is off)."

    def render(self, entity: Stock, context: Context) -> Payload:
        del context
        return {"Id": entity.product, "Stock": entity.quantity}

    def read(self, client: TfsoClient, key: str) -> Record | None:
        found = client.get_products({"Id": int(key)}, PROPERTIES)
        return _whether_kept(found[0]) if found else None

    def search(self, client: TfsoClient, sought: Sought[Stock], settings: Settings) -> list[Record]:
        del settings
        record = self.read(client, sought.value)
        return [] if record is None else [record]

    def create(self, client: TfsoClient, payload: Payload) -> Written:
        del client
        raise Unmappable(f"Product {payload['Id']} does not exist in 24SevenOffice any more.")

    def update(self, client: TfsoClient, key: str, payload: Payload, existing: Record) -> None:
        del existing
        client.set_stock(int(key), payload["Stock"])

    def all(self, client: TfsoClient) -> Iterator[Found]:
        for category in client.get_categories(["Id"]):
            query = {"CategoryId": category.get("Id")}
            for record in client.get_products(query, PROPERTIES):
                yield Found(self.key_of(record), _whether_kept(record))


def _whether_kept(record: Record) -> Record:
    """A record that says whether stock is kept of it; where 24SevenOffice does not, it is not."""
    return {**record, "StockControlled": bool(record.get("StockControlled"))}


def of_what_is_ordered(
    direction: Direction, order: Document, settings: Settings
) -> Iterator[Reference]:
    """The stock that an order makes less available; Rackbeat is not known to tell of that."""
    del direction
    if settings.stock.quantity == "available":
        yield from _of_lines(order, settings)


def of_what_is_invoiced(
    direction: Direction, invoice: Document, settings: Settings
) -> Iterator[Reference]:
    """The stock of an invoice made in 24SevenOffice, which has taken it off its own figure; off
    Rackbeat's it is when it is shipped."""
    if direction is Direction.TFSO_TO_RACKBEAT:
        yield from _of_lines(invoice, settings)


def _of_lines(document: Document, settings: Settings) -> Iterator[Reference]:
    if settings.stock.lets(Direction.RACKBEAT_TO_24SO):
        sold = dict.fromkeys(line.product for line in document.lines or ())
        yield from (Reference(KIND.name, key) for key in sold if key is not None)


KIND = Kind(
    name="stock",
    title="Stock",
    entity=Stock,
    rackbeat=RackbeatStock(),
    tfso=TfsoStock(),
    queue=Queue.STOCK,
    directions=(Direction.RACKBEAT_TO_24SO,),
    events=("item.stock_updated",),  # the name is assumed; a delivery is known by its body
    brings_along=False,
    links_refused=True,
)
