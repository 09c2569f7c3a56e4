"""Sample records of both systems, from which the field reference finds out what travels where.

Each value is a pair: what the sample says, and what it says instead when that one field is changed.
Every field that a mapping looks at is here; a test says so.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from shared.words import System

Sample = dict[str, Any]


class Either(NamedTuple):
    """A field's value, and another one."""

    one: Any
    other: Any


E = Either


def _time(day: int) -> datetime:
    return datetime(2026, 3, day, tzinfo=UTC)


def _rackbeat_address(prefix: str, town: str) -> Sample:
    return {
        f"{prefix}name": E(f"{town} lager", f"{town} butikk"),
        f"{prefix}street": E("Storgata 1", "Kirkegata 2"),
        f"{prefix}street2": E("Inngang B", "2. etasje"),
        f"{prefix}zipcode": E("2670", "7374"),
        f"{prefix}city": E(town, "Røros"),
        f"{prefix}country": E("SE", "DK"),
    }


def _tfso_address(town: str) -> Sample:
    return {
        "Name": E(f"{town} lager", f"{town} butikk"),
        "Street": E("Storgata 1", "Kirkegata 2"),
        "PostalCode": E("2670", "7374"),
        "PostalArea": E(town, "Røros"),
        "City": E("Vågå", "Lom"),
        "Country": E("SE", "DK"),
    }


_GROUP: dict[System, Sample] = {
    System.RACKBEAT: {"number": E(12, 13), "name": E("Sekker", "Telt")},
    System.TFSO: {"Id": E(12, 13), "No": E("40", "41"), "Name": E("Sekker", "Telt")},
}

_PRODUCT: dict[System, Sample] = {
    System.RACKBEAT: {
        "number": E("1045", "1046"),
        "type": E("product", "lot"),
        "name": E("Sekk 60 l", "Sekk 70 l"),
        "description": E("Til fjells", "Til skogs"),
        "sales_price": E(Decimal("1299.5"), Decimal(1499)),
        "recommended_cost_price": E(Decimal(700), Decimal(800)),
        "barcode": E("7038010000010", "7038010000027"),
        "group": {"number": E(12, 13)},
        "is_barred": E(False, True),
        "inventory_enabled": E(True, False),
    },
    System.TFSO: {
        "Id": E(88, 89),
        "No": E("1045", "1046"),
        "Name": E("Sekk 60 l", "Sekk 70 l"),
        "Description": E("Til fjells", "Til skogs"),
        "Price": E(Decimal("1299.5"), Decimal(1499)),
        "WebPrice": E(Decimal(1199), Decimal(1399)),
        "InPrice": E(Decimal(700), Decimal(800)),
        "Cost": E(Decimal(710), Decimal(810)),
        "EAN1": E("7038010000010", "7038010000027"),
        "CategoryId": E(12, 13),
        "StatusId": E(1, 0),
        "StockControlled": E(True, False),
    },
}

_STOCK: dict[System, Sample] = {
    System.RACKBEAT: {
        "number": E("1045", "1046"),
        "type": E("product", "lot"),
        "stock_quantity": E(Decimal(8), Decimal(9)),
        "available_quantity": E(Decimal(5), Decimal(6)),
        "inventory_enabled": E(True, False),
    },
    System.TFSO: {
        "Id": E(1045, 1046),
        "Stock": E(Decimal(8), Decimal(9)),
        "StockControlled": E(True, False),
    },
}


def _company(kind_of_company: str) -> dict[System, Sample]:
    return {
        System.RACKBEAT: {
            "number": E(10023, 10024),
            "name": E("Fjellheim Sport", "Vidda Fritid"),
            "company_name": E("Fjellheim Butikk", "Vidda Kiosk"),
            "company_vat": E("923609016", "974760673"),
            "contact_email": E("post@fjellheim.example.no", "kari@vidda.example.no"),
            "contact_phone": E("61 23 45 67", "72 34 56 78"),
            "address_street": E("Storgata 1", "Kirkegata 2"),
            "address_zipcode": E("2670", "7374"),
            "address_city": E("Otta", "Røros"),
            "address_country": E("Sverige", "Danmark"),
            "payment_terms": {"maturity_days": E(20, 45), "type": E("net", "current_month")},
            "payment_terms_id": E(3, 4),
            "currency": E("EUR", "SEK"),
            "is_barred": E(False, True),
        },
        System.TFSO: {
            "Id": E(10023, 10024),
            "ExternalId": E("20023", "20024"),
            "Type": E(kind_of_company, "Lead"),
            "FirstName": E("Kari", "Ola"),
            "Name": E("Fjellheim", "Vidda"),
            "OrganizationNumber": E("923609016", "974760673"),
            "EmailAddresses": {
                "Primary": {"Value": E("post@fjellheim.example.no", "kari@vidda.example.no")},
                "Invoice": {"Value": E("faktura@fjellheim.example.no", "f@vidda.example.no")},
            },
            "PhoneNumbers": {
                "Primary": {"Value": E("61 23 45 67", "72 34 56 78")},
                "Work": {"Value": E("61 00 00 00", "72 00 00 00")},
                "Mobile": {"Value": E("900 00 000", "911 11 111")},
            },
            "Country": E("SE", "GB"),
            "Addresses": {"Post": _tfso_address("Otta")},
            "PaymentTime": E(20, -5),
            "CurrencyId": E("EUR", "SEK"),
        },
    }


