"""elsewhere: what is left of a check can wait for a worker elsewhere, which is given a lease with a token"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

tokens = sa.table("tokens", sa.column("id"), sa.column("roles", sa.JSON()))


def upgrade() -> None:
    with op.batch_alter_table("checks", schema=None) as batch_op:
        batch_op.add_column(sa.Column("place", sa.String(length=16), nullable=False, server_default="here"))
        batch_op.add_column(sa.Column("lease_digest", sa.String(length=64), nullable=True))
        batch_op.drop_index("ix_checks_queue")
        batch_op.create_index("ix_checks_queue", ["state", "place", "created_at"], unique=False)


def downgrade() -> None:
    # What waits elsewhere is judged anew here; the program before this one knows no role `worker`.
    op.execute(
        "UPDATE checks SET state = 'queued', worker = '', lease_until = NULL "
        "WHERE place = 'elsewhere' AND state <> 'done'"
    )
    kept = op.get_bind().execute(sa.select(tokens)).all()
    of_workers = [row.id for row in kept if "worker" in row.roles]
    op.execute(sa.delete(tokens).where(tokens.c.id.in_(of_workers)))
    with op.batch_alter_table("checks", schema=None) as batch_op:
        batch_op.drop_index("ix_checks_queue")
        batch_op.create_index("ix_checks_queue", ["state", "created_at"], unique=False)
        batch_op.drop_column("lease_digest")
        batch_op.drop_column("place")
