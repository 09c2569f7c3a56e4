"""Rackbeat's registers: units and payment terms, matched by what they say, made when missing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from shared.rackbeat.client import RackbeatClient
from shared.rackbeat.protocol import PAYMENT_TERMS, UNITS, Resource
from shared.values import key_in
from shared.words import System

Record = dict[str, Any]


@dataclass(frozen=True)
class Register:
    """How a register's values are recognised and made."""

    resource: Resource
    value_of: Callable[[Record], str]
    payload_for: Callable[[str], Record]


def terms_called(days: Any, kind: Any) -> str:
    """Payment terms as "net:14" or "month:0".

    Args:
        days, kind: what Rackbeat has as maturity_days and type.
    """
    return f"{'month' if 'month' in str(kind) else 'net'}:{days}"


def _terms_of(record: Record) -> str:
    return terms_called(record.get("maturity_days") or 0, record.get("type"))


def _terms_payload(value: str) -> Record:
    kind, _, days = value.partition(":")
    if kind == "month":
        # No source shows the name of the type; that it is this one is assumed.
        name = f"Løpende måned + {days} dager" if int(days) else "Løpende måned"
        return {"name": name, "maturity_days": int(days), "type": "current_month"}
    return {"name": f"Netto {days} dager", "maturity_days": int(days), "type": "net"}


REGISTERS = {
    "unit": Register(
        UNITS, lambda record: str(record.get("name")).casefold(), lambda value: {"name": value}
    ),
    "payment_terms": Register(PAYMENT_TERMS, _terms_of, _terms_payload),
}


def find(client: RackbeatClient, register: str, value: str) -> str | None:
    """The number of a value in a register; None where it is missing.

    Args:
        value: a unit's name, or payment terms as "net:14" or "month:0".
    """
    known = REGISTERS[register]
    wanted = value.casefold()
    for record in client.listing(known.resource):
        if known.value_of(record) == wanted:
            return key_in(record, "number", System.RACKBEAT)
    return None


def create(client: RackbeatClient, register: str, value: str) -> str:
    """Add a value to a register; its number."""
    known = REGISTERS[register]
    made = client.create(known.resource, known.payload_for(value))
    return key_in(made, "number", System.RACKBEAT)