def _rackbeat_lines() -> list[Sample]:
    return [
        {
            "id": E(501, 502),
            "child_id": E("1045", "1046"),
            "item_id": E("1045", "1046"),
            "name": E("Sekk 60 l", "Sekk 70 l"),
            "quantity": E(Decimal(3), Decimal(4)),
            "line_price": E(Decimal("99.9"), Decimal(120)),
            "discount_percentage": E(Decimal(10), Decimal(20)),
            "vat_percentage": E(Decimal(25), Decimal(15)),
        }
    ]


_RACKBEAT_DOCUMENT: Sample = {
    "number": E(3001, 3002),
    "is_booked": E(True, False),
    "other_reference": E("PO 77", "24SO 1017"),
    "customer_id": E(10023, 10024),
    "customer": {"number": E(10023, 10024)},
    "their_reference": E("Kari", "Ola"),
    "payment_terms": {"maturity_days": E(20, 45), "type": E("net", "current_month")},
    "payment_terms_id": E(3, 4),
    "heading": E("Vårordre", "Høstordre"),
    "note": E("Ring først", "Legg i porten"),
    "currency": E("EUR", "SEK"),
    "currency_rate": E(Decimal("11.5"), Decimal("1.02")),
    "billing_address": _rackbeat_address("", "Otta"),
    "delivery_address": _rackbeat_address("", "Dombås"),
    **_rackbeat_address("address_", "Vinstra"),
    **_rackbeat_address("delivery_address_", "Lesja"),
    "general_discount": E(Decimal(0), Decimal(5)),
    "lines": _rackbeat_lines(),
    "total_subtotal": E(Decimal("269.73"), Decimal("270.73")),
    "total_total": E(Decimal("337.16"), Decimal("338.16")),
}

_TFSO_DOCUMENT: Sample = {
    "OrderId": E(1017, 1018),
    "CustomerId": E(10023, 10024),
    "OrderStatus": E("Confirmed", "Inactive"),
    "ReferenceNumber": E("PO 77", "Rackbeat 3001"),
    "CustomerReferenceNo": E("PO 78", "PO 79"),
    "DateOrdered": E(_time(2), _time(3)),
    "PaymentTime": E(20, -5),
    "DeliveryDate": E(_time(9), _time(10)),
    "YourReference": E("Kari", "Ola"),
    "InvoiceTitle": E("Vårordre", "Høstordre"),
    "InvoiceText": E("Ring først", "Legg i porten"),
    "Currency": {
        "Symbol": E("EUR", "SEK"),
        "Rate": E(Decimal("11.5"), Decimal("1.02")),
        "Unit": E(Decimal(1), Decimal(100)),
    },
    "IncludeVAT": E(False, True),
    "Addresses": {
        "Invoice": _tfso_address("Otta"),
        "Delivery": _tfso_address("Dombås"),
        "Post": _tfso_address("Oppdal"),
    },
    "OrderTotalIncVat": E(Decimal("337.16"), Decimal("338.16")),
    "OrderTotalVat": E(Decimal("67.43"), Decimal("66.43")),
    "InvoiceRows": [
        {
            "RowId": E(1, 2),
            "SequenceNumber": E(1, 2),
            "ProductId": E(88, 89),
            "Name": E("Sekk 60 l", "Sekk 70 l"),
            "Quantity": E(Decimal(3), Decimal(4)),
            "Price": E(Decimal("99.9"), Decimal(120)),
            "DiscountRate": E(Decimal(10), Decimal(20)),
            "VatRate": E(Decimal(25), Decimal(15)),
            # Last, because it decides about the others.
            "Type": E("Normal", "Text"),
        }
    ],
}

_ORDER: dict[System, Sample] = {
    System.RACKBEAT: {
        **_RACKBEAT_DOCUMENT,
        "order_date": E("2026-03-02", "2026-03-03"),
        "deliver_at": E("2026-03-09", "2026-03-10"),
        "is_cancelled": E(False, True),
        "is_invoiced": E(None, True),
        "is_settled_apart": E(False, True),
    },
    System.TFSO: _TFSO_DOCUMENT,
}

_INVOICE: dict[System, Sample] = {
    System.RACKBEAT: {
        **_RACKBEAT_DOCUMENT,
        "order_date": E("2026-03-02", "2026-03-03"),
        "deliver_at": E("2026-03-09", "2026-03-10"),
        "invoice_date": E("2026-03-11", "2026-03-12"),
        "due_date": E("2026-03-31", "2026-04-01"),
        "orders": [E(3001, 3002)],
        "order_lines": _rackbeat_lines(),
        "settles": [E("3001", "3002")],
        "order_mark": E("Rackbeat 3001", "24SO 1017"),
        "order_reference": E("Kari", "Ola"),
        "is_creditnote": E(False, True),
        "credited": E(None, 9002),
    },
    System.TFSO: {
        **_TFSO_DOCUMENT,
        "OrderStatus": E("Invoiced", "Confirmed"),
        "ReferenceNumber": E("PO 77", "Rackbeat faktura 3001"),
        "ReferenceOrderId": E(1010, 1011),
        "ReferenceInvoiceId": E("", "70001"),
        "DateInvoiced": E(_time(11), _time(12)),
    },
}

SAMPLES: dict[str, dict[System, Sample]] = {
    "customer": _company("Business"),
    "supplier": _company("Supplier"),
    "product_group": _GROUP,
    "product": _PRODUCT,
    "order": _ORDER,
    "invoice": _INVOICE,
    "stock": _STOCK,
}
