"""Runs the migrations; called by Alembic."""

from __future__ import annotations

from alembic import context
from sqlalchemy import Engine

from shared.tables import Base

engine: Engine = context.config.attributes["engine"]

with engine.connect() as connection:
    context.configure(
        connection=connection, target_metadata=Base.metadata, transaction_per_migration=True
    )
    with context.begin_transaction():
        context.run_migrations()
