"""The objects that a suite is drafted from: one, or the parts of a table, at a commit."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import ValidationError

from gate_server.errors import NotFound, UsageError
from gate_server.lakefs.changes import listed
from gate_server.lakefs.client import LakeFS
from gate_server.lakefs.commits import Commits
from gate_server.lakefs.listings import Listings
from gate_server.lakefs.objects import read_heads
from gate_server.model import Format, StoredObject, load
from gate_server.policy.requirements import HEAD_BYTES, kind_of
from gate_server.policy.tables import table_at
from gate_server.policy.targets import is_marker


def find_objects(lakefs: LakeFS, repository: str, ref: str, path: str) -> tuple[StoredObject, ...]:
    """Return the object at `path`, or what lies in that folder, in the order of its rows; markers left out.

    Raises
    ------
    NotFound
        When nothing is there.
    """
    commit = Commits(lakefs).get(repository, ref)
    found = listed(Listings(lakefs), repository, commit, [path])
    if path in found:
        return (found[path],)
    folder = path.rstrip("/") + "/" if path else ""
    parts = [item for name, item in sorted(found.items()) if name.startswith(folder) and not is_marker(item)]
    if not parts:
        raise NotFound(f"there is nothing at lakefs://{repository}/{ref}/{path}", "an object, or a folder")
    return tuple(parts)


def find_format(lakefs: LakeFS, repository: str, objects: Sequence[StoredObject]) -> Format:
    """Return the format of objects: of a table by its log, else by the first's first bytes and its name.

    Raises
    ------
    UsageError
        They tell none.
    """
    for item in objects:
        if table := table_at(item.path):
            return named_format(table[1])
    item = objects[0]
    heads = read_heads(lakefs, repository, [item], HEAD_BYTES)
    kind = kind_of(item.path, heads[item.path])
    if kind is None:
        raise UsageError(f"{item.path} has no format that its name and first bytes tell", "give --format")
    return named_format(kind)


def named_format(kind: str) -> Format:
    """Return the format that a rule would call `kind`; raises `UsageError`."""
    try:
        return load(Format, {"type": kind})
    except ValidationError as error:
        raise UsageError(
            f"no suite can be asked of {kind}", "but of csv, tsv, parquet, orc, arrow, delta, iceberg"
        ) from error
