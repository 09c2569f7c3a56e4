"""The session id that all workers of a connection share."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Protocol, TypeVar

from pydantic import SecretStr

from shared.failures import Transient
from shared.tfso.protocol import SessionLost
from shared.words import System

T = TypeVar("T")


class SessionStore(Protocol):
    """Keeps one connection's session id; repeated logins are throttled by the vendor."""

    def current(self) -> SecretStr | None:
        """The session to use; None when there is none yet."""

    def renew(self, lost: SecretStr | None, login: Callable[[], SecretStr]) -> SecretStr:
        """The session to use now that `lost` no longer serves.

        Calls `login` at most once for one lost session, whoever else renews it at the same time:
        where another worker has replaced it already, the newer session is returned. What `login`
        raises passes through, and leaves no session behind.
        """


class MemorySessionStore:
    """A session store for one process."""

    def __init__(self) -> None:
        self._session: SecretStr | None = None
        self._lock = Lock()

    def current(self) -> SecretStr | None:
        return self._session

    def renew(self, lost: SecretStr | None, login: Callable[[], SecretStr]) -> SecretStr:
        with self._lock:
            if self._session is None or self._session == lost:
                self._session = None
                self._session = login()
            return self._session


def in_session(
    store: SessionStore, login: Callable[[], SecretStr], attempt: Callable[[SecretStr], T]
) -> T:
    """What an attempt gives: made in the session there is and, if that is lost, in a new one.

    Raises:
        Transient: the new session is lost as well.
    """
    session = store.current() or store.renew(None, login)
    try:
        return attempt(session)
    except SessionLost:
        session = store.renew(session, login)
    try:
        return attempt(session)
    except SessionLost:
        raise Transient(
            "24SevenOffice does not know the session it has just opened.", system=System.TFSO
        ) from None
