"""history: a rule's trend for who may see some places alone, counted in one index"""

from __future__ import annotations

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

INDEX, TABLE = "ix_rule_outcomes_day", "rule_outcomes"
COLUMNS = ["rule", "day", "outcome"]


def upgrade() -> None:
    op.drop_index(INDEX, TABLE)
    op.create_index(INDEX, TABLE, [*COLUMNS, "repository", "branch"])


def downgrade() -> None:
    op.drop_index(INDEX, TABLE)
    op.create_index(INDEX, TABLE, COLUMNS)
