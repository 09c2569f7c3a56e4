"""Logging in, and making sure of the client (company) one is logged in to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from pydantic import SecretStr

from shared.clock import Clock
from shared.failures import AuthFailed, Rejected, Transient
from shared.tfso.exchange import Exchange
from shared.tfso.protocol import COOKIE_VALUE, LOGIN_PAUSE, Service, SessionLost
from shared.words import System


@dataclass(frozen=True)
class TfsoCredentials:
    """What a connection logs in with.

    Attributes:
        username: an e-mail address.
        application_id: the GUID that names this integration to the vendor.
        identity_id: the GUID of the user in the chosen client; "" while none is chosen.
    """

    username: str
    password: SecretStr
    application_id: SecretStr
    identity_id: str


@dataclass(frozen=True)
class Identity:
    """A user in a client, which is a company in 24SevenOffice.

    Attributes:
        is_default: the vendor logs in to this one unless told otherwise.
    """

    id: str
    client_id: str
    client_name: str
    user_name: str
    is_default: bool
    is_current: bool
    is_disabled: bool

    @classmethod
    def read(cls, record: dict[str, Any]) -> Self:
        client = record.get("Client", {})
        return cls(
            id=record.get("Id", ""),
            client_id=str(client.get("Id", "")),
            client_name=client.get("Name", ""),
            user_name=record.get("User", {}).get("Name", ""),
            is_default=record.get("IsDefault", False),
            is_current=record.get("IsCurrent", False),
            is_disabled=record.get("IsDisabled", False),
        )


class Login:
    """Opens sessions for one connection."""

    def __init__(
        self,
        exchange: Exchange,
        credentials: TfsoCredentials,
        *,
        now: Clock,
    ) -> None:
        self._exchange = exchange
        self._credentials = credentials
        self._now = now
        self._refused: tuple[datetime, str] | None = None

    def open_session(self) -> SecretStr:
        """A new session, in the chosen client.

        After a refusal the vendor is not asked again for a minute: repeated logins are throttled,
        and several threads may come here with the same wrong password.

        Raises:
            AuthFailed: the credentials are wrong, or lead into another client.
        """
        if self._refused and self._now() < self._refused[0] + LOGIN_PAUSE:
            raise AuthFailed(self._refused[1], system=System.TFSO)
        try:
            session = self._log_in()
            self._enter_chosen_client(session)
        except AuthFailed as refusal:
            self._refused = (self._now(), refusal.message)
            raise
        except SessionLost:
            raise Transient(
                "24SevenOffice forgot the session right after the login.", system=System.TFSO
            ) from None
        return session

    def identities(self) -> list[Identity]:
        """The clients these credentials open; needs no session and no chosen client.

        Raises:
            AuthFailed: the credentials are wrong.
        """
        records = self._with_credentials("GetIdentitiesWithCredential")
        if not records:  # assumed: wrong credentials see no clients, as Login gives no session
            raise self._wrong_credentials()
        return [Identity.read(record) for record in records]

    def is_chosen(self, identity: Identity) -> bool:
        return identity.id.lower() == self._credentials.identity_id.lower()

    def _log_in(self) -> SecretStr:
        if not self._credentials.identity_id:
            raise AuthFailed(
                "No 24SevenOffice client is chosen for this connection. Choose one with "
                "`varebro connection credentials --identity`.",
                system=System.TFSO,
            )
        session_id = self._with_credentials("Login", IdentityId=self._credentials.identity_id)
        if not session_id:
            raise self._wrong_credentials()
        if not COOKIE_VALUE.fullmatch(session_id):
            raise Transient(
                "24SevenOffice's answer to Login is broken: that is no session.", system=System.TFSO
            )
        return SecretStr(session_id)

    def _enter_chosen_client(self, session: SecretStr) -> None:
        identity = self._current(session)
        if not self.is_chosen(identity):
            self._exchange.send(
                Service.AUTHENTICATE,
                "SetIdentityById",
                {"identityId": self._credentials.identity_id},
                session=session,
            )
            identity = self._current(session)
        if not self.is_chosen(identity):
            raise AuthFailed(
                f"24SevenOffice logs this user in to '{identity.client_name}' (client "
                f"{identity.client_id}), which is not the client chosen for this connection. "
                "Nothing is ever written into another company. Give the user access to the "
                "chosen client, or take another user with `varebro connection credentials`.",
                system=System.TFSO,
            )

    def _current(self, session: SecretStr) -> Identity:
        answer = self._exchange.send(Service.AUTHENTICATE, "GetIdentity", {}, session=session)
        return Identity.read(answer or {})

    def _with_credentials(self, operation: str, **more: str) -> Any:
        credential = {
            "ApplicationId": self._credentials.application_id.get_secret_value(),
            "Password": self._credentials.password.get_secret_value(),
            "Username": self._credentials.username,
            **more,
        }
        try:
            return self._exchange.send(Service.AUTHENTICATE, operation, {"credential": credential})
        except Rejected as refusal:
            raise self._wrong_credentials(refusal.message) from None

    def _wrong_credentials(self, reason: str = "") -> AuthFailed:
        return AuthFailed(
            "24SevenOffice does not accept the user name, the password or the application id, or "
            f"the user has no access to the chosen client. Enter them anew. {reason}".strip(),
            system=System.TFSO,
        )
