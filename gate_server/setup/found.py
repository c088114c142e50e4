"""The tables that a branch holds, guessed by folders and first bytes, for who writes a first policy."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice

from gate_server.errors import UsageError
from gate_server.lakefs.client import LakeFS, repository_url
from gate_server.lakefs.objects import read_object
from gate_server.model import Commit, Format
from gate_server.policy.requirements import kind_of
from gate_server.policy.tables import table_at
from gate_server.reports.wording import count
from gate_server.setup.sources import named_format

MOST_OBJECTS = 20_000
HEAD_BYTES = 4096
_PART = re.compile(r"[^/=]+=[^/]*|\d{1,4}([-_]\d{1,2}){0,2}")  # day=2026-01-31, 2026, 01, 2026-01-31
_NUMBER = re.compile(r'"?[-+]?[0-9.]+([eE][-+]?[0-9]+)?"?|')


@dataclass(frozen=True)
class Found:
    """An object, or a folder whose objects are taken for parts of one table (`path` ends with a slash)."""

    path: str
    objects: int
    format: Format

    @property
    def told(self) -> str:
        """What people choose by."""
        parts = f", {count(self.objects, 'object')}" if self.path.endswith("/") else ""
        return f"{self.path}  ({self.format.type}{'' if self.format.header else ' without header'}{parts})"


def find_tables(lakefs: LakeFS, repository: str, commit: Commit) -> list[Found]:
    """Return what could be judged, the larger first; of the first `MOST_OBJECTS` objects of the commit.

    A folder is a table of its own, without what looks like a partition (``day=2026-01-31``, ``2026/01``) at
    its end. At the top level each object is one. A Delta or Iceberg table is told by its log.
    """
    listing = lakefs.pages(repository_url(repository, "refs", commit.id, "objects", "ls"))
    first: dict[str, str] = {}
    counts: dict[str, int] = {}
    tables: dict[str, Format] = {}
    for entry in islice(listing, MOST_OBJECTS):
        path, name = str(entry["path"]), str(entry["path"]).rpartition("/")[2]
        if path.startswith(("_lakefs_", "_gate/")) or name.startswith(("_", ".")) or not entry["size_bytes"]:
            continue
        if table := table_at(path):
            tables[table[0]] = named_format(table[1])
        root = _root(path)
        first.setdefault(root, path)
        counts[root] = counts.get(root, 0) + 1
    found: list[Found | None] = []
    for table_root, fmt in tables.items():  # all below it is part of it
        parts = [root for root in first if root.startswith(table_root)]
        found.append(Found(table_root, sum(counts[root] for root in parts), fmt))
        first = {root: path for root, path in first.items() if root not in parts}
    found += [_found(lakefs, repository, commit, root, first, counts[root]) for root in first]
    return sorted((one for one in found if one), key=lambda one: (-one.objects, one.path))


def guess_format(lakefs: LakeFS, repository: str, commit: Commit, path: str) -> Format | None:
    """Return an object's format by name and first bytes; CSV whose first line is numbers has no header."""
    head = read_object(lakefs, repository, commit.id, path, HEAD_BYTES)
    try:
        fmt = named_format(kind_of(path, head) or "")
    except UsageError:
        return None
    line = head.split(b"\n", 1)[0].decode("utf-8", errors="replace").strip("\r\ufeff")
    if fmt.is_delimited and line and all(_NUMBER.fullmatch(field) for field in line.split(fmt.delimiter)):
        return Format(fmt.type, header=False)
    return fmt


def _found(
    lakefs: LakeFS, repository: str, commit: Commit, root: str, first: Mapping[str, str], objects: int
) -> Found | None:
    fmt = guess_format(lakefs, repository, commit, first[root])
    return Found(root, objects, fmt) if fmt else None


def _root(path: str) -> str:
    folders = path.split("/")[:-1]
    while folders and _PART.fullmatch(folders[-1]):
        folders.pop()
    return "/".join(folders) + "/" if folders else path
