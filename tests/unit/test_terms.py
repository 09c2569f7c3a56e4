"""Payment terms: 24SevenOffice's PaymentTime, and days with their kind."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.failures import Unmappable
from shared.tfso import terms
from tasks.payment_terms import due_on, that_are_due

# PaymentTime, and what the vendor's documentation says of it.
TABLE = [
    (None, None),
    (0, "net:0"),  # no credit
    (1, "net:1"),
    (14, "net:14"),
    (32767, "net:32767"),  # a short holds no more
    (-1, "month:30"),
    (-2, "month:60"),
    (-3, "month:90"),
    (-4, "month:0"),
    (-5, "month:45"),
    (-9980, "month:20"),  # end of month and 20 days: 20 - 10000
    (-6, "month:9994"),
]


@pytest.mark.parametrize(("code", "said"), TABLE)
def test_a_payment_time_means_what_the_documentation_says(
    code: int | None, said: str | None
) -> None:
    assert terms.read(code) == said
    assert terms.write(said) == code


@given(st.integers(-10000, 32767))
def test_terms_read_from_24so_are_written_back_so_that_they_mean_the_same(code: int) -> None:
    assert terms.read(terms.write(terms.read(code))) == terms.read(code)


@given(st.integers(-32768, -10001))
def test_a_code_that_nothing_explains_is_no_payment_terms(code: int) -> None:
    assert terms.read(code) is None


@pytest.mark.parametrize("said", ["net:32768", "net:-1", "month:9995", "month:10014", "month:-1"])
def test_terms_that_no_payment_time_stands_for_are_refused_and_not_turned_into_others(
    said: str,
) -> None:
    with pytest.raises(Unmappable, match="Choose other terms"):
        terms.write(said)


INVOICED = date(2026, 10, 31)
LAST_DAY = date(9999, 12, 31)


@pytest.mark.parametrize(
    ("invoiced", "said", "due"),
    [
        (INVOICED, "net:30", date(2026, 11, 30)),
        (INVOICED, "net:0", INVOICED),
        (INVOICED, "month:0", INVOICED),
        (date(2026, 10, 1), "month:0", INVOICED),
        (date(2028, 2, 2), "month:15", date(2028, 3, 15)),
        (INVOICED, None, None),
        (None, "net:30", None),
        (LAST_DAY, "net:1", None),
    ],
)
def test_an_invoice_is_due_by_its_terms(
    invoiced: date | None, said: str | None, due: date | None
) -> None:
    assert due_on(invoiced, said) == due


@pytest.mark.parametrize(
    ("own", "invoiced", "due", "terms_"),
    [
        ("net:30", INVOICED, date(2026, 11, 30), "net:30"),
        ("month:30", INVOICED, date(2026, 11, 30), "month:30"),  # as it is, though net:30 says so
        ("net:14", INVOICED, date(2026, 11, 30), "net:30"),  # somebody has given more time
        (None, INVOICED, date(2026, 11, 30), "net:30"),
        ("net:14", INVOICED, date(2026, 10, 30), "net:0"),
        ("net:14", INVOICED, None, "net:14"),
        ("net:14", None, date(2026, 11, 30), "net:14"),
        (None, None, None, None),
    ],
)
def test_the_terms_of_an_invoice_are_those_it_is_due_by(
    own: str | None, invoiced: date | None, due: date | None, terms_: str | None
) -> None:
    assert that_are_due(own, invoiced, due) == terms_
