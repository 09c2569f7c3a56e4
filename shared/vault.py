"""The credential store: secrets encrypted at rest, decrypted only for the call that needs them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from pydantic import SecretStr
from sqlalchemy import bindparam, delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from shared.tables import Connection, Credential

RACKBEAT_API_KEY = "rackbeat_api_key"
TFSO_USERNAME = "tfso_username"
TFSO_PASSWORD = "tfso_password"  # noqa: S105 - the name of a credential, not one
TFSO_APPLICATION_ID = "tfso_application_id"
TFSO_SESSION = "tfso_session"


# Made once, as every call of 24SevenOffice asks for the session.
_STORED = select(Credential.ciphertext).where(
    Credential.connection_id == bindparam("of_connection"), Credential.name == bindparam("called")
)


class VaultError(RuntimeError):
    """A stored secret cannot be read with the keys this process has."""


class Vault:
    """Encrypts with the first key, decrypts with any: keys can be rotated without a stop."""

    def __init__(self, keys: Sequence[SecretStr]) -> None:
        self._fernet = MultiFernet([Fernet(key.get_secret_value()) for key in keys])

    def put(
        self, session: Session, connection_id: int, name: str, secret: SecretStr, now: datetime
    ) -> None:
        """Store a secret, replacing an earlier one of that name."""
        values = {
            "ciphertext": self._fernet.encrypt(secret.get_secret_value().encode()),
            "updated_at": now,
        }
        session.execute(
            insert(Credential)
            .values(connection_id=connection_id, name=name, **values)
            .on_conflict_do_update(index_elements=["connection_id", "name"], set_=values)
        )

    def get(self, session: Session, connection_id: int, name: str) -> SecretStr | None:
        """A stored secret, or None.

        Raises:
            VaultError: none of the keys opens it.
        """
        stored = session.scalar(_STORED, {"of_connection": connection_id, "called": name})
        return None if stored is None else self.open(name, stored)

    def open(self, name: str, ciphertext: bytes) -> SecretStr:
        """The secret that was stored like this under this name.

        Raises:
            VaultError: none of the keys opens it.
        """
        try:
            return SecretStr(self._fernet.decrypt(ciphertext).decode())
        except InvalidToken:
            raise _unreadable(f"the stored {name}") from None

    def forget(self, session: Session, connection_id: int, name: str) -> None:
        """Delete a secret."""
        session.execute(
            delete(Credential).where(
                Credential.connection_id == connection_id, Credential.name == name
            )
        )

    def rotate(self, session: Session) -> int:
        """Encrypt every secret anew with the first key; how many there were. The caller commits.

        Raises:
            VaultError: none of the keys opens one of them; says which.
        """
        in_order = select(Credential).order_by(Credential.connection_id, Credential.name)
        rows = session.scalars(in_order.with_for_update()).all()
        for row in rows:
            try:
                row.ciphertext = self._fernet.rotate(row.ciphertext)
            except InvalidToken:
                if row.name == TFSO_SESSION:
                    session.delete(row)  # a login replaces it
                    continue
                slug = session.get_one(Connection, row.connection_id).slug
                raise _unreadable(f"{row.name} of the connection {slug}") from None
        return len(rows)


def _unreadable(what: str) -> VaultError:
    return VaultError(
        f"{what} cannot be decrypted: VAREBRO_SECRET_KEYS lacks the key it was stored with. Add "
        "that key to the list, or store the credential again with `varebro connection credentials`"
    )
