"""The fields both systems have of a record, told apart from the product's own mappings.

Written a second time on purpose: what compares the two systems must not share a mistake with what
keeps them alike.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from shared.settings import Settings
from shared.words import System
from tests.harness.world import Json, World

Value = Any


def same(value: Value) -> Value:
    return value


def number(value: Value) -> Value:
    return None if value is None else Decimal(str(value))


@dataclass(frozen=True)
class Field:
    """One field.

    Attributes:
        rackbeat: its name when written; `read` where it is read under another one.
        tfso: the elements that lead to it.
        new: a value for the nth edit.
        may_be_empty: people may empty it.
        from_rackbeat, from_tfso: to the form in which values are compared, and the first of them
            also as `new` gives them.
        to_rackbeat, to_tfso: back.
    """

    name: str
    rackbeat: str
    tfso: tuple[str, ...]
    new: Callable[[int], Value]
    read: str | None = None
    from_rackbeat: Callable[[Value], Value] = same
    from_tfso: Callable[[Value], Value] = same
    to_rackbeat: Callable[[Value], Value] = same
    to_tfso: Callable[[Value], Value] = same
    may_be_empty: bool = False

    def value(self, tag: str, n: int) -> Value:
        """The value of the nth edit; every name begins with the record's tag."""
        return f"{tag} {self.new(n)}" if self.name == "name" else self.new(n)

    def seen_in(self, system: System, record: Json) -> Value:
        if system is System.RACKBEAT:
            return self.from_rackbeat(record.get(self.read or self.rackbeat))
        value: Value = record
        for step in self.tfso:
            value = (value or {}).get(step)
        return self.from_tfso(value)

    def written(self, system: System, value: Value) -> Json:
        if system is System.RACKBEAT:
            return {self.rackbeat: self.to_rackbeat(value)}
        *outer, last = self.tfso
        made: Json = {last: self.to_tfso(value)}
        for step in reversed(outer):
            made = {step: made}
        return made


def deeply(one: Json, other: Mapping[str, Any]) -> Json:
    """Both records in one, at every depth."""
    merged = dict(one)
    for name, value in other.items():
        there = merged.get(name)
        both = isinstance(value, dict) and isinstance(there, dict)
        merged[name] = deeply(there or {}, value) if both else value
    return merged


# Payment terms of a new Rackbeat: their numbers by days.
_TERMS = {14: 1, 10: 2, 30: 3}
_COUNTRIES = {"NO": "Norge", "SE": "SE", "DK": "Danmark"}
_CURRENCIES = ("NOK", "SEK", "EUR")


def _one_of(values: Any) -> Callable[[int], Value]:
    return lambda n: list(values)[n % len(values)]


def _code(written: str) -> str:
    return next((code for code, name in _COUNTRIES.items() if written in {name, code}), written)


COMPANY = (
    Field("name", "company_name", ("Name",), lambda n: f"Sport {n} AS", read="name"),
    Field(
        "organisation number", "company_vat", ("OrganizationNumber",),
        lambda n: f"{910000000 + n}", may_be_empty=True,
    ),
    Field(
        "e-mail", "contact_email", ("EmailAddresses", "Primary", "Value"),
        lambda n: f"post{n}@fjell.example", may_be_empty=True,
    ),
    Field(
        "phone", "contact_phone", ("PhoneNumbers", "Primary", "Value"),
        lambda n: f"22{n:06d}", may_be_empty=True,
    ),
    Field(
        "street", "address_street", ("Addresses", "Post", "Street"),
        lambda n: f"Storgata {n}", may_be_empty=True,
    ),
    Field(
        "postal code", "address_zipcode", ("Addresses", "Post", "PostalCode"),
        lambda n: f"{n % 10000:04d}", may_be_empty=True,
    ),
    Field(
        "city", "address_city", ("Addresses", "Post", "PostalArea"), lambda n: f"By {n}",
        may_be_empty=True,
    ),
    Field(
        "country", "address_country", ("Country",), _one_of(_COUNTRIES),
        from_rackbeat=_code, to_rackbeat=lambda code: _COUNTRIES[code],
    ),
    Field(
        "payment terms", "payment_terms_id", ("PaymentTime",), _one_of(_TERMS),
        read="payment_terms", from_rackbeat=lambda terms: terms["maturity_days"],
        to_rackbeat=lambda days: _TERMS[days],
    ),
    Field(
        "currency", "currency", ("CurrencyId",), _one_of(_CURRENCIES),
        from_tfso=lambda code: "NOK" if code == "LOCAL" else code,
        to_tfso=lambda code: "LOCAL" if code == "NOK" else code,
    ),
)  # fmt: skip
GROUP = (Field("name", "name", ("Name",), lambda n: f"varer {n}"),)

