"""Addresses of orders and invoices, as each system has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shared.kind import Context, Payload, Record
from shared.values import country, part, text
from tasks.documents import Address

Written = Mapping[str, Any]

PARTS = ("name", "street", "street2", "zipcode", "city", "country")
# What is read by settings, in both systems: the country of an address that names none.
READ_BY = {"customer.country": ("address", "delivery_address")}
# How an address is called in Rackbeat where it is a record of its own, and how its fields begin
# otherwise.
BILLING, DELIVERY = ("billing_address", "address_"), ("delivery_address", "delivery_address_")
# What shows that a record of Rackbeat's says something of its delivery address.
SHOWS_DELIVERY = {DELIVERY[0], *(f"{DELIVERY[1]}{each}" for each in PARTS)}


def _country(own: Written, other: Written, name: str, context: Context) -> str:
    """The country of an address; where it names none, that of the document's other address."""
    default = context.settings.customer.country
    written = text(own.get(name)) or text(other.get(name))
    if written is None:
        context.note(f"An address names no country; {default} is used.")
    return country(written, default, context)


# -- in Rackbeat --------------------------------------------------------------------------------


def in_rackbeat(record: Record, context: Context) -> tuple[Address | None, Address | None]:
    """The address of the invoice and that of the delivery, as read or as written."""
    billing, delivery = _in_rackbeat(record, *BILLING), _in_rackbeat(record, *DELIVERY)
    return (
        _from_rackbeat(billing, delivery, context),
        _from_rackbeat(delivery, billing, context),
    )


def _in_rackbeat(record: Record, name: str, prefix: str) -> Written:
    """An address as it is read, in a record of its own, or as it is written."""
    as_written = {each: record.get(f"{prefix}{each}") for each in PARTS}
    for address in (part(record, name), as_written):
        if address.get("street") or address.get("city"):
            return address
    return {}


def _from_rackbeat(own: Written, other: Written, context: Context) -> Address | None:
    if not own:
        return None
    return Address(
        name=own.get("name"),
        street=_street(own),
        postal_code=text(own.get("zipcode")),
        city=own.get("city"),
        country=_country(own, other, "country", context),
    )


def _street(address: Written) -> Any:
    """Both lines of it, where there are two."""
    lines = (text(address.get("street")), text(address.get("street2")))
    return ", ".join(line for line in lines if line) if all(lines) else address.get("street")


def for_rackbeat(address: Address | None, name: str, prefix: str, existing: Record) -> Payload:
    """An address as it is written, whole: what an existing one has beside it is emptied."""
    if address is None:
        return {}
    there = _in_rackbeat(existing, name, prefix)
    wanted: Payload = {}
    if address:  # otherwise it is to be emptied
        wanted = {
            "name": address.name,
            "street": address.street,
            "zipcode": address.postal_code,
            "city": address.city,
            "country": address.country,
        }
    parts = {each: wanted.get(each) or ("" if there.get(each) else None) for each in PARTS}
    return {f"{prefix}{each}": value for each, value in parts.items()}


# -- in 24SevenOffice ---------------------------------------------------------------------------


def in_tfso(record: Record, context: Context) -> tuple[Address | None, Address | None]:
    """The address of the invoice, or else the postal one, and that of the delivery."""
    invoice, delivery = _in_tfso(record, "Invoice", "Post"), _in_tfso(record, "Delivery")
    return _from_tfso(invoice, delivery, context), _from_tfso(delivery, invoice, context)


def _in_tfso(record: Record, *names: str) -> Written:
    for name in names:
        address = part(record, "Addresses", name)
        if address.get("Street") or address.get("PostalArea") or address.get("City"):
            return address
    return {}


def _from_tfso(own: Written, other: Written, context: Context) -> Address | None:
    if not own:
        return None
    return Address(
        name=own.get("Name"),
        street=own.get("Street"),
        postal_code=own.get("PostalCode"),
        city=own.get("PostalArea") or own.get("City"),
        country=_country(own, other, "Country", context),
    )


def for_tfso(address: Address | None) -> Payload | None:
    """An address as it is written."""
    if address is None:
        return None
    return {
        "Name": address.name,
        "Street": address.street,
        "PostalCode": address.postal_code,
        "PostalArea": address.city,
        "Country": address.country,
    }
