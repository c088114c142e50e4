"""history: who asked, a verdict in one line, and what came of each rule, found by time"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

FOUND_BY = {
    "ix_checks_repository_created_at": ["repository", "created_at", "id"],
    "ix_checks_outcome_created_at": ["outcome", "created_at", "id"],
    "ix_checks_person_created_at": ["person", "created_at", "id"],
}


def upgrade() -> None:
    with op.batch_alter_table("checks", schema=None) as batch_op:
        batch_op.add_column(sa.Column("person", sa.String(length=256), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("summary", sa.Text(), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("tasks", sa.Integer(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("tasks_done", sa.Integer(), nullable=False, server_default="0"))
    for name, columns in FOUND_BY.items():
        op.create_index(name, "checks", columns)
    done = sa.text("finished_at IS NOT NULL")
    op.create_index(
        "ix_checks_done", "checks", ["created_at", "id"], sqlite_where=done, postgresql_where=done
    )
    op.create_table(
        "rule_outcomes",
        sa.Column("check_id", sa.String(length=64), nullable=False),
        sa.Column("rule", sa.String(length=128), nullable=False),
        sa.Column("outcome", sa.String(length=8), nullable=False),
        sa.Column("repository", sa.String(length=1024), nullable=False),
        sa.Column("branch", sa.String(length=1024), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("check_id", "rule", name="pk_rule_outcomes"),
    )
    op.create_index("ix_rule_outcomes_created_at", "rule_outcomes", ["rule", "created_at", "check_id"])
    by_outcome = ["rule", "outcome", "created_at", "check_id"]
    op.create_index("ix_rule_outcomes_outcome", "rule_outcomes", by_outcome)
    op.create_index("ix_rule_outcomes_day", "rule_outcomes", ["rule", "day", "outcome"])


def downgrade() -> None:
    op.drop_table("rule_outcomes")
    for name in ("ix_checks_done", *FOUND_BY):
        op.drop_index(name, "checks")
    with op.batch_alter_table("checks", schema=None) as batch_op:
        for name in ("tasks_done", "tasks", "summary", "person"):
            batch_op.drop_column(name)
