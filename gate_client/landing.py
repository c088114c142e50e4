"""Whether a merge is on its destination, and still counts there: what the destination's own log says."""

from __future__ import annotations

from dataclasses import dataclass

from gate_client.lakefs import LakeFS

# What the gate writes into the commit of a revert.
REVERT, REVERTED_TO = "gate.revert", "gate.to"


@dataclass(frozen=True)
class Landing:
    """Where a commit was merged. ``taken_back_by`` is the revert that put the branch before it again."""

    commit_id: str
    taken_back_by: str = ""


def find_merge(lakefs: LakeFS, repository: str, destination: str, source_commit: str) -> Landing | None:
    """Return the merge of `source_commit` into `destination`, None where none of the newest is.

    A revert's commit holds what the commit held that it went back to: what lies between is taken back, until
    a later revert goes back to there.
    """
    back_to = revert = ""
    for commit in lakefs.first_parents(repository, destination):
        if commit["id"] == back_to:
            back_to = ""
        if source_commit in commit["parents"][1:]:
            return Landing(str(commit["id"]), revert if back_to else "")
        metadata = commit.get("metadata") or {}
        if not back_to and REVERT in metadata:
            back_to, revert = str(metadata.get(REVERTED_TO, "")), str(commit["id"])
    return None
