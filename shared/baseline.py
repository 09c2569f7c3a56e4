"""What was in a system before the connection, and is none of its business.

At the first comparison of a kind the keys that are not linked are noted for each system, with what
the records said. Such a record is transferred when somebody edits it; a document is not even then:
whatever served the customer before may have transferred it.
"""

from __future__ import annotations

from datetime import datetime, timedelta

Baseline = dict[str, str]

NOT_WANTED = ""  # said of a record that was not to be transferred then, such as a draft
# Said of one that was there, where settings have changed by which it is read: the next comparison
# notes what it says.
ANYTHING = "?"
# Rackbeat does not say in which zone its times are, and no clock is right.
SURELY = timedelta(days=1)


def was_there(baseline: Baseline, key: str, said: str, *, for_good: bool) -> bool:
    """Whether a record is one of those that are left alone.

    Args:
        said: a fingerprint of what it says now.
        for_good: whether it is left alone although it says something else now.
    """
    known = baseline.get(key)
    return bool(known) if for_good else known in {said, ANYTHING}


def read_anew(baseline: Baseline) -> Baseline:
    """A baseline whose records are read by other settings now."""
    return {key: said and ANYTHING for key, said in baseline.items()}


def noted_again(baseline: Baseline, found: Baseline) -> Baseline:
    """A baseline with what a comparison has found of the records that are read by other settings.

    One that is not wanted for now keeps its place: otherwise it would be new when it is.
    """
    return {
        key: found.get(key) or said if said == ANYTHING else said for key, said in baseline.items()
    }


def is_old(
    baseline: Baseline | None,
    key: str,
    *,
    in_order: bool,
    existed_by: datetime | None,
    began: datetime,
) -> bool:
    """Whether a document is older than the connection.

    Args:
        baseline: what was in its system; None where that has not been noted.
        in_order: whether the baseline is of all keys above a number, and numbers only grow.
        existed_by: when it was surely there.
        began: when the connection was made.
    """
    known = None if baseline is None else baseline.get(key)
    if known is not None:
        return known != NOT_WANTED
    if baseline is not None and in_order and _is_below_all(baseline, key):
        return True
    return existed_by is not None and existed_by < began - SURELY


def _is_below_all(baseline: Baseline, key: str) -> bool:
    numbers = [int(each) for each in baseline if each.isdecimal()]
    return key.isdecimal() and bool(numbers) and int(key) < min(numbers)
