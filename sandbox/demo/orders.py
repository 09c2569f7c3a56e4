"""What the demo's people do in 24SevenOffice: ten orders, one for a newcomer."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

Json = dict[str, Any]

ORDERS = 10

NEW_CUSTOMER: Json = {
    "Type": "Business",
    "Name": "Nyhavn Sport AS",
    "OrganizationNumber": "914567899",
    "Country": "NO",
    "Addresses": {
        "Post": {
            "Street": "Bryggen 3",
            "PostalCode": "6003",
            "PostalArea": "Ålesund",
            "Country": "Norge",
        }
    },
    "EmailAddresses": {"Primary": {"Value": "post@nyhavn-sport.example"}},
    "PaymentTime": 21,
}
NEW_PRODUCT: Json = {
    "No": "50-2001/NY",
    "Name": "Pulk med drag",
    "Description": "Pulk med drag, ny vare",
    "Price": "4990.00",
    "InPrice": "2740.00",
    "TaxRate": "25",
    "EAN1": "7040000012345",
    "StatusId": 1,
}
# Positions in the seeded lists: business customers, private ones, a Swede, and the Finn who pays
# in euro; products of every VAT rate and with numbers that a careless client breaks on.
_CUSTOMERS = (0, 5, 7, 12, 30, 33, 49, 55, 58)
_PRODUCTS = (
    (0, 1),
    (26, 30, 62),
    (2,),
    (42, 3, 6),
    (58, 12),
    (31, 7),
    (74,),
    (90, 14, 39, 22),
    (8,),
)
# Quantity and discount. Every line comes to whole øre, and so does the VAT, rounded rate by rate or
# at the end: what does not is parked, and has no place in a demonstration of orders that arrive.
_TERMS = ((1, 0), (2, 0), (10, 10), (3, 0), (20, 5))
_TEXT: Json = {"Type": "Text", "Name": "Leveres ved bakdøren, ring først"}


def orders(client: Json, newcomer: int, new_product: int, now: datetime) -> Iterator[Json]:
    """Ten orders; the last one names the customer and the product Rackbeat has never seen.

    Args:
        client: the client's records in 24SevenOffice.
        newcomer, new_product: Ids in 24SevenOffice.
    """
    customers, products = client["companies"], client["products"]
    # Noon: the same day in every time zone either system might mean.
    common = {"DateOrdered": now.strftime("%Y-%m-%dT12:00:00Z"), "IncludeVAT": False}
    for position, (customer, chosen) in enumerate(zip(_CUSTOMERS, _PRODUCTS, strict=True)):
        rows = [
            _row(products[each]["Id"], *_TERMS[(position + place) % len(_TERMS)])
            for place, each in enumerate(chosen)
        ]
        if position == 1:
            rows.append(_TEXT)
        yield {**common, "CustomerId": customers[customer]["Id"], "InvoiceRows": rows}
    yield {
        **common,
        # Prices with VAT in them, as shops write them.
        "IncludeVAT": True,
        "CustomerId": newcomer,
        "InvoiceRows": [{**_row(new_product, 2, 0), "Price": "6237.50"}],
    }


def _row(product: int, quantity: int, discount: int) -> Json:
    return {"ProductId": product, "Quantity": quantity, "DiscountRate": discount}


def change_of(order: Json, product: int) -> Json:
    """What the customer changes afterwards: more of the first line, and one line more."""
    first = order["InvoiceRows"][0]
    return {
        "InvoiceRows": [
            {"RowId": first["RowId"], "ChangeState": "Edit", "Quantity": 9},
            _row(product, 10, 10),
        ]
    }
