"""Values on their way to and from 24SevenOffice: .NET's "unset", times, decimals and list wrappers.

Pure functions. Facts are the vendor documentation's and the WSDLs', where not marked as assumed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from zeep.helpers import serialize_object

from shared.clock import in_utc
from shared.failures import Unmappable
from shared.words import System

LARGEST_INT = 2**31 - 1
UNSET_INTS = frozenset({-(2**31), -(2**15)})
UNSET_DECIMAL = Decimal("-79228162514264337593543950335")
# .NET's smallest double; written with 15 digits, as older servers do, it reads as minus infinity.
UNSET_DOUBLE = -1.7976e308
UNSET_TIME = datetime.min  # noqa: DTZ901  # 0001-01-01T00:00:00, which has no zone in .NET
UNSET_GUID = "00000000-0000-0000-0000-000000000000"

# Required by the schema and not nillable, so that a search by ChangedAfter has to send it unset.
SENT_UNSET = frozenset({"RegisteredAfter"})

# The name of the element a list's items travel in, by the name of the list.
ITEM_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "companies": "Company",
        "products": "Product",
        "categories": "Category",
        "invoices": "InvoiceOrder",
        "InvoiceRows": "InvoiceRow",
        "Maps": "CompanyMap",
        "Relations": "Relation",
        "UserDefinedDimensions": "UserDefinedDimension",
        "CompanyIds": "int",
        "ProductIds": "int",
        "CustomerIds": "int",
        "InvoiceIds": "int",
        "OrderIds": "int",
        "ExternalStatus": "int",
        "OrderStates": "OrderSlipStateType",
        "returnProperties": "string",
        "invoiceReturnProperties": "string",
        "rowReturnProperties": "string",
    }
)

# Schema defaults that are real values: a property that was asked for and is absent has this value.
COMPANY_DEFAULTS: Mapping[str, Any] = MappingProxyType(
    {
        "Type": "None",
        "CurrencyId": "LOCAL",
        "Discount": Decimal(0),
        "DistributionMethod": "Unchanged",
        "BlockInvoice": False,
    }
)
ORDER_DEFAULTS: Mapping[str, Any] = MappingProxyType(
    {
        "OrderStatus": "Web",
        "Distributor": "Default",
        "DistributionMethod": "Unchanged",
        "SkipStock": False,
    }
)
ROW_DEFAULTS: Mapping[str, Any] = MappingProxyType(
    {"Type": "Normal", "ChangeState": "None", "Hidden": False}
)
CURRENCY_DEFAULTS: Mapping[str, Any] = MappingProxyType({"Rate": Decimal(1), "Unit": 1})

NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def read(value: Any) -> Any:
    """An answer as plain dicts, lists and values.

    Unset values and absent ones are left out of their dict alike; an item of a list keeps its
    place, as an empty dict where need be. Times are aware and in UTC, numbers with decimals are
    Decimal, and the wrapper around a list is gone.

    Returns:
        None for a value that is unset as a whole.
    """
    return _read(serialize_object(value, dict))  # type: ignore[no-untyped-call]  # zeep's gap


def _read(value: Any) -> Any:
    match value:
        case Mapping():
            return _read_record(value)
        case list() | tuple():
            return [_read(item) for item in value]
        case int() if not isinstance(value, bool):
            return None if value in UNSET_INTS else value
        case float():
            return None if value <= UNSET_DOUBLE else Decimal(repr(value))
        case Decimal():
            return None if value.is_finite() and value == UNSET_DECIMAL else value
        case datetime():
            return _read_time(value)
        case str():
            return value if value and value != UNSET_GUID else None
        case _:
            return value


def _read_record(record: Mapping[str, Any]) -> dict[str, Any] | list[Any]:
    if len(record) == 1:
        (only,) = record.values()
        if isinstance(only, list):
            return [_read(item) for item in only]
    known = {name: _read(value) for name, value in record.items()}
    return {name: value for name, value in known.items() if value is not None and value != {}}


def _read_time(value: datetime) -> datetime | None:
    return None if value.year == UNSET_TIME.year else in_utc(value)


def with_defaults(
    record: Mapping[str, Any], defaults: Mapping[str, Any], asked: Collection[str]
) -> dict[str, Any]:
    """The record, with the real values that absence stands for in properties asked for."""
    return {n: v for n, v in defaults.items() if n in asked} | dict(record)


def order_with_defaults(
    order: Mapping[str, Any], asked: Collection[str], asked_of_rows: Collection[str]
) -> dict[str, Any]:
    """An order with its defaults, those of its rows, and those of its currency."""
    full = with_defaults(order, ORDER_DEFAULTS, asked)
    if "Currency" in asked:
        full["Currency"] = dict(CURRENCY_DEFAULTS) | full.get("Currency", {})
    if "InvoiceRows" in full:
        full["InvoiceRows"] = [
            with_defaults(row, ROW_DEFAULTS, asked_of_rows) for row in full["InvoiceRows"]
        ]
    return full


def write(payload: Mapping[str, Any]) -> dict[str, Any]:
    """A payload as zeep takes it: None left out, lists wrapped, times and decimals as text.

    Raises:
        ValueError: it holds a .NET unset value, which the vendor would take for "leave as it
            is"; a time without a zone; a float; or a list the vendor has no name for.
        Unmappable: a text holds a character that XML cannot carry.
    """
    return {name: _write(name, value) for name, value in payload.items() if value is not None}


def _write(name: str, value: Any) -> Any:
    match value:
        case Mapping():
            return write(value)
        case list() | tuple():
            return _write_list(name, value)
        case bool():
            return value
        case _:
            writer = next((w for kind, w in _WRITERS if isinstance(value, kind)), None)
            if writer is None:
                raise ValueError(f"{name}: a {type(value).__name__} cannot be sent")
            return writer(name, value)


def _write_list(name: str, items: Collection[Any]) -> dict[str, list[Any]]:
    if name not in ITEM_NAMES:
        raise ValueError(f"{name}: 24SevenOffice has no list of this name")
    if not items and name.endswith("Ids"):
        raise ValueError(f"{name}: searching by an empty list would find everything")
    item_name = ITEM_NAMES[name]
    return {item_name: [_write(item_name, item) for item in items]}


def _write_time(name: str, value: datetime) -> str:
    if value.year == UNSET_TIME.year:
        if name not in SENT_UNSET:
            raise _unset(name)
        return UNSET_TIME.isoformat()
    if value.tzinfo is None:
        raise ValueError(f"{name}: a time without a zone")
    # With a Z the text names one instant; .NET reads a time without it as its own local time
    # wherever it converts. Fractions of a second are cut: a ChangedAfter may only get earlier.
    return value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def _write_date(_name: str, value: date) -> str:
    return f"{value.isoformat()}T00:00:00Z"


def _write_decimal(name: str, value: Decimal) -> str:
    if value == UNSET_DECIMAL:
        raise _unset(name)
    if not value.is_finite():
        raise ValueError(f"{name}: {value} is not an amount")
    return f"{value:f}"  # the vendor rejects exponents


def _write_int(name: str, value: int) -> int:
    if value in UNSET_INTS:
        raise _unset(name)
    return value


def _write_text(name: str, value: str) -> str:
    if value in {"", UNSET_GUID}:
        raise _unset(name)
    if bad := NOT_IN_XML.search(value):
        raise Unmappable(
            f"{name} holds the control character U+{ord(bad[0]):04X}, which cannot be sent to "
            "24SevenOffice. Remove it from the text.",
            system=System.TFSO,
        )
    return str(value)


def _unset(name: str) -> ValueError:
    return ValueError(f"{name}: an unset value must be left out, not sent")


# datetime before date: a datetime is a date, too.
_WRITERS: Iterable[tuple[type, Callable[[str, Any], Any]]] = (
    (datetime, _write_time),
    (date, _write_date),
    (Decimal, _write_decimal),
    (int, _write_int),
    (str, _write_text),
)
