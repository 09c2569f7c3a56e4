"""Making, testing and pausing connections."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import structlog
from pydantic import SecretStr
from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, sessionmaker

from shared import audit, vault
from shared.clock import Clock
from shared.failures import Failure, Rejected
from shared.findings import Finding, account_found, identity_found, looked_at
from shared.http import is_loopback
from shared.journal import pauses
from shared.rackbeat.client import RackbeatClient
from shared.settings import as_stored, check_settings, load_settings
from shared.tables import Connection, WebhookSubscription
from shared.tfso import DEFAULT_BASE_URL
from shared.tfso.login import Identity
from shared.tfso.sessions import MemorySessionStore
from shared.vault import Vault
from shared.vendors import VendorClients, Vendors, tfso_credentials
from shared.words import System

log = structlog.get_logger()

RACKBEAT_URL = "https://app.rackbeat.com/api/"
TFSO_URL = DEFAULT_BASE_URL
_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")
_TFSO_SECRETS = (vault.TFSO_USERNAME, vault.TFSO_PASSWORD, vault.TFSO_APPLICATION_ID)


class NotUsable(ValueError):
    """A connection cannot be made or used as asked; the message says why and what to do."""


Choose = Callable[[Sequence[Identity]], Identity]


def connection_called(session: Session, slug: str, *, lock: bool = False) -> Connection:
    """The connection of that name.

    Raises:
        NotUsable: there is none.
    """
    query = select(Connection).where(Connection.slug == slug)
    found = session.scalar(query.with_for_update() if lock else query)
    if found is None:
        raise NotUsable(
            f"No connection is called '{slug}'. `varebro connection list` shows them all."
        )
    return found


@dataclass(frozen=True)
class NewConnection:
    """What a person gives to make a connection.

    Attributes:
        identity: the Id of the 24SevenOffice identity (the company) to write into; may be left out
            where the user has only one.
    """

    slug: str
    rackbeat_api_key: SecretStr
    tfso_username: str
    tfso_password: SecretStr
    tfso_application_id: SecretStr
    identity: str | None = None
    rackbeat_url: str = RACKBEAT_URL
    tfso_url: str = TFSO_URL
    settings: dict[str, Any] | None = None


@dataclass
class Connections:
    """All that people do with connections.

    Attributes:
        events: names of Rackbeat's webhook events to subscribe to.
        public_url: where Rackbeat reaches our web process.
        actor: who does it, for the audit trail.
    """

    sessions: sessionmaker[Session]
    vendors: Vendors
    store: Vault
    events: Sequence[str]
    public_url: str
    clock: Clock
    actor: str

    def add(self, new: NewConnection, choose: Choose | None = None) -> Connection:
        """Make a connection after both systems have accepted its credentials.

        Args:
            choose: asked where the user has several identities and none is named.

        Raises:
            NotUsable: a value is not usable; names it and the remedy.
            Failure: a system did not accept what was given.
        """
        if not _SLUG.fullmatch(new.slug):
            raise NotUsable(
                f"The name '{new.slug}' cannot be used: take lower-case letters, digits and "
                "hyphens, at most 40, for example 'fjellheim'."
            )
        check_settings(new.settings or {})
        self._check_public_url(new.rackbeat_url)
        account = self.vendors.rackbeat(new.rackbeat_url, new.rackbeat_api_key).account()
        identity = self._identity(new, choose)
        with self.sessions.begin() as session:
            _refuse_second(session, new.slug, str(account["id"]), identity)
            now = self.clock()
            connection = Connection(
                slug=new.slug,
                name=str(account.get("company_name") or new.slug),
                rackbeat_url=new.rackbeat_url,
                tfso_url=new.tfso_url,
                rackbeat_account=str(account["id"]),
                tfso_identity=identity.id,
                tfso_client=identity.client_name or "",
                settings=as_stored(new.settings or {}),
                created_at=now,
            )
            session.add(connection)
            session.flush()
            for name, secret in _secrets(new).items():
                self.store.put(session, connection.id, name, secret, now)
            audit.note(
                session, connection.id, "connection added", actor=self.actor, now=now,
                slug=new.slug, rackbeat=connection.name, tfso=connection.tfso_client,
            )  # fmt: skip
        try:
            self.subscribe(new.slug)
        except (Failure, NotUsable) as error:
            raise NotUsable(
                f"{error} The connection is made; run `varebro connection webhooks {new.slug}`."
            ) from error
        return connection

    def _check_public_url(self, rackbeat_url: str) -> None:
        """That Rackbeat can reach us. A sandbox on this machine reaches every address.

        Raises:
            NotUsable: it cannot, or webhooks would cross the network unencrypted.
        """
        if is_loopback(urlsplit(rackbeat_url).hostname or ""):
            return
        ours = urlsplit(self.public_url)
        if ours.scheme != "https" or not ours.hostname or is_loopback(ours.hostname):
            raise NotUsable(
                f"Rackbeat cannot deliver webhooks to VAREBRO_PUBLIC_URL ({self.public_url}): set "
                "it to the address at which the web process is reached from outside, with TLS, "
                "for example https://varebro.example.com."
            )

    def _identity(self, new: NewConnection, choose: Choose | None) -> Identity:
        """The identity to write into: the one named, the only one there is, or the one chosen."""
        identities = self._opened_by(new.tfso_url, _secrets(new))
        if new.identity is None and len(identities) == 1:
            return identities[0]
        if new.identity is None and identities and choose is not None:
            return choose(identities)
        for identity in identities:
            if new.identity is not None and identity.id.lower() == new.identity.lower():
                return identity
        wanted = (
            "This 24SevenOffice user has access to several companies: say which one with "
            "--identity."
            if new.identity is None
            else f"This 24SevenOffice user has no identity {new.identity}."
        )
        raise NotUsable(f"{wanted} There are: {_named(identities)}")

    def _opened_by(self, tfso_url: str, secrets: Mapping[str, SecretStr]) -> list[Identity]:
        """The identities that credentials open.

        Raises:
            AuthFailed: they are wrong.
        """
        credentials = tfso_credentials(secrets, "")
        with self.vendors.tfso(tfso_url, credentials, sessions=MemorySessionStore()) as client:
            return client.identities()

    # -- webhooks -------------------------------------------------------------------------------

    def subscribe(self, slug: str) -> list[str]:
        """Subscribe to every event we know; the events. Can be repeated at any time.

        A subscription's token is shown only when it is made, so one whose token we do not have is
        made anew. So is one that is inactive: its failures are then forgotten, too.

        Raises:
            NotUsable: Rackbeat cannot reach our address, or did not show a token.
            Failure: Rackbeat did not carry it out.
        """
        connection = self.find(slug)
        self._check_public_url(connection.rackbeat_url)
        client: RackbeatClient = self.vendors.clients(connection.id).of(System.RACKBEAT)
        url = self._address(slug)
        events = self._wanted_events(load_settings(connection.settings).events)
        registered = self._registered(connection.id)
        at_rackbeat = {hook.event: hook for hook in client.webhooks() if hook.url == url}
        subscribed: list[str] = []
        for event in events:
            hook = at_rackbeat.get(event)
            if hook is not None and hook.is_active and hook.id == registered.get(event):
                subscribed.append(event)
                continue
            if hook is not None:
                client.delete_webhook(hook.id)
            try:
                self._subscribe(client, connection.id, event, url)
            except Rejected as refusal:
                # Most names are assumed. What a missing event costs is time, not data.
                log.warning("event not known to Rackbeat", webhook_event=event, why=str(refusal))
                continue
            subscribed.append(event)
        return subscribed

    def _address(self, slug: str) -> str:
        return f"{self.public_url.rstrip('/')}/webhooks/rackbeat/{slug}"

    def _registered(self, connection_id: int) -> dict[str, int]:
        """Rackbeat's ids of the subscriptions whose tokens we have, by event."""
        query = select(WebhookSubscription).where(
            WebhookSubscription.connection_id == connection_id
        )
        with self.sessions() as session:
            return {each.event: each.rackbeat_id for each in session.scalars(query)}

    def _wanted_events(self, more: Iterable[str]) -> list[str]:
        return [*self.events, *more]

    def _subscribe(self, client: RackbeatClient, connection_id: int, event: str, url: str) -> None:
        hook = client.register_webhook(event, url)
        if hook.token is None:
            raise NotUsable(
                f"Rackbeat did not show the token of the webhook for {event}. Remove the webhook "
                "in Rackbeat and run `varebro connection webhooks` again."
            )
        values = {
            "rackbeat_id": hook.id,
            "token_digest": token_digest(hook.token.get_secret_value()),
            "created_at": self.clock(),
        }
        with self.sessions.begin() as session:
            session.execute(
                insert(WebhookSubscription)
                .values(connection_id=connection_id, event=event, **values)
                .on_conflict_do_update(index_elements=["connection_id", "event"], set_=values)
            )

    # -- looking after --------------------------------------------------------------------------

    def find(self, slug: str) -> Connection:
        """The connection of that name.

        Raises:
            NotUsable: there is none.
        """
        with self.sessions() as session:
            return connection_called(session, slug)

    def every(self) -> Sequence[Connection]:
        """All connections, by name."""
        with self.sessions() as session:
            return session.scalars(select(Connection).order_by(Connection.slug)).all()

    def test(self, slug: str) -> list[Finding]:
        """Whether both systems accept the connection and the webhooks are active, and what to do
        where not."""
        connection = self.find(slug)
        clients = self.vendors.clients(connection.id)
        account = looked_at("Rackbeat", lambda: account_found(connection, clients))
        findings = [account, looked_at("24SevenOffice", lambda: identity_found(clients))]
        if account.good:
            findings.append(
                looked_at("Webhooks", lambda: self._webhooks_found(connection, clients))
            )
        return findings

    def _webhooks_found(self, connection: Connection, clients: VendorClients) -> Finding:
        """Whether Rackbeat still has the webhooks that were registered, at our address."""
        registered = self._registered(connection.id)
        address = self._address(connection.slug)
        active = {
            hook.id
            for hook in clients.of(System.RACKBEAT).webhooks()
            if hook.is_active and hook.url == address
        }
        wanted = self._wanted_events(load_settings(connection.settings).events)
        silent = [e for e in wanted if e in registered and registered[e] not in active]
        if silent or not registered:
            return Finding(
                False,
                f"Webhooks: missing or inactive in Rackbeat: {', '.join(silent) or 'all'}. Run "
                f"`varebro connection webhooks {connection.slug}`.",
            )
        unknown = [event for event in wanted if event not in registered]
        rest = f"; not registered: {', '.join(unknown)}" if unknown else ""
        return Finding(True, f"Webhooks: {len(wanted) - len(unknown)} are active{rest}.")

    def replace_credentials(
        self, slug: str, secrets: dict[str, SecretStr], identity: str | None = None
    ) -> None:
        """Store new credentials by their names, and let a connection that was stopped for want of
        them go on; one that a person has paused stays so.

        Args:
            identity: the Id of another identity of the same company; where it is not given, that of
                a new user is found by the company's name.

        Raises:
            NotUsable: they lead into another account or company; nothing is stored.
            Failure: a system does not accept them, or cannot be asked; nothing is stored.
        """
        connection = self.find(slug)
        if vault.RACKBEAT_API_KEY in secrets:
            self._check_key(connection, secrets[vault.RACKBEAT_API_KEY])
        chosen = self._identity_again(connection, secrets, identity)
        connection_id, now = connection.id, self.clock()
        with self.sessions.begin() as session:
            session.get_one(Connection, connection_id).tfso_identity = chosen
            for name, secret in secrets.items():
                self.store.put(session, connection_id, name, secret, now)
            self.store.forget(session, connection_id, vault.TFSO_SESSION)
            pauses.forget_all(session, connection_id)
            audit.note(
                session, connection_id, "credentials replaced", actor=self.actor, now=now,
                names=sorted(secrets),
            )  # fmt: skip

    def _identity_again(
        self, connection: Connection, secrets: dict[str, SecretStr], identity: str | None
    ) -> str:
        """The Id of the identity to write into with new credentials, in the same company as before.

        Raises:
            NotUsable: they open no identity of that company.
        """
        if identity is None and not secrets.keys() & set(_TFSO_SECRETS):
            return connection.tfso_identity
        together = {
            name: secrets.get(name) or self._kept(connection.id, name) for name in _TFSO_SECRETS
        }
        opened = self._opened_by(connection.tfso_url, together)
        before, company = connection.tfso_identity, connection.tfso_client
        wanted = (identity or before).lower()
        found = [each for each in opened if each.id.lower() == wanted]
        if not found and identity is None:
            found = [each for each in opened if each.client_name == company]
        if len(found) != 1 or (found[0].client_name != company and found[0].id != before):
            raise NotUsable(
                f"These credentials do not lead into {company}, which the connection "
                f"{connection.slug} was made for, or --identity is to say how. They open: "
                f"{_named(opened)}. Nothing is stored. Another company needs a connection of its "
                "own."
            )
        return found[0].id

    def _kept(self, connection_id: int, name: str) -> SecretStr:
        """A credential as it is stored.

        Raises:
            NotUsable: it is not, or cannot be decrypted any more.
        """
        try:
            with self.sessions() as session:
                kept = self.store.get(session, connection_id, name)
        except vault.VaultError as error:
            raise NotUsable(f"{error} Give all of 24SevenOffice's credentials at once.") from error
        if kept is None:
            raise NotUsable(f"There is no {name.replace('_', ' ')} stored. Give it as well.")
        return kept

    def _check_key(self, connection: Connection, key: SecretStr) -> None:
        """That the key opens the connection's account: to another one all links would lead nowhere.

        Raises:
            NotUsable: it is another account's.
            Failure: Rackbeat does not accept the key, or cannot be asked.
        """
        with self.vendors.rackbeat(connection.rackbeat_url, key) as client:
            account = client.account()
        if str(account["id"]) != connection.rackbeat_account:
            raise NotUsable(
                f"This Rackbeat API key belongs to {account.get('company_name')} (account "
                f"{account['id']}), but the connection {connection.slug} was made for "
                f"{connection.name} (account {connection.rackbeat_account}). Nothing is stored. "
                "Take a key of that account; another account needs a connection of its own."
            )

    def pause(self, slug: str, reason: str) -> None:
        """Stop all transfers of a connection; changes are recorded all the same."""
        self._set_state(slug, "paused", reason)

    def resume(self, slug: str) -> None:
        """Let a connection go on where it stopped, also where only a probe would have ended it."""
        with self.sessions.begin() as session:
            pauses.forget_all(session, self.find(slug).id)
        self._set_state(slug, "active", None)

    def _set_state(self, slug: str, state: str, reason: str | None) -> None:
        connection_id = self.find(slug).id
        with self.sessions.begin() as session:
            connection = session.get_one(Connection, connection_id, with_for_update=True)
            connection.state = state
            connection.pause_reason = reason
            audit.note(
                session, connection_id, f"connection {state}", actor=self.actor, now=self.clock(),
                reason=reason,
            )  # fmt: skip


