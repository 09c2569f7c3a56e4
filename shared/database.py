"""The connection to PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

import psycopg
from psycopg.errors import _WaitTimeout
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.orm import Session, sessionmaker

STATEMENT_SECONDS = 30
# A little longer than the server lets a statement take: then the server is not to be heard.
PATIENCE = 35.0
# A kept connection that was in use so many seconds ago is taken to be whole: asked each time, every
# third statement would be that question.
LATELY = 1.0


class BoundedConnection(psycopg.Connection[Any]):
    """A connection that gives up waiting for a server that has silently gone.

    Keep-alives notice a lost machine, but not a proxy or a firewall in between that takes what we
    send and forwards nothing. Without a bound of its own such a wait has no end.
    """

    patience: float | None = PATIENCE

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        try:
            return super().wait(gen, interval, timeout or self.patience)
        except _WaitTimeout as error:
            self.pgconn.finish()  # whatever still arrives answers a question nobody asks any more
            raise psycopg.OperationalError("the database has not answered in time") from error


def make_engine(url: str, *, pool_size: int = 5, patience: float = PATIENCE) -> Engine:
    """An engine whose broken connections are noticed and replaced, and whose every wait is bounded.

    Args:
        patience: seconds after which a server that answers nothing counts as gone.
    """
    if url.startswith("postgresql://"):
        url = "postgresql+psycopg://" + url.removeprefix("postgresql://")
    engine = create_engine(
        url,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_timeout=10,
        hide_parameters=True,  # an error would quote what was to be stored
        connect_args={
            "connect_timeout": 5,
            "application_name": "varebro",
            "options": f"-c timezone=UTC -c statement_timeout={STATEMENT_SECONDS * 1000}"
            " -c lock_timeout=10000 -c idle_in_transaction_session_timeout=60000",
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": 20000,
        },
    )

    @event.listens_for(engine, "do_connect")
    def connect(
        _dialect: Any, _record: Any, arguments: list[Any], options: dict[str, Any]
    ) -> BoundedConnection:
        connection = BoundedConnection.connect(*arguments, **options)
        connection.patience = patience
        return connection

    _see_that_kept_connections_are_whole(engine)
    return engine


def _see_that_kept_connections_are_whole(engine: Engine) -> None:
    """Ask each that has not been used of late; where one is broken, all are made anew."""

    @event.listens_for(engine, "checkin")
    def note_use(_driver: Any, record: Any) -> None:
        record.info["used_at"] = monotonic()

    @event.listens_for(engine, "checkout")
    def ask(driver: Any, record: Any, _fairy: Any) -> None:
        now = monotonic()
        if now - record.info.get("used_at", now) > LATELY:
            try:
                engine.dialect.do_ping(driver)
            except psycopg.Error as error:
                raise InvalidatePoolError from error


def wait_as_long_as_it_takes(connection: Connection) -> None:
    """Let this connection's statements take any time, as those of a migration may."""
    connection.execute(text("SET statement_timeout = 0"))
    driver: Any = connection.connection.driver_connection
    driver.patience = None


class Sessions(sessionmaker[Session]):
    """Makes sessions: to read with, when called; to write with, in one transaction, by `begin`.

    Each statement sees what has been committed before it, whether or not it is in a transaction:
    one that is only to be read in would cost two more messages, and its end makes psycopg forget
    what it has prepared.
    """

    def __init__(self, engine: Engine, **options: Any) -> None:
        super().__init__(engine.execution_options(isolation_level="AUTOCOMMIT"), **options)
        self._writing = engine

    @contextmanager
    def begin(self) -> Iterator[Session]:
        with self(bind=self._writing) as session, session.begin():
            yield session


def make_sessions(engine: Engine) -> sessionmaker[Session]:
    """Sessions whose objects stay readable after the commit."""
    return Sessions(engine, expire_on_commit=False)
