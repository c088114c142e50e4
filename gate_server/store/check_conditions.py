"""Which checks a query means: those that are free, held, or of the same content."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import lru_cache

from sqlalchemy import ColumnElement, and_, case, or_, tuple_

from gate_server.model import Candidate
from gate_server.store.tables import checks
from gate_server.store.times import database_time

# Queued, or of a worker that let its lease run out.
FREE = or_(
    checks.c.state == "queued", and_(checks.c.state == "running", checks.c.lease_until < database_time())
)
# An attempt that did no harm does not count; a worker elsewhere is waited for from now on.
HANDED_BACK = {
    "state": "queued",
    "worker": "",
    "lease_until": case((checks.c.place == "elsewhere", database_time()), else_=None),
    "lease_digest": None,
    "handed_back": checks.c.handed_back + 1,
}


@lru_cache
def free(elsewhere_wait_s: float, ahead: bool) -> ColumnElement[bool]:
    """Say which checks may be taken here; of those elsewhere, which were left for `elsewhere_wait_s`."""
    left = and_(checks.c.place == "elsewhere", checks.c.lease_until < database_time(-elsewhere_wait_s))
    # The states first: by them the index leaves out what is done, which is nearly all.
    states = checks.c.state.in_(("queued", "running"))
    return and_(states, checks.c.ahead.is_(ahead), or_(and_(checks.c.place == "here", FREE), left))


def held_by(held: Mapping[str, int]) -> ColumnElement[bool]:
    """Say which checks these are (id -> attempt), as long as they run."""
    return and_(tuple_(checks.c.id, checks.c.attempt).in_(list(held.items())), checks.c.state == "running")


def of_content(candidate: Candidate, policy_digest: str) -> ColumnElement[bool]:
    """Say which checks judge what `candidate` is, under the same policy."""
    return and_(
        checks.c.repository == candidate.repository,
        checks.c.destination == candidate.destination,
        # What a merge loses (C3) depends on the two commits and where they meet, not on content.
        checks.c.base_commit == candidate.base.id,
        checks.c.source_commit == (candidate.source.id if candidate.source else ""),
        checks.c.base_metarange == candidate.base.metarange,
        checks.c.judged_metarange == (candidate.judged.metarange if candidate.judged else ""),
        checks.c.policy_digest == policy_digest,
    )


def open_key(candidate: Candidate, policy_digest: str) -> str:
    """Return the digest of what an open check is joined by.

    Each try of a merge makes a commit of its own: content joins them, not the commit's id.
    """
    judged = candidate.judged
    parts = [
        candidate.repository,
        candidate.destination,
        policy_digest,
        candidate.base.id,
        candidate.source.id if candidate.source else "",
        (judged.metarange or judged.id) if judged else "",
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
