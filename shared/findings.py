"""What a test of a connection finds, in plain words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from shared.failures import Failure
from shared.tables import Connection
from shared.vendors import VendorClients
from shared.words import System


@dataclass(frozen=True)
class Finding:
    """One thing a test of a connection found, in plain words."""

    good: bool
    text: str


def looked_at(what: str, look: Callable[[], Finding]) -> Finding:
    """What a look found, or the failure that kept it from finding anything."""
    try:
        return look()
    except Failure as failure:
        return Finding(False, f"{what}: {failure.message}")


def account_found(connection: Connection, clients: VendorClients) -> Finding:
    """Whose account the key of a connection opens."""
    account = clients.of(System.RACKBEAT).account()
    belongs = f"Rackbeat: the key belongs to {account.get('company_name')}"
    if str(account.get("id")) == connection.rackbeat_account:
        return Finding(True, f"{belongs}.")
    other = f"not to the account this connection was made for ({connection.name})"
    return Finding(False, f"{belongs}, {other}.")


def identity_found(clients: VendorClients) -> Finding:
    """Into which company the credentials lead."""
    identity = clients.of(System.TFSO).check()
    return Finding(True, f"24SevenOffice: writes into {identity.client_name}.")
