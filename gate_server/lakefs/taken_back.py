"""What reverts took out of a branch, and who would bring only a part of it again (R9).

After a merge was taken back, merging the same branch again brings only what is new on it, as in Git: lakeFS
counts the merge as made. A revert's commit holds what its target held, so a branch's first-parent line has
parts that count no more; a merge there, whose source a candidate's own line still holds, is missing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, takewhile

from gate_server.lakefs.commits import Commits
from gate_server.model import Commit, Revert

MOST_COMMITS = 10_000  # of a line, newest first; what lies further back is not looked at


@dataclass(frozen=True)
class TakenBack:
    """A merge that counts no more, and that a source holds as if it did.

    Parameters
    ----------
    merge
        The oldest such merge on the destination.
    revert
        The revert that took it back.
    """

    merge: Commit
    revert: Revert


def taken_back(
    commits: Commits, repository: str, base: Commit, source: Commit, reverts: Sequence[Revert]
) -> TakenBack | None:
    """Return what merging `source` would leave out, since a revert took it back; None where it is nothing.

    Parameters
    ----------
    base
        The destination's head.
    reverts
        The destination's that were verified. Without any lakeFS is not asked.
    """
    if not reverts:
        return None
    line = _line(commits, repository, base, reverts)
    place = {commit.id: number for number, commit in enumerate(line)}
    merges = _dead_merges(line, place, reverts)
    if not merges:
        return None
    own_line = islice(commits.first_parents(repository, source.id), MOST_COMMITS)
    own = takewhile(lambda commit: commit.id not in place, own_line)
    found = [merges[commit.id] for commit in own if commit.id in merges]
    # A source that took the revert in knows of it: what it holds again since then is new.
    unknown = [item for item in found if not _holds(commits, repository, source, item.revert)]
    return max(unknown, key=lambda item: place[item.merge.id], default=None)


def _line(commits: Commits, repository: str, base: Commit, reverts: Sequence[Revert]) -> list[Commit]:
    """Return the first-parent line of `base`, down to the oldest commit that a revert went back to."""
    targets = {revert.commit_id: revert.to_commit for revert in reverts}
    awaited = set(targets)
    line: list[Commit] = []
    for commit in islice(commits.first_parents(repository, base.id), MOST_COMMITS):
        line.append(commit)
        if commit.id in targets:
            awaited.add(targets[commit.id])
        awaited.discard(commit.id)
        if not awaited:
            break
    return line


def _dead_merges(
    line: Sequence[Commit], place: Mapping[str, int], reverts: Sequence[Revert]
) -> dict[str, TakenBack]:
    """Return the merges that count no more, by what they merged."""
    by_commit = {revert.commit_id: revert for revert in reverts if revert.way != "paths"}
    found: dict[str, TakenBack] = {}
    undone = set[str]()
    number = 0
    while number < len(line):
        revert = by_commit.get(line[number].id) if line[number].id not in undone else None
        target = place.get(revert.to_commit) if revert else None
        if revert and revert.way == "commit":  # that one alone, which may be a revert itself
            undone.add(revert.to_commit)
            if target is not None and len(line[target].parents) > 1 and revert.to_commit not in by_commit:
                found[line[target].parents[1]] = TakenBack(line[target], revert)
            number += 1
            continue
        if revert is None or target is None or target <= number:
            number += 1
            continue
        for dead in line[number + 1 : target]:
            if len(dead.parents) > 1:
                found[dead.parents[1]] = TakenBack(dead, revert)
        number = target
    return found


def _holds(commits: Commits, repository: str, source: Commit, revert: Revert) -> bool:
    return commits.merge_base(repository, source.id, revert.commit_id).id == revert.commit_id
