"""What 24SevenOffice's own lists tell about a document that it has refused.

They are only asked then: whether it takes rates and currencies beside them no source says.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from decimal import Decimal

from shared.entity import plain
from shared.failures import Failure, Rejected
from shared.kind import Payload
from shared.tfso.client import TfsoClient
from shared.values import decimal, dig, text


def with_what_is_missing(refused: Rejected, client: TfsoClient, payload: Payload) -> Rejected:
    """The refusal of a document, with what its currency or VAT may have to do with it."""
    said = [refused.message]
    with suppress(Failure):  # what was refused is worth more than why a list cannot be read
        said += _currency(client, payload)
        said += _rates(client, payload)
    return Rejected(
        " ".join(said), system=refused.system, status=refused.status, fields=refused.fields
    )


def _currency(client: TfsoClient, payload: Payload) -> Iterable[str]:
    symbol = text(dig(payload, "Currency", "Symbol"))
    if symbol is None:
        return
    known = [text(each.get("Symbol")) or "" for each in client.get_currencies()]
    if known and symbol not in known:
        yield (
            f"24SevenOffice has no currency {symbol}, only {', '.join(sorted(known))}: add it "
            "there, or choose another one in Rackbeat."
        )


def _rates(client: TfsoClient, payload: Payload) -> Iterable[str]:
    wanted = {row["VatRate"] for row in payload.get("InvoiceRows") or () if "VatRate" in row}
    if not wanted:
        return
    rates = (decimal(each.get("Rate"), "VAT rate") for each in client.get_vat_types())
    known = {rate for rate in rates if rate is not None}
    if known and (missing := {plain(rate) for rate in wanted} - known):
        yield (
            f"No VAT code in 24SevenOffice is of {_listed(missing)} per cent, only of "
            f"{_listed(known)}: add one there, or correct the lines in Rackbeat."
        )


def _listed(rates: Iterable[Decimal]) -> str:
    return ", ".join(f"{rate:f}" for rate in sorted(rates))
