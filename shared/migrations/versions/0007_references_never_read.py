"""References of Rackbeat's documents that were not read are not known, rather than empty"""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    # They are a field of their own by now, also those that stand in the note. All documents that
    # have one would look changed, and those that are locked would be parked.
    op.execute(
        "UPDATE link SET rackbeat_seen = rackbeat_seen - 'their_reference' "
        "WHERE kind IN ('order', 'invoice') AND rackbeat_seen -> 'their_reference' = 'null'"
    )
    op.execute(
        "UPDATE link SET rackbeat_seen = rackbeat_seen - 'note' "
        "WHERE kind IN ('order', 'invoice') "
        "AND rackbeat_seen ->> 'note' ~ '(^|\\n)Deres referanse: '"
    )


def downgrade() -> None:
    """What is not known yet is known to earlier versions, too."""
