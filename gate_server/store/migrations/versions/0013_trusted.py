"""reverts: what the branch is to hold; followed: where nothing was outstanding; ledger: by kind"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("reverts", sa.Column("wanted_metarange", sa.String(length=64)))
    op.add_column("followed", sa.Column("trusted", sa.String(length=64), nullable=False, server_default=""))
    op.create_index("ix_ledger_kind", "ledger", ["kind"])


def downgrade() -> None:
    op.drop_index("ix_ledger_kind", "ledger")
    with op.batch_alter_table("followed") as table:
        table.drop_column("trusted")
    with op.batch_alter_table("reverts") as table:
        table.drop_column("wanted_metarange")
