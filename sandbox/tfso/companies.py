"""CompanyService: customers and suppliers."""

from __future__ import annotations

import re

from sandbox.tfso.failures import RefusedItem
from sandbox.tfso.records import (
    changed_after,
    check_lengths,
    each,
    merged,
    registered_after,
    selected,
)
from sandbox.tfso.state import Call, ClientState, Handler
from sandbox.tfso.values import Record

PAGE = 1000
LENGTHS = {"Name": 200, "NickName": 200, "FirstName": 50, "OrganizationNumber": 20, "Url": 255}
READ_ONLY = frozenset(
    {"APIException", "DateChanged", "DateCreated", "ExplicitlySpecifyNewCompanyId"}
)
NEW: Record = {"Active": True, "Type": "None", "CurrencyId": "LOCAL"}
_EXACT = {
    "CompanyId": "Id",
    "ExternalId": "ExternalId",
    "OrganizationNumber": "OrganizationNumber",
}
_TWO_LETTERS = re.compile(r"[A-Za-z]{2}")


def get_companies(call: Call, arguments: Record) -> list[Record]:
    search = arguments.get("searchParams", {})
    wanted = arguments.get("returnProperties", [])
    return [
        selected(company, wanted)
        for company in call.client.companies
        if company["Active"] and _matches(company, search)
    ]


def _matches(company: Record, search: Record) -> bool:
    """All criteria given have to be met; names by a part of them, the rest whole (assumed)."""
    return (
        all(
            company.get(element) == search[name]
            for name, element in _EXACT.items()
            if search.get(name)
        )
        and company["Id"] in (search.get("CompanyIds") or [company["Id"]])
        and search.get("CompanyName", "").lower() in company["Name"].lower()
        and _has_value(company, "EmailAddresses", search.get("CompanyEmail"))
        and _has_value(company, "PhoneNumbers", search.get("CompanyPhone"))
        and changed_after(company, search.get("ChangedAfter"))
    )


def _has_value(company: Record, element: str, value: str | None) -> bool:
    entries = company.get(element, {}).values()
    return not value or any(entry.get("Value") == value for entry in entries)


def get_company_sync_list(call: Call, arguments: Record) -> Record:
    """A page of all companies, deleted ones too; pages count from 1 (assumed)."""
    search = arguments.get("syncSearchParameters", {})
    active = search.get("Active")
    found = [
        company
        for company in sorted(call.client.companies, key=lambda company: int(company["Id"]))
        if (active is None or company["Active"] == active)
        and changed_after(company, search.get("ChangedAfter"))
        and registered_after(company, search.get("RegisteredAfter"))
    ]
    page = max(1, search.get("Page", 1))
    return {
        "CurrentPage": page,
        "TotalPages": -(-len(found) // PAGE),
        "TotalItems": len(found),
        "ItemsPerPage": PAGE,
        "Items": [_sync_item(company) for company in found[(page - 1) * PAGE : page * PAGE]],
    }


def _sync_item(company: Record) -> Record:
    return {
        "CompanyId": company["Id"],
        **selected(company, ("ExternalId", "DateChanged", "DateRegistered", "Active")),
    }


def save_companies(call: Call, arguments: Record) -> list[Record]:
    client = call.client
    return each(arguments.get("companies", []), lambda item: save_company(client, item))


def save_company(client: ClientState, changes: Record) -> Record:
    """Create or update one company.

    Raises:
        RefusedItem: it cannot be saved as asked.
    """
    record = {**NEW, **merged(_base(client, changes), changes, read_only=READ_ONLY)}
    _check(record)
    client.keep(client.companies, record)
    record.setdefault("DateCreated", record["DateRegistered"])
    return record


def _base(client: ClientState, changes: Record) -> Record:
    """What the changes are applied to: the company of that number, or a new one."""
    number = changes.get("Id")
    existing = client.companies.get(number)
    if number is None:
        return {}
    if changes.get("ExplicitlySpecifyNewCompanyId"):
        if existing is not None:
            raise RefusedItem(f"There is a company with Id {number} already.")
        return {}
    if existing is None or not existing["Active"]:
        raise RefusedItem(f"There is no company with Id {number}.")
    return existing


def _check(record: Record) -> None:
    if not record.get("Name", "").strip():
        raise RefusedItem("Name is required.")
    check_lengths(record, LENGTHS)
    if record.get("FirstName") and record["Type"] != "Consumer":
        raise RefusedItem("FirstName can only be set for a company of the type Consumer.")
    for name in ("Country", "InvoiceLanguage"):
        if record.get(name) and not _TWO_LETTERS.fullmatch(record[name]):
            raise RefusedItem(f"{name} has to be a code of two letters.")


def delete_companies(call: Call, arguments: Record) -> list[Record]:
    """Returns only the items that failed (reference)."""
    client = call.client
    results = each(
        arguments.get("companies", []), lambda item: delete_company(client, item.get("Id"))
    )
    return [result for result in results if "APIException" in result]


def delete_company(client: ClientState, number: int | None) -> Record:
    """Make a company inactive: only GetCompanySyncList still shows it.

    Raises:
        RefusedItem: there is no such company.
    """
    company = client.active_company(number)
    if company is None:
        raise RefusedItem(f"There is no company with Id {number}.")
    company["Active"] = False
    client.keep(client.companies, company)
    return {"Id": number}


OPERATIONS: dict[str, Handler] = {
    "GetCompanies": get_companies,
    "GetCompanySyncList": get_company_sync_list,
    "SaveCompanies": save_companies,
    "DeleteCompanies": delete_companies,
}
