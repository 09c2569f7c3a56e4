"""Product groups: categories in 24SevenOffice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from shared.entity import Entity, Text
from shared.kind import Context, Found, Kind, Payload, Record, Sought, events
from shared.queues import Queue
from shared.rackbeat.protocol import PRODUCT_GROUPS
from shared.settings import Settings
from shared.tfso.client import TfsoClient
from shared.tfso.protocol import Service
from shared.values import text, without_nothing
from tasks.sides import RackbeatSide, TfsoSide, whole_number


class ProductGroup(Entity):
    """A group of products.

    Attributes:
        number: Rackbeat's number, or the 24SevenOffice field that carries it.
        mark: Rackbeat's number as we wrote it into the category's No.
    """

    not_compared = frozenset({"number", "mark"})
    called: ClassVar = {"mark": "No"}

    number: Text = None
    mark: Text = None
    name: Text = None

    def identifiers(self) -> list[tuple[str, str]]:
        found = [("mark", self.mark), ("number", self.number)]
        return [(name, value) for name, value in found if value]

    def contradicts(self, other: ProductGroup) -> str | None:
        if (self.name or "").casefold() == (other.name or "").casefold():
            return None
        return f"it is called '{other.name}' and not '{self.name}'"

    def label(self) -> str:
        return f"'{self.name}'"


class RackbeatProductGroups(RackbeatSide[ProductGroup]):
    """/product-groups"""

    resource = PRODUCT_GROUPS

    def parse(self, record: Record, context: Context) -> ProductGroup:
        del context
        number = text(record.get("number"))
        return ProductGroup(number=number, mark=number, name=record.get("name"))

    def render(self, entity: ProductGroup, context: Context) -> Payload:
        payload: Payload = {"name": entity.name}
        if context.existing is None:
            payload["number"] = whole_number(entity.number, f"the product group '{entity.name}'")
            payload["has_inventory"] = True
        return without_nothing(payload)


PROPERTIES = ("Id", "Name", "No", "ParentId")


class TfsoCategories(TfsoSide[ProductGroup]):
    """Categories of the product service."""

    service = Service.PRODUCT
    save_operation = "SaveCategories"
    # A category's Id is 24SevenOffice's own; the number of a group of Rackbeat's goes into its No.
    by_chance = frozenset({"number"})
    chosen: ClassVar = {"ParentId": "product_group.parent"}

    def parse(self, record: Record, context: Context) -> ProductGroup:
        by_id = context.settings.product_group.number == "id"
        mark = text(record.get("No"))
        number = text(record.get("Id")) if by_id else mark
        return ProductGroup(number=number, mark=mark, name=record.get("Name"))

    def render(self, entity: ProductGroup, context: Context) -> Payload:
        payload: Payload = {"Name": entity.name}
        if context.existing is None:
            payload |= {
                "No": entity.number,
                "ParentId": context.settings.product_group.parent,
            }
        return without_nothing(payload)

    def number_fields(self, settings: Settings) -> tuple[str, ...]:
        del settings
        return ("No",)

    def read(self, client: TfsoClient, key: str) -> Record | None:
        return next((found.record for found in self.all(client) if found.key == key), None)

    def search(
        self, client: TfsoClient, sought: Sought[ProductGroup], settings: Settings
    ) -> list[Record]:
        by_id = sought.field == "number" and settings.product_group.number == "id"
        name = "Id" if by_id else "No"
        records = [found.record for found in self.all(client)]
        return [record for record in records if text(record.get(name)) == sought.value]

    def all(self, client: TfsoClient) -> Iterator[Found]:
        for record in client.get_categories(PROPERTIES):
            yield Found(self.key_of(record), record)


KIND = Kind(
    name="product_group",
    title="Product group",
    entity=ProductGroup,
    rackbeat=RackbeatProductGroups(),
    tfso=TfsoCategories(),
    queue=Queue.MASTER_DATA,
    events=events("product_group"),
    initial=True,
)
