"""What one process keeps: its connections to the database and the vendors, and the engine."""

from __future__ import annotations

from datetime import timedelta
from functools import lru_cache

from celery.exceptions import SoftTimeLimitExceeded
from celery.signals import worker_process_init
from sqlalchemy.orm import Session, sessionmaker

from shared.clock import utc_now
from shared.config import configuration
from shared.database import make_engine, make_sessions
from shared.engine.engine import Engine
from shared.vault import Vault
from shared.vendors import Vendors
from tasks.kinds import KINDS
from workers.celery_app import make_celery
from workers.messages import enqueue


@lru_cache(maxsize=1)
def the_sessions() -> sessionmaker[Session]:
    """Sessions with the database of the configuration."""
    return make_sessions(make_engine(configuration().database_url.get_secret_value()))


@lru_cache(maxsize=1)
def the_vendors() -> Vendors:
    """The vendors' clients."""
    return Vendors(configuration(), the_sessions())


@lru_cache(maxsize=1)
def the_vault() -> Vault:
    """The credential store."""
    return Vault(configuration().secret_keys)


@lru_cache(maxsize=1)
def the_engine() -> Engine:
    """The engine on the real database, broker and vendors."""
    config = configuration()
    sender = make_celery(config)
    return Engine(
        sessions=the_sessions(),
        kinds=KINDS,
        clients=the_vendors().clients,
        clock=utc_now,
        enqueue=lambda messages: enqueue(sender, messages),
        claim_for=timedelta(seconds=config.claim_seconds),
        settle_for=timedelta(seconds=config.settle_seconds),
        too_long=SoftTimeLimitExceeded,
        keep_requests=config.journal_requests,
    )


@worker_process_init.connect
def _start_afresh(**_: object) -> None:
    # Connections made before the fork must not be shared with the parent.
    for kept in (the_sessions, the_vendors, the_vault, the_engine):
        kept.cache_clear()
