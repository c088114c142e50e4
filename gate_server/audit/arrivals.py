"""How a commit came that nobody vouches for, from what lakeFS writes into commits (graveler, 1.84)."""

from __future__ import annotations

from gate_server.audit.line import Arrival
from gate_server.model import Commit

CHERRY_PICK = "cherry-pick-origin"  # metadata of each cherry-pick
STRATEGY = ".lakefs.merge.strategy"  # metadata of merges and imports; an import's is always source-wins


def arrival_of(commit: Commit, *, source_asks: bool | None, is_read_only: bool = False) -> Arrival:
    """Return how `commit` came.

    Metadata of a commit or a merge is the caller's to choose, so what rests on it alone is a guess.

    Parameters
    ----------
    source_asks
        Of a merge: whether the commit that was merged had the gate's action as it was installed (H1); None
        where that is not known.
    is_read_only
        Whether the repository is: merges into it have to be forced, and then no hook is called (H7).
    """
    if len(commit.parents) > 1:
        if source_asks is False:
            return Arrival("a merge of a commit without the gate's action", is_certain=True)
        if is_read_only:
            return Arrival("a forced merge: the repository is read-only")
        if source_asks:
            return Arrival("a merge that the gate has no answer for", is_certain=True)
        return Arrival("a merge", is_certain=True)
    if CHERRY_PICK in commit.metadata:
        return Arrival("a cherry-pick")
    if commit.metadata.get(STRATEGY) == "source-wins":
        return Arrival("an import, or a squash merge")
    if STRATEGY in commit.metadata:
        return Arrival("a squash merge")
    if commit.message.startswith("Revert "):
        return Arrival("a revert by other means than the gate")
    return Arrival("a direct commit")
