"""What can be set in a sandbox; the defaults are what is known or assumed of the real Rackbeat."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

COPENHAGEN = ZoneInfo("Europe/Copenhagen")
API_KEY = "sandbox-rackbeat-key"
PORT = 8101


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Config:
    """One sandbox: one Rackbeat account with one API key.

    Attributes:
        now: the clock, timezone-aware; stamps records and moves the rate limit's window.
        time_zone: in which times are written, without saying so (assumed).
        requests_per_minute: calls answered in any 60 seconds; the next gets 429. Reference: 480.
        page_size: records given per page at most, whatever `limit` asks for.
        stock_event: the name stock changes are announced under (the real one is unknown).
        brief_answers: whether a creation is answered with the number alone (unknown; for orders
            no source shows more).
        flat_addresses: whether documents show their addresses under the names they are written
            under, as an early description has it, instead of in billing_address and
            delivery_address, as the present one does.
        negative_creditnotes: whether a credit note's quantities are negative (unknown).
        webhook_retry: seconds before the first repetition of a failed delivery, then doubling.
        webhook_give_up: seconds of waiting after which a delivery is given up.
        connect_timeout, answer_timeout: seconds a webhook's receiver is given. Reference: 3 and 15.
        populate: start with a small set of products, customers, suppliers and orders.
    """

    api_key: str = field(default=API_KEY, repr=False)
    account_id: int = 4711
    company_name: str = "Fjellheim Lager AS"
    currency: str = "NOK"
    standard_vat: int = 25
    now: Callable[[], datetime] = _utc_now
    time_zone: ZoneInfo = COPENHAGEN
    requests_per_minute: int = 480
    page_size: int = 100
    stock_event: str = "item.stock_updated"
    brief_answers: bool = False
    flat_addresses: bool = False
    negative_creditnotes: bool = False
    webhook_retry: float = 10.0
    webhook_give_up: float = 24 * 3600.0
    connect_timeout: float = 3.0
    answer_timeout: float = 15.0
    populate: bool = False
