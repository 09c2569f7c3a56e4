"""ClientService: the lists and settings of the company that is logged in to."""

from __future__ import annotations

from decimal import Decimal

from sandbox.tfso.state import Call, Handler, always
from sandbox.tfso.values import Record

LOCAL_CURRENCY = "NOK"

CURRENCIES = [
    {"Symbol": symbol, "Id": number, "Rate": Decimal(rate), "Unit": unit}
    for number, (symbol, rate, unit) in enumerate(
        [
            (LOCAL_CURRENCY, "1", 1),
            ("EUR", "11.62", 1),
            ("USD", "10.71", 1),
            ("SEK", "101.4", 100),
            ("DKK", "155.8", 100),
            ("GBP", "13.55", 1),
        ],
        start=1,
    )
]
# Norwegian standard codes of outgoing VAT.
VAT_TYPES = [
    {"No": 3, "Name": "Utgående mva, høy sats", "Rate": Decimal(25)},
    {"No": 31, "Name": "Utgående mva, middels sats", "Rate": Decimal(15)},
    {"No": 33, "Name": "Utgående mva, lav sats", "Rate": Decimal(12)},
    {"No": 5, "Name": "Fritatt for mva", "Rate": Decimal(0)},
]
TYPE_GROUPS = {
    "Sale": [
        {"AccountId": 3000, "Id": 1, "Name": "Salg, avgiftspliktig"},
        {"AccountId": 3100, "Id": 2, "Name": "Salg, avgiftsfritt"},
    ],
    "Purchase": [{"AccountId": 4300, "Id": 3, "Name": "Innkjøp av varer for videresalg"}],
}
DEPARTMENTS = [{"Id": 1, "Name": "Butikk"}, {"Id": 2, "Name": "Nettsalg"}]
USERS = [
    {"ContactId": 1, "Name": "Demo Bruker", "EmployeeId": 1},
    {"ContactId": 2, "Name": "Kari Selger", "EmployeeId": 2},
]


def get_client_information(call: Call, _arguments: Record) -> Record:
    client = call.client
    return {
        "Name": client.name,
        "Country": "NO",
        "IsUsingFactoring": False,
        "ReminderDays": 14,
        "ReminderDays2": 14,
        "ReminderDays3": 14,
        "UserId": 1,
        "DefaultCurrency": LOCAL_CURRENCY,
    }


def get_type_group_list(_call: Call, arguments: Record) -> list[Record]:
    modules = TYPE_GROUPS if arguments["module"] == "All" else [arguments["module"]]
    return [group for module in modules for group in TYPE_GROUPS[module]]


OPERATIONS: dict[str, Handler] = {
    "GetClientInformation": get_client_information,
    "GetCurrencyList": always(CURRENCIES),
    "GetVatTypeList": always(VAT_TYPES),
    "GetTypeGroupList": get_type_group_list,
    "GetDepartmentList": always(DEPARTMENTS),
    "GetUsers": always(USERS),
}
