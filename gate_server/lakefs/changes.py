"""What a candidate changes, by comparing listings (D3): lakeFS's diff is a hint, not the truth (C1, C3)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from gate_server.lakefs.answers import Difference, as_shape
from gate_server.lakefs.client import LakeFS, repository_url
from gate_server.lakefs.commits import Commits
from gate_server.lakefs.listings import Listing, Listings
from gate_server.lakefs.three_way import Merged, Side, Sided, merge
from gate_server.model import (
    Candidate,
    Change,
    ChangeKind,
    Changes,
    Commit,
    ObjectIdentity,
    StoredObject,
)


class ChangeFinder:
    """Finds the changes of candidates.

    Parameters
    ----------
    gate_prefixes
        Prefixes of the gate's own files; differences below them are told apart.
    """

    def __init__(
        self, lakefs: LakeFS, commits: Commits, listings: Listings, gate_prefixes: Sequence[str]
    ) -> None:
        self._lakefs = lakefs
        self._commits = commits
        self._listings = listings
        self._gate_prefixes = tuple(gate_prefixes)

    def of(
        self, candidate: Candidate, prefixes: Sequence[str], policy_prefixes: Sequence[str] = ()
    ) -> Changes:
        """Return the changes of `candidate`; those below `prefixes` by whole identity.

        Below `policy_prefixes` are the gate's files, too; but, unlike actions, a merge takes them from main.
        """
        found = self._predicted if candidate.is_prediction else self._made
        return found(candidate, prefixes, policy_prefixes)

    def _made(self, candidate: Candidate, prefixes: Sequence[str], policy_prefixes: Sequence[str]) -> Changes:
        judged = candidate.judged
        assert judged is not None  # noqa: S101 - for the type checker: of() asked
        base = self._listed(candidate.repository, candidate.base, prefixes)
        result = self._listed(candidate.repository, judged, prefixes)
        seen = self._diff(candidate.repository, candidate.base.id, judged.id, "two_dot")
        gate_prefixes = (*self._gate_prefixes, *policy_prefixes)
        gate_base = self._listed(candidate.repository, candidate.base, gate_prefixes)
        gate_result = self._listed(candidate.repository, judged, gate_prefixes)
        return Changes(
            under_rules=_compare(base, result),
            elsewhere=_outside(seen, prefixes),
            result=result,
            base=base,
            lost=self._lost(candidate, judged, prefixes, result),
            gate_files=tuple(change.path for change in _compare(gate_base, gate_result)),
        )

    def _lost(
        self, candidate: Candidate, judged: Commit, prefixes: Sequence[str], result: Sided
    ) -> tuple[str, ...]:
        """Return what the source added and the result lacks (C3)."""
        source = candidate.source
        if source is None or source.metarange == judged.metarange:
            return ()
        before = self._commits.merge_base(candidate.repository, source.id, candidate.base.id)
        theirs = self._listed(candidate.repository, source, prefixes)
        known = self._listed(candidate.repository, before, prefixes)
        return tuple(sorted(path for path in theirs if path not in result and path not in known))

    def _predicted(
        self, candidate: Candidate, prefixes: Sequence[str], policy_prefixes: Sequence[str]
    ) -> Changes:
        repository, source, before = candidate.repository, candidate.source, candidate.merge_base
        assert source is not None  # noqa: S101 - a prediction has both
        assert before is not None  # noqa: S101
        base, merged = self._merged(candidate, before, source, prefixes)
        seen = self._diff(repository, candidate.base.id, source.id, "three_dot")
        ours = self._listed(repository, candidate.base, self._gate_prefixes)
        theirs = self._listed(repository, source, self._gate_prefixes)
        # H1: the merge runs the source's own action files, so those have to be the destination's.
        differing = {
            path for path in {*ours, *theirs} if _bytes_of(ours.get(path)) != _bytes_of(theirs.get(path))
        }
        policy_base, policy = self._merged(candidate, before, source, policy_prefixes)
        differing |= {change.path for change in _compare(policy_base, policy.result)} | set(policy.conflicts)
        return Changes(
            under_rules=_compare(base, merged.result),
            elsewhere=_outside(seen, prefixes),
            result=merged.result,
            base=base,
            conflicts=tuple(merged.conflicts),
            uncertain=merged.uncertain | policy.uncertain,
            gate_files=tuple(sorted(differing)),
        )

    def _merged(
        self, candidate: Candidate, before: Commit, source: Commit, prefixes: Sequence[str]
    ) -> tuple[Held, Merged]:
        """Return the destination's listing, and what a merge into it would make of it."""
        repository, merged = candidate.repository, Merged()
        for prefix in prefixes:
            then, theirs, ours = (
                self._side(repository, commit, prefix) for commit in (before, source, candidate.base)
            )
            merged.add(merge(then, theirs, ours, prefix))
        return self._listed(repository, candidate.base, prefixes), merged

    def _side(self, repository: str, commit: Commit, prefix: str) -> Side:
        def following(key: str) -> StoredObject | None:
            found = self._listings.following(repository, commit, key)
            return StoredObject(*found, commit.id) if found else None

        return Side(self._listed(repository, commit, [prefix]), following)

    def _listed(self, repository: str, commit: Commit, prefixes: Sequence[str]) -> Held:
        return listed(self._listings, repository, commit, prefixes)

    def _diff(self, repository: str, left: str, right: str, kind: str) -> Iterable[str]:
        path = repository_url(repository, "refs", left, "diff", right)
        found = self._lakefs.pages(path, type=kind)
        return [as_shape(Difference, item, f"GET {path}").path for item in found]


