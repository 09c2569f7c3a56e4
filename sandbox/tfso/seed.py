"""What a new sandbox holds when nothing else is said: 60 customers, 20 suppliers, 8 categories, 200
products, no orders.

The same seed gives the same data, times included. Among it are the oddities a real company has.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random

from sandbox.tfso import seed_words as words
from sandbox.tfso.companies import save_company
from sandbox.tfso.config import Size
from sandbox.tfso.products import edit_product, save_category
from sandbox.tfso.state import ClientState
from sandbox.tfso.values import Record

_FIRST_CONSUMER = 48
TOO_LONG_NUMBER = "FJELLHEIM-TELT-4-PERSONER-GRØNN"
"""The one product number of more than 25 characters."""
SHARED_NUMBER = "TAPE-50"
"""The one product number that two products have: an expired one, and one in use."""

_BEGINNING = datetime(2025, 1, 6, 8, 0, tzinfo=UTC)
_PAYMENT_TIMES = (10, 14, 30, -4)
_IN_NORWAY = ("NO", "Norge", "Norway")

# The oddities, by position in the list of their kind.
_SWEDES = (7, 23, 39)
_FINN = 30
_SEVERAL_EMAILS = (3, 18, 33)
_RUBBISH_EMAILS = dict(zip((9, 24, 42), words.RUBBISH_EMAILS, strict=True))
_EXPIRED = (11, 49, 99, 149)
_SPECIAL_NUMBERS = {
    4: TOO_LONG_NUMBER,
    11: SHARED_NUMBER,
    19: SHARED_NUMBER,
    **dict(zip(range(26, 186, 16), words.ODD_NUMBERS, strict=True)),
}


def fill(client: ClientState, seed: int, size: Size) -> None:
    """Put the seed data into an empty client."""
    random = Random(seed)
    clock = _Clock()
    past = replace(client, now=clock)  # the tables are shared, the clock is not
    organisation_numbers = _organisation_numbers(random)
    for position in range(size.customers):
        save_company(past, _customer(random, position, organisation_numbers))
    suppliers = [
        save_company(past, _supplier(random, position, organisation_numbers))["Id"]
        for position in range(size.suppliers)
    ]
    categories = [
        save_category(past, {"Name": name, "No": str(number)})["Id"]
        for number, name, *_ in words.CATEGORIES
    ]
    for position in range(size.products):
        edit_product(past, _product(random, position, categories, suppliers))


class _Clock:
    """A past in which something is registered every 97 minutes."""

    def __init__(self) -> None:
        self._time = _BEGINNING

    def __call__(self) -> datetime:
        self._time += timedelta(minutes=97)
        return self._time


def organisation_number(first_eight: str) -> str | None:
    """A Norwegian organisation number with its check digit; None where there is none (mod 11)."""
    weighted = zip(first_eight, (3, 2, 7, 6, 5, 4, 3, 2), strict=True)
    check = -sum(int(digit) * weight for digit, weight in weighted) % 11
    return f"{first_eight}{check}" if check in range(10) else None


def ean(first_twelve: str) -> str:
    """An EAN-13 with its check digit."""
    odd, even = (sum(map(int, first_twelve[start::2])) for start in (0, 1))
    return f"{first_twelve}{-(odd + 3 * even) % 10}"


def _organisation_numbers(random: Random) -> Iterator[str]:
    for first_seven in random.sample(range(10**6, 10**7), k=10**3):
        number = organisation_number(f"9{first_seven}")
        if number is not None:
            yield number


def _customer(random: Random, position: int, numbers: Iterator[str]) -> Record:
    if position >= _FIRST_CONSUMER:
        return _consumer(random, position)
    country, spelled, places = "NO", random.choice(_IN_NORWAY), words.NORWAY
    if position in _SWEDES:
        country, spelled, places = "SE", "Sverige", words.SWEDEN
    elif position == _FINN:
        country, spelled, places = "FI", "Finland", words.FINLAND
    record = {
        **_firm(random, position, words.CUSTOMER_TRADES, places, spelled),
        "Type": "Business",
        "Country": country,
        "PaymentTime": random.choice(_PAYMENT_TIMES),
    }
    if country == "NO":
        record["OrganizationNumber"] = next(numbers)
    if country == "FI":
        record["CurrencyId"] = "EUR"
    return record


def _consumer(random: Random, position: int) -> Record:
    first = words.FIRST_NAMES[position % len(words.FIRST_NAMES)]
    last = random.choice(words.LAST_NAMES)
    return {
        "Type": "Consumer",
        "FirstName": first,
        "Name": last,
        "Country": "NO",
        "Addresses": _addresses(random, words.NORWAY, random.choice(_IN_NORWAY)),
        "EmailAddresses": {"Primary": {"Value": f"{_ascii(first)}.{_ascii(last)}@post.example"}},
        "PhoneNumbers": {"Mobile": {"Value": f"+47 9{random.randrange(10**7):07}"}},
        "PaymentTime": 14,
    }


def _supplier(random: Random, position: int, numbers: Iterator[str]) -> Record:
    spelled = random.choice(_IN_NORWAY)
    return {
        **_firm(random, position, words.SUPPLIER_TRADES, words.NORWAY, spelled),
        "Type": "Supplier",
        "Country": "NO",
        "OrganizationNumber": next(numbers),
        "PaymentTime": 30,
    }


def _firm(
    random: Random,
    position: int,
    trades: Sequence[str],
    places: Sequence[tuple[str, str]],
    country: str,
) -> Record:
    own = words.FIRM_NAMES[position % len(words.FIRM_NAMES)]
    trade = trades[position // len(words.FIRM_NAMES) % len(trades)]
    host = f"{_ascii(own)}-{_ascii(trade.split()[0])}.example"
    return {
        "Name": f"{own} {trade}",
        "Addresses": _addresses(random, places, country),
        "EmailAddresses": {
            "Primary": {"Value": _email(position, host)},
            "Invoice": {"Value": f"faktura@{host}"},
        },
        "PhoneNumbers": {"Work": {"Value": f"22{random.randrange(10**6):06}"}},
        "Url": f"https://{host}",
    }


def _email(position: int, host: str) -> str:
    """Mostly one address; for a few several, or rubbish."""
    if position in _SEVERAL_EMAILS:
        return f"post@{host}; ordre@{host}"
    if position in _RUBBISH_EMAILS:
        return _RUBBISH_EMAILS[position]
    return f"post@{host}"


def _addresses(random: Random, places: Sequence[tuple[str, str]], country: str) -> Record:
    code, place = random.choice(places)
    post = {
        "Street": f"{random.choice(words.STREETS)} {random.randrange(1, 90)}",
        "PostalCode": code,
        "PostalArea": place,
        "Country": country,
    }
    return {"Post": post, "Delivery": dict(post)}


def _product(
    random: Random, position: int, categories: Sequence[int], suppliers: Sequence[int]
) -> Record:
    chosen = position % len(words.CATEGORIES)
    number, _, vat, start, names = words.CATEGORIES[chosen]
    price = Decimal(start) * Decimal(random.randrange(50, 300)) / 100
    name = f"{names[position // 8 % len(names)]} {words.VARIANTS[position % len(words.VARIANTS)]}"
    controlled = position % 9 != 0
    return {
        "CategoryId": categories[chosen],
        "No": _product_number(position, number),
        "Name": name,
        "Description": f"{name}, varenummer {position + 1}",
        "Price": price.quantize(Decimal("0.01")),
        "InPrice": (price * Decimal("0.55")).quantize(Decimal("0.01")),
        "Cost": (price * Decimal("0.6")).quantize(Decimal("0.0001")),
        "TaxRate": Decimal(vat),
        "EAN1": ean(f"20{random.randrange(10**10):010}"),
        "StatusId": 0 if position in _EXPIRED else 1,
        "StockControlled": controlled,
        "Stock": Decimal(random.randrange(0, 400) if controlled else 0),
        "Weight": Decimal(random.randrange(1, 2000)) / 100,
        "SupplierId": random.choice(suppliers),
    }


def _product_number(position: int, category_number: int) -> str:
    return _SPECIAL_NUMBERS.get(position, f"{category_number}-{position + 1001}")


def _ascii(text: str) -> str:
    return text.lower().translate(str.maketrans("æøåö", "eoao"))
