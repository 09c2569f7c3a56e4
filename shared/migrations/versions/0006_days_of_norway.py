"""Days of 24SevenOffice's documents that were read in UTC are not known, rather than other ones"""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    # Days that begin at midnight in Norway were taken for the day before. All documents that have
    # some would look changed, and those that are booked by now would be parked.
    op.execute(
        "UPDATE link SET tfso_seen = tfso_seen - '{ordered_on,deliver_on,invoiced_on}'::text[] "
        "WHERE kind IN ('order', 'invoice')"
    )


def downgrade() -> None:
    """What is not known yet is known to earlier versions, too."""
