"""dataset_states: what was found of the objects of datasets"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "dataset_states",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_dataset_states"),
    )
    op.create_index("ix_dataset_states_created_at", "dataset_states", ["created_at"])


def downgrade() -> None:
    op.drop_table("dataset_states")
