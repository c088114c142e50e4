"""What a revert would change, object by object, added up per folder: bounded in calls and in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from gate_server.lakefs.answers import Difference, as_shape
from gate_server.lakefs.client import repository_url
from gate_server.lakefs.listings import Listing
from gate_server.model import Commit, FolderTally
from gate_server.reverts.context import RevertContext

MOST_DIFFERENCES = 100_000
MOST_FOLDERS = 20
OTHERS = "(others)"


@dataclass(frozen=True)
class ObjectChange:
    """What happens to one object; ``size_bytes`` is what it has afterwards, or had where it goes."""

    path: str
    kind: Literal["added", "changed", "removed"]
    size_bytes: int


@dataclass(frozen=True)
class Preview:
    """What would change in all, and per folder; fields as in `RevertPlan`."""

    added: int = 0
    changed: int = 0
    removed: int = 0
    added_bytes: int = 0
    changed_bytes: int = 0
    removed_bytes: int = 0
    folders: tuple[FolderTally, ...] = ()
    cut: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether nothing would change."""
        return not self.cut and self.added == self.changed == self.removed == 0


class Differences:
    """lakeFS's diff of two commits: up to `MOST_DIFFERENCES` of it.

    The diff leaves addresses out (C1).
    """

    def __init__(self, context: RevertContext, repository: str, left: Commit, right: Commit) -> None:
        path = repository_url(repository, "refs", left.id, "diff", right.id)
        pages = context.lakefs.pages(path, type="two_dot") if left.metarange != right.metarange else iter(())
        found = [as_shape(Difference, item, f"GET {path}") for item in islice(pages, MOST_DIFFERENCES + 1)]
        self.cut = len(found) > MOST_DIFFERENCES
        self.changes = [_change(item) for item in found[:MOST_DIFFERENCES]]
        self.paths = {change.path for change in self.changes}


def between(now: Listing, then: Listing) -> Iterator[ObjectChange]:
    """Yield what makes `then` of `now`, by whole identity."""
    for path in sorted({*now, *then}):
        old, new = now.get(path), then.get(path)
        if new is None:
            yield ObjectChange(path, "removed", old.size_bytes if old else 0)
        elif old is None:
            yield ObjectChange(path, "added", new.size_bytes)
        elif old != new:
            yield ObjectChange(path, "changed", new.size_bytes)


def add_up(changes: Iterable[ObjectChange], *, cut: bool = False) -> Preview:
    """Return the sums of `changes`, per folder where they part, the largest `MOST_FOLDERS` by name."""
    every = list(changes)
    folders: dict[str, list[ObjectChange]] = {}
    level = _level([change.path for change in every])
    for change in every:
        folders.setdefault(_folder(change.path, level), []).append(change)
    ranked = sorted(folders, key=lambda folder: (-len(folders[folder]), folder))
    named = {folder: folders[folder] for folder in sorted(ranked[:MOST_FOLDERS])}
    rest = [change for folder in ranked[MOST_FOLDERS:] for change in folders[folder]]
    if rest:
        named[OTHERS] = rest
    tallies = tuple(FolderTally(folder, **_sums(own)) for folder, own in named.items())
    return Preview(**_sums(every), folders=tallies, cut=cut)


def _sums(changes: list[ObjectChange]) -> Mapping[str, int]:
    sums = dict.fromkeys(("added", "changed", "removed"), 0)
    sums |= {f"{kind}_bytes": 0 for kind in ("added", "changed", "removed")}
    for change in changes:
        sums[change.kind] += 1
        sums[f"{change.kind}_bytes"] += change.size_bytes
    return sums


def _level(paths: list[str]) -> int:
    """Return how many folders deep the paths first part."""
    if not paths:
        return 0
    shortest, longest = min(paths).split("/"), max(paths).split("/")
    common = 0
    for one, other in zip(shortest[:-1], longest[:-1], strict=False):
        if one != other:
            break
        common += 1
    return common + 1


def _folder(path: str, level: int) -> str:
    parts = path.split("/")[:-1][:level]
    return "/".join(parts) + "/" if parts else ""


def _change(item: Difference) -> ObjectChange:
    kind: Literal["added", "changed", "removed"] = "changed"
    if item.type in ("added", "removed"):
        kind = "added" if item.type == "added" else "removed"
    return ObjectChange(item.path, kind, item.size_bytes or 0)