PRICES = {"price": "Price", "web_price": "WebPrice"}
COSTS = {"in_price": "InPrice", "cost": "Cost"}


def _amount(name: str, rackbeat: str, tfso: str, new: Callable[[int], Value]) -> Field:
    return Field(
        name, rackbeat, (tfso,), new,
        from_rackbeat=number, from_tfso=number, to_rackbeat=str, to_tfso=str,
    )  # fmt: skip


PRODUCT = (
    Field("name", "name", ("Name",), lambda n: f"ski {n}"),
    Field(
        "description", "description", ("Description",), lambda n: f"Lakkert, nr. {n}",
        may_be_empty=True,
    ),
    Field("EAN", "barcode", ("EAN1",), lambda n: f"70900{n:08d}", may_be_empty=True),
    Field(
        "active", "is_barred", ("StatusId",), lambda n: bool(n % 2),
        from_rackbeat=lambda barred: not barred, from_tfso=bool,
        to_rackbeat=lambda active: not active, to_tfso=int,
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Shape:
    """What the two systems call a kind of record, and how they write it.

    Attributes:
        lists: where its records are; structure items are among Rackbeat's products.
        saves: the operations that change a record in 24SevenOffice.
    """

    kind: str
    lists: Mapping[System, tuple[str, ...]]
    fields: tuple[Field, ...]
    saves: str

    def field(self, name: str) -> Field:
        return next(each for each in self.fields if each.name == name)

    def all_in(self, world: World, system: System) -> list[Json]:
        """Every record in a system, that of another kind in the same list left out."""
        if system is System.RACKBEAT:
            state = world.rackbeat.state()
            return [record for plural in self.lists[system] for record in state[plural]]
        (plural,) = self.lists[system]
        records = world.all_in_tfso(plural)
        if self.kind in TYPES:
            return [r for r in records if r["Type"] == TYPES[self.kind] and r["Active"]]
        return records

    def list_of(self, system: System, record: Json) -> str:
        """Where a record is."""
        first, *others = self.lists[system]
        return others[0] if is_structure_item(record) else first

    def save(self, system: System, record: Json) -> str:
        """The operation that changes a record."""
        if system is System.TFSO:
            return self.saves
        return f"PUT /{self.list_of(system, record).replace('_', '-')}/{{number}}"

    def view(self, system: System, record: Json) -> dict[str, Value]:
        return {each.name: each.seen_in(system, record) for each in self.fields}


TYPES = {"customer": "Business", "supplier": "Supplier"}
MASTER_DATA = ("product_group", "product", *TYPES)


def is_structure_item(record: Json) -> bool:
    return record.get("type") == "lot"


def shapes(settings: Settings) -> dict[str, Shape]:
    """Every kind of master data, its fields as these settings pair them."""
    fields = settings.product
    product = (
        *PRODUCT,
        _amount("sales price", "sales_price", PRICES[fields.price], lambda n: Decimal(f"{n}.95")),
        _amount(
            "cost price", "recommended_cost_price", COSTS[fields.cost],
            lambda n: Decimal(f"{n}.125"),
        ),
    )  # fmt: skip
    made = (
        _shape("product_group", ("product_groups",), "categories", GROUP, "SaveCategories"),
        _shape("product", ("products", "lots"), "products", product, "SaveProducts"),
        _shape("customer", ("customers",), "companies", COMPANY, "SaveCompanies"),
        _shape("supplier", ("suppliers",), "companies", COMPANY, "SaveCompanies"),
    )
    return {shape.kind: shape for shape in made}


def _shape(
    kind: str, rackbeat: tuple[str, ...], tfso: str, fields: tuple[Field, ...], saves: str
) -> Shape:
    return Shape(kind, {System.RACKBEAT: rackbeat, System.TFSO: (tfso,)}, fields, saves)
