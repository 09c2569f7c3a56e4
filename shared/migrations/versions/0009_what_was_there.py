"""What was in 24SevenOffice at the first comparison, and which records a comparison is about"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.add_column("cursor", sa.Column("tfso_baseline", JSONB(none_as_null=True), nullable=True))
    op.add_column("run", sa.Column("keys", JSONB(), server_default=sa.text("'{}'"), nullable=False))


def downgrade() -> None:
    op.drop_column("run", "keys")
    op.drop_column("cursor", "tfso_baseline")
