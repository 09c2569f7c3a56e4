"""What people do at the screens of both systems, and the kill that ends a worker."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import select

from shared.connections import token_digest
from shared.points import Point
from shared.tables import Connection, Link, WebhookSubscription
from tests.harness.world import Json, World

NET_14 = 1  # the number of those payment terms in a new Rackbeat sandbox


class Killed(BaseException):
    """The process is gone in this moment: nothing after it happens, nothing catches it."""


def kill_at(point: Point) -> Callable[[Point], None]:
    """For what tells of points reached: the process dies there."""

    def reached(there: Point) -> None:
        if there is point:
            raise Killed(point.value)

    return reached


# -- at 24SevenOffice ---------------------------------------------------------------------------


def tfso_category(world: World, **fields: Any) -> Json:
    return world.tfso.add("categories", {"Name": "Skiutstyr", "No": "90", **fields})


def tfso_product(world: World, **fields: Any) -> Json:
    """A product in a seeded category."""
    given = {
        "Name": "Fjellski 205 cm",
        "No": "SKI-205",
        "CategoryId": world.all_in_tfso("categories")[0]["Id"],
        "Price": "3499.90",
        "InPrice": "1800.00",
        "TaxRate": "25",
        "EAN1": "7090000000019",
    }
    return world.tfso.add("products", given | fields)


def tfso_customer(world: World, **fields: Any) -> Json:
    given = {
        "Name": "Vidda Friluft AS",
        "Type": "Business",
        "OrganizationNumber": "999888777",
        "Country": "NO",
        "PaymentTime": 14,
        "Addresses": {
            "Post": {
                "Street": "Storgata 1",
                "PostalCode": "3580",
                "PostalArea": "Geilo",
                "Country": "NO",
            }
        },
        "EmailAddresses": {"Primary": {"Value": "post@vidda.example"}},
    }
    return world.tfso.add("companies", given | fields)


def tfso_supplier(world: World, **fields: Any) -> Json:
    given = {"Name": "Skifabrikken AS", "Type": "Supplier", "OrganizationNumber": "911222333"}
    return tfso_customer(world, **(given | fields))


def tfso_order(world: World, customer: int, *rows: Json, **fields: Any) -> Json:
    given = {"CustomerId": customer, "OrderStatus": "Confirmed", "IncludeVAT": False}
    return world.tfso.add("orders", given | fields | {"InvoiceRows": list(rows)})


# -- at Rackbeat --------------------------------------------------------------------------------


def rackbeat_customer(world: World, *, webhooks: bool = True, **fields: Any) -> Json:
    given = {
        "company_name": "Dalen Sport AS",
        "company_vat": "988777666",
        "payment_terms_id": NET_14,
        "contact_email": "post@dalen.example",
        "address_street": "Elvevegen 2",
        "address_zipcode": "2550",
        "address_city": "Os",
        "address_country": "NO",
    }
    return world.rackbeat.add("customers", given | fields, webhooks=webhooks)


def rackbeat_supplier(world: World, *, webhooks: bool = True, **fields: Any) -> Json:
    given = {"company_name": "Stavfabrikken AS", "payment_terms_id": NET_14}
    return world.rackbeat.add("suppliers", given | fields, webhooks=webhooks)


def rackbeat_group(world: World, *, webhooks: bool = True, **fields: Any) -> Json:
    given = {"name": "Staver", "has_inventory": True}
    return world.rackbeat.add("product_groups", given | fields, webhooks=webhooks)


def rackbeat_product(world: World, group: int, *, webhooks: bool = True, **fields: Any) -> Json:
    given = {"number": "STAV-140", "name": "Skistav 140", "group": group, "sales_price": "449.50"}
    return world.rackbeat.add("products", given | fields, webhooks=webhooks)


def known_token(world: World, token: str) -> None:
    """One more webhook of the connection, with a token that the test knows."""
    with world.sessions.begin() as session:
        session.add(
            WebhookSubscription(
                connection_id=session.scalars(select(Connection.id)).one(),
                event="test.known",
                rackbeat_id=99999,
                token_digest=token_digest(token),
                created_at=world.clock(),
            )
        )


# -- both ---------------------------------------------------------------------------------------


def linked(world: World, kind: str, record: Json) -> Link:
    """Let a new record of 24SevenOffice's arrive in Rackbeat; the link between the two."""
    assert world.pull(kind) >= 1
    world.work()
    world.settle()
    (link,) = [link for link in world.links(kind) if link.tfso_key == str(record["Id"])]
    return link
