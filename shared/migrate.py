"""Bringing the database's tables to this version's form."""

from __future__ import annotations

import time
from pathlib import Path

import structlog
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import OperationalError

from shared.database import wait_as_long_as_it_takes

log = structlog.get_logger()

_SCRIPTS = Path(__file__).with_name("migrations")
_ASK_AGAIN_SECONDS = 0.5


def alembic_config() -> Config:
    """Alembic's configuration, which knows the migrations but no database."""
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS))
    return config


def migrate(engine: Engine, revision: str = "head") -> None:
    """Upgrade to a revision; waits while another process does the same.

    It may take as long as the size of the tables asks for. Only for the lock on a table that others
    work with it waits no longer than anybody, as everybody else would wait behind it.
    """
    with engine.connect() as connection:
        wait_as_long_as_it_takes(connection)
        connection.detach()  # what is set here, and the lock, end with this connection
        connection.commit()
        _wait_for_turn(connection)
        config = alembic_config()
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def _wait_for_turn(connection: Connection) -> None:
    """Take the lock of those that migrate, without a transaction that waits with it."""
    turn = text("SELECT pg_try_advisory_lock(hashtext('varebro migrate'))")
    while not connection.scalar(turn):
        connection.commit()
        time.sleep(_ASK_AGAIN_SECONDS)
    connection.commit()


def wait_for_tables(engine: Engine) -> None:
    """Wait until the tables have this version's form, or that of a later one.

    A process that begins its work before would take every record for a bug of ours.
    """
    told = None
    while (why := _why_not_yet(engine)) is not None:
        if why != told:
            log.warning("waiting", why=why)
            told = why
        time.sleep(_ASK_AGAIN_SECONDS)


def _why_not_yet(engine: Engine) -> str | None:
    """What keeps a process from beginning; None where nothing does."""
    try:
        with engine.connect() as connection:
            there = MigrationContext.configure(connection).get_current_revision()
    except OperationalError:
        return "the database cannot be reached, or refuses: see to it, and to VAREBRO_DATABASE_URL"
    if not _is_known_enough(there):
        return "`varebro migrate` has not brought the tables to this version's form yet"
    return None


def _is_known_enough(there: str | None) -> bool:
    scripts = ScriptDirectory.from_config(alembic_config())
    head = scripts.get_current_head()
    # A revision that is not known here is a later version's.
    earlier = {script.revision for script in scripts.walk_revisions()} - {head}
    return there is not None and there not in earlier
