"""Which fields count as emptied, and which empty ones stay so."""

from __future__ import annotations

import pytest

from shared.engine.emptying import emptied_since, kept_empty
from shared.kind import Context
from shared.settings import Settings
from tasks.companies import Company
from tasks.customers import KIND
from tasks.orders import Order

FULL = Company(name="Vidda AS", phone="22334455", city="Geilo")


def company(**fields: str | None) -> Company:
    return Company(**(FULL.model_dump(exclude_unset=True) | fields))


def test_a_field_is_emptied_where_it_had_a_value_and_is_known_to_have_none_now() -> None:
    known = FULL.seen()
    assert emptied_since(known, FULL) == set()
    assert emptied_since(known, company(phone=None, city=None)) == {"phone", "city"}
    assert emptied_since(known, company(phone=" ")) == {"phone"}
    assert emptied_since(known, Company(name="Vidda AS", phone=None)) == {"phone"}


@pytest.mark.parametrize("known", [{}, {"city": "Geilo"}, {"phone": None}])
def test_what_had_no_value_is_not_emptied(known: dict[str, str | None]) -> None:
    assert emptied_since(known, company(phone=None)) == set()


def test_a_name_is_never_emptied() -> None:
    assert emptied_since(FULL.seen(), company(name=None)) == set()


def test_what_a_record_does_not_show_is_not_known_to_be_empty() -> None:
    record = {"number": 7, "name": "Vidda AS", "contact_phone": None, "contact_email": "post(at)"}
    read = KIND.rackbeat.parse(record, Context(Settings()))
    assert read.empty() == {"phone"}
    assert read.email is None


def test_nothing_of_a_cancelled_order_is_emptied() -> None:
    known = Order(heading="Vinter").seen()
    assert emptied_since(known, Order(heading=None)) == {"heading"}
    assert emptied_since(known, Order(heading=None, cancelled=True)) == set()


@pytest.mark.parametrize(
    ("source_known", "target_known", "now", "kept"),
    [
        ("22334455", None, "22334455", True),
        ("22334455", None, "99887766", False),  # edited at the source
        ("22334455", "22334455", "22334455", False),  # emptied at the target only now
        (None, None, "22334455", False),
        (None, None, None, True),
        (..., None, "22334455", False),
        ("22334455", ..., "22334455", False),
    ],
)
def test_an_empty_field_stays_so_while_nobody_edits_it(
    source_known: object, target_known: object, now: str | None, kept: bool
) -> None:
    stored = [{} if value is ... else {"phone": value} for value in (source_known, target_known)]
    found = kept_empty(
        company(phone=now),
        Company(name="Vidda AS", phone=None),
        source_known=stored[0],
        target_known=stored[1],
    )
    assert found == ({"phone"} if kept else set())


def test_a_field_to_be_emptied_is_told_from_one_that_is_not_mentioned() -> None:
    wanted = company(city=None).with_all({"phone"}, "")
    assert wanted.to_be_emptied() == {"phone"}
    context = Context(Settings(), existing={})
    payload = KIND.rackbeat.render(wanted, context)
    assert payload["contact_phone"] == ""
    assert "address_city" not in payload
    assert KIND.rackbeat.parse(payload, Context(Settings())).phone is None
