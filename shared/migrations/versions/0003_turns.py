"""The index of pending changes follows the order in which they get their turns"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_index(
        "ix_change_turn",
        "change",
        ["connection_id", "kind", "bulk", "enqueued_at", "due_at"],
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.drop_index("ix_change_due", table_name="change")


def downgrade() -> None:
    op.create_index(
        "ix_change_due", "change", ["due_at"], postgresql_where=sa.text("state = 'pending'")
    )
    op.drop_index("ix_change_turn", table_name="change")
