"""What reverts took out of a branch, and who would bring only a part of it again (R9).

After a merge was taken back, merging the same branch again brings only what is new on it, as in Git: lakeFS
counts the merge as made. Going up a branch's first-parent line, a revert says which merges count no more; one
whose source a candidate's own line still holds is missing. So is what a revert of some paths took out of a
merge, as long as neither side changed it since.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise, takewhile
from typing import TypeVar

from gate_server.lakefs.commits import Commits
from gate_server.lakefs.listings import Listings
from gate_server.model import Commit, Revert

T = TypeVar("T")
_Part = tuple[str, str]  # what was merged, and the id of the revert that took some paths of it back

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
    commits: Commits,
    listings: Listings,
    repository: str,
    base: Commit,
    source: Commit,
    reverts: Sequence[Revert],
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
    merges = _gone_merges(line, reverts)
    if not merges:
        return None
    own_line = islice(commits.first_parents(repository, source.id), MOST_COMMITS)
    own = takewhile(lambda commit: commit.id not in place, own_line)
    found = [item for commit in own for item in merges.get(commit.id, ())]
    # A source that took the revert in knows of it: what it holds again since then is new.
    unknown = [item for item in found if not _holds(commits, repository, source, item.revert)]
    unknown = [
        item
        for item in unknown
        if item.revert.way != "paths" or _leaves_out(commits, listings, repository, item, base, source)
    ]
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


def _gone_merges(line: Sequence[Commit], reverts: Sequence[Revert]) -> dict[str, list[TakenBack]]:
    """Return the merges that count no more at the head of `line`, or in part, by what they merged."""
    by_commit = {revert.commit_id: revert for revert in reverts}
    before = dict(pairwise(commit.id for commit in line))
    asked_for = {commit for revert in reverts for commit in (revert.to_commit, before.get(revert.to_commit))}
    merges: dict[str, Commit] = {}
    gone: dict[str, Revert] = {}
    counting: set[str] = set()
    at: dict[str, frozenset[str]] = {}
    some: set[_Part] = set()
    some_at: dict[str, frozenset[_Part]] = {}
    for commit in reversed(line):
        revert = by_commit.get(commit.id)
        if revert is not None:
            left = _after(revert, counting, at, before)
            gone |= dict.fromkeys(counting - left, revert)
            some = _after(revert, some, some_at, before)
            if revert.way == "paths":
                some |= {(tip, revert.id) for tip in counting - at.get(revert.to_commit, frozenset(counting))}
            counting = left
        elif len(commit.parents) > 1:
            merges[commit.parents[1]] = commit
            counting.add(commit.parents[1])
        if commit.id in asked_for:
            at[commit.id], some_at[commit.id] = frozenset(counting), frozenset(some)
    by_id = {revert.id: revert for revert in reverts}
    found = {tip: [TakenBack(merges[tip], gone[tip])] for tip in merges.keys() - counting}
    for tip, revert_id in some:
        if tip in counting:
            found.setdefault(tip, []).append(TakenBack(merges[tip], by_id[revert_id]))
    return found


def _after(
    revert: Revert, counting: set[T], at: Mapping[str, frozenset[T]], before: Mapping[str, str]
) -> set[T]:
    """Return what counts after a revert; one of some paths, or to another line's commit, changes nothing."""
    then = at.get(revert.to_commit)
    if then is None or revert.way == "paths":
        return counting
    if revert.way == "state":
        return set(then)
    # One commit is undone: what it brought goes, what it took back (a revert's) comes again.
    earlier = at.get(before.get(revert.to_commit, ""), frozenset())
    return (counting | (earlier - then)) - (then - earlier)


def _leaves_out(
    commits: Commits, listings: Listings, repository: str, item: TakenBack, base: Commit, source: Commit
) -> bool:
    """Whether merging `source` would leave paths of a merge as a revert put them, though the source has more.

    These are what the merge brought, the revert took back, and neither side changed since.
    """
    merge, revert = item.merge, item.revert
    sides = [
        merge,
        commits.get(repository, merge.parents[0]),
        commits.get(repository, revert.commit_id),
        base,
        source,
    ]
    for prefix in revert.paths:
        brought, was, put, there, offered = (listings.of(repository, side, prefix) for side in sides)
        for path in {*brought, *was}:
            mine, is_below = brought.get(path), path == prefix or path.startswith(f"{prefix.rstrip('/')}/")
            is_taken = mine != was.get(path) and mine != put.get(path)
            if is_below and is_taken and put.get(path) == there.get(path) and offered.get(path) == mine:
                return True
    return False


def _holds(commits: Commits, repository: str, source: Commit, revert: Revert) -> bool:
    return commits.merge_base(repository, source.id, revert.commit_id).id == revert.commit_id
