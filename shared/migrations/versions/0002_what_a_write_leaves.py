"""What a write leaves behind, to recognise it when its answer never came"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"

STARTED, IN_FLIGHT = "ix_idempotency_key_started", "ix_idempotency_key_in_flight"
COLUMNS = ("source_seen", "target_seen")


def upgrade() -> None:
    for name in COLUMNS:
        json = postgresql.JSONB(none_as_null=True, astext_type=sa.Text())
        op.add_column("idempotency_key", sa.Column(name, json, nullable=True))
    op.drop_index(IN_FLIGHT, table_name="idempotency_key")
    op.create_index(
        STARTED,
        "idempotency_key",
        ["connection_id", "kind", "direction", "key"],
        postgresql_where=sa.text("state = 'started'"),
    )


def downgrade() -> None:
    op.drop_index(STARTED, table_name="idempotency_key")
    op.create_index(
        IN_FLIGHT,
        "idempotency_key",
        ["connection_id", "kind", "direction"],
        postgresql_where=sa.text("operation = 'create' AND state = 'started'"),
    )
    for name in COLUMNS:
        op.drop_column("idempotency_key", name)
