"""Lines of Rackbeat's invoices that were read without their texts are not known"""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    # Invoices, and orders that have become some, would look changed where they hold texts, and be
    # parked, because they cannot be changed any more. Open orders get their texts.
    op.execute(
        "UPDATE link SET rackbeat_seen = rackbeat_seen - 'lines' WHERE kind = 'invoice' "
        "OR kind = 'order' AND EXISTS (SELECT FROM link AS invoice WHERE invoice.kind = 'invoice' "
        "AND invoice.connection_id = link.connection_id AND invoice.tfso_key = link.tfso_key)"
    )


def downgrade() -> None:
    """What is not known yet is known to earlier versions, too."""
