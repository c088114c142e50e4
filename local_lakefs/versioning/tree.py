"""Reading a version: one entry, or entries in the order of paths, staged changes over committed ones."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import TYPE_CHECKING

from local_lakefs.errors import NotFound
from local_lakefs.storage.entries import Entry
from local_lakefs.versioning import commits, staging
from local_lakefs.versioning.references import Reference, resolve

if TYPE_CHECKING:
    from local_lakefs.versioning.repositories import Repository


def find(repository: Repository, reference: Reference, path: str) -> Entry | None:
    if reference.staged is not None:
        is_staged, entry = staging.find(repository, reference.staged.tokens, path)
        if is_staged:
            return entry
    meta_range_id = commits.get(repository, reference.commit_id).meta_range_id
    return repository.ranges.get(meta_range_id, path)


def get(repository: Repository, ref: str, path: str) -> Entry:
    """Return the entry at ``path``; raises NotFound."""
    entry = find(repository, resolve(repository, ref), path)
    if entry is None:
        raise NotFound("not found")
    return entry


def entries(repository: Repository, reference: Reference, start: str = "") -> Iterator[tuple[str, Entry]]:
    """All entries from the path ``start`` on."""
    meta_range_id = commits.get(repository, reference.commit_id).meta_range_id
    committed = repository.ranges.entries(meta_range_id, start)
    if reference.staged is None:
        yield from committed
        return

    def layer(
        age: int, source: Iterator[tuple[str, Entry]] | staging.Staged
    ) -> Iterator[tuple[str, int, Entry | None]]:
        for path, entry in source:
            yield path, age, entry

    last: str | None = None
    staged = staging.entries(repository, reference.staged.tokens, start)
    for path, _, entry in heapq.merge(layer(0, staged), layer(1, committed), key=lambda item: item[:2]):
        if path != last:
            last = path
            if entry is not None:
                yield path, entry
