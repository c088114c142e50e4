"""history: how many rows a rule judged in a check"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("rule_outcomes", sa.Column("row_count", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("rule_outcomes") as table:
        table.drop_column("row_count")
