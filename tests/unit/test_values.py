"""Single values that both systems write in their own way."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pycountry
import pytest
from email_validator import validate_email
from hypothesis import given
from hypothesis import strategies as st

from shared import values
from shared.failures import Unmappable
from shared.kind import Context
from shared.rackbeat import numbers
from shared.settings import Settings
from shared.tfso import values as tfso_values
from tests.harness.given import RUBBISH

# -- numbers ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (None, None),
        ("", None),
        ("249.5000", "249.5"),
        (Decimal("249.50"), "249.5"),
        (249, "249"),
        ("1E+2", "100"),
        ("-12.5", "-12.5"),
        ("0.0000004", "0"),
        ("0.3333333333", "0.333333"),  # Rackbeat holds six places
        (0, "0"),
    ],
)
def test_a_number_is_read_from_a_number_or_from_text(written: Any, read: str | None) -> None:
    found = values.decimal(written, "price")
    assert (None if found is None else str(found)) == read


@pytest.mark.parametrize(
    "written", ["12,50", "gratis", "NaN", "Infinity", "-inf", "1E+400", 10**15, True, [], {}]
)
def test_what_is_no_number_is_unmappable_and_its_field_is_named(written: Any) -> None:
    with pytest.raises(Unmappable, match="The field price is "):
        values.decimal(written, "price")


@given(st.decimals(-(10**14), 10**14) | st.integers(-(10**14), 10**14))
def test_a_number_is_never_sent_with_an_exponent_to_either_system(written: Any) -> None:
    number = values.decimal(written, "price")
    to_tfso = tfso_values.write({"Price": number})["Price"]
    to_rackbeat = numbers.encode({"sales_price": number})
    assert "E" not in to_tfso.upper()
    assert "E" not in to_rackbeat.removeprefix('{"sales_price":').upper()
    assert numbers.decode(to_rackbeat.encode()) == {"sales_price": number}
    assert Decimal(to_tfso) == number


@pytest.mark.parametrize(("written", "read"), [(None, None), ("14", 14), (Decimal("14.0"), 14)])
def test_a_whole_number_is_read_in_any_spelling(written: Any, read: int | None) -> None:
    assert values.whole(written, "days") == read


@pytest.mark.parametrize("written", ["14.5", "two", True])
def test_what_is_no_whole_number_is_unmappable(written: Any) -> None:
    with pytest.raises(Unmappable, match="days"):
        values.whole(written, "days")


@pytest.mark.parametrize(
    ("written", "read"), [(None, None), (True, True), (False, False), (1, True), ("0", False)]
)
def test_yes_and_no_are_read_in_any_spelling(written: Any, read: bool | None) -> None:
    assert values.flag(written, "is barred") is read


@pytest.mark.parametrize("written", [2, "yes", -1, []])
def test_what_is_neither_yes_nor_no_is_unmappable(written: Any) -> None:
    with pytest.raises(Unmappable, match="is barred"):
        values.flag(written, "is barred")


# -- days and times ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "written",
    [
        "2026-03-09",
        "2026-03-09 23:59:59",  # Rackbeat
        "2026-03-09T00:00:00Z",  # 24SevenOffice, as a snapshot holds it
        "2026-03-08T23:00:00Z",  # midnight in Norway
        datetime(2026, 3, 9, 22, 59, tzinfo=UTC),
        datetime(2026, 3, 9, 23, 59),  # noqa: DTZ001 - no zone, as Rackbeat's times
        date(2026, 3, 9),
    ],
)
def test_a_day_is_read_from_a_day_or_a_time(written: Any) -> None:
    assert values.day(written, "order date") == date(2026, 3, 9)


@pytest.mark.parametrize(
    ("told", "day"),
    [
        ("2026-11-30T22:59:59Z", "2026-11-30"),  # winter: one hour before UTC
        ("2026-11-30T23:00:00Z", "2026-12-01"),
        ("2026-06-30T21:59:59Z", "2026-06-30"),  # summer: two
        ("2026-06-30T22:00:00Z", "2026-07-01"),
        ("2026-03-28T23:00:00Z", "2026-03-29"),  # the day whose clocks go forward
        ("2026-03-29T21:59:59Z", "2026-03-29"),
        ("2026-03-29T22:00:00Z", "2026-03-30"),
        ("2026-10-24T22:00:00Z", "2026-10-25"),  # the day whose clocks go back
        ("2026-10-25T22:59:59Z", "2026-10-25"),
        ("2026-10-25T23:00:00Z", "2026-10-26"),
        ("2026-12-01T00:30:00+02:00", "2026-11-30"),
        ("9999-12-31T23:30:00Z", "9999-12-31"),
    ],
)
def test_a_time_with_a_zone_is_of_the_day_it_is_in_norway(told: str, day: str) -> None:
    for written in (told, datetime.fromisoformat(told)):
        assert values.day(written, "invoice date") == date.fromisoformat(day)


DAYS = st.dates(date(1900, 1, 1), date(9999, 12, 30))


@given(DAYS)
def test_midnight_in_norway_belongs_to_its_day(day: date) -> None:
    midnight = datetime.combine(day, time(), values.NORWAY)
    assert values.day(midnight.astimezone(UTC), "invoice date") == day
    assert values.day(midnight - timedelta(seconds=1), "invoice date") == day - timedelta(days=1)


@given(DAYS)
def test_a_day_that_is_written_to_24so_comes_back_as_the_same_day(day: date) -> None:
    for sent in (day, datetime.combine(day, time(), UTC)):
        text = tfso_values.write({"DateInvoiced": sent})["DateInvoiced"]
        answered = tfso_values.read(datetime.fromisoformat(text).replace(tzinfo=None))
        assert values.day(text, "date") == values.day(answered, "date") == day


@pytest.mark.parametrize("written", ["09.03.2026", "2026-02-30", "soon", 5, [], True])
def test_what_is_no_date_is_unmappable_and_its_field_is_named(written: Any) -> None:
    with pytest.raises(Unmappable, match="The field order date is "):
        values.day(written, "order date")


@pytest.mark.parametrize("written", [None, ""])
def test_no_date_is_no_day(written: Any) -> None:
    assert values.day(written, "order date") is None


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2026-03-09T12:00:00", datetime(2026, 3, 9, 12, tzinfo=UTC)),
        ("2026-03-09T12:00:00+02:00", datetime(2026, 3, 9, 10, tzinfo=UTC)),
        (datetime(2026, 3, 9, 12), datetime(2026, 3, 9, 12, tzinfo=UTC)),  # noqa: DTZ001
        ("0001-01-01T00:00:00+02:00", None),
        ("yesterday", None),
        (None, None),
    ],
)
def test_a_time_without_a_zone_is_utc(written: Any, read: datetime | None) -> None:
    assert values.moment(written) == read


# -- countries --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("NO", "NO"),
        ("no", "NO"),
        ("NOR", "NO"),
        ("Norge", "NO"),
        ("NOREG", "NO"),
        (" Norway ", "NO"),
        ("Danmark", "DK"),
        ("Sverige", "SE"),
        ("Tyskland", "DE"),
        ("Germany", "DE"),
        ("Finland", "FI"),
        ("Storbritannia", "GB"),
        ("United Kingdom", "GB"),
        ("Nederland", "NL"),
        ("USA", "US"),
    ],
)
def test_a_country_is_understood_in_english_and_the_nordic_languages(
    written: str, code: str
) -> None:
    context = Context(Settings())
    assert values.country(written, "IS", context) == code
    in_words = written not in ("NO", "no")
    assert context.notes == [f"Country '{written.strip()}' is read as {code}."] * in_words


def test_every_countrys_codes_stand_for_itself() -> None:
    for entry in pycountry.countries:
        for code in (entry.alpha_2, entry.alpha_3):
            assert values.country(code, "XX", Context(Settings())) == entry.alpha_2


def test_a_country_that_is_not_written_is_the_default_without_a_note() -> None:
    context = Context(Settings())
    assert values.country(" ", "DK", context) == "DK"
    assert context.notes == []


def test_an_unknown_country_becomes_the_default_and_the_journal_says_so() -> None:
    context = Context(Settings())
    assert values.country("Langtvekkistan", "DK", context) == "DK"
    assert context.notes == ["Country 'Langtvekkistan' is not known; DK is used instead."]


# -- e-mail addresses -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "address", "notes"),
    [
        (None, None, 0),
        ("  ", None, 0),
        ("post@fjell.no", "post@fjell.no", 0),
        (" post@fjell.no ", "post@fjell.no", 0),
        ("post@fjell.no; faktura@fjell.no", "post@fjell.no", 1),
        ("post@fjell.no,faktura@fjell.no", "post@fjell.no", 1),
        ("ring først / faktura@fjell.no", "faktura@fjell.no", 1),
        ("Kari Fjell <kari@fjell.no>", "kari@fjell.no", 1),
        ("<kari@fjell.no>", "kari@fjell.no", 1),
        ("post@fjell; faktura@fjell.no", "faktura@fjell.no", 1),
        ("kåre@blåbær.no", "kåre@blåbær.no", 0),
        ("se fakturaadresse", None, 1),
        ("post@", None, 1),
        (12345678, None, 1),
    ],
)
def test_the_first_valid_address_is_taken_and_the_journal_says_what_was_left_out(
    written: Any, address: str | None, notes: int
) -> None:
    context = Context(Settings())
    assert values.email(written, context) == address
    assert len(context.notes) == notes


@given(st.text() | st.lists(st.emails() | st.text(max_size=10), max_size=3).map("; ".join))
def test_whatever_the_field_holds_an_address_that_is_taken_is_valid(written: str) -> None:
    address = values.email(written, Context(Settings()))
    if address is not None:
        assert validate_email(address, check_deliverability=False).normalized == address


# -- records ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("record", "found"),
    [
        ({"Addresses": {"Post": {"Street": "Storgata 1"}}}, {"Street": "Storgata 1"}),
        ({"Addresses": {"Post": None}}, {}),
        ({"Addresses": "Storgata 1"}, {}),
        ({}, {}),
        (None, {}),
    ],
)
def test_a_record_within_a_record_is_empty_where_there_is_none(record: Any, found: Any) -> None:
    assert values.part(record, "Addresses", "Post") == found


@pytest.mark.parametrize("value", ["lines", 1, {"id": 1}, [1], [None]])
def test_a_list_that_is_no_list_of_records_is_unmappable(value: Any) -> None:
    with pytest.raises(Unmappable, match="lines"):
        values.records(value, "lines")


def test_an_absent_list_holds_nothing() -> None:
    assert values.records(None, "lines") == []


def test_fields_without_a_value_are_not_sent_at_any_depth() -> None:
    payload = {"a": None, "b": {"c": None, "d": {"e": None}}, "f": {"g": 0, "h": None}, "i": []}
    assert values.without_nothing(payload) == {"f": {"g": 0}, "i": []}


@given(st.dictionaries(st.text(max_size=3), RUBBISH))
def test_leaving_out_what_has_no_value_twice_changes_nothing_more(payload: Any) -> None:
    once = values.without_nothing(payload)
    assert repr(values.without_nothing(once)) == repr(once)


def test_text_is_never_cut() -> None:
    assert values.no_longer_than("Bord", 4, "name", "24SevenOffice") == "Bord"
    assert values.no_longer_than(None, 4, "name", "24SevenOffice") is None
    with pytest.raises(
        Unmappable, match="'Bordet' has 6 characters, 24SevenOffice takes at most 4"
    ):
        values.no_longer_than("Bordet", 4, "name", "24SevenOffice")