class Held(Mapping[str, StoredObject]):
    """What a commit holds below prefixes, each object made when it is asked for: there may be millions."""

    def __init__(self, identities: Listing, commit_id: str) -> None:
        self.identities = identities
        self._commit_id = commit_id

    def __getitem__(self, path: str) -> StoredObject:
        """Return an object."""
        return StoredObject(path, self.identities[path], self._commit_id)

    def __contains__(self, path: object) -> bool:
        """Whether there is an object of that path."""
        return path in self.identities

    def __iter__(self) -> Iterator[str]:
        """Yield the paths."""
        return iter(self.identities)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.identities)


def listed(listings: Listings, repository: str, commit: Commit, prefixes: Sequence[str]) -> Held:
    """Return what `commit` holds below `prefixes`."""
    of_each = [listings.of(repository, commit, prefix) for prefix in prefixes]
    if len(of_each) == 1:
        return Held(of_each[0], commit.id)
    return Held({path: identity for one in of_each for path, identity in one.items()}, commit.id)


def held_at(
    commits: Commits, listings: Listings, repository: str, wanted: Mapping[str, Sequence[str]]
) -> dict[str, Sided]:
    """Return what branches, tags or commits hold below prefixes, as they are now, staged data left out.

    Raises
    ------
    NotFound
        When there is no such ref.
    """
    return {
        ref: listed(listings, repository, commits.get(repository, ref), prefixes)
        for ref, prefixes in wanted.items()
    }


def _compare(base: Held, result: Sided) -> tuple[Change, ...]:
    found = []
    for path in sorted(_differing(base, result)):
        old, new = base.get(path), result.get(path)
        if old is None:
            found.append(Change(path, ChangeKind.ADDED, None, new))
        elif new is None:
            found.append(Change(path, ChangeKind.REMOVED, old, None))
        else:
            found.append(Change(path, ChangeKind.CHANGED, old, new))
    return tuple(found)


def _differing(base: Held, result: Sided) -> Iterator[str]:
    before = base.identities
    after: Listing
    if isinstance(result, Held):
        after = result.identities
    else:
        after = {path: item.identity for path, item in result.items()}
    yield from before.keys() - after.keys()
    for path, identity in after.items():
        known = before.get(path)
        if known is not identity and known != identity:
            yield path


def _bytes_of(item: StoredObject | None) -> tuple[object, ...] | None:
    if item is None:
        return None
    identity: ObjectIdentity = item.identity
    # A linked object's checksum is only claimed: its address has to be the same, too.
    return identity.checksum, identity.size_bytes, identity.physical_address if identity.linked else ""


def _outside(paths: Iterable[str], prefixes: Sequence[str]) -> tuple[str, ...]:
    return tuple(path for path in paths if not path.startswith(tuple(prefixes)))
