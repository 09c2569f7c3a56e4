"""What of documents is read from more fields than before is not known"""

from __future__ import annotations

from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    # References and addresses would look changed where the new fields say something, and documents
    # that are booked or invoiced be parked, because they cannot be changed any more.
    op.execute(
        "UPDATE link SET "
        "rackbeat_seen = rackbeat_seen - 'reference_number' - 'address' - 'delivery_address', "
        "tfso_seen = tfso_seen - 'reference_number' - 'address' - 'delivery_address' "
        "WHERE kind IN ('order', 'invoice')"
    )


def downgrade() -> None:
    """What is not known yet is known to earlier versions, too."""
