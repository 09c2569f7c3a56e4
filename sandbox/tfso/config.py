"""What a sandbox is told when it starts: who may log in, to which clients, within which limits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class IdentityConfig:
    """The user in one client (a company in 24SevenOffice).

    Attributes:
        id: a GUID.
        default: the identity a login without IdentityId ends up in.
        blocked: logging in to it, or using it, is refused.
        seeded: its client starts with the seed data instead of empty.
    """

    id: str
    client_id: int
    client_name: str
    default: bool = False
    blocked: bool = False
    seeded: bool = False


FJELLHEIM = IdentityConfig(
    id="6f1f0a52-3b7e-4a07-9d5e-51a2c6b8e001",
    client_id=410021,
    client_name="Fjellheim Handel AS",
    seeded=True,
)
ANNEN_BEDRIFT = IdentityConfig(
    id="b8a4d7c3-90e1-4c55-8f2b-7d3e9a60f002",
    client_id=410022,
    client_name="Annen Bedrift AS",
    default=True,
)


@dataclass(frozen=True)
class Size:
    """How many records the seed data have, besides the categories; fewer are the first of them."""

    customers: int = 60
    suppliers: int = 20
    products: int = 200


PORT = 8024


@dataclass(frozen=True)
class SandboxConfig:
    """All that can be set.

    Attributes:
        identities: the clients the user sees. The one with the data is not the default, so that
            an integration that trusts the default writes into the wrong company, visibly.
        seed: decides the seed data, wholly.
        size: of the seed data.
        now: the clock; aware datetimes. Time limits, sessions and times of change all use it.
        session_lifetime: from a session's last use (assumed: the vendor does not say).
        logins_per_minute: by one user name, successful or not (reference: repeated logins are
            throttled; the figure is assumed).
        failed_login_is_fault: wrong credentials answer with a fault instead of an empty string.
        requests_per_hour: 7200 (reference). Counted by the clock hour.
        requests_per_second: 25 (reference), of which `burst` more are let through.
    """

    username: str = "demo@fjellheim.example"
    password: str = field(default="fjell-og-fjord", repr=False)
    application_id: str = "3d2c9f74-6a18-4f0b-b5d6-0c9e8a7b1003"
    identities: tuple[IdentityConfig, ...] = (FJELLHEIM, ANNEN_BEDRIFT)
    seed: int = 1
    size: Size = Size()
    now: Callable[[], datetime] = utc_now
    session_lifetime: timedelta = timedelta(hours=1)
    logins_per_minute: int = 30
    failed_login_is_fault: bool = False
    requests_per_hour: int = 7200
    requests_per_second: int = 25
    burst: int = 5
