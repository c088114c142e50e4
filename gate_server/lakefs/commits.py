"""Commits, their log, and where two meet."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterator
from threading import Lock

from gate_server.errors import LakeFSError, NotFound
from gate_server.lakefs.answers import WHO_ANSWERED, CommitAnswer, Head, MergeBase, as_shape
from gate_server.lakefs.client import LakeFS, repository_url
from gate_server.model import Commit

REMEMBERED = 2000
FULL_ID = re.compile(r"[0-9a-f]{64}")


class Commits:
    """Reads commits; remembers those asked for by their full id, which never change.

    Parameters
    ----------
    lakefs
        The server.
    """

    def __init__(self, lakefs: LakeFS) -> None:
        self._lakefs = lakefs
        self._known: OrderedDict[tuple[str, str], Commit] = OrderedDict()
        self._lock = Lock()

    def get(self, repository: str, ref: str) -> Commit:
        """Return the commit that `ref` (a full id, or any ref) names; staged data is not seen (C4).

        Raises
        ------
        NotFound
            When the repository or the ref does not exist.
        """
        key = (repository, ref)
        with self._lock:
            if key in self._known:
                self._known.move_to_end(key)
                return self._known[key]
        try:
            data = self._read(repository, ref)
        except LakeFSError as error:
            if error.http_status == 404:
                raise NotFound(f"lakeFS has no {ref} in repository {repository}", error.message) from error
            raise
        commit = parse_commit(data)
        if FULL_ID.fullmatch(ref) and commit.id != ref:
            raise LakeFSError(f"lakeFS gave commit {commit.id} for {ref}", WHO_ANSWERED)
        with self._lock:
            self._known[repository, commit.id] = commit
            while len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        return commit

    def _read(self, repository: str, ref: str) -> object:
        try:
            return self._lakefs.get(repository_url(repository, "commits", ref))
        except LakeFSError as error:
            if error.http_status != 404 or not FULL_ID.fullmatch(ref):
                raise
            # lakeFS 1.84 answers 404 for some minutes to the full id of a commit that was cherry-picked,
            # not to a prefix of it (observed).
            found = self._lakefs.get(repository_url(repository, "commits", ref[:-1]))
            if parse_commit(found).id != ref:
                raise
            return found

    def head(self, repository: str, branch: str) -> Commit:
        """Return the commit at the head of `branch`; a tag or a commit of that name is not taken for it."""
        try:
            data = self._lakefs.get(repository_url(repository, "branches", branch))
        except LakeFSError as error:
            if error.http_status == 404:
                raise NotFound(
                    f"lakeFS has no branch {branch} in repository {repository}", error.message
                ) from error
            raise
        return self.get(repository, as_shape(Head, data, f"branch {branch} of {repository}").commit_id)

    def first_parents(self, repository: str, ref: str, *, stop_at: str = "") -> Iterator[Commit]:
        """Yield the commits of `ref`'s first-parent line, newest first, up to `stop_at` when it is on it."""
        path = repository_url(repository, "refs", ref, "commits")
        bounds = {"stop_at": stop_at} if stop_at else {}
        for data in self._lakefs.pages(path, first_parent=True, **bounds):
            yield parse_commit(data)

    def merge_base(self, repository: str, source: str, destination: str) -> Commit:
        """Return the commit that a merge of `source` into `destination` would start from."""
        found = self._lakefs.get(repository_url(repository, "refs", source, "merge", destination))
        asked = f"where {source} and {destination} of {repository} meet"
        return self.get(repository, as_shape(MergeBase, found, asked).base_commit_id)


def parse_commit(data: object) -> Commit:
    """Return lakeFS's JSON of a commit as `Commit`."""
    found = as_shape(CommitAnswer, data, "the question for a commit")
    return Commit(
        id=found.id,
        metarange=found.meta_range_id,
        parents=tuple(found.parents),
        message=found.message,
        committer=found.committer,
        created_at=found.creation_date,
        metadata=dict(found.metadata or {}),
    )
