"""Which records were there before the connection."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from shared.baseline import NOT_WANTED, is_old, noted_again, read_anew, was_there

BEGAN = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
LONG_BEFORE, AFTER = BEGAN - timedelta(days=30), BEGAN + timedelta(days=1)
BASELINE = {"1005": "says this", "1007": NOT_WANTED, "1009": "says that"}


@pytest.mark.parametrize(
    ("key", "said", "for_good", "expected"),
    [
        ("1005", "says this", False, True),
        ("1005", "edited", False, False),
        ("1005", "edited", True, True),
        ("1007", "booked by now", True, False),
        ("1010", "new", True, False),
    ],
)
def test_what_was_there_is_left_alone_until_it_is_edited_or_for_good(
    key: str, said: str, for_good: bool, expected: bool
) -> None:
    assert was_there(BASELINE, key, said, for_good=for_good) is expected


@pytest.mark.parametrize(
    ("baseline", "key", "in_order", "existed_by", "expected"),
    [
        (BASELINE, "1005", True, None, True),
        (BASELINE, "1007", True, LONG_BEFORE, False),  # a draft that is booked by now
        (BASELINE, "1010", True, AFTER, False),
        (BASELINE, "1004", True, None, True),  # older than all that were listed
        (BASELINE, "1004", False, None, False),  # perhaps it was not changed in that month
        (BASELINE, "1004", False, LONG_BEFORE, True),
        ({}, "1004", True, None, False),
        (None, "1004", True, None, False),
        (None, "1004", True, LONG_BEFORE, True),
        (None, "1004", True, BEGAN - timedelta(hours=2), False),  # or it is only another zone
    ],
)
def test_a_document_is_old_by_what_was_noted_by_its_number_or_by_its_time(
    baseline: dict[str, str] | None,
    key: str,
    in_order: bool,
    existed_by: datetime | None,
    expected: bool,
) -> None:
    found = is_old(baseline, key, in_order=in_order, existed_by=existed_by, began=BEGAN)
    assert found is expected


def test_what_is_read_by_other_settings_was_there_still_and_is_noted_at_the_next_comparison() -> (
    None
):
    anew = read_anew(BASELINE)
    assert was_there(anew, "1005", "says this otherwise", for_good=False)
    assert not was_there(anew, "1007", "booked by now", for_good=False)
    noted = noted_again(anew, {"1005": "says this otherwise", "1009": NOT_WANTED, "1011": "new"})
    assert was_there(noted, "1005", "says this otherwise", for_good=False)
    assert not was_there(noted, "1005", "edited", for_good=False)
    assert was_there(noted, "1009", "anything", for_good=True)
    assert "1011" not in noted
