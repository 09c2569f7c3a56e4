"""What is in an account: always its settings, and on demand a small stock of goods and people."""

from __future__ import annotations

from decimal import Decimal

from sandbox.rackbeat import records
from sandbox.rackbeat.resources import BY_PLURAL, ITEMS
from sandbox.rackbeat.schema import Record
from sandbox.rackbeat.state import State

SETTINGS: dict[str, list[Record]] = {
    "units": [{"name": name} for name in ("stk", "kg", "m", "pk", "l", "time")],
    "payment_terms": [
        {"name": "Netto 14 dager", "maturity_days": 14, "type": "net"},
        {"name": "Netto 10 dager", "maturity_days": 10, "type": "net"},
        {"name": "Netto 30 dager", "maturity_days": 30, "type": "net"},
        {"name": "Løpende måned", "maturity_days": 0, "type": "current_month"},
        {"name": "Løpende måned + 15 dager", "maturity_days": 15, "type": "current_month"},
    ],
    "locations": [{"name": "Hovedlager", "is_default": True}, {"name": "Butikk"}],
    "customer_groups": [{"name": "Kunder"}],
    "supplier_groups": [{"name": "Leverandører"}],
    "layouts": [{"name": "Standard"}],
    "employees": [{"name": "Kari Fjell"}],
    "fields": [{"name": "24SevenOffice ordrenummer", "type": "order"}],
}

GOODS: dict[str, list[Record]] = {
    "product_groups": [
        {"name": "Varer", "has_inventory": True, "vat_domestic": 25, "vat_eu": 0, "vat_abroad": 0},
        {"name": "Matvarer", "has_inventory": True, "vat_domestic": 15},
        {"name": "Tjenester", "has_inventory": False, "vat_domestic": 25},
    ],
    "suppliers": [
        {
            "company_name": "Nordtre Bruk AS",
            "payment_terms_id": 3,
            "address_country": "Norge",
            "supplier_group_id": 1,
        },
        {
            "company_name": "Skåne Verktyg AB",
            "payment_terms_id": 3,
            "address_country": "Sverige",
            "vat_zone": "eu",
            "currency": "SEK",
            "supplier_group_id": 1,
        },
    ],
    "products": [
        {"number": "100", "name": "Tursekk 45 l", "group": 1, "sales_price": 1299, "unit_id": 1},
        {"number": "101", "name": "Termos 1 l", "group": 1, "sales_price": "349.20", "unit_id": 1},
        {"number": "TAU/8+10", "name": "Tau 8 mm", "group": 1, "sales_price": "12.5", "unit_id": 3},
        {"number": "200", "name": "Frysetørket gryte", "group": 2, "sales_price": 89, "unit_id": 4},
        {"number": "900", "name": "Montering", "group": 3, "sales_price": 790, "unit_id": 6},
    ],
    "lots": [
        {
            "number": "TURPAKKE",
            "name": "Turpakke",
            "group": 1,
            "sales_price": 1590,
            "unit_id": 1,
            "lines": [{"item_id": "100", "quantity": 1}, {"item_id": "101", "quantity": 1}],
        }
    ],
    "customers": [
        {
            "company_name": "Bjørnstad Sport AS",
            "company_vat": "912345678",
            "address_street": "Storgata 4",
            "address_zipcode": "2615",
            "address_city": "Lillehammer",
            "address_country": "Norge",
            "contact_email": "post@bjornstad.example",
            "payment_terms_id": 1,
            "customer_group_id": 1,
        },
        {
            "company_name": "Ås Friluft",
            "address_zipcode": "1430",
            "address_city": "Ås",
            "address_country": "NO",
            "payment_terms_id": 4,
            "customer_group_id": 1,
        },
    ],
    "orders": [
        {
            "customer_id": 1001,
            "lines": [{"item_id": "100", "quantity": 2}, {"item_id": "TAU/8+10", "quantity": 30}],
        }
    ],
}
STOCK = {"100": 12, "101": 40, "TAU/8+10": 500, "200": 64}


def seed(state: State, *, populate: bool) -> None:
    """Fill an empty account; nothing of it is announced."""
    for plural, bodies in (SETTINGS | (GOODS if populate else {})).items():
        for body in bodies:
            records.create(state, BY_PLURAL[plural], body)
    if populate:
        for number, quantity in STOCK.items():
            state.get(ITEMS, number)["stock"][state.default_location()] = Decimal(quantity)
    state.outbox.clear()
