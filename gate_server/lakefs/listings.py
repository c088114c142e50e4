"""What a commit holds below a prefix, remembered by metarange (C8)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from threading import Lock

from gate_server.errors import LakeFSError
from gate_server.lakefs.answers import WHO_ANSWERED, Entry, Page, RepositoryAnswer, as_shape
from gate_server.lakefs.client import LakeFS, repository_url
from gate_server.model import Commit, ObjectIdentity

ENTRIES_KEPT = 2_000_000
LOCAL = "local://"

Listing = Mapping[str, ObjectIdentity]


class Listings:
    """Reads listings by commit id, and keeps up to `ENTRIES_KEPT` entries of them.

    The same metarange holds the same entries, addresses included, so a listing never gets old.
    """

    def __init__(self, lakefs: LakeFS) -> None:
        self._lakefs = lakefs
        self._kept: OrderedDict[tuple[str, str, str], Listing] = OrderedDict()
        self._namespaces: dict[str, str] = {}
        self._size = 0
        self._lock = Lock()

    def of(self, repository: str, commit: Commit, prefix: str) -> Listing:
        """Return path -> identity of every object of `commit` below `prefix`."""
        key = (repository, commit.metarange, prefix)
        if commit.metarange:
            with self._lock:
                if key in self._kept:
                    self._kept.move_to_end(key)
                    return self._kept[key]
        own = self._own_data(repository)
        entries = self._entries(repository, commit, prefix)
        listing = {entry.path: _identity(entry, own) for entry in entries}
        if commit.metarange:
            self._keep(key, listing)
        return listing

    def following(self, repository: str, commit: Commit, key: str) -> tuple[str, ObjectIdentity] | None:
        """Return the first object of `commit` after `key`, with its path; one call, not remembered."""
        path = repository_url(repository, "refs", commit.id, "objects", "ls")
        page = as_shape(Page, self._lakefs.get(path, after=key, amount=1), f"GET {path}")
        if not page.results:
            return None
        entry = as_shape(Entry, page.results[0], f"GET {path}")
        if _bytes(entry.path) <= _bytes(key):
            raise _not_to_be_trusted(commit, entry.path)
        return entry.path, _identity(entry, self._own_data(repository))

    def _entries(self, repository: str, commit: Commit, prefix: str) -> Iterator[Entry]:
        """Yield what lakeFS lists: below the prefix, each key once, in the order of its bytes."""
        path = repository_url(repository, "refs", commit.id, "objects", "ls")
        last = b""
        for item in self._lakefs.pages(path, prefix=prefix):
            entry = as_shape(Entry, item, f"GET {path}")
            key = _bytes(entry.path)
            if key <= last or not entry.path.startswith(prefix):
                raise _not_to_be_trusted(commit, entry.path)
            last = key
            yield entry

    def _keep(self, key: tuple[str, str, str], listing: Listing) -> None:
        with self._lock:
            if key not in self._kept:
                self._kept[key] = listing
                self._size += len(listing) + 1  # an empty one takes room, too
            while self._size > ENTRIES_KEPT and len(self._kept) > 1:
                _, gone = self._kept.popitem(last=False)
                self._size -= len(gone) + 1

    def _own_data(self, repository: str) -> str:
        """Return what the addresses of the repository's own objects start with."""
        if repository not in self._namespaces:
            found = self._lakefs.get(repository_url(repository))
            namespace = as_shape(RepositoryAnswer, found, f"repository {repository}").storage_namespace
            self._namespaces[repository] = namespace.rstrip("/") + "/data/"
        return self._namespaces[repository]


def _bytes(path: str) -> bytes:
    return path.encode("utf-8", "surrogatepass")


def _not_to_be_trusted(commit: Commit, path: str) -> LakeFSError:
    return LakeFSError(
        f"lakeFS's listing of commit {commit.id} is not to be trusted: {path} stands in it twice, "
        "or where it should not",
        WHO_ANSWERED,
    )


def _identity(entry: Entry, own_data: str) -> ObjectIdentity:
    return ObjectIdentity(
        physical_address=entry.physical_address,
        checksum=entry.checksum,
        size_bytes=entry.size_bytes,
        metadata=tuple(sorted((entry.metadata or {}).items())),
        content_type=entry.content_type or "",
        linked=not _is_own(entry.physical_address, own_data),
    )


def _is_own(address: str, own_data: str) -> bool:
    if not own_data.startswith(LOCAL):
        return address.startswith(own_data)
    # The local block store gives absolute paths of files, below a folder that lakeFS does not tell.
    own_path = "/" + own_data.removeprefix(LOCAL).lstrip("/")
    return (
        address.startswith(LOCAL) and own_path in "/" + address.removeprefix(LOCAL) and "/../" not in address
    )
