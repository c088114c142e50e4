"""A repository of many objects, made without HTTP, which would take hours; their data is not there."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from local_lakefs.service import LocalLakeFS
from local_lakefs.storage.entries import Entry
from local_lakefs.storage.ranges import EMPTY
from local_lakefs.storage.writing import apply_changes
from local_lakefs.versioning import branches, commits
from local_lakefs.versioning.commits import Commit

NAME = "filled"
FILES_A_FOLDER = 1000


def fill(directory: Path, count: int) -> None:
    """Make a repository of `count` objects below ``tables/``; the folder's server must not run."""
    server = LocalLakeFS(directory, os.environ)
    try:
        repository = server.repositories.create(NAME, f"local://{NAME}", "main", read_only=False, bare=False)
        first = commits.get(repository, branches.get(repository, "main").commit_id)
        meta_range_id = apply_changes(repository.ranges, EMPTY, _entries(server, count), allow_empty=False)
        made = Commit.new("fill", "all", meta_range_id, (first.id,), {}, first.generation + 1)
        branches.update(repository, "main", lambda branch: branches.move_to(repository, branch, made))
    finally:
        server.close()


def path_of(number: int) -> str:
    """Return the path of an object by its number, from 0."""
    return f"tables/{number // FILES_A_FOLDER:05d}/part-{number:08d}.csv"


def _entries(server: LocalLakeFS, count: int) -> Iterator[tuple[str, Entry]]:
    for number in range(count):
        digest = hashlib.md5(str(number).encode()).hexdigest()
        yield path_of(number), Entry(server.new_address(), True, digest, 100, 1_700_000_000, "text/csv", {})
