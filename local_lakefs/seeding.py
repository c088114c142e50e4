"""What a server starts with: a folder for each repository, its files as the first commit of ``main``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from local_lakefs.errors import LakeFSError, NotFound
from local_lakefs.storage.entries import Entry
from local_lakefs.storage.ranges import EMPTY
from local_lakefs.storage.writing import apply_changes
from local_lakefs.versioning import branches, commits
from local_lakefs.versioning.branches import Branch
from local_lakefs.versioning.commits import Commit
from local_lakefs.versioning.names import check_path, check_repository
from local_lakefs.versioning.repositories import Repository

if TYPE_CHECKING:
    from local_lakefs.service import LocalLakeFS

MESSAGE = "Seeded"
CONTENT_TYPE = "application/octet-stream"


def seed(server: LocalLakeFS, directory: Path, committer: str) -> None:
    """Make the repositories that are not there yet; one with commits is left as it is. No hook is asked.

    Raises
    ------
    ValueError
        What lies in the directory is no folder, or has a name that lakeFS refuses.
    """
    for folder in sorted(directory.iterdir()):
        if not folder.is_dir():
            raise ValueError(f"{folder} is no folder: --seed takes a folder for each repository")
        try:
            check_repository(folder.name)
            _seed_one(server, folder, committer)
        except LakeFSError as error:
            raise ValueError(f"{folder} cannot become a repository: {error.message}") from error


def _seed_one(server: LocalLakeFS, folder: Path, committer: str) -> None:
    try:
        repository = server.repositories.get(folder.name)
    except NotFound:
        repository = server.repositories.create(
            folder.name, f"local://{folder.name}", "main", read_only=False, bare=False
        )
    branch = branches.get(repository, repository.default_branch)
    first = commits.get(repository, branch.commit_id)
    if first.parents:
        return
    entries = sorted(_stored(server, repository, folder))
    if not entries:
        return
    meta_range_id = apply_changes(repository.ranges, EMPTY, entries, allow_empty=False)
    made = Commit.new(committer, MESSAGE, meta_range_id, (first.id,), {}, first.generation + 1)

    def move(branch: Branch) -> Branch:
        return branches.move_to(repository, branch, made)

    branches.update(repository, branch.id, move)


def _stored(server: LocalLakeFS, repository: Repository, folder: Path) -> list[tuple[str, Entry]]:
    entries = []
    for path in folder.rglob("*"):
        if not path.is_file():
            continue
        with path.open("rb") as file:
            stored = server.objects.receive(file)
        address = server.new_address()
        server.objects.keep(stored, repository.namespace.key(address, relative=True))
        entry = Entry(
            address,
            relative=True,
            checksum=stored.checksum,
            size_bytes=stored.size_bytes,
            mtime=int(time.time()),
            content_type=CONTENT_TYPE,
            metadata={},
        )
        entries.append((check_path(path.relative_to(folder).as_posix()), entry))
    return entries
