"""What a branch holds that another does not: by objects, rows and columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from gate_client.errors import Conflict, NotFound
from gate_client.lakefs import Json, LakeFS
from gate_client.tables import Shape, shape_of

MOST_OBJECTS = 1000


@dataclass(frozen=True)
class ObjectDifference:
    """An object that differs. ``before`` is None where it was not there, ``after`` where it is gone.

    ``columns_added`` and ``columns_removed`` are names, known for Parquet; ``note`` says what is odd.
    """

    path: str
    change: Literal["added", "changed", "removed"]
    before: Shape | None
    after: Shape | None
    columns_added: tuple[str, ...] = ()
    columns_removed: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class Difference:
    """What `branch` would bring to `against`.

    Parameters
    ----------
    base
        The commit where the two meet: what came to `against` since is not the branch's doing.
    uncommitted
        How many of the objects are staged and not committed; a merge would leave them out.
    """

    repository: str
    branch: str
    against: str
    base: str
    objects: tuple[ObjectDifference, ...]
    uncommitted: int = 0


def difference(
    lakefs: LakeFS,
    repository: str,
    branch: str,
    against: str = "main",
    *,
    with_rows: bool = True,
    most: int = MOST_OBJECTS,
) -> Difference:
    """Compare `branch`, with what is staged on it, with `against` at the commit where the two meet.

    Parameters
    ----------
    with_rows
        Read the objects, for rows and columns: all of a CSV, the footer of Parquet.
    most
        How many objects may differ.

    Raises
    ------
    Conflict
        When more differ.
    NotFound
        When one of the two does not exist.
    """
    meeting = lakefs.get(repository, "refs", branch, "merge", against)
    base = str(meeting["base_commit_id"])
    staged = {item["path"] for item in lakefs.pages(repository, "branches", branch, "diff")}
    paths: set[str] = set(staged)
    for item in lakefs.pages(repository, "refs", base, "diff", branch, type="two_dot"):
        paths.add(item["path"])
        if len(paths) > most:
            raise Conflict(
                f"more than {most} objects of lakefs://{repository}/{branch} differ from {against}",
                f"`lakectl diff lakefs://{repository}/{base} lakefs://{repository}/{branch}` lists them",
            )
    found = list(_objects(lakefs, repository, base, branch, sorted(paths), with_rows))
    return Difference(repository, branch, against, base, tuple(found), len(staged))


def _objects(
    lakefs: LakeFS, repository: str, base: str, branch: str, paths: list[str], with_rows: bool
) -> Iterator[ObjectDifference]:
    stats = {
        path: (_stat(lakefs, repository, base, path), _stat(lakefs, repository, branch, path))
        for path in paths
    }
    copies = Counter(
        new["checksum"] for old, new in stats.values() if new and new != old and new["size_bytes"]
    )
    for path, (old, new) in stats.items():
        if old == new or (old and new and _same(old, new)):
            continue  # changed, and changed back
        before, after = (
            None
            if stat is None
            else shape_of(lakefs, repository, ref, path, stat["size_bytes"])
            if with_rows
            else Shape()
            for stat, ref in ((old, base), (new, branch))
        )
        was, now = (set(shape.names) if shape else set() for shape in (before, after))
        known = bool(was and now)
        twice = new is not None and copies[new["checksum"]] > 1
        yield ObjectDifference(
            path,
            "added" if old is None else "removed" if new is None else "changed",
            before,
            after,
            tuple(sorted(now - was)) if known else (),
            tuple(sorted(was - now)) if known else (),
            "holds the same bytes as another object of these" if twice else "",
        )


def _stat(lakefs: LakeFS, repository: str, ref: str, path: str) -> Json | None:
    try:
        return lakefs.get(repository, "refs", ref, "objects", "stat", path=path)
    except NotFound:
        return None


def _same(old: Json, new: Json) -> bool:
    keys = ("checksum", "size_bytes", "physical_address")
    return all(old[key] == new[key] for key in keys)
