"""Products."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, ClassVar

from shared.entity import Entity, Number, RefersTo, Text
from shared.failures import Unmappable
from shared.kind import Context, Found, Kind, Lookup, Payload, Record, Sought, events
from shared.queues import Queue
from shared.rackbeat.client import RackbeatClient
from shared.rackbeat.protocol import LOTS, PRODUCTS
from shared.settings import ProductNumber, Settings
from shared.tfso.client import TfsoClient
from shared.tfso.protocol import Service
from shared.values import decimal, dig, flag, no_longer_than, shown, text, whole, without_nothing
from tasks.sides import RackbeatSide, TfsoSide, found_in_tfso, is_deleted

LONGEST_NUMBER = 25  # in Rackbeat
UNIT = "unit"


class Product(Entity):
    """A product.

    Attributes:
        sales_price, cost_price: without VAT, in the companies' own currency.
        ean: the barcode.
        active: false where it is barred (Rackbeat) or expired (24SevenOffice).
        stock_controlled: whether stock is kept of it; read-only in Rackbeat.
    """

    may_be_empty = frozenset({"description", "ean"})
    may_be_shared = frozenset({"ean"})

    number: Text = None
    name: Text = None
    description: Text = None
    sales_price: Number | None = None
    cost_price: Number | None = None
    ean: Text = None
    group: Annotated[Text, RefersTo("product_group")] = None
    active: bool | None = None
    stock_controlled: bool | None = None

    def identifiers(self) -> list[tuple[str, str]]:
        found = [("number", self.number), ("ean", self.ean)]
        return [(name, value) for name, value in found if value]

    def contradicts(self, other: Product) -> str | None:
        if self.ean and other.ean and self.ean != other.ean:
            return f"its EAN is {other.ean}, not {self.ean}"
        return None

    def label(self) -> str:
        return f"product '{self.number}' ({self.name})"

    def switched_off(self) -> Product:
        return self.model_copy(update={"active": False})


# What a structure item takes from 24SevenOffice.
OF_STRUCTURE_ITEM = frozenset({"name"})
# What it does not, and is said of it where it differs.
NOT_OF_STRUCTURE_ITEM = {
    "sales_price": "sales price",
    "cost_price": "cost price",
    "ean": "EAN",
    "group": "group",
    "active": "state (active)",
}
# The fields of which Rackbeat's record shows whether they are empty.
SHOWN = {"description": "description", "ean": "barcode"}


class RackbeatProducts(RackbeatSide[Product]):
    """/products, and /lots: structure items (bills of materials).

    A structure item travels to 24SevenOffice as a product. A product that a person converts keeps
    its number: it is then read from /lots, and the link follows it by itself. Nothing but the name
    is ever written to a structure item, so that its parts stay as they are.
    """

    resource = PRODUCTS
    whole_numbers = False

    def parse(self, record: Record, context: Context) -> Product:
        del context
        group = record.get("group")
        barred = flag(record.get("is_barred"), "is barred")
        return Product(
            **shown(record, SHOWN),
            number=text(record.get("number")),
            name=record.get("name"),
            sales_price=_price(record, "sales_price", "total_price"),
            cost_price=_price(record, "recommended_cost_price", "cost_price"),
            group=text(dig(group, "number") if isinstance(group, dict) else group),
            active=None if barred is None else not barred,
            stock_controlled=flag(record.get("inventory_enabled"), "inventory enabled"),
        )

    def takes_empty(self, existing: Record) -> bool:
        return not is_structure_item(existing)

    def takes_only(self, existing: Record) -> frozenset[str] | None:
        return OF_STRUCTURE_ITEM if is_structure_item(existing) else None

    def excluded(self, record: Record, settings: Settings) -> str | None:
        if is_structure_item(record) and not settings.product.structure_items:
            return "It is a structure item, and product.structure_items is off."
        return None

    def read(self, client: RackbeatClient, key: str) -> Record | None:
        return super().read(client, key) or _structure_item(client.get(LOTS, key))

    def update(self, client: RackbeatClient, key: str, payload: Payload, existing: Record) -> None:
        resource = LOTS if is_structure_item(existing) else PRODUCTS
        client.update(resource, key, payload)

    def all(self, client: RackbeatClient) -> Iterator[Found]:
        yield from super().all(client)
        for record in client.listing(LOTS):
            if not is_deleted(record):
                yield self.found({**record, "type": "lot"})

    def lookups(self, entity: Product, settings: Settings) -> Iterable[Lookup]:
        del entity
        yield Lookup(UNIT, settings.product.unit)

    def render(self, entity: Product, context: Context) -> Payload:
        if context.existing is not None and is_structure_item(context.existing):
            _note_not_taken(
                entity, self.parse(context.existing, Context(context.settings)), context
            )
            return without_nothing({"name": entity.name})
        payload: dict[str, Any] = {
            "name": entity.name,
            "description": entity.description,
            "sales_price": entity.sales_price,
            "recommended_cost_price": entity.cost_price,
            "barcode": entity.ean,
            "group": None if entity.group is None else int(entity.group),
            "is_barred": None if entity.active is None else not entity.active,
        }
        if context.existing is None:
            payload["number"] = _number(entity)
            payload["sales_price"] = entity.sales_price or 0
            (unit,) = self.lookups(entity, context.settings)
            payload["unit_id"] = int(context.found[unit])
        return without_nothing(payload)


def _note_not_taken(entity: Product, there: Product, context: Context) -> None:
    """What a structure item does not take and holds otherwise."""
    for name, title in NOT_OF_STRUCTURE_ITEM.items():
        wanted, held = getattr(entity, name), getattr(there, name)
        if wanted not in {None, ""} and wanted != held:
            stays = "empty" if held is None else held
            context.note(
                f"It is a structure item in Rackbeat: its {title} stays {stays} there, and does "
                f"not become {wanted}; change it there."
            )


def _price(record: Record, name: str, of_its_parts: str) -> Decimal | None:
    """A price; early descriptions show of a structure item only what its parts come to."""
    if name not in record and is_structure_item(record):
        name = of_its_parts
    return decimal(record.get(name), name.replace("_", " "))


def is_structure_item(record: Record | None) -> bool:
    """Whether a record of Rackbeat's is a structure item (a lot)."""
    return record is not None and record.get("type") == "lot"


