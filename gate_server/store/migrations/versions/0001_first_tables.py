"""first tables"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "checks",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("repository", sa.String(length=1024), nullable=False),
        sa.Column("destination", sa.String(length=1024), nullable=False),
        sa.Column("base_commit", sa.String(length=64), nullable=False),
        sa.Column("base_metarange", sa.String(length=64), nullable=False),
        sa.Column("judged_commit", sa.String(length=64), nullable=False),
        sa.Column("judged_metarange", sa.String(length=64), nullable=False),
        sa.Column("source_commit", sa.String(length=64), nullable=False),
        sa.Column("merge_base", sa.String(length=64), nullable=False),
        sa.Column("source_name", sa.String(length=1024), nullable=False),
        sa.Column("policy_digest", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("worker", sa.String(length=128), nullable=False),
        sa.Column("reusable", sa.Boolean(), nullable=False),
        sa.Column("outcome", sa.String(length=8), nullable=False),
        sa.Column("plan", sa.JSON(), nullable=True),
        sa.Column("evaluations", sa.JSON(), nullable=True),
        sa.Column("verdict", sa.JSON(), nullable=True),
        sa.Column("failure", sa.JSON(), nullable=True),
        sa.Column("duration_s", sa.Float(), nullable=True),
        sa.Column("lakefs_calls", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_checks")),
    )
    with op.batch_alter_table("checks", schema=None) as batch_op:
        batch_op.create_index(
            "ix_checks_known",
            ["repository", "base_metarange", "judged_metarange", "policy_digest"],
            unique=False,
        )
        batch_op.create_index("ix_checks_queue", ["state", "created_at"], unique=False)

    op.create_table(
        "evaluations",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("evaluation", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_evaluations")),
    )
    op.create_table(
        "installations",
        sa.Column("repository", sa.String(length=1024), nullable=False),
        sa.Column("branch", sa.String(length=1024), nullable=False),
        sa.Column("files", sa.JSON(), nullable=False),
        sa.Column("commit_id", sa.String(length=64), nullable=False),
        sa.Column("installed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("repository", "branch", name=op.f("pk_installations")),
    )
    op.create_table(
        "registrations",
        sa.Column("repository", sa.String(length=1024), nullable=False),
        sa.Column("base_commit", sa.String(length=64), nullable=False),
        sa.Column("source_commit", sa.String(length=64), nullable=False),
        sa.Column("principal", sa.String(length=128), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("repository", "base_commit", "source_commit", name=op.f("pk_registrations")),
    )
    op.create_table(
        "reverts",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("repository", sa.String(length=1024), nullable=False),
        sa.Column("branch", sa.String(length=1024), nullable=False),
        sa.Column("from_commit", sa.String(length=64), nullable=False),
        sa.Column("to_commit", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("temporary_branch", sa.String(length=1024), nullable=False),
        sa.Column("merged_base", sa.String(length=64), nullable=False),
        sa.Column("commit_id", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("principal", sa.String(length=128), nullable=False),
        sa.Column("record", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reverts")),
    )
    with op.batch_alter_table("reverts", schema=None) as batch_op:
        batch_op.create_index("ix_reverts_open", ["repository", "temporary_branch"], unique=False)

    op.create_table(
        "asks",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("check_id", sa.String(length=64), nullable=True),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("principal", sa.String(length=128), nullable=False),
        sa.Column("event", sa.JSON(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("outcome", sa.String(length=8), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["check_id"], ["checks.id"], name=op.f("fk_asks_check_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_asks")),
    )
    with op.batch_alter_table("asks", schema=None) as batch_op:
        batch_op.create_index("ix_asks_check_id", ["check_id"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("asks", schema=None) as batch_op:
        batch_op.drop_index("ix_asks_check_id")

    op.drop_table("asks")
    with op.batch_alter_table("reverts", schema=None) as batch_op:
        batch_op.drop_index("ix_reverts_open")

    op.drop_table("reverts")
    op.drop_table("registrations")
    op.drop_table("installations")
    op.drop_table("evaluations")
    with op.batch_alter_table("checks", schema=None) as batch_op:
        batch_op.drop_index("ix_checks_queue")
        batch_op.drop_index("ix_checks_known")

    op.drop_table("checks")
