"""Both vendors' clients for a connection, as the engine and everything else gets them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from datetime import timedelta
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

import structlog
from limits import RateLimitItemPerHour, RateLimitItemPerMinute, RateLimitItemPerSecond
from limits.storage import RedisStorage
from pydantic import SecretStr
from redis import ConnectionPool
from redis.backoff import NoBackoff
from redis.retry import Retry
from sqlalchemy import bindparam, exists, select, text
from sqlalchemy.orm import Session, sessionmaker

from shared import vault
from shared.clock import Clock, utc_now
from shared.config import Configuration
from shared.failures import AuthFailed
from shared.kind import Lookup, Note, Side
from shared.limits import SharedLimiter
from shared.rackbeat.client import RackbeatClient
from shared.registers import Registers
from shared.tables import Connection, Credential, Cursor
from shared.tfso.client import TfsoClient
from shared.tfso.login import TfsoCredentials
from shared.vault import Vault
from shared.words import System

log = structlog.get_logger()

_SECRETS = (
    vault.RACKBEAT_API_KEY,
    vault.TFSO_USERNAME,
    vault.TFSO_PASSWORD,
    vault.TFSO_APPLICATION_ID,
)
# Made once, as every transfer asks it.
_WITH_CREDENTIALS = (
    select(Connection, Credential.name, Credential.ciphertext)
    .outerjoin(Credential, Credential.connection_id == Connection.id)
    .where(Connection.id == bindparam("connection_id"))
)
# A broker that answers nothing for so long is given up, rather than a worker's slot.
BROKER_SECONDS = 5.0


class DatabaseSessionStore:
    """The 24SevenOffice session of one connection, shared by all workers through the database.

    Whoever finds it lost takes the lock and logs in; the others wait for the lock and find the new
    session there.
    """

    def __init__(
        self, sessions: sessionmaker[Session], store: Vault, connection_id: int, clock: Clock
    ) -> None:
        self._sessions = sessions
        self._store = store
        self._connection_id = connection_id
        self._clock = clock

    def current(self) -> SecretStr | None:
        with self._sessions() as session:
            return self._stored(session)

    def renew(self, lost: SecretStr | None, login: Callable[[], SecretStr]) -> SecretStr:
        with self._sessions.begin() as session:
            session.execute(
                text("SELECT pg_advisory_xact_lock(hashtext('24so login'), :id)"),
                {"id": self._connection_id},
            )
            current = self._stored(session)
            if current is not None and current != lost:
                return current
            new = login()
            self._store.put(session, self._connection_id, vault.TFSO_SESSION, new, self._clock())
            return new

    def _stored(self, session: Session) -> SecretStr | None:
        try:
            return self._store.get(session, self._connection_id, vault.TFSO_SESSION)
        except vault.VaultError:
            # Stored by a process that was given a newer key already: a login replaces it.
            return None


def tfso_credentials(secrets: Mapping[str, SecretStr], identity: str) -> TfsoCredentials:
    """What to log in with.

    Args:
        secrets: by the names they have in the vault.
        identity: the Id of the chosen one; "" where none is chosen yet.
    """
    return TfsoCredentials(
        username=secrets[vault.TFSO_USERNAME].get_secret_value(),
        password=secrets[vault.TFSO_PASSWORD],
        application_id=secrets[vault.TFSO_APPLICATION_ID],
        identity_id=identity,
    )


class VendorClients:
    """The clients of one connection, made when first asked for."""

    def __init__(
        self,
        make: dict[System, Callable[[], Any]],
        look_up: Callable[[Any, Side[Any], Lookup, Note, bool], str],
    ) -> None:
        self._make = make
        self._made: dict[System, Any] = {}
        self._look_up = look_up

    def of(self, system: System) -> Any:
        if system not in self._made:
            self._made[system] = self._make[system]()
        return self._made[system]

    def look_up(self, side: Side[Any], lookup: Lookup, note: Note) -> str:
        return self._look_up(self.of(System.RACKBEAT), side, lookup, note, False)

    def peek(self, side: Side[Any], lookup: Lookup, note: Note) -> str:
        return self._look_up(self.of(System.RACKBEAT), side, lookup, note, True)

    def close(self) -> None:
        """Close the connections to the vendors."""
        for client in self._made.values():
            client.close()


class Vendors:
    """Makes and keeps the clients of all connections in this process."""

    def __init__(
        self,
        configuration: Configuration,
        sessions: sessionmaker[Session],
        *,
        clock: Clock = utc_now,
    ) -> None:
        self._configuration = configuration
        self._sessions = sessions
        self._clock = clock
        self._vault = Vault(configuration.secret_keys)
        self._storage = RedisStorage(
            configuration.broker_url.get_secret_value(),
            connection_pool=ConnectionPool.from_url(
                configuration.broker_url.get_secret_value(),
                socket_timeout=BROKER_SECONDS,
                socket_connect_timeout=BROKER_SECONDS,
                retry=Retry(NoBackoff(), 1),  # a kept connection may have been cut
            ),
        )
        self._kept: dict[tuple[int, bool], tuple[object, VendorClients]] = {}
        settle = timedelta(seconds=configuration.settle_seconds)
        self.registers = Registers(sessions, clock, settle)
        self._lock = Lock()

    def clients(self, connection_id: int, bulk: bool = False) -> VendorClients:
        """The clients of a connection; made anew when its credentials or addresses change.

        Raises:
            AuthFailed: a credential is not stored, or cannot be decrypted.
        """
        with self._sessions() as session:
            rows = session.execute(_WITH_CREDENTIALS, {"connection_id": connection_id}).all()
        connection = rows[0].Connection
        stored = {row.name: row.ciphertext for row in rows if row.name in _SECRETS}
        version = _version(connection, stored)
        with self._lock:
            kept = self._kept.get((connection_id, bulk))
            if kept is not None and kept[0] == version:
                return kept[1]
            secrets = {name: self._secret(connection, name, stored) for name in _SECRETS}
            if kept is not None:
                kept[1].close()
            clients = self._make(connection, secrets, bulk)
            self._kept[connection_id, bulk] = (version, clients)
            return clients

    def _secret(self, connection: Connection, name: str, stored: dict[str, bytes]) -> SecretStr:
        system = System.RACKBEAT if name == vault.RACKBEAT_API_KEY else System.TFSO
        if name not in stored:
            raise AuthFailed(
                f"The connection {connection.slug} has no {name.replace('_', ' ')}. Store it "
                "with `varebro connection credentials`.",
                system=system,
            )
        try:
            return self._vault.open(name, stored[name])
        except vault.VaultError as error:
            raise AuthFailed(str(error), system=system) from error

    def _make(
        self, connection: Connection, secrets: dict[str, SecretStr], bulk: bool
    ) -> VendorClients:
        return VendorClients(
            {
                System.RACKBEAT: lambda: self.rackbeat(
                    connection.rackbeat_url, secrets[vault.RACKBEAT_API_KEY], bulk=bulk
                ),
                System.TFSO: lambda: self._tfso(connection, secrets, bulk),
            },
            lambda client, side, lookup, note, pretend: self.registers.number(
                connection.id, client, side, lookup, note, pretend=pretend
            ),
        )

    def rackbeat(self, url: str, api_key: SecretStr, *, bulk: bool = False) -> RackbeatClient:
        """A client for a Rackbeat account, whether or not there is a connection for it yet.

        Bulk work writes silently: a webhook for each of ten thousand copied records would only
        cost everybody calls.
        """
        account = hashlib.sha256(api_key.get_secret_value().encode()).hexdigest()[:16]
        per_minute = RateLimitItemPerMinute(self._configuration.rackbeat_calls_per_minute)
        limiter = SharedLimiter(
            self._storage,
            System.RACKBEAT,
            f"rackbeat:{account}",
            [per_minute],
            bulk,
            worked_before=self._worked_before,
        )
        return RackbeatClient(
            url, api_key, limiter=limiter, contact=self._configuration.contact, silent=bulk
        )

    def _tfso(
        self, connection: Connection, secrets: dict[str, SecretStr], bulk: bool
    ) -> TfsoClient:
        credentials = tfso_credentials(secrets, connection.tfso_identity)
        store = DatabaseSessionStore(self._sessions, self._vault, connection.id, self._clock)
        return self.tfso(
            connection.tfso_url, credentials, sessions=store, bulk=bulk, sharer=connection.slug
        )

    def tfso(
        self,
        url: str,
        credentials: TfsoCredentials,
        *,
        sessions: Any,
        bulk: bool = False,
        sharer: str | None = None,
    ) -> TfsoClient:
        """A client for a 24SevenOffice user; the quota belongs to the calling address, so that all
        connections to one host share it."""
        limiter = SharedLimiter(
            self._storage,
            System.TFSO,
            f"24so:{urlsplit(url).netloc}",
            [
                RateLimitItemPerSecond(self._configuration.tfso_calls_per_second),
                RateLimitItemPerHour(self._configuration.tfso_calls_per_hour),
            ],
            bulk,
            sharer=sharer,
            worked_before=self._worked_before,
        )
        return TfsoClient(url, credentials, sessions=sessions, limiter=limiter)

    def _worked_before(self) -> bool:
        """Whether calls may have been made within the longest window, an hour."""
        since = self._clock() - timedelta(hours=1)
        with self._sessions() as session:
            return bool(session.scalar(select(exists().where(Cursor.pulled_at > since))))


def _version(connection: Connection, stored: dict[str, bytes]) -> tuple[object, ...]:
    """What clients depend on; of the credentials as they are stored, which differs each time."""
    where = (connection.rackbeat_url, connection.tfso_url, connection.tfso_identity)
    return (*where, *sorted(stored.items()))