def _structure_item(record: Record | None) -> Record | None:
    return None if record is None or is_deleted(record) else {**record, "type": "lot"}


def _number(entity: Product) -> str:
    if entity.number is None:
        raise Unmappable(
            f"The product '{entity.name}' has no number in 24SevenOffice, and Rackbeat needs one. "
            "Give it one, or choose 'id' for product.number in the settings."
        )
    if len(entity.number) > LONGEST_NUMBER:
        raise Unmappable(
            f"The product number '{entity.number}' has {len(entity.number)} characters; Rackbeat "
            f"takes at most {LONGEST_NUMBER}. Give the product a shorter number in 24SevenOffice, "
            "and it is transferred by itself. Numbers are never cut."
        )
    return entity.number


PROPERTIES = (
    "Id", "No", "Name", "Description", "Price", "WebPrice", "InPrice", "Cost", "EAN1",
    "CategoryId", "StatusId", "StockControlled", "DateChanged",
)  # fmt: skip
ACTIVE, EXPIRED = 1, 0


class TfsoProducts(TfsoSide[Product]):
    """Products of the product service."""

    service = Service.PRODUCT
    save_operation = "SaveProducts"
    chosen: ClassVar = {"CategoryId": "product.category"}

    def read_by(self) -> Mapping[str, tuple[str, ...]]:
        return {"product.price": ("sales_price",), "product.cost": ("cost_price",)}

    def parse(self, record: Record, context: Context) -> Product:
        by_id = context.settings.product.number is ProductNumber.ID
        status = whole(record.get("StatusId"), "StatusId")
        price, cost = _price_fields(context.settings)
        return Product(
            number=text(record.get("Id" if by_id else "No")),
            name=record.get("Name"),
            description=record.get("Description"),
            sales_price=decimal(record.get(price), price),
            cost_price=decimal(record.get(cost), cost),
            ean=record.get("EAN1"),
            group=text(record.get("CategoryId")),
            active=None if status is None else status != EXPIRED,
            stock_controlled=flag(record.get("StockControlled"), "StockControlled"),
        )

    def render(self, entity: Product, context: Context) -> Payload:
        price, cost = _price_fields(context.settings)
        payload: dict[str, Any] = {
            "Name": no_longer_than(entity.name, 125, "name", "24SevenOffice"),
            "Description": no_longer_than(entity.description, 500, "description", "24SevenOffice"),
            price: entity.sales_price,
            cost: entity.cost_price,
            "EAN1": no_longer_than(entity.ean, 50, "EAN", "24SevenOffice"),
            "CategoryId": None if entity.group is None else int(entity.group),
            "StatusId": None if entity.active is None else (ACTIVE if entity.active else EXPIRED),
            "StockControlled": entity.stock_controlled,
        }
        if context.existing is None:
            payload["No"] = entity.number
            if entity.group is None:
                payload["CategoryId"] = _category(entity, context)
        return without_nothing(payload)

    def number_fields(self, settings: Settings) -> tuple[str, ...]:
        return ("No",) if settings.product.number is ProductNumber.NO else ()

    def shared_identifier(self, settings: Settings) -> str | None:
        return "number" if settings.product.number is ProductNumber.NO else None

    def read(self, client: TfsoClient, key: str) -> Record | None:
        found = client.get_products({"Id": int(key)}, PROPERTIES)
        return found[0] if found else None

    def search(
        self, client: TfsoClient, sought: Sought[Product], settings: Settings
    ) -> list[Record]:
        value = sought.value
        if sought.field == "ean":
            return client.get_products({"EAN1": value}, PROPERTIES)
        if settings.product.number is ProductNumber.ID:
            return client.get_products({"Id": int(value)}, PROPERTIES) if value.isdecimal() else []
        return client.get_products({"No": value}, PROPERTIES)

    def all(self, client: TfsoClient) -> Iterator[Found]:
        # A search for everything at once may take longer than the vendor allows; a product always
        # has a category.
        for category in client.get_categories(["Id"]):
            for record in client.get_products({"CategoryId": category.get("Id")}, PROPERTIES):
                yield found_in_tfso(record)

    def changed_since(self, client: TfsoClient, position: datetime) -> Iterator[Found]:
        for record in client.get_products({"DateChanged": position}, PROPERTIES):
            yield found_in_tfso(record)


def _category(entity: Product, context: Context) -> int:
    category = context.settings.product.category
    if category is None:
        raise Unmappable(
            f"The {entity.label()} has no group in Rackbeat, and 24SevenOffice makes no product "
            "without a category. Give it a group in Rackbeat, or choose the Id of a category for "
            "product.category in the settings, and try again."
        )
    context.note(f"It has no group in Rackbeat; category {category} is used (the default).")
    return category


def _price_fields(settings: Settings) -> tuple[str, str]:
    """Which fields carry the sales price and the cost price."""
    sales = {"price": "Price", "web_price": "WebPrice"}[settings.product.price]
    cost = {"in_price": "InPrice", "cost": "Cost"}[settings.product.cost]
    return sales, cost


KIND = Kind(
    name="product",
    title="Product",
    entity=Product,
    rackbeat=RackbeatProducts(),
    tfso=TfsoProducts(),
    queue=Queue.MASTER_DATA,
    events=events("product") + events("lot"),
    initial=True,
    followed_by=("stock",),
)
