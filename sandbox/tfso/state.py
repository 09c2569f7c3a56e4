"""All that the sandbox remembers: the records of every client, and who is logged in."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any
from uuid import uuid4

from sandbox.tfso.config import IdentityConfig, SandboxConfig
from sandbox.tfso.failures import IdentityBlocked, LimitBroken, NotAuthenticated
from sandbox.tfso.values import Record


def to_the_minute(time: datetime) -> datetime:
    """Rounded, not cut: up to half a minute in the future (reference)."""
    return (time + timedelta(seconds=30)).replace(second=0, microsecond=0)


class Table:
    """The records of one kind in one client, by number."""

    def __init__(self, key: str, first: int) -> None:
        self.key = key
        self._records: dict[int, Record] = {}
        self._next = first

    def get(self, number: int | None) -> Record | None:
        return None if number is None else self._records.get(number)

    def put(self, record: Record) -> None:
        """Keep a record under its number; a new one gets the next."""
        number = record.setdefault(self.key, self._next)
        self._next = max(self._next, number + 1)
        self._records[number] = record

    def remove(self, number: int) -> None:
        del self._records[number]

    def __iter__(self) -> Iterator[Record]:
        return iter(self._records.values())


@dataclass
class ClientState:
    """One client: a company with its own records.

    Besides the vendor's elements a record has DateRegistered, and a company has Active.
    """

    id: int
    name: str
    now: Callable[[], datetime]
    companies: Table = field(default_factory=lambda: Table("Id", 10001))
    products: Table = field(default_factory=lambda: Table("Id", 501))
    categories: Table = field(default_factory=lambda: Table("Id", 11))
    orders: Table = field(default_factory=lambda: Table("OrderId", 2001))
    row_ids: Iterator[int] = field(default_factory=lambda: count(30001))
    invoice_ids: Iterator[int] = field(default_factory=lambda: count(70001))

    def active_company(self, number: int | None) -> Record | None:
        company = self.companies.get(number)
        return company if company and company["Active"] else None

    def keep(self, table: Table, record: Record) -> None:
        """Store a record that was made or changed now."""
        changed = to_the_minute(self.now())
        record.setdefault("DateRegistered", changed)
        record["DateChanged"] = changed
        table.put(record)

    def set_stock(self, product: Record, quantity: Decimal) -> None:
        product["Stock"] = quantity
        self.keep(self.products, product)


@dataclass
class Session:
    """A login, in one of the user's identities at a time."""

    id: str
    identity: IdentityConfig
    expires: datetime


class Sandbox:
    """The whole state."""

    def __init__(self, config: SandboxConfig) -> None:
        self.config = config
        self.clients = {
            identity.client_id: ClientState(identity.client_id, identity.client_name, config.now)
            for identity in config.identities
        }
        self._sessions: dict[str, Session] = {}
        self._logins: dict[str, deque[datetime]] = {}

    @property
    def seeded_client(self) -> ClientState:
        identities = self.config.identities
        chosen = next((entry for entry in identities if entry.seeded), identities[0])
        return self.clients[chosen.client_id]

    def identity(self, identity_id: str | None) -> IdentityConfig | None:
        """The user's identity of that id, the default one when none is named.

        Raises:
            IdentityBlocked: there is one, and it is blocked.
        """
        for identity in self.config.identities:
            if identity.id.lower() == identity_id or (identity_id is None and identity.default):
                if identity.blocked:
                    raise IdentityBlocked
                return identity
        return None

    def throttle_login(self, username: str) -> None:
        """Count an attempt to log in.

        Raises:
            LimitBroken: there were too many within a minute.
        """
        now = self.config.now()
        attempts = self._logins.setdefault(username, deque())
        while attempts and attempts[0] <= now - timedelta(minutes=1):
            attempts.popleft()
        if len(attempts) >= self.config.logins_per_minute:
            raise LimitBroken("Too many logins with these credentials. Keep the session instead.")
        attempts.append(now)

    def open_session(self, identity: IdentityConfig) -> Session:
        session = Session(uuid4().hex, identity, self.config.now() + self.config.session_lifetime)
        self._sessions[session.id] = session
        return session

    def live_session(self, session_id: str | None) -> Session | None:
        """The session, its life prolonged; None when there is none, or no longer."""
        session = self._sessions.get(session_id or "")
        now = self.config.now()
        if session is None or session.expires <= now:
            return None
        session.expires = now + self.config.session_lifetime
        return session

    def expire_sessions(self) -> int:
        expired = len(self._sessions)
        self._sessions.clear()
        return expired


@dataclass
class Call:
    """One call on its way through an operation.

    Attributes:
        session: whose call it is; None without a live login.
        cookie: the session id to hand out with the answer, after a login.
    """

    sandbox: Sandbox
    session: Session | None
    cookie: str | None = None

    @property
    def live(self) -> Session:
        """The session.

        Raises:
            NotAuthenticated: there is none.
        """
        if self.session is None:
            raise NotAuthenticated
        return self.session

    @property
    def client(self) -> ClientState:
        """The client the session is in; raises like `live`."""
        return self.sandbox.clients[self.live.identity.client_id]


Handler = Callable[[Call, Record], Any]
"""An operation: what it answers to a call with these arguments."""


def always(answer: Any) -> Handler:
    """An operation that answers the same to everybody."""
    return lambda _call, _arguments: answer
