"""Which commit promoted a flow run: found in the destination's log, where each promotion names its run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from lakefs_sdk.models import Commit

from gate_client.landing import REVERT, REVERTED_TO
from gate_client.prefect.blocks import LakeFSCredentials
from gate_client.prefect.calls import Calls

PROMOTION_OF = "prefect_promotion_of"


def promotion_of(
    lakefs: LakeFSCredentials, repository: str, destination: str, flow_run_id: str, since: datetime
) -> Commit | None:
    """Return the merge that promoted a flow run, None where none since then still counts."""
    for commit in standing(Calls(lakefs).line_since(repository, destination, since)):
        if (commit.metadata or {}).get(PROMOTION_OF) == flow_run_id:
            return commit
    return None


def standing(line: Iterable[Commit]) -> Iterator[Commit]:
    """Yield what still counts of a branch's commits: not the gate's reverts, nor what they took back.

    Newest first, as they come. A revert's commit holds what the commit held that it went back to.
    """
    back_to = ""
    for commit in line:
        if commit.id == back_to:
            back_to = ""
        if back_to:
            continue
        metadata = commit.metadata or {}
        if REVERT in metadata:
            back_to = metadata.get(REVERTED_TO, "")
        else:
            yield commit
