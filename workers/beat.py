"""Beat: any number may run, one is active. The others wait for the database's lock."""

from __future__ import annotations

from typing import Any

import structlog
from celery.beat import Scheduler
from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from shared.config import configuration
from shared.database import make_engine
from workers.liveness import show_life, watch_signs

log = structlog.get_logger()

_LOCK = text("SELECT pg_try_advisory_lock(hashtext('varebro beat'))")
_ALIVE = text("SELECT 1")
WAIT_SECONDS = 5.0
# The active beat asks for its lock at least every 5 seconds. One that is cut off loses it after
# this, by its own patience and by the database's.
PATIENCE = 10.0
_LOSE = text(f"SET idle_session_timeout = {PATIENCE * 1000:.0f}")


class OneActiveScheduler(Scheduler):
    """Ticks only while it holds the lock, which the database takes back when we are gone.

    The schedule is a handful of fixed entries, so that nothing needs to be kept between runs.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        url = configuration().database_url.get_secret_value()
        self._engine = make_engine(url, pool_size=1, patience=PATIENCE)
        self._holding: Connection | None = None
        super().__init__(*args, **kwargs)

    def setup_schedule(self) -> None:
        watch_signs("beat")  # here, as this is called only where it is really started
        self.install_default_entries(self.schedule)
        self.merge_inplace(self.app.conf.beat_schedule)

    def tick(self, *args: Any, **kwargs: Any) -> float:
        show_life("beat")
        if not self._active():
            return WAIT_SECONDS
        return float(super().tick(*args, **kwargs))

    def _active(self) -> bool:
        try:
            if self._holding is not None:
                self._holding.execute(_ALIVE)
                return True
            connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            connection.execute(_LOSE)
            if connection.execute(_LOCK).scalar():
                self._holding = connection
                log.info("beat is active")
                return True
            connection.close()
        except SQLAlchemyError as error:
            log.warning("beat has lost the database", error=type(error).__name__)
            self._let_go()
        return False

    def _let_go(self) -> None:
        if self._holding is not None:
            self._holding.invalidate()
            self._holding.close()
        self._holding = None

    def close(self) -> None:
        self._let_go()
        super().close()
