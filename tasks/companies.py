"""What customers and suppliers share: in 24SevenOffice both are companies."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, ClassVar

from shared.entity import Entity, Text
from shared.failures import Unmappable
from shared.kind import Context, Found, Lookup, Payload, Record, Sought
from shared.settings import CompanyNumber, CompanySettings, Settings
from shared.tfso import terms
from shared.tfso.client import TfsoClient
from shared.tfso.protocol import Service
from shared.values import (
    country,
    dig,
    email,
    flag,
    no_longer_than,
    part,
    shown,
    text,
    whole,
    without_nothing,
)
from tasks import payment_terms
from tasks.payment_terms import PAYMENT_TERMS
from tasks.sides import BATCH, RackbeatSide, TfsoSide, found_in_tfso, whole_number

LARGEST_ID = 2**31 - 1  # in 24SevenOffice; to ask for a larger one breaks its schema
NORWEGIAN_DIGITS = 9  # of an organisation number
# Members of the European Union (https://european-union.europa.eu), by ISO 3166 code.
EU = frozenset({
    "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IT",
    "LT", "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK",
})  # fmt: skip


class Company(Entity):
    """A customer or a supplier.

    Attributes:
        number: Rackbeat's number, or the 24SevenOffice field that carries it.
        mark: Rackbeat's number as we wrote it into 24SevenOffice's ExternalId.
        country: two letters (ISO 3166).
        payment_terms: "net:14" for 14 days, "month:0" for the end of the month.
        currency: three letters (ISO 4217).
        active: false where it is barred in Rackbeat; 24SevenOffice has no such state.
    """

    not_compared = frozenset({"number", "mark"})
    may_be_empty = frozenset(
        {"organisation_number", "email", "phone", "street", "postal_code", "city"}
    )
    together = frozenset({"street", "postal_code", "city", "country"})
    called: ClassVar = {"mark": "ExternalId"}
    may_be_shared = frozenset({"organisation_number"})  # by the branches of a chain

    number: Text = None
    mark: Text = None
    name: Text = None
    organisation_number: Text = None
    email: Text = None
    phone: Text = None
    street: Text = None
    postal_code: Text = None
    city: Text = None
    country: Text = None
    payment_terms: Text = None
    currency: Text = None
    active: bool | None = None

    def switched_off(self) -> Company:
        return self.model_copy(update={"active": False})

    def identifiers(self) -> list[tuple[str, str]]:
        found = [("mark", self.mark), ("number", self.number)]
        found.append(("organisation_number", _digits(self.organisation_number)))
        return [(name, value) for name, value in found if value]

    def contradicts(self, other: Company) -> str | None:
        ours, theirs = _digits(self.organisation_number), _digits(other.organisation_number)
        if ours and theirs:
            return None if ours == theirs else f"its organisation number is {theirs}, not {ours}"
        if (self.name or "").casefold() == (other.name or "").casefold():
            return None
        return f"it is called '{other.name}' and not '{self.name}'"

    def label(self) -> str:
        return f"'{self.name}'"


def _digits(organisation_number: str | None) -> str | None:
    """An organisation number without blanks, "NO" and "MVA"."""
    return "".join(c for c in organisation_number or "" if c.isdigit()) or None


def _can_be_an_id(digits: str) -> bool:
    return len(digits) <= len(str(LARGEST_ID)) and int(digits) <= LARGEST_ID


def spellings(digits: str) -> list[str]:
    """The ways in which people write an organisation number, the usual one first."""
    if len(digits) != NORWEGIAN_DIGITS:
        return [digits]
    grouped = f"{digits[:3]} {digits[3:6]} {digits[6:]}"
    return [digits, grouped, f"NO{digits}MVA", f"NO {grouped} MVA"]


def _email(value: Any, context: Context) -> dict[str, str | None]:
    """The e-mail address as a field; rubbish is no empty field."""
    address = email(value, context)
    return {"email": address} if address or text(value) is None else {}


# The fields of which Rackbeat's record shows whether they are empty.
SHOWN = {
    "organisation_number": "company_vat",
    "phone": "contact_phone",
    "street": "address_street",
    "postal_code": "address_zipcode",
    "city": "address_city",
}


class RackbeatCompanies(RackbeatSide[Company]):
    """Customers or suppliers in Rackbeat."""

    kind: ClassVar[str]
    title: ClassVar[str]

    def _settings(self, settings: Settings) -> CompanySettings:
        own = settings.of(self.kind)
        assert isinstance(own, CompanySettings)  # noqa: S101 - narrows for mypy
        return own

    def read_by(self) -> Mapping[str, tuple[str, ...]]:
        return {f"{self.kind}.country": ("country",)}

    def parse(self, record: Record, context: Context) -> Company:
        number = text(record.get("number"))
        barred = flag(record.get("is_barred"), "is barred")
        street, city = record.get("address_street"), record.get("address_city")
        emails = _email(record["contact_email"], context) if "contact_email" in record else {}
        return Company(
            **shown(record, SHOWN),
            **emails,
            number=number,
            mark=number,
            name=record.get("name") or record.get("company_name"),
            country=_country(record.get("address_country"), (street, city), context, self.kind),
            payment_terms=payment_terms.in_rackbeat(record, context),
            currency=record.get("currency"),
            active=None if barred is None else not barred,
        )

    def lookups(self, entity: Company, settings: Settings) -> Iterable[Lookup]:
        default = f"net:{self._settings(settings).payment_terms_days}"
        yield Lookup(PAYMENT_TERMS, entity.payment_terms or default)

    def render(self, entity: Company, context: Context) -> Payload:
        payload: dict[str, Any] = {
            "company_name": entity.name,
            "company_vat": entity.organisation_number,
            "contact_email": entity.email,
            "contact_phone": entity.phone,
            "address_street": entity.street,
            "address_zipcode": entity.postal_code,
            "address_city": entity.city,
            "address_country": entity.country,
            "currency": entity.currency,
            "is_barred": None if entity.active is None else not entity.active,
        }
        (wanted,) = self.lookups(entity, context.settings)
        if entity.payment_terms or context.existing is None:
            payload["payment_terms_id"] = int(context.found[wanted])
        if context.existing is None:
            payload["number"] = self._new_number(entity, context.settings)
            payload[f"{self.kind}_group_id"] = self._settings(context.settings).group
            payload["vat_zone"] = self._vat_zone(entity, context)
            if not entity.payment_terms:
                context.note(f"No payment terms; {wanted.value} is used (the default).")
        return without_nothing(payload)

    def _new_number(self, entity: Company, settings: Settings) -> int:
        if entity.number is None and self._settings(settings).number is CompanyNumber.EXTERNAL_ID:
            raise Unmappable(
                f"{self.title.capitalize()} {entity.label()} has no ExternalId in 24SevenOffice, "
                f"and that is to be its number in Rackbeat. Have a whole number put there, or "
                f"choose 'id' for {self.kind}.number in the settings."
            )
        return whole_number(entity.number, f"{self.title} '{entity.name}'")

    def _vat_zone(self, entity: Company, context: Context) -> str | None:
        """The zone whose VAT Rackbeat charges (assumed: as seen from the company's own country)."""
        settings = self._settings(context.settings)
        if settings.vat_zone != "by_country" or entity.country in {None, settings.country}:
            return None
        zone = "eu" if entity.country in EU else "abroad"
        context.note(f"The VAT zone is '{zone}', after the country {entity.country}.")
        return zone


def _country(value: Any, place: Iterable[Any], context: Context, kind: str) -> str | None:
    """The country of an address; none where the record has no address at all."""
    if text(value) is None and not any(text(each) for each in place):
        return None
    settings = context.settings.of(kind)
    assert isinstance(settings, CompanySettings)  # noqa: S101 - narrows for mypy
    return country(value, settings.country, context)


def _whole_name(record: Record) -> str | None:
    names = (text(record.get("FirstName")), text(record.get("Name")))
    return text(" ".join(name for name in names if name))


def _currency(entity: Company, context: Context) -> str | None:
    """LOCAL where it is and stays so. As the schema's default it says "leave it as it is": a
    foreign currency is only ever replaced by naming the local one."""
    there = (context.existing or {}).get("CurrencyId", "LOCAL")
    if entity.currency == context.settings.local_currency and there == "LOCAL":
        return "LOCAL"
    return entity.currency


PROPERTIES = (
    "Id", "ExternalId", "OrganizationNumber", "Name", "FirstName", "Addresses", "PhoneNumbers",
    "EmailAddresses", "Country", "Type", "CurrencyId", "PaymentTime", "DateChanged",
)  # fmt: skip


class TfsoCompanies(TfsoSide[Company]):
    """Customers or suppliers in 24SevenOffice.

    Attributes:
        types: values of Type that belong to this kind, the one given to new companies first.
    """

    service = Service.COMPANY
    save_operation = "SaveCompanies"
    kind: ClassVar[str]
    title: ClassVar[str]
    types: ClassVar[tuple[str, ...]]

    def read_by(self) -> Mapping[str, tuple[str, ...]]:
        return {f"{self.kind}.country": ("country",), "local_currency": ("currency",)}

    def parse(self, record: Record, context: Context) -> Company:
        address = part(record, "Addresses", "Post")
        street, city = address.get("Street"), address.get("PostalArea") or address.get("City")
        written_country = record.get("Country") or address.get("Country")
        identity = text(record.get("Id"))
        mark = text(record.get("ExternalId"))
        currency = record.get("CurrencyId")
        return Company(
            number=identity if self._number(context.settings) is CompanyNumber.ID else mark,
            mark=mark,
            **_email(self._email(record), context),
            name=_whole_name(record),
            organisation_number=record.get("OrganizationNumber"),
            phone=self._phone(record),
            street=street,
            postal_code=address.get("PostalCode"),
            city=city,
            country=_country(written_country, (street, city), context, self.kind),
            payment_terms=terms.read(whole(record.get("PaymentTime"), "PaymentTime")),
            currency=context.settings.local_currency if currency == "LOCAL" else currency,
        )

    def _number(self, settings: Settings) -> CompanyNumber:
        own = settings.of(self.kind)
        assert isinstance(own, CompanySettings)  # noqa: S101 - narrows for mypy
        return own.number

    @staticmethod
    def _email(record: Record) -> Any:
        addresses = record.get("EmailAddresses") or {}
        return dig(addresses, "Primary", "Value") or dig(addresses, "Invoice", "Value")

    @staticmethod
    def _phone(record: Record) -> Any:
        phones = record.get("PhoneNumbers") or {}
        named = (dig(phones, name, "Value") for name in ("Primary", "Work", "Mobile"))
        return next((value for value in named if value), None)

    def excluded(self, record: Record, settings: Settings) -> str | None:
        del settings
        if record.get("Type") in self.types:
            return None
        return f"Its type in 24SevenOffice is {record.get('Type', 'None')}: not {self.title}."

    def reserved(self, record: Record, settings: Settings) -> tuple[str, str] | None:
        """All companies have their Id from one series; Rackbeat has one for customers, and another
        for suppliers."""
        if record.get("Type") in self.types or self._number(settings) is not CompanyNumber.ID:
            return None
        return "number", self.key_of(record)

    def number_fields(self, settings: Settings) -> tuple[str, ...]:
        del settings
        return ("ExternalId",)

    def render(self, entity: Company, context: Context) -> Payload:
        limit = "24SevenOffice"
        payload: dict[str, Any] = {
            **self._names(entity, context),
            "OrganizationNumber": no_longer_than(
                entity.organisation_number, 20, "organisation number", limit
            ),
            "Country": entity.country,
            "Addresses": {
                "Post": {
                    "Street": entity.street,
                    "PostalCode": entity.postal_code,
                    "PostalArea": entity.city,
                    "Country": entity.country,
                }
            },
            "EmailAddresses": {"Primary": {"Value": entity.email}},
            "PhoneNumbers": {"Primary": {"Value": entity.phone}},
            "PaymentTime": terms.write(entity.payment_terms),
            "CurrencyId": _currency(entity, context),
        }
        if context.existing is None:
            payload |= self._identity(entity, context.settings)
        if entity.active is False:
            context.note("It is barred in Rackbeat, which 24SevenOffice has no state for.")
        return without_nothing(payload)

    def _identity(self, entity: Company, settings: Settings) -> Payload:
        identity: Payload = {"Type": self.types[0], "ExternalId": entity.number}
        number = entity.number or ""
        if self._number(settings) is CompanyNumber.ID and number.isdecimal():
            if not _can_be_an_id(number):
                raise Unmappable(
                    f"The number {number} of {entity.label()} is larger than 24SevenOffice's own "
                    f"numbers can be. Choose 'external_id' for {self.kind}.number in the settings, "
                    "or give it a smaller number in Rackbeat."
                )
            identity |= {"Id": int(number), "ExplicitlySpecifyNewCompanyId": True}
        return identity

    def _names(self, entity: Company, context: Context) -> Payload:
        """A private person's name is held in two fields."""
        name = entity.name
        if name is None and context.existing is None:
            raise Unmappable(
                f"{self.title.capitalize()} without a name cannot be made in 24SevenOffice. Give "
                f"number {entity.number} a name in Rackbeat."
            )
        if name is None or context.existing is None or "FirstName" not in context.existing:
            return {"Name": no_longer_than(name, 200, "name", "24SevenOffice")}
        if name == _whole_name(context.existing):
            return {}
        first, _, last = name.rpartition(" ")
        if not first:
            raise Unmappable(
                f"{entity.label()} is a private person with a first name in 24SevenOffice, which "
                "cannot be emptied from here. Write the whole name, or correct it there."
            )
        return {
            "FirstName": no_longer_than(first.rstrip(), 50, "first name", "24SevenOffice"),
            "Name": no_longer_than(last, 200, "last name", "24SevenOffice"),
        }

    def read(self, client: TfsoClient, key: str) -> Record | None:
        found = client.get_companies({"CompanyId": int(key)}, PROPERTIES)
        return found[0] if found else None

    def search(
        self, client: TfsoClient, sought: Sought[Company], settings: Settings
    ) -> list[Record]:
        field, value = sought.field, sought.value
        if field == "mark":
            query: Record = {"ExternalId": value}
        elif field == "organisation_number":
            return self._of_organisation(client, sought)
        elif self._number(settings) is CompanyNumber.ID and value.isdecimal():
            if not _can_be_an_id(value):
                return []
            # Of any type: a new company under this Id must not meet another that has it.
            return client.get_companies({"CompanyId": int(value)}, PROPERTIES)
        else:
            query = {"ExternalId": value}
        found = client.get_companies(query, PROPERTIES)
        return [record for record in found if record.get("Type") in self.types]

    def _of_organisation(self, client: TfsoClient, sought: Sought[Company]) -> list[Record]:
        """24SevenOffice looks for an organisation number as it is written. So it is asked for every
        usual spelling, and for the name, under which a company with any other is found."""
        queries: list[Record] = [
            {"OrganizationNumber": written} for written in spellings(sought.value)
        ]
        if sought.entity.name:
            queries.append({"CompanyName": sought.entity.name})
        found = [record for query in queries for record in client.get_companies(query, PROPERTIES)]
        return [record for record in found if record.get("Type") in self.types]

    def all(self, client: TfsoClient) -> Iterator[Found]:
        ids: list[int] = []
        page = pages = 1
        while page <= pages:
            listed = client.company_sync_list(page, active=True)
            ids += [item["CompanyId"] for item in listed.records]
            page, pages = page + 1, listed.pages
        for start in range(0, len(ids), BATCH):
            # Those of other types, too: their Ids are taken.
            for record in client.get_companies(
                {"CompanyIds": ids[start : start + BATCH]}, PROPERTIES
            ):
                yield found_in_tfso(record)

    def changed_since(self, client: TfsoClient, position: datetime) -> Iterator[Found]:
        for record in client.get_companies({"ChangedAfter": position}, PROPERTIES):
            if record.get("Type") in self.types:
                yield found_in_tfso(record)
