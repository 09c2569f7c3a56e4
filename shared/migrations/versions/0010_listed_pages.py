"""What a run has read of a list, so that it goes on where it was interrupted"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.create_table(
        "listed_page",
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"], ["run.id"], name=op.f("fk_listed_page_run_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("run_id", "request", name=op.f("pk_listed_page")),
    )


def downgrade() -> None:
    op.drop_table("listed_page")
