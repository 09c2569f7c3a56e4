"""Every kind of write there is: how a person causes it, and how often it is at the target."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from shared.words import Direction
from tests.harness.mission import (
    credit,
    credit_in_tfso,
    invoice_all,
    invoice_part,
    later,
    of,
    rackbeat_invoice,
    rackbeat_order,
    row,
    tfso_goods,
)
from tests.harness.people import (
    rackbeat_customer,
    rackbeat_group,
    rackbeat_product,
    rackbeat_supplier,
    tfso_category,
    tfso_customer,
    tfso_order,
    tfso_product,
    tfso_supplier,
)
from tests.harness.world import Json, World

TO_24SO, TO_RACKBEAT = Direction.RACKBEAT_TO_24SO, Direction.TFSO_TO_RACKBEAT
GOODS, CUSTOMER = "TELT-2", 29_000


@dataclass(frozen=True)
class Made:
    """A record that a person has made, and where its copy is looked for.

    Attributes:
        key: its number at the source.
        number: what stands in that field of its copies.
    """

    key: Any
    number: Any


@dataclass(frozen=True)
class Written:
    """A kind of write.

    Attributes:
        name: what is written and where to.
        prepare: makes what must have been transferred before, such as the order of an invoice.
        make: causes the write by which the record arrives at the target; the number makes it
            unlike others.
        edit: causes a write that changes it there; None where that never happens.
        plural: what the target calls such records.
        known_by: the field there that tells its copies from other records.
        said: the field of a copy that the edit changes.
        requests: calls that change something, of which the write consists.
        edits: the same of an edit.
    """

    name: str
    kind: str
    direction: Direction
    make: Callable[[World, int, Any], Made]
    plural: str
    known_by: str
    edit: Callable[[World, Made, str], object] | None = None
    said: Callable[[Json], object] = lambda copy: copy.get("name") or copy.get("Name")
    prepare: Callable[[World, int], Any] = lambda _world, _number: None
    requests: int = 1
    edits: int = 1

    def __str__(self) -> str:
        return self.name

    def copies(self, there: Json, made: Made) -> list[Json]:
        """Those among all that the target holds."""
        number = str(made.number)
        return [record for record in there[self.plural] if str(record.get(self.known_by)) == number]


# -- into 24SevenOffice -------------------------------------------------------------------------


def edit_at_rackbeat(resource: str, field_: str) -> Callable[[World, Made, str], object]:
    return lambda world, made, said: world.rackbeat.edit(resource, made.key, {field_: said})


def company_at_rackbeat(make: Callable[..., Json], first: int) -> Callable[..., Made]:
    """Numbered from there on: 24SevenOffice numbers customers and suppliers together."""

    def made(world: World, number: int, _before: Any) -> Made:
        vat = str(910_000_000 + number)
        key = first + number
        make(world, number=key, company_name=f"Sport {number} AS", company_vat=vat)
        return Made(key, vat)

    return made


def group_at_rackbeat(world: World, number: int, _before: Any) -> Made:
    # Numbers that no category of 24SevenOffice's has.
    key = rackbeat_group(world, number=5000 + number, name=f"Staver {number}")["number"]
    return Made(key, key)


def a_group(world: World) -> Any:
    """The number of a group in Rackbeat that is linked."""
    return world.links("product_group")[0].rackbeat_key


def product_at_rackbeat(world: World, number: int, _before: Any) -> Made:
    key = f"STAV-{number}"
    rackbeat_product(world, int(a_group(world)), number=key, name=f"Stav {number}")
    return Made(key, key)


def set_at_rackbeat(world: World, number: int, _before: Any) -> Made:
    key = f"PAKKE-{number}"
    parts = [{"item_id": GOODS, "quantity": 1}]
    given = {"number": key, "name": f"Turpakke {number}", "sales_price": 1590, "lines": parts}
    world.rackbeat.add("lots", given | {"group": int(a_group(world))})
    return Made(key, key)


def counted(world: World, number: int, _before: Any) -> Made:
    (link,) = [each for each in world.links("product") if each.rackbeat_key == GOODS]
    world.rackbeat.edit("products", GOODS, {"stock_quantity": number})
    return Made(GOODS, link.tfso_key)


def order_at_rackbeat(world: World, number: int, _before: Any = None) -> Made:
    order = rackbeat_order(world, of(GOODS, 3), customer_id=CUSTOMER)
    return Made(order["number"], f"Rackbeat {order['number']}")


def invoice(number: object, more: str = "") -> Made:
    return Made(number, f"Rackbeat faktura {number}{more}")


def bare_invoice(world: World, number: int, _before: Any) -> Made:
    return invoice(rackbeat_invoice(world, of(GOODS), customer_id=CUSTOMER)["number"])


def an_invoiced_order(world: World, number: int) -> int:
    return invoice_all(world, order_at_rackbeat(world, number).key)


def invoices(name: str, make: Callable[[World, int, Any], Made], **more: Any) -> Written:
    whole_name = f"{name} to 24SevenOffice"
    return Written(whole_name, "invoice", TO_24SO, make, "orders", "ReferenceNumber", **more)


INTO_24SO = (
    Written(
        "customer to 24SevenOffice",
        "customer",
        TO_24SO,
        company_at_rackbeat(rackbeat_customer, 30_000),
        "companies",
        "OrganizationNumber",
        edit_at_rackbeat("customers", "company_name"),
    ),
    Written(
        "supplier to 24SevenOffice",
        "supplier",
        TO_24SO,
        company_at_rackbeat(rackbeat_supplier, 40_000),
        "companies",
        "OrganizationNumber",
        edit_at_rackbeat("suppliers", "company_name"),
    ),
    Written(
        "product group to 24SevenOffice",
        "product_group",
        TO_24SO,
        group_at_rackbeat,
        "categories",
        "No",
        edit_at_rackbeat("product_groups", "name"),
    ),
    Written(
        "product to 24SevenOffice",
        "product",
        TO_24SO,
        product_at_rackbeat,
        "products",
        "No",
        edit_at_rackbeat("products", "name"),
    ),
    Written(
        "structure item to 24SevenOffice",
        "product",
        TO_24SO,
        set_at_rackbeat,
        "products",
        "No",
        edit_at_rackbeat("lots", "name"),
    ),
    Written(
        "stock to 24SevenOffice",
        "stock",
        TO_24SO,
        counted,
        "products",
        "Id",
        edit_at_rackbeat("products", "stock_quantity"),
        said=lambda copy: copy["Stock"],
    ),
    Written(
        "order to 24SevenOffice",
        "order",
        TO_24SO,
        order_at_rackbeat,
        "orders",
        "ReferenceNumber",
        edit_at_rackbeat("orders", "heading"),
        said=lambda copy: copy["InvoiceTitle"],
    ),
    invoices("invoice without an order", bare_invoice),
    invoices(
        "invoice of a whole order",
        lambda world, _, order: invoice(invoice_all(world, order.key), f", ordre {order.key}"),
        prepare=order_at_rackbeat,
    ),
    invoices(
        "partial invoice",
        lambda world, _, order: invoice(invoice_part(world, order.key, 1)),
        prepare=order_at_rackbeat,
    ),
    invoices(
        "credit note",
        lambda world, _, done: invoice(credit(world, done)),
        prepare=an_invoiced_order,
    ),
)


# -- into Rackbeat ------------------------------------------------------------------------------


def edit_at_24so(resource: str) -> Callable[[World, Made, str], object]:
    return lambda world, made, said: world.tfso.edit(resource, made.key, {"Name": said})


def company_at_24so(make: Callable[..., Json]) -> Callable[[World, int, Any], Made]:
    def made(world: World, number: int, _before: Any) -> Made:
        fields = {"Name": f"Vidda {number} AS", "OrganizationNumber": str(920_000_000 + number)}
        key = make(world, **fields)["Id"]
        return Made(key, key)

    return made


def category_at_24so(world: World, number: int, _before: Any) -> Made:
    key = tfso_category(world, Name=f"Ski {number}", No=str(7000 + number))["Id"]
    return Made(key, key)


def product_at_24so(world: World, number: int, _before: Any) -> Made:
    own = f"SKI-{number}"
    return Made(tfso_product(world, No=own, Name=f"Ski {number}", EAN1="")["Id"], own)


def order_at_24so(world: World, number: int, _before: Any = None, **fields: Any) -> Made:
    (customer,) = [c for c in world.all_in_tfso("companies") if c["Name"] == "Vidda Friluft AS"]
    (product,) = [p for p in world.all_in_tfso("products") if p["No"] == "SKI-205"]
    key = tfso_order(world, customer["Id"], row(product, 3), **fields)["OrderId"]
    return Made(key, f"24SO {key}")


def edit_order_at_24so(world: World, made: Made, said: str) -> None:
    """Its title and a line: they are written one after the other."""
    (there,) = world.in_tfso("orders", made.key)["InvoiceRows"]
    line = {"RowId": there["RowId"], "ChangeState": "Edit", "Quantity": 4}
    world.tfso.edit("orders", made.key, {"InvoiceTitle": said, "InvoiceRows": [line]})


def order_pulled(world: World, number: int) -> Made:
    made = order_at_24so(world, number)
    world.pull("order")
    return made


def invoiced_at_24so(world: World, _number: int, order: Made) -> Made:
    world.tfso.edit("orders", order.key, {"OrderStatus": "Invoiced"})
    return order


def invoice_pulled(world: World, number: int) -> Made:
    made = order_at_24so(world, number, OrderStatus="Invoiced")
    later(world)
    return made


def credited_at_24so(world: World, _number: int, invoice: Made) -> Made:
    key = credit_in_tfso(world, world.in_tfso("orders", invoice.key))["OrderId"]
    return Made(key, f"24SO {key}")


INTO_RACKBEAT = (
    Written(
        "customer to Rackbeat",
        "customer",
        TO_RACKBEAT,
        company_at_24so(tfso_customer),
        "customers",
        "number",
        edit_at_24so("companies"),
    ),
    Written(
        "supplier to Rackbeat",
        "supplier",
        TO_RACKBEAT,
        company_at_24so(tfso_supplier),
        "suppliers",
        "number",
        edit_at_24so("companies"),
    ),
    Written(
        "product group to Rackbeat",
        "product_group",
        TO_RACKBEAT,
        category_at_24so,
        "product_groups",
        "number",
        edit_at_24so("categories"),
    ),
    Written(
        "product to Rackbeat",
        "product",
        TO_RACKBEAT,
        product_at_24so,
        "products",
        "number",
        edit_at_24so("products"),
    ),
    Written(
        "order to Rackbeat",
        "order",
        TO_RACKBEAT,
        order_at_24so,
        "orders",
        "other_reference",
        edit_order_at_24so,
        said=lambda copy: copy["heading"],
        edits=2,
    ),
    Written(
        "invoice without an order to Rackbeat",
        "invoice",
        TO_RACKBEAT,
        lambda world, number, _: order_at_24so(world, number, OrderStatus="Invoiced"),
        "customer_invoices",
        "other_reference",
    ),
    Written(
        "invoice of an order to Rackbeat",
        "invoice",
        TO_RACKBEAT,
        invoiced_at_24so,
        "customer_invoices",
        "other_reference",
        prepare=order_pulled,
        requests=4,  # booked, converted; then the invoice is dated and booked
    ),
    Written(
        "credit note to Rackbeat",
        "invoice",
        TO_RACKBEAT,
        credited_at_24so,
        "customer_invoices",
        "other_reference",
        prepare=invoice_pulled,
        requests=3,  # it is made, dated and booked
    ),
)

WRITES = (*INTO_24SO, *INTO_RACKBEAT)


def furnish(world: World) -> None:
    """Connect both systems, and transfer what all the writes refer to."""
    world.connect()
    tfso_goods(world)
    later(world)
    rackbeat_product(world, int(a_group(world)), number=GOODS, name="Fjelltelt")
    rackbeat_customer(world, number=CUSTOMER)
    world.settle()
    assert world.states() == []
