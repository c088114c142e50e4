"""leases: a check that runs is its worker's until a time; asks outlive their checks"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# What ran under the other schema has no worker that this one knows of.
_PUT_BACK = "UPDATE checks SET state = 'queued', worker = '' WHERE state = 'running'"


def upgrade() -> None:
    with op.batch_alter_table("checks", schema=None) as batch_op:
        batch_op.add_column(sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("handed_back", sa.Integer(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("open_key", sa.String(length=64), nullable=True))
        batch_op.create_index("uq_checks_open_key", ["open_key"], unique=True)
    op.execute(_PUT_BACK)
    with op.batch_alter_table("asks", schema=None) as batch_op:
        batch_op.drop_constraint("fk_asks_check_id", type_="foreignkey")
        batch_op.create_index("ix_asks_created_at", ["created_at"], unique=False)
    with op.batch_alter_table("evaluations", schema=None) as batch_op:
        batch_op.create_index("ix_evaluations_created_at", ["created_at"], unique=False)
    op.create_table(
        "workers",
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_workers")),
    )


def downgrade() -> None:
    op.drop_table("workers")
    with op.batch_alter_table("evaluations", schema=None) as batch_op:
        batch_op.drop_index("ix_evaluations_created_at")
    op.execute(_PUT_BACK)
    with op.batch_alter_table("checks", schema=None) as batch_op:
        batch_op.drop_index("uq_checks_open_key")
        batch_op.drop_column("open_key")
        batch_op.drop_column("handed_back")
        batch_op.drop_column("lease_until")
    # Last: SQLite makes a table anew to alter it, which a foreign key to it would forbid.
    op.execute("UPDATE asks SET check_id = NULL WHERE check_id NOT IN (SELECT id FROM checks)")
    with op.batch_alter_table("asks", schema=None) as batch_op:
        batch_op.drop_index("ix_asks_created_at")
        batch_op.create_foreign_key("fk_asks_check_id", "checks", ["check_id"], ["id"])
