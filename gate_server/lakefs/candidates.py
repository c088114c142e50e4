"""What is to be judged: the commit of a merge that waits, or the prediction of a merge."""

from __future__ import annotations

from gate_server.errors import CouldNotTell, NotFound
from gate_server.lakefs.commits import FULL_ID, Commits
from gate_server.model import Candidate, Commit, Event


def candidate_of_event(commits: Commits, event: Event) -> Candidate:
    """Return the candidate of a pre-merge event: its commit, against that commit's first parent (D1, H3).

    Raises
    ------
    CouldNotTell
        When lakeFS does not have what the event names; the event is not believed.
    """
    if not FULL_ID.fullmatch(event.commit_id):
        raise CouldNotTell(
            "the event names no commit to judge",
            "lakeFS sends `commit_id` since 1.23; for an older one set `judge: source` in the policy",
        )
    try:
        judged = commits.get(event.repository, event.commit_id)
        if not judged.parents:
            raise CouldNotTell(f"commit {judged.id} has no parent, so it is no merge")
        base = commits.get(event.repository, judged.parents[0])
        # A squash merge has one parent: the source is then known from the event alone.
        named = judged.parents[1] if len(judged.parents) > 1 else event.source_ref
        source = commits.get(event.repository, named) if FULL_ID.fullmatch(named) else None
    except NotFound as error:
        raise CouldNotTell(error.message, "is this gate set to the lakeFS that sent the event?") from error
    return Candidate(event.repository, event.destination, base, judged, source)


def predict(
    commits: Commits, repository: str, source: str, destination: str, base: Commit | None = None
) -> Candidate:
    """Return the candidate that merging `source` into `destination` would make; no branch is made.

    Parameters
    ----------
    base
        The destination's head, where it is known.

    Raises
    ------
    NotFound
        When a name does not exist.
    """
    base = base or commits.head(repository, destination)
    tip = commits.get(repository, source)
    return Candidate(
        repository, destination, base, None, tip, commits.merge_base(repository, tip.id, base.id)
    )
