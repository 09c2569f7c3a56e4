"""Fields that a person empties: empty at the other side too, where it can be, and never back."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from shared.links import see
from shared.tables import Change, Link
from shared.words import System
from tests.harness.mission import convert, later, reconcile, row, tfso_goods, the_only_draft
from tests.harness.people import (
    linked,
    rackbeat_customer,
    tfso_customer,
    tfso_order,
    tfso_product,
)
from tests.harness.world import Json, World

PHONE = {"PhoneNumbers": {"Primary": {"Value": "22 33 44 55"}}}
# A company's fields that can be empty: in Rackbeat, and the elements in 24SevenOffice.
FIELDS = {
    "contact_phone": ("PhoneNumbers", "Primary", "Value"),
    "contact_email": ("EmailAddresses", "Primary", "Value"),
    "company_vat": ("OrganizationNumber",),
    "address_street": ("Addresses", "Post", "Street"),
    "address_zipcode": ("Addresses", "Post", "PostalCode"),
    "address_city": ("Addresses", "Post", "PostalArea"),
}


def nested(path: Sequence[str], value: object) -> Json:
    for name in reversed(path):
        value = {name: value}
    assert isinstance(value, dict)
    return value


def dug(record: Json, path: Sequence[str]) -> object:
    value: object = record
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def a_customer(world: World, **settings: Json) -> Link:
    """In both systems, with every field filled."""
    world.connect(**settings)
    return linked(world, "customer", tfso_customer(world, **PHONE))


def customers_of_all_fields(world: World) -> dict[str, Link]:
    """One in both systems for each of the fields, with every field filled."""
    world.connect()
    made = {
        field: tfso_customer(
            world, Name=f"Vidda {n} AS", OrganizationNumber=f"99988877{n}", **PHONE
        )
        for n, field in enumerate(FIELDS)
    }
    linked(world, "customer", made["contact_phone"])
    links = {link.tfso_key: link for link in world.links("customer")}
    return {field: links[str(company["Id"])] for field, company in made.items()}


def changes_of(world: World, link: Link) -> list[Change]:
    """Those of a customer, either way."""
    keys = (link.rackbeat_key, link.tfso_key)
    return [change for change in world.changes(kind="customer") if change.key in keys]


def notes_of(changes: Sequence[Change]) -> list[str]:
    return [note for change in changes for note in change.notes if "emptied" in note]


# -- emptied in 24SevenOffice -------------------------------------------------------------------


def test_a_field_emptied_in_24so_is_emptied_in_rackbeat_once(the_world: World) -> None:
    links = customers_of_all_fields(the_world)
    before = {f: the_world.in_rackbeat("customers", links[f].rackbeat_key) for f in FIELDS}
    the_world.reset_calls()
    for field, path in FIELDS.items():
        the_world.tfso.edit("companies", links[field].tfso_key, nested(path, None))
    later(the_world)
    for field in FIELDS:
        after = the_world.in_rackbeat("customers", links[field].rackbeat_key)
        assert before[field][field]
        assert after == before[field] | {field: None, "updated_at": after["updated_at"]}
    later(the_world)
    reconcile(the_world)
    assert the_world.writes() == {"PUT /customers/{number}": len(FIELDS)}
    for field in FIELDS:
        renamed = {"company_name": f"{field} Sport"}
        the_world.rackbeat.edit("customers", links[field].rackbeat_key, renamed)
    later(the_world)
    for field, path in FIELDS.items():
        there = the_world.in_tfso("companies", links[field].tfso_key)
        assert (there["Name"], dug(there, path)) == (f"{field} Sport", None)


def test_a_product_emptied_in_24so_is_emptied_in_rackbeat(the_world: World) -> None:
    the_world.connect()
    link = linked(the_world, "product", tfso_product(the_world, Description="Lakkert"))
    the_world.reset_calls()
    the_world.tfso.edit("products", link.tfso_key, {"Description": None, "EAN1": None})
    later(the_world)
    there = the_world.in_rackbeat("products", link.rackbeat_key)
    assert (there["description"], there["barcode"]) == (None, None)
    assert (there["name"], float(there["sales_price"])) == ("Fjellski 205 cm", 3499.9)
    later(the_world)
    assert the_world.writes() == {"PUT /products/{number}": 1}


def test_a_structure_items_description_stays_with_a_remark(the_world: World) -> None:
    the_world.connect()
    link = linked(the_world, "product", tfso_product(the_world, Description="Lakkert"))
    convert(the_world, link.rackbeat_key)
    the_world.reset_calls()
    the_world.tfso.edit("products", link.tfso_key, {"Description": None})
    later(the_world)
    assert the_world.writes() == {}
    assert the_world.in_rackbeat("lots", link.rackbeat_key)["description"] == "Lakkert"
    (note,) = notes_of(the_world.changes(kind="product"))
    assert "description" in note
    assert "Rackbeat" in note


@pytest.mark.parametrize(("reference", "left"), [(None, None), ("Kari", "Deres referanse: Kari")])
def test_the_heading_and_the_text_of_an_order_are_emptied_with_it(
    the_world: World, reference: str | None, left: str | None
) -> None:
    the_world.connect(order={"origin": "24so"})
    customer, product = tfso_goods(the_world)
    texts = {"InvoiceTitle": "Vinter", "InvoiceText": "Til Geilo"}
    order = tfso_order(the_world, customer["Id"], row(product), **texts, YourReference=reference)
    later(the_world)
    draft = the_only_draft(the_world)
    assert draft["heading"] == "Vinter"
    assert draft["note"] == "\n".join(filter(None, ["Til Geilo", left]))
    the_world.tfso.edit("orders", order["OrderId"], dict.fromkeys(texts))
    later(the_world)
    draft = the_only_draft(the_world)
    assert (draft["heading"], draft["note"]) == (None, left)
    assert the_world.states() == []


def test_where_rackbeat_insists_on_a_value_the_rest_is_written_with_a_remark(
    the_world: World,
) -> None:
    link = a_customer(the_world)
    the_world.rackbeat.fault(
        operation="PUT /customers/*",
        times=1,
        effect="answer",
        status=422,
        body='{"message": "The contact email field is required."}',
    )
    edit = {"Name": "Vidda Sport AS", "EmailAddresses": {"Primary": {"Value": None}}}
    the_world.tfso.edit("companies", link.tfso_key, edit)
    later(the_world)
    there = the_world.in_rackbeat("customers", link.rackbeat_key)
    assert (there["name"], there["contact_email"]) == ("Vidda Sport AS", "post@vidda.example")
    (note,) = notes_of(the_world.changes(kind="customer"))
    assert "email" in note
    the_world.rackbeat.edit("customers", link.rackbeat_key, {"address_city": "Otta"})
    later(the_world)
    company = the_world.in_tfso("companies", link.tfso_key)
    assert company["Addresses"]["Post"]["PostalArea"] == "Otta"
    assert dug(company, FIELDS["contact_email"]) is None


def test_an_address_that_cannot_be_read_empties_nothing(the_world: World) -> None:
    link = a_customer(the_world)
    rubbish = {"EmailAddresses": {"Primary": {"Value": "post(at)vidda"}}}
    the_world.tfso.edit("companies", link.tfso_key, rubbish)
    later(the_world)
    there = the_world.in_rackbeat("customers", link.rackbeat_key)
    assert there["contact_email"] == "post@vidda.example"


# -- emptied in Rackbeat ------------------------------------------------------------------------


@pytest.mark.parametrize("webhooks", [True, False])
def test_a_field_emptied_in_rackbeat_is_told_once_and_never_comes_back(
    the_world: World, webhooks: bool
) -> None:
    links = customers_of_all_fields(the_world)
    kept = {f: dug(the_world.in_tfso("companies", links[f].tfso_key), FIELDS[f]) for f in FIELDS}
    for field in FIELDS:
        the_world.rackbeat.edit(
            "customers", links[field].rackbeat_key, {field: None}, webhooks=webhooks
        )
    if webhooks:
        the_world.settle()
    else:
        assert reconcile(the_world)["customer"]["changed_in_rackbeat"] == len(FIELDS)
    notes = {}
    for field, path in FIELDS.items():
        there = the_world.in_tfso("companies", links[field].tfso_key)
        assert dug(there, path) == kept[field]  # no empty value can be sent
        (note,) = notes_of(changes_of(the_world, links[field]))
        assert "Rackbeat" in note
        assert str(kept[field]) in note
        notes[field] = note
    for name in ("Sport", "Ski"):
        for field in FIELDS:
            the_world.tfso.edit("companies", links[field].tfso_key, {"Name": f"{name} {field}"})
        later(the_world)
        for field in FIELDS:
            here = the_world.in_rackbeat("customers", links[field].rackbeat_key)
            assert (here["name"], here[field]) == (f"{name} {field}", None)
    for field in FIELDS:
        renamed = {"company_name": f"{field} AS"}
        the_world.rackbeat.edit("customers", links[field].rackbeat_key, renamed)
    later(the_world)
    assert "changed_in_rackbeat" not in reconcile(the_world).get("customer", {})
    for field in FIELDS:
        assert the_world.in_tfso("companies", links[field].tfso_key)["Name"] == f"{field} AS"
        assert the_world.in_rackbeat("customers", links[field].rackbeat_key)[field] is None
        assert notes_of(changes_of(the_world, links[field])) == [notes[field]]


def test_once_it_is_emptied_in_24so_by_hand_both_agree_and_a_new_value_travels_again(
    the_world: World,
) -> None:
    link = a_customer(the_world)
    the_world.rackbeat.edit("customers", link.rackbeat_key, {"contact_phone": None})
    the_world.settle()
    the_world.reset_calls()
    the_world.tfso.edit("companies", link.tfso_key, nested(FIELDS["contact_phone"], None))
    later(the_world)
    assert the_world.writes() == {}
    new = nested(FIELDS["contact_phone"], "99 88 77 66")
    the_world.tfso.edit("companies", link.tfso_key, new)
    later(the_world)
    here = the_world.in_rackbeat("customers", link.rackbeat_key)
    assert here["contact_phone"] == "99 88 77 66"
    the_world.rackbeat.edit("customers", link.rackbeat_key, {"contact_phone": "11 22 33 44"})
    later(the_world)
    there = the_world.in_tfso("companies", link.tfso_key)
    assert dug(there, FIELDS["contact_phone"]) == "11 22 33 44"


def test_a_value_put_back_in_rackbeat_is_nothing_to_write(the_world: World) -> None:
    link = a_customer(the_world)
    for phone in (None, "22 33 44 55"):
        the_world.reset_calls()
        the_world.rackbeat.edit("customers", link.rackbeat_key, {"contact_phone": phone})
        the_world.settle()
        assert the_world.writes() == {}
    the_world.tfso.edit("companies", link.tfso_key, nested(FIELDS["contact_phone"], "99 88 77 66"))
    later(the_world)
    here = the_world.in_rackbeat("customers", link.rackbeat_key)
    assert here["contact_phone"] == "99 88 77 66"


def test_a_link_of_the_version_before_keeps_what_was_emptied_empty(the_world: World) -> None:
    link = a_customer(the_world)
    the_world.rackbeat.edit("customers", link.rackbeat_key, {"contact_phone": None}, webhooks=False)
    with the_world.sessions.begin() as session:
        stored = session.get_one(Link, link.id)
        # So it stored an emptied field.
        see(
            stored,
            System.RACKBEAT,
            {**stored.rackbeat_seen, "phone": None},
            the_world.clock(),
        )
    the_world.tfso.edit("companies", link.tfso_key, {"Name": "Vidda Sport AS"})
    later(the_world)
    here = the_world.in_rackbeat("customers", link.rackbeat_key)
    assert (here["name"], here["contact_phone"]) == ("Vidda Sport AS", None)


def test_where_rackbeat_is_no_origin_what_is_emptied_there_is_filled_again(
    the_world: World,
) -> None:
    link = a_customer(the_world, customer={"origin": "24so"})
    the_world.rackbeat.edit("customers", link.rackbeat_key, {"contact_phone": None})
    reconcile(the_world)
    here = the_world.in_rackbeat("customers", link.rackbeat_key)
    assert here["contact_phone"] == "22 33 44 55"


# -- with edits on both sides -------------------------------------------------------------------


@pytest.mark.parametrize("winner", ["rackbeat", "24so"])
def test_the_winner_of_two_edits_decides_whether_a_field_is_empty(
    the_world: World, winner: str
) -> None:
    link = a_customer(the_world, conflict={"wins": winner})
    new = nested(FIELDS["contact_phone"], "99 88 77 66")
    the_world.tfso.edit("companies", link.tfso_key, new)
    the_world.rackbeat.edit("customers", link.rackbeat_key, {"contact_phone": None})
    later(the_world)
    here = the_world.in_rackbeat("customers", link.rackbeat_key)
    there = the_world.in_tfso("companies", link.tfso_key)
    assert dug(there, FIELDS["contact_phone"]) == "99 88 77 66"
    assert here["contact_phone"] == (None if winner == "rackbeat" else "99 88 77 66")
    told = " ".join(note for c in the_world.changes(kind="customer") for note in c.notes)
    assert ("'phone': None" if winner == "24so" else "99 88 77 66") in told


def test_an_emptied_field_wins_over_an_edit_in_rackbeat_which_the_journal_keeps(
    the_world: World,
) -> None:
    link = a_customer(the_world, conflict={"wins": "24so"})
    the_world.rackbeat.edit(
        "customers", link.rackbeat_key, {"contact_phone": "11 22 33 44"}, webhooks=False
    )
    the_world.tfso.edit("companies", link.tfso_key, nested(FIELDS["contact_phone"], None))
    later(the_world)
    here = the_world.in_rackbeat("customers", link.rackbeat_key)
    assert here["contact_phone"] is None
    told = " ".join(note for c in the_world.changes(kind="customer") for note in c.notes)
    assert "11 22 33 44" in told


# -- the first time -----------------------------------------------------------------------------


def test_an_empty_field_wipes_nothing_when_two_records_are_matched(the_world: World) -> None:
    the_world.connect()
    rackbeat_customer(
        the_world, company_vat="999888777", company_name="Vidda Friluft AS",
        contact_phone="11 22 33 44", contact_email=None, webhooks=False,
    )  # fmt: skip
    link = linked(the_world, "customer", tfso_customer(the_world))
    reconcile(the_world)
    assert the_world.in_rackbeat("customers", link.rackbeat_key)["contact_phone"] == "11 22 33 44"


def test_an_empty_field_wipes_nothing_in_24so_either(the_world: World) -> None:
    the_world.connect(customer={"origin": "rackbeat"})
    theirs = tfso_customer(the_world)
    rackbeat_customer(
        the_world, company_vat="999888777", company_name="Vidda Friluft AS",
        contact_phone="11 22 33 44", contact_email=None,
    )  # fmt: skip
    the_world.settle()
    change = the_world.change(kind="customer")
    assert change.outcome == "updated"
    assert notes_of([change]) == []
    there = the_world.in_tfso("companies", theirs["Id"])
    assert dug(there, FIELDS["contact_email"]) == "post@vidda.example"
    assert dug(there, FIELDS["contact_phone"]) == "11 22 33 44"
