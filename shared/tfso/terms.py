"""Payment terms as 24SevenOffice codes them in PaymentTime.

Days where the number is 1 or more; 0 no credit; small negative numbers are days after the end of
the month, by a table; other negative numbers are 10,000 less than the days after the end of the
month. In neutral terms: "net:14", "month:30".
"""

from __future__ import annotations

from shared.failures import Unmappable
from shared.words import System

_MONTH = {-1: 30, -2: 60, -3: 90, -4: 0, -5: 45}
_MONTH_CODES = {days: code for code, days in _MONTH.items()}
_CUSTOM = 10000
_LONGEST = {"net": 32767, "month": 9994}  # the field is a short; the table begins at -5


def read(code: int | None) -> str | None:
    """PaymentTime in neutral terms; None where it is unset, or nothing explains it."""
    if code is None or code < -_CUSTOM:
        return None
    if code >= 0:
        return f"net:{code}"
    return f"month:{_MONTH.get(code, _CUSTOM + code)}"


def write(terms: str | None) -> int | None:
    """Neutral terms as a PaymentTime.

    Raises:
        Unmappable: no PaymentTime stands for them.
    """
    if terms is None:
        return None
    kind, _, written = terms.partition(":")
    days = int(written)
    if not 0 <= days <= _LONGEST[kind]:
        raise Unmappable(
            f"Payment terms of {days} days cannot be written in 24SevenOffice, which takes 0 to "
            f"{_LONGEST[kind]} there. Choose other terms in Rackbeat.",
            system=System.TFSO,
        )
    return days if kind == "net" else _MONTH_CODES.get(days, days - _CUSTOM)