def _refuse_second(session: Session, slug: str, account: str, identity: Identity) -> None:
    """Refuse a name that is taken, and a pair that is connected: it would get every order twice.

    Locks until the commit, so that of two at once one sees the other.
    """
    session.execute(text("SELECT pg_advisory_xact_lock(hashtext('connection add'))"))
    if session.scalar(select(Connection.id).where(Connection.slug == slug)):
        raise NotUsable(f"There is a connection called '{slug}' already.")
    same_company = func.lower(Connection.tfso_identity) == identity.id.lower()
    if identity.client_name:  # another user has another identity for the same company
        same_company |= Connection.tfso_client == identity.client_name
    other = session.scalar(
        select(Connection).where(Connection.rackbeat_account == account, same_company).limit(1)
    )
    if other is not None:
        raise NotUsable(
            f"The connection '{other.slug}' pairs {other.name} and {other.tfso_client} already; "
            "a second one would transfer everything twice. Use that one, or name another company."
        )


def _named(identities: Sequence[Identity]) -> str:
    return "; ".join(f"{each.id} ({each.client_name})" for each in identities)


def _secrets(new: NewConnection) -> dict[str, SecretStr]:
    return {
        vault.RACKBEAT_API_KEY: new.rackbeat_api_key,
        vault.TFSO_USERNAME: SecretStr(new.tfso_username),
        vault.TFSO_PASSWORD: new.tfso_password,
        vault.TFSO_APPLICATION_ID: new.tfso_application_id,
    }


def token_digest(token: str) -> bytes:
    """What is kept of a webhook's token: enough to compare, not enough to use."""
    return hashlib.sha256(token.encode()).digest()
