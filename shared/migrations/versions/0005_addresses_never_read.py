"""Addresses of Rackbeat's documents that could not be read are not known, rather than empty"""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    # They were looked for under other names than Rackbeat may show. Known to be empty, they would
    # make every document look changed, and those that are locked would be parked.
    for name in ("address", "delivery_address"):
        op.execute(
            f"UPDATE link SET rackbeat_seen = rackbeat_seen - '{name}' "  # noqa: S608
            f"WHERE kind IN ('order', 'invoice') AND rackbeat_seen -> '{name}' = 'null'"
        )


def downgrade() -> None:
    """What is not known yet is known to earlier versions, too."""
