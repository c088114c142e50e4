"""What a commit holds below a prefix, remembered by metarange (C8).

Of a large one that follows another, only the ranges are listed that the other does not hold: ranges of one id
hold the same entries.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from threading import Lock

import structlog

from gate_server.errors import LakeFSError
from gate_server.lakefs.answers import WHO_ANSWERED, Entry, Page, RepositoryAnswer, as_shape
from gate_server.lakefs.client import PAGE, LakeFS, repository_url
from gate_server.lakefs.metaranges import KeyRange, ranges_of
from gate_server.lakefs.spans import Span, changed, differing
from gate_server.model import Commit, ObjectIdentity

ENTRIES_KEPT = 2_000_000
SHARED_AT = 1 / 8  # what an entry takes that another listing holds, too, of one that none does
LARGE = 4 * PAGE  # from here on it is cheaper to ask for the ranges first
METARANGES_KEPT = 64
TRY_AGAIN_LATER = (429, 502, 503, 504)  # who is busy is not asked for a thousand pages instead
LOCAL = "local://"

Listing = Mapping[str, ObjectIdentity]

log = structlog.get_logger()


@dataclass(frozen=True)
class _Kept:
    """A listing, and how many entries it counts for."""

    listing: Listing
    size: int


class Listings:
    """Reads listings by commit id, and keeps up to `ENTRIES_KEPT` entries of them.

    The same metarange holds the same entries, addresses included, so a listing never gets old.
    """

    def __init__(self, lakefs: LakeFS) -> None:
        self._lakefs = lakefs
        self._kept: OrderedDict[tuple[str, str, str], _Kept] = OrderedDict()
        self._ranges: OrderedDict[tuple[str, str], tuple[KeyRange, ...] | None] = OrderedDict()
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
                    return self._kept[key].listing
        if commit.metarange and (followed := self._following_another(repository, commit, prefix)):
            kept = followed
        else:
            listing = dict(self._listed(repository, commit, prefix))
            kept = _Kept(listing, len(listing) + 1)  # an empty one takes room, too
        if commit.metarange:
            self._keep(key, kept)
        return kept.listing

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

    def _following_another(self, repository: str, commit: Commit, prefix: str) -> _Kept | None:
        """Return what `commit` holds, made of the newest large listing of that prefix; None without one."""
        with self._lock:
            newest = next(
                (
                    (key[1], kept.listing)
                    for key, kept in reversed(self._kept.items())
                    if (key[0], key[2]) == (repository, prefix) and len(kept.listing) >= LARGE
                ),
                None,
            )
        if newest is None:
            return None
        metarange, listing = newest
        before, after = self._ranges_of(repository, metarange), self._ranges_of(repository, commit.metarange)
        if before is None or after is None:
            return None
        gone, spans = differing(before, after, prefix)
        pages = sum(1 + span.count // PAGE for span in spans)
        if pages > len(listing) / PAGE:
            return None
        new: dict[str, ObjectIdentity] = {}
        for span in spans:
            found = dict(self._listed(repository, commit, prefix, span))
            if len(found) != span.count and span.lies_below(prefix):
                log.warning("a range is listed at another length than it has, all is listed", last=span.last)
                return None
            new |= found
        return _Kept(changed(listing, gone, new), int(len(listing) * SHARED_AT) + len(new) + 1)

    def _ranges_of(self, repository: str, metarange: str) -> tuple[KeyRange, ...] | None:
        """Return the ranges of a metarange; None where they cannot be told, and all has to be listed."""
        key = (repository, metarange)
        with self._lock:
            if key in self._ranges:
                self._ranges.move_to_end(key)
                return self._ranges[key]
        found: tuple[KeyRange, ...] | None = None
        try:
            url = repository_url(repository, "metadata", "object", "meta_range", metarange)
            found = ranges_of(self._lakefs.content(url))
        except ValueError as error:
            log.warning("a metarange is not understood, all is listed", reason=str(error))
        except LakeFSError as error:
            if error.http_status == 0 or error.http_status in TRY_AGAIN_LATER:
                raise
            log.info("lakeFS gives no metarange, all is listed", status=error.http_status)
        with self._lock:
            self._ranges[key] = found
            while len(self._ranges) > METARANGES_KEPT:
                self._ranges.popitem(last=False)
        return found

    def _listed(
        self, repository: str, commit: Commit, prefix: str, span: Span | None = None
    ) -> Iterator[tuple[str, ObjectIdentity]]:
        own = self._own_data(repository)
        for entry in self._entries(repository, commit, prefix, span.after if span else ""):
            if span and entry.path > span.last:
                return
            yield entry.path, _identity(entry, own)

    def _entries(self, repository: str, commit: Commit, prefix: str, after: str = "") -> Iterator[Entry]:
        """Yield what lakeFS lists: below the prefix, each key once, in the order of its bytes."""
        path = repository_url(repository, "refs", commit.id, "objects", "ls")
        last = _bytes(after)
        for item in self._lakefs.pages(path, prefix=prefix, after=after):
            entry = as_shape(Entry, item, f"GET {path}")
            key = _bytes(entry.path)
            if key <= last or not entry.path.startswith(prefix):
                raise _not_to_be_trusted(commit, entry.path)
            last = key
            yield entry

    def _keep(self, key: tuple[str, str, str], kept: _Kept) -> None:
        with self._lock:
            if key not in self._kept:
                self._kept[key] = kept
                self._size += kept.size
            while self._size > ENTRIES_KEPT and len(self._kept) > 1:
                _, gone = self._kept.popitem(last=False)
                self._size -= gone.size

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
