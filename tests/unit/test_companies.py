"""Customers and suppliers: as Rackbeat has them, as 24SevenOffice has them, the way between."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.failures import Unmappable
from shared.kind import Context, Lookup
from shared.rackbeat import numbers as rackbeat_json
from shared.settings import Settings, load_settings
from shared.tfso import values as tfso_values
from tasks import customers, suppliers
from tasks.companies import Company, spellings
from tests.harness import given as made_up
from tests.harness.given import RUBBISH, maybe, rubbish_in, texts

DEFAULTS = Settings()
BY_EXTERNAL_ID = load_settings({"customer": {"number": "external_id"}})
CUSTOMER = customers.KIND

# The numbers Rackbeat's register has for payment terms.
TERMS = {
    Lookup("payment_terms", value): number
    for value, number in {"net:14": "1", "net:30": "2", "month:0": "3", "month:20": "4"}.items()
}


def to_24so(record: dict[str, Any], settings: Settings = DEFAULTS, **context: Any) -> Any:
    company = CUSTOMER.rackbeat.parse(record, Context(settings))
    return CUSTOMER.tfso.render(company, Context(settings, **context))


def to_rackbeat(record: dict[str, Any], settings: Settings = DEFAULTS, **context: Any) -> Any:
    company = CUSTOMER.tfso.parse(record, Context(settings))
    return CUSTOMER.rackbeat.render(company, Context(settings, found=TERMS, **context))


# As GET /customers/{number} answers, and what SaveCompanies takes.
IN_RACKBEAT = {
    "number": 1045,
    "name": "Fjellheim Sport AS",
    "company_vat": "NO 912 345 678 MVA",
    "address_street": "Storgata 1",
    "address_street2": None,
    "address_zipcode": "2670",
    "address_city": "Otta",
    "address_country": "Norge",
    "contact_email": "post@fjellheim.no",
    "contact_phone": "61 23 00 00",
    "currency": "NOK",
    "payment_terms_id": 2,
    "payment_terms": {"number": 2, "name": "Netto 30", "maturity_days": 30, "type": "net"},
    "is_barred": False,
    "updated_at": "2026-03-09 12:00:00",
}
FOR_24SO = {
    "Type": "Business",
    "Id": 1045,
    "ExplicitlySpecifyNewCompanyId": True,
    "ExternalId": "1045",
    "Name": "Fjellheim Sport AS",
    "OrganizationNumber": "NO 912 345 678 MVA",
    "Country": "NO",
    "Addresses": {
        "Post": {
            "Street": "Storgata 1",
            "PostalCode": "2670",
            "PostalArea": "Otta",
            "Country": "NO",
        }
    },
    "EmailAddresses": {"Primary": {"Value": "post@fjellheim.no"}},
    "PhoneNumbers": {"Primary": {"Value": "61 23 00 00"}},
    "PaymentTime": 30,
    "CurrencyId": "LOCAL",
}

# As GetCompanies answers, and what POST /customers takes.
IN_24SO = {
    "Id": 1045,
    "ExternalId": "2045",
    "Type": "Business",
    "Name": "Fjellheim Sport AS",
    "OrganizationNumber": "912345678",
    "Country": "NO",
    "Addresses": FOR_24SO["Addresses"],
    "EmailAddresses": FOR_24SO["EmailAddresses"],
    "PhoneNumbers": FOR_24SO["PhoneNumbers"],
    "PaymentTime": 30,
    "CurrencyId": "LOCAL",
}
FOR_RACKBEAT = {
    "number": 1045,
    "company_name": "Fjellheim Sport AS",
    "company_vat": "912345678",
    "address_street": "Storgata 1",
    "address_zipcode": "2670",
    "address_city": "Otta",
    "address_country": "NO",
    "contact_email": "post@fjellheim.no",
    "contact_phone": "61 23 00 00",
    "currency": "NOK",
    "payment_terms_id": 2,
}


def changed(payload: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """The payload with other values; what is "..." is left out."""
    return {name: value for name, value in (payload | changes).items() if value is not ...}


def test_a_customer_made_in_rackbeat_is_made_in_24so_under_the_same_number() -> None:
    assert to_24so(IN_RACKBEAT) == FOR_24SO


def test_a_customer_made_in_24so_is_made_in_rackbeat_under_the_same_number() -> None:
    assert to_rackbeat(IN_24SO) == FOR_RACKBEAT


def test_an_update_leaves_numbers_type_and_marks_as_they_are() -> None:
    payload = to_24so(IN_RACKBEAT, existing=IN_24SO)
    assert {"Id", "Type", "ExternalId", "ExplicitlySpecifyNewCompanyId"}.isdisjoint(payload)
    assert "number" not in to_rackbeat(IN_24SO, existing=IN_RACKBEAT)


def post(**parts: Any) -> dict[str, Any]:
    return {"Post": parts}


NO_ADDRESS = {"address_street": "", "address_zipcode": None, "address_city": " "}

# What differs in the record read, and what then differs in the payload ("..." is left out).
RACKBEAT_TO_24SO: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("older answers call the name company_name",
     {"name": None, "company_name": "Fjellheim"}, {"Name": "Fjellheim"}),
    ("empty text is not sent",
     {"company_vat": "", "contact_phone": " "}, {"OrganizationNumber": ..., "PhoneNumbers": ...}),
    ("numbers may be text, and text numbers",
     {"number": "1045", "contact_phone": 61230000, "company_vat": 912345678},
     {"PhoneNumbers": {"Primary": {"Value": "61230000"}}, "OrganizationNumber": "912345678"}),
    ("a country may be a name",
     {"address_country": "Sverige"},
     {"Country": "SE", "Addresses": post(Street="Storgata 1", PostalCode="2670",
                                         PostalArea="Otta", Country="SE")}),
    ("an address without a country is in the default one", {"address_country": None}, {}),
    ("an unknown country is the default one", {"address_country": "Utopia"}, {}),
    ("without an address there is no country",
     NO_ADDRESS | {"address_country": ""}, {"Country": ..., "Addresses": ...}),
    ("a country may stand alone",
     NO_ADDRESS | {"address_country": "Danmark"},
     {"Country": "DK", "Addresses": post(Country="DK")}),
    ("the first valid address is taken",
     {"contact_email": "ring oss; a@fjellheim.no, b@fjellheim.no"},
     {"EmailAddresses": {"Primary": {"Value": "a@fjellheim.no"}}}),
    ("rubbish is no address", {"contact_email": "ring oss"}, {"EmailAddresses": ...}),
    ("days after the end of the month have a code",
     {"payment_terms": {"maturity_days": 30, "type": "current_month"}}, {"PaymentTime": -1}),
    ("the end of the month has a code",
     {"payment_terms": {"maturity_days": 0, "type": "current_month"}}, {"PaymentTime": -4}),
    ("other days after the end of the month are custom",
     {"payment_terms": {"maturity_days": "20", "type": "current_month"}}, {"PaymentTime": -9980}),
    ("no credit", {"payment_terms": {"maturity_days": 0, "type": "net"}}, {"PaymentTime": 0}),
    ("no terms", {"payment_terms": None, "payment_terms_id": None}, {"PaymentTime": ...}),
    ("a foreign currency has its name", {"currency": "EUR"}, {"CurrencyId": "EUR"}),
    ("no currency", {"currency": None}, {"CurrencyId": ...}),
    ("24SevenOffice knows no barred companies", {"is_barred": True}, {}),
]  # fmt: skip


@pytest.mark.parametrize(("given_", "read", "written"), RACKBEAT_TO_24SO)
def test_a_rackbeat_customer_is_written_to_24so_as(
    given_: str, read: dict[str, Any], written: dict[str, Any]
) -> None:
    assert to_24so(IN_RACKBEAT | read) == changed(FOR_24SO, written), given_


TFSO_TO_RACKBEAT: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("unset values are absent",
     {"OrganizationNumber": None, "PhoneNumbers": None, "EmailAddresses": {}},
     {"company_vat": ..., "contact_phone": ..., "contact_email": ...}),
    ("a private person's name is one in Rackbeat",
     {"Type": "Consumer", "FirstName": "Kari", "Name": "Nordmann"},
     {"company_name": "Kari Nordmann"}),
    ("a private person may have no first name",
     {"Type": "Consumer", "Name": "Kari Nordmann"}, {"company_name": "Kari Nordmann"}),
    ("the country of the address does, too",
     {"Country": None, "Addresses": post(Street="Gatan 1", PostalArea="Umeå", Country="SE")},
     {"address_street": "Gatan 1", "address_zipcode": ..., "address_city": "Umeå",
      "address_country": "SE", "vat_zone": "eu"}),
    ("Great Britain is not in the EU",
     {"Country": "GB"}, {"address_country": "GB", "vat_zone": "abroad"}),
    ("some write the place into City",
     {"Country": None, "Addresses": post(PostalCode="2670", City="Otta")},
     {"address_street": ..., "address_country": "NO"}),
    ("without an address there is no country",
     {"Country": None, "Addresses": None},
     {"address_street": ..., "address_zipcode": ..., "address_city": ..., "address_country": ...}),
    ("the invoice address is second choice",
     {"EmailAddresses": {"Invoice": {"Value": "faktura@fjellheim.no"}}},
     {"contact_email": "faktura@fjellheim.no"}),
    ("the work phone is second choice",
     {"PhoneNumbers": {"Work": {"Value": "2"}, "Mobile": {"Value": "3"}}}, {"contact_phone": "2"}),
    ("the mobile phone is third choice",
     {"PhoneNumbers": {"Mobile": {"Value": "3"}, "Fax": {"Value": "4"}}}, {"contact_phone": "3"}),
    ("end of month", {"PaymentTime": -4}, {"payment_terms_id": 3}),
    ("end of month and 20 days", {"PaymentTime": -9980}, {"payment_terms_id": 4}),
    ("no terms are the default terms", {"PaymentTime": None}, {"payment_terms_id": 1}),
    ("a foreign currency has its name", {"CurrencyId": "SEK"}, {"currency": "SEK"}),
    ("a currency that was not asked for is not known", {"CurrencyId": None}, {"currency": ...}),
]  # fmt: skip


@pytest.mark.parametrize(("given_", "read", "written"), TFSO_TO_RACKBEAT)
def test_a_24so_customer_is_written_to_rackbeat_as(
    given_: str, read: dict[str, Any], written: dict[str, Any]
) -> None:
    record = {k: v for k, v in (IN_24SO | read).items() if v is not None}
    assert to_rackbeat(record) == changed(FOR_RACKBEAT, written), given_


@pytest.mark.parametrize(
    ("settings", "written"),
    [
        (DEFAULTS, {"number": 1045}),
        (BY_EXTERNAL_ID, {"number": 2045}),
        (load_settings({"local_currency": "DKK"}), {"currency": "DKK"}),
    ],
)
def test_the_settings_choose_what_a_customer_gets_in_rackbeat(
    settings: Settings, written: dict[str, Any]
) -> None:
    assert to_rackbeat(IN_24SO, settings) == FOR_RACKBEAT | written


@pytest.mark.parametrize(
    ("setting", "country", "zone"),
    [
        ({"country": "SE"}, "SE", None),
        ({"country": "SE"}, "NO", "abroad"),
        ({"country": "SE"}, "DK", "eu"),
        ({"vat_zone": "rackbeat"}, "SE", None),
        ({}, "Atlantis", None),
    ],
)
def test_the_vat_zone_of_a_new_customer_is_that_of_its_country_seen_from_ones_own(
    setting: dict[str, Any], country: str, zone: str | None
) -> None:
    settings = load_settings({"customer": setting})
    payload = to_rackbeat(IN_24SO | {"Country": country}, settings)
    assert payload.get("vat_zone") == zone
    changed = to_rackbeat(IN_24SO | {"Country": country}, settings, existing=IN_RACKBEAT)
    assert "vat_zone" not in changed


def test_a_customer_whose_number_is_the_external_id_gets_its_id_from_24so() -> None:
    payload = to_24so(IN_RACKBEAT, BY_EXTERNAL_ID)
    assert payload == changed(FOR_24SO, {"Id": ..., "ExplicitlySpecifyNewCompanyId": ...})


def test_suppliers_have_a_type_and_settings_of_their_own() -> None:
    settings = load_settings({"supplier": {"country": "DK"}})
    record = IN_RACKBEAT | {"address_country": None, "payment_terms": None}
    company = suppliers.KIND.rackbeat.parse(record, Context(settings))
    payload = suppliers.KIND.tfso.render(company, Context(settings))
    assert (payload["Type"], payload["Country"]) == ("Supplier", "DK")
    (wanted,) = suppliers.KIND.rackbeat.lookups(company, settings)
    assert wanted == Lookup("payment_terms", "net:30")


@pytest.mark.parametrize(
    ("kind", "type_", "transferred"),
    [
        (customers.KIND, "Business", True),
        (customers.KIND, "Consumer", True),
        (customers.KIND, "Supplier", False),
        (customers.KIND, "Lead", False),
        (customers.KIND, "None", False),
        (suppliers.KIND, "Supplier", True),
        (suppliers.KIND, "Business", False),
    ],
)
def test_the_type_says_whether_a_company_is_a_customer_or_a_supplier(
    kind: Any, type_: str, transferred: bool
) -> None:
    why_not = kind.tfso.excluded({"Type": type_}, DEFAULTS)
    assert (why_not is None) is transferred
    assert transferred or type_ in why_not


# -- private persons --------------------------------------------------------------------------

KARI = {"Id": 7, "Type": "Consumer", "FirstName": "Kari", "Name": "Nordmann"}


@pytest.mark.parametrize(
    ("existing", "name", "names"),
    [
        (KARI, "Kari Berg", {"FirstName": "Kari", "Name": "Berg"}),
        (KARI, "Kari Anne Berg", {"FirstName": "Kari Anne", "Name": "Berg"}),
        (KARI, "Kari Nordmann", {}),
        ({"Type": "Consumer", "FirstName": "Kari"}, "Kari", {}),
        ({"Type": "Consumer", "Name": "Nordmann"}, "Kari Berg", {"Name": "Kari Berg"}),
        ({"Type": "Business", "Name": "Berg"}, "Berg og Dal", {"Name": "Berg og Dal"}),
    ],
)
def test_a_private_persons_new_name_is_divided_as_the_old_one_was(
    existing: dict[str, Any], name: str, names: dict[str, Any]
) -> None:
    payload = to_24so(IN_RACKBEAT | {"name": name}, existing=existing)
    assert {k: v for k, v in payload.items() if k in ("FirstName", "Name")} == names


def test_a_private_persons_first_name_cannot_be_emptied() -> None:
    with pytest.raises(Unmappable, match="'Berg' is a private person with a first name"):
        to_24so(IN_RACKBEAT | {"name": "Berg"}, existing=KARI)


# -- what cannot be carried over, and what is noted -------------------------------------------


@pytest.mark.parametrize(
    ("read", "why"),
    [
        ({"name": "x" * 201}, "The name .* has 201 characters"),
        ({"company_vat": "1" * 21}, "The organisation number .* has 21 characters"),
        ({"name": " ", "company_name": None}, "without a name.*number 1045"),
        ({"number": 2**31}, "larger than 24SevenOffice's own numbers.*customer.number"),
        ({"number": "9" * 5000}, "larger than"),
        ({"payment_terms": {"maturity_days": "soon"}}, "maturity days"),
        ({"payment_terms": {"maturity_days": 40000, "type": "net"}}, "40000 days"),
        ({"payment_terms": {"maturity_days": 10000, "type": "current_month"}}, "10000 days"),
        ({"address_city": {"name": "Otta"}}, "The field city"),
        ({"is_barred": "perhaps"}, "is barred"),
    ],
)
def test_a_rackbeat_customer_24so_cannot_hold_is_unmappable(read: dict[str, Any], why: str) -> None:
    with pytest.raises(Unmappable, match=why):
        to_24so(IN_RACKBEAT | read)


@pytest.mark.parametrize("number", ["K-12", "012", "1.5"])
def test_a_number_that_is_not_whole_cannot_become_a_rackbeat_number(number: str) -> None:
    with pytest.raises(Unmappable, match="The number of the customer 'Fjellheim Sport AS' is"):
        to_rackbeat(IN_24SO | {"ExternalId": number}, BY_EXTERNAL_ID)


def test_default_payment_terms_are_noted_when_a_customer_is_made_and_left_alone_afterwards() -> (
    None
):
    company = CUSTOMER.tfso.parse(IN_24SO | {"PaymentTime": None}, Context(DEFAULTS))
    new = Context(DEFAULTS, found=TERMS)
    assert CUSTOMER.rackbeat.render(company, new)["payment_terms_id"] == 1
    assert new.notes == ["No payment terms; net:14 is used (the default)."]
    update = Context(DEFAULTS, found=TERMS, existing=IN_RACKBEAT)
    assert "payment_terms_id" not in CUSTOMER.rackbeat.render(company, update)
    assert update.notes == []


def test_what_was_read_otherwise_than_written_is_noted() -> None:
    context = Context(DEFAULTS)
    record = IN_RACKBEAT | {"address_country": "Utopia", "contact_email": "a@b.no c@d.no"}
    CUSTOMER.rackbeat.parse(record, context)
    assert len(context.notes) == 2
    CUSTOMER.rackbeat.parse(record, context)
    assert len(context.notes) == 2


# -- recognising the same company -------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "digits"),
    [
        ("912345678", "912345678"),
        ("NO 912 345 678 MVA", "912345678"),
        ("DK-12345678", "12345678"),
    ],
)
def test_a_company_is_recognised_by_mark_number_and_organisation_number(
    written: str, digits: str
) -> None:
    company = Company(number="1045", mark="2045", organisation_number=written)
    assert company.identifiers() == [
        ("mark", "2045"),
        ("number", "1045"),
        ("organisation_number", digits),
    ]


@pytest.mark.parametrize(
    ("one", "other", "why"),
    [
        ({"organisation_number": "NO912345678MVA", "name": "A"},
         {"organisation_number": "912 345 678", "name": "B"}, None),
        ({"organisation_number": "1", "name": "A"}, {"organisation_number": "2", "name": "A"},
         "its organisation number is 2, not 1"),
        ({"name": "FJELL as"}, {"name": "Fjell AS"}, None),
        ({"name": "Fjell"}, {"name": "Havn", "organisation_number": "2"},
         "it is called 'Havn' and not 'Fjell'"),
    ],
)  # fmt: skip
def test_companies_are_the_same_by_organisation_number_or_else_by_name(
    one: dict[str, Any], other: dict[str, Any], why: str | None
) -> None:
    assert Company(**one).contradicts(Company(**other)) == why


# -- there and back ---------------------------------------------------------------------------

ADDRESSES = st.fixed_dictionaries(
    {"street": texts(), "postal_code": maybe(texts(8)), "city": texts()}
) | st.just({})


@st.composite
def companies(draw: st.DrawFn) -> Company:
    number = draw(made_up.numbers())
    address = draw(ADDRESSES)
    countries = st.sampled_from(["NO", "SE", "DK", "DE"])
    return Company(
        number=number,
        mark=number,
        name=draw(texts(200)),
        organisation_number=draw(maybe(texts(20))),
        email=draw(maybe(st.sampled_from(["post@fjell.no", "kåre@blåbær.no"]))),
        phone=draw(maybe(texts())),
        country=draw(countries if address else maybe(countries)),
        payment_terms=draw(st.sampled_from([lookup.value for lookup in TERMS])),
        currency=draw(maybe(st.sampled_from(["NOK", "SEK", "EUR"]))),
        active=draw(maybe(st.booleans())),
        **address,
    )


@given(companies())
def test_rackbeat_keeps_every_field_it_is_sent(company: Company) -> None:
    context = Context(DEFAULTS, found=TERMS)
    payload = CUSTOMER.rackbeat.render(company, context)
    sent = rackbeat_json.decode(rackbeat_json.encode(payload).encode())
    assert CUSTOMER.rackbeat.parse(sent, context) == company


@given(companies(), st.sampled_from([DEFAULTS, BY_EXTERNAL_ID]))
def test_24so_keeps_every_field_it_is_sent(company: Company, settings: Settings) -> None:
    sent = tfso_values.write(CUSTOMER.tfso.render(company, Context(settings)))
    found = CUSTOMER.tfso.parse(sent, Context(settings))
    assert found == company.model_copy(update={"active": None})  # it has no such state


@given(companies(), companies())
def test_an_update_of_a_private_person_is_read_back_as_it_was_meant(
    new: Company, old: Company
) -> None:
    there = CUSTOMER.tfso.render(old, Context(DEFAULTS)) | {"Type": "Consumer", "FirstName": "Kari"}
    with suppress(Unmappable):
        payload = CUSTOMER.tfso.render(new, Context(DEFAULTS, existing=there))
        after = CUSTOMER.tfso.parse(there | payload, Context(DEFAULTS))
        assert (after.name or "").split() == (new.name or "").split()


TFSO_RUBBISH = rubbish_in(
    *IN_24SO,
    "FirstName",
    Addresses=rubbish_in(Post=rubbish_in("Street", "PostalCode", "PostalArea", "City", "Country")),
    EmailAddresses=rubbish_in(Primary=rubbish_in("Value"), Invoice=RUBBISH),
    PhoneNumbers=rubbish_in(Primary=rubbish_in("Value"), Work=rubbish_in("Value")),
)
RACKBEAT_RUBBISH = rubbish_in(*IN_RACKBEAT, payment_terms=rubbish_in("maturity_days", "type"))


@given(RACKBEAT_RUBBISH, TFSO_RUBBISH)
def test_a_company_of_rubbish_is_understood_or_unmappable(rackbeat: Any, tfso: Any) -> None:
    for side, record in ((CUSTOMER.rackbeat, rackbeat), (CUSTOMER.tfso, tfso)):
        with suppress(Unmappable):
            json.dumps(side.parse(record, Context(DEFAULTS)).seen())


@pytest.mark.parametrize(
    ("digits", "written"),
    [
        ("912345678",
         ["912345678", "912 345 678", "NO912345678MVA", "NO 912 345 678 MVA"]),
        ("5561234567", ["5561234567"]),  # a Swedish one
    ],
)  # fmt: skip
def test_a_norwegian_organisation_number_is_looked_for_as_people_write_it(
    digits: str, written: list[str]
) -> None:
    assert spellings(digits) == written
