"""reverts: one at a time for each branch, a request is done once, and which merge one announces"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "revert_leases",
        sa.Column("repository", sa.String(length=1024), nullable=False),
        sa.Column("branch", sa.String(length=1024), nullable=False),
        sa.Column("revert_id", sa.String(length=64), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("repository", "branch", name=op.f("pk_revert_leases")),
    )
    with op.batch_alter_table("reverts", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("merged_into", sa.String(length=1024), nullable=False, server_default="")
        )
        batch_op.add_column(
            sa.Column("merged_source", sa.String(length=64), nullable=False, server_default="")
        )
        batch_op.add_column(sa.Column("plan", sa.JSON(), nullable=True))
        batch_op.add_column(sa.Column("idempotency_key", sa.String(length=64), nullable=True))
        batch_op.add_column(
            sa.Column("request_digest", sa.String(length=64), nullable=False, server_default="")
        )
        batch_op.drop_index("ix_reverts_open")
        batch_op.create_index("ix_reverts_open", ["repository", "merged_into"], unique=False)
        batch_op.create_index("uq_reverts_idempotency_key", ["idempotency_key"], unique=True)


def downgrade() -> None:
    with op.batch_alter_table("reverts", schema=None) as batch_op:
        batch_op.drop_index("uq_reverts_idempotency_key")
        batch_op.drop_index("ix_reverts_open")
        batch_op.create_index("ix_reverts_open", ["repository", "temporary_branch"], unique=False)
        for column in ("request_digest", "idempotency_key", "plan", "merged_source", "merged_into"):
            batch_op.drop_column(column)
    op.drop_table("revert_leases")
