"""The tables. Names are the words of `gate_server.model`; JSON columns hold its types by `dump`."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    false,
    text,
)

from gate_server.store.times import Time

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}
metadata = MetaData(naming_convention=NAMING)

NAME = String(1024)
ID = String(64)

_DONE = text("finished_at IS NOT NULL")

checks = Table(
    "checks",
    metadata,
    Column("id", ID, primary_key=True),
    Column("repository", NAME, nullable=False),
    Column("destination", NAME, nullable=False),
    Column("base_commit", ID, nullable=False),
    Column("base_metarange", ID, nullable=False),
    Column("judged_commit", ID, nullable=False),  # empty for a prediction
    Column("judged_metarange", ID, nullable=False),
    Column("source_commit", ID, nullable=False),
    Column("merge_base", ID, nullable=False),
    Column("source_name", NAME, nullable=False),
    Column("policy_digest", ID, nullable=False),
    Column("request_id", ID, nullable=False, server_default=""),  # of who asked first
    Column("state", String(16), nullable=False),  # queued, running, done
    Column("attempt", Integer, nullable=False),
    Column(
        "handed_back", Integer, nullable=False, server_default="0"
    ),  # attempts that a worker gave up unharmed
    Column("worker", String(128), nullable=False),
    Column("ahead", Boolean, nullable=False, server_default=false()),  # nobody asked for it, nobody waits
    Column("place", String(16), nullable=False, server_default="here"),  # of its next worker: or elsewhere
    # By the database's clock; of a check that runs. Of one that waits for a worker elsewhere: since when.
    Column("lease_until", Time),
    Column("lease_digest", ID),  # SHA-256 of the lease's token, of a check that runs elsewhere
    Column("open_key", ID),  # digest of what it judges while it is not done: two asks at once make one check
    Column("reusable", Boolean, nullable=False),
    Column("outcome", String(8), nullable=False),
    Column("person", String(256), nullable=False, server_default=""),  # who asked first
    Column(
        "summary", Text, nullable=False, server_default=""
    ),  # of the verdict; empty: of before it was kept
    Column(
        "tasks", Integer, nullable=False, server_default="0"
    ),  # how much there is to evaluate, of one that
    Column(
        "tasks_done", Integer, nullable=False, server_default="0"
    ),  # takes long, and how much of it is done
    Column("plan", JSON),
    Column("evaluations", JSON),  # obligation number -> evaluation
    Column("verdict", JSON),
    Column("failure", JSON),  # a Problem: why there is no plan
    Column("duration_s", Float),
    Column("lakefs_calls", Integer),
    Column("created_at", Time, nullable=False),
    Column("started_at", Time),
    Column("finished_at", Time),
    Index("ix_checks_queue", "state", "place", "created_at"),
    # Of what is done alone: who looks for a check to take must not be led past all that is done.
    Index("ix_checks_done", "created_at", "id", sqlite_where=_DONE, postgresql_where=_DONE),
    Index("ix_checks_repository_created_at", "repository", "created_at", "id"),
    Index("ix_checks_outcome_created_at", "outcome", "created_at", "id"),
    Index("ix_checks_person_created_at", "person", "created_at", "id"),
    Index("ix_checks_known", "repository", "base_metarange", "judged_metarange", "policy_digest"),
    Index("uq_checks_open_key", "open_key", unique=True),
)

rule_outcomes = Table(
    "rule_outcomes",  # what came of each rule in each check, for the history; goes with its check
    metadata,
    Column("check_id", ID, primary_key=True),
    Column("rule", String(128), primary_key=True),
    Column("outcome", String(8), nullable=False),
    Column("repository", NAME, nullable=False),
    Column("branch", NAME, nullable=False),
    Column("day", String(10), nullable=False),  # of `created_at`, in UTC
    Column("created_at", Time, nullable=False),  # the check's
    Column(
        "row_count", BigInteger
    ),  # that it judged; NULL where not all are known, and of before it was kept
    Index("ix_rule_outcomes_created_at", "rule", "created_at", "check_id"),
    Index("ix_rule_outcomes_outcome", "rule", "outcome", "created_at", "check_id"),
    # These two hold all that is asked by them, so that the table is not visited for each check of a rule.
    Index("ix_rule_outcomes_day", "rule", "day", "outcome", "repository", "branch"),
    Index(
        "ix_rule_outcomes_place",
        *("rule", "repository", "created_at", "check_id", "branch", "outcome", "row_count"),
    ),
)

asks = Table(
    "asks",
    metadata,
    Column("id", ID, primary_key=True),
    Column("check_id", ID, nullable=True),  # no foreign key: an ask outlives its check
    Column("kind", String(16), nullable=False),  # hook, api, cli, watch
    Column("principal", String(128), nullable=False),
    Column("event", JSON, nullable=False),
    Column("status", Integer),
    Column("outcome", String(8), nullable=False),
    Column("summary", Text, nullable=False),
    Column("created_at", Time, nullable=False),
    Column("answered_at", Time),
    Index("ix_asks_check_id", "check_id"),
    Index("ix_asks_created_at", "created_at"),
)

evaluations = Table(
    "evaluations",
    metadata,
    Column("key", ID, primary_key=True),
    Column("evaluation", JSON, nullable=False),
    Column("created_at", Time, nullable=False),
    Index("ix_evaluations_created_at", "created_at"),
)

dataset_states = Table(
    "dataset_states",
    metadata,
    Column("key", ID, primary_key=True),
    Column("content", LargeBinary, nullable=False),
    Column("created_at", Time, nullable=False),  # or when it was last replaced
    Index("ix_dataset_states_created_at", "created_at"),
)

policies = Table(
    "policies",
    metadata,
    Column("digest", ID, primary_key=True),
    Column("content", JSON, nullable=False),  # the Policy
    Column("state", String(16), nullable=False),  # new, valid, refused
    Column("findings", JSON, nullable=False),
    Column("engine_version", String(256), nullable=False),  # of the worker that looks, or did
    Column("asked_at", Time, nullable=False),  # when somebody wanted it looked at
    Column("created_at", Time, nullable=False),
    Index("ix_policies_state", "state"),
)

workers = Table(
    "workers",
    metadata,
    Column("name", String(128), primary_key=True),
    Column("started_at", Time, nullable=False),
    Column("lease_until", Time, nullable=False),  # past it, the worker is dead
)

reverts = Table(
    "reverts",
    metadata,
    Column("id", ID, primary_key=True),
    Column("repository", NAME, nullable=False),
    Column("branch", NAME, nullable=False),
    Column("from_commit", ID, nullable=False),
    Column("to_commit", ID, nullable=False),
    Column("state", String(16), nullable=False),
    Column("temporary_branch", NAME, nullable=False),
    # The merge that it announces, so that a hook of it is answered without a check: into which branch, at
    # which head, of which commit.
    Column("merged_into", NAME, nullable=False, server_default=""),
    Column("merged_base", ID, nullable=False),
    Column("merged_source", ID, nullable=False, server_default=""),
    # What the branch is to hold; empty: it was not touched, NULL: of before this was written down.
    Column("wanted_metarange", ID),
    Column("commit_id", ID, nullable=False),
    Column("reason", Text, nullable=False),
    Column("principal", String(128), nullable=False),
    Column("record", JSON, nullable=False),  # the Revert as answered
    Column("plan", JSON),  # the RevertPlan, for who asks again with the same key
    Column("idempotency_key", ID),  # digest of the key and who sent it
    Column("request_digest", ID, nullable=False, server_default=""),
    Column("created_at", Time, nullable=False),
    Column("finished_at", Time),
    Index("ix_reverts_open", "repository", "merged_into"),
    Index("uq_reverts_idempotency_key", "idempotency_key", unique=True),
)

revert_leases = Table(
    "revert_leases",
    metadata,
    Column("repository", NAME, primary_key=True),
    Column("branch", NAME, primary_key=True),
    Column("revert_id", ID, nullable=False),
    Column("lease_until", Time, nullable=False),  # by the database's clock
)

registrations = Table(
    "registrations",
    metadata,
    Column("repository", NAME, primary_key=True),
    Column("base_commit", ID, primary_key=True),
    Column("source_commit", ID, primary_key=True),
    Column("principal", String(128), nullable=False),
    Column("created_at", Time, nullable=False),
)

installations = Table(
    "installations",
    metadata,
    Column("repository", NAME, primary_key=True),
    Column("branch", NAME, primary_key=True),
    Column("files", JSON, nullable=False),  # path -> text, as installed
    Column("commit_id", ID, nullable=False),
    Column("installed_at", Time, nullable=False),
)

waivers = Table(
    "waivers",
    metadata,
    Column("id", ID, primary_key=True),
    Column("repository", NAME, nullable=False),
    Column("branch", NAME, nullable=False),  # empty: each of the repository's
    Column("rule", String(128), nullable=False),
    Column("paths", JSON, nullable=False),  # patterns
    Column("owner", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("expires", Time, nullable=False),
    Column("check_id", ID, nullable=False),  # empty: made for a rule, not of a check
    Column("made_by", String(128), nullable=False),
    Column("made_at", Time, nullable=False),
    Column("ended_by", String(128), nullable=False),
    Column("ended_at", Time),
    Index("ix_waivers_repository", "repository"),
)

watches = Table(
    "watches",
    metadata,
    Column("name", String(128), primary_key=True),
    Column("repository", NAME, primary_key=True),
    Column("branch", NAME, primary_key=True),
    Column("commit_id", ID, nullable=False),  # the head that was looked at last
    Column("policy_digest", ID, nullable=False),
    Column("outcome", String(8), nullable=False),
    Column("check_id", ID, nullable=False),
    Column("looked_at", Time, nullable=False),
    Column("passed_commit", ID, nullable=False),  # the last head that was looked at and in order; or empty
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", ID, primary_key=True),
    Column("name", String(128), nullable=False),  # the principal's
    Column("roles", JSON, nullable=False),
    Column("scope", JSON, nullable=False),
    Column("digest", ID, nullable=False),  # SHA-256 of the text; the text is nowhere
    Column("created_by", String(128), nullable=False),
    Column("created_at", Time, nullable=False),
    Column("expires_at", Time),
    Column("last_used_at", Time),
    Column("revoked_at", Time),
)

ledger = Table(
    "ledger",  # append-only: triggers refuse all else (migration 0007)
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("at", Time, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("repository", NAME, nullable=False),
    Column("branch", NAME, nullable=False),
    Column("commit_id", ID, nullable=False),
    Column("subject", ID, nullable=False),
    Column("principal", String(128), nullable=False),
    Column("content", Text, nullable=False),  # canonical JSON, as it was digested
    Column("previous", ID, nullable=False),
    Column("digest", ID, nullable=False),
    Index("ix_ledger_commit_id", "commit_id"),
    Index("ix_ledger_subject", "subject"),
    Index("ix_ledger_kind", "kind"),
)

duties = Table(
    "duties",
    metadata,
    Column("name", String(128), primary_key=True),
    Column("worker", String(128), nullable=False),  # whose it is, or was last
    Column("lease_until", Time),  # of one that is being done
    Column("done_at", Time),
    Column("asked", Integer, nullable=False, server_default="0"),  # for before it is due, see `duties.Asked`
)

followed = Table(
    "followed",
    metadata,
    Column("repository", NAME, primary_key=True),
    Column("branch", NAME, primary_key=True),
    Column("head", ID, nullable=False),
    Column("unverified", Integer, nullable=False),
    Column("failing", Integer, nullable=False),
    Column("findings", Integer, nullable=False),
    Column("rewrites", Integer, nullable=False),
    Column(
        "trusted", ID, nullable=False, server_default=""
    ),  # the newest head at which nothing was outstanding, or empty
    Column("looked_at", Time, nullable=False),
)

notices = Table(
    "notices",  # what is to be told to whom: the outbox
    metadata,
    Column("id", ID, primary_key=True),
    Column("target", String(100), nullable=False),
    Column("occasion", String(16), nullable=False),
    Column("repository", NAME, nullable=False),
    Column("branch", NAME, nullable=False),
    Column("topic", ID, nullable=False),  # digest of what it is about; of one, only changes are told
    Column("about", ID, nullable=False),  # digest of what is told of it
    Column("title", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("tone", String(16), nullable=False),
    Column("state", String(16), nullable=False),  # waiting, sending, sent, given_up
    Column("attempts", Integer, nullable=False),
    Column("reason", Text, nullable=False),  # why the last attempt failed
    Column("created_at", Time, nullable=False),
    Column("due_at", Time, nullable=False),
    Column("ended_at", Time),
    Index("ix_notices_queue", "state", "target", "due_at"),
    Index("ix_notices_topic", "topic", "target", "created_at"),
)

ledger_readers = Table(
    "ledger_readers",  # up to which entry of the ledger somebody has read
    metadata,
    Column("name", String(128), primary_key=True),
    Column("number", Integer, nullable=False),
)
