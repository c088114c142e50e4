"""What a commit holds below a prefix, remembered by metarange (C8)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from threading import Lock
from typing import Any

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
        path = repository_url(repository, "refs", commit.id, "objects", "ls")
        listing = {item["path"]: _identity(item, own) for item in self._lakefs.pages(path, prefix=prefix)}
        if commit.metarange:
            self._keep(key, listing)
        return listing

    def _keep(self, key: tuple[str, str, str], listing: Listing) -> None:
        with self._lock:
            if key not in self._kept:
                self._kept[key] = listing
                self._size += len(listing)
            while self._size > ENTRIES_KEPT and len(self._kept) > 1:
                _, gone = self._kept.popitem(last=False)
                self._size -= len(gone)

    def _own_data(self, repository: str) -> str:
        """Return what the addresses of the repository's own objects start with."""
        if repository not in self._namespaces:
            namespace = self._lakefs.get(repository_url(repository))["storage_namespace"]
            self._namespaces[repository] = namespace.rstrip("/") + "/data/"
        return self._namespaces[repository]


def _identity(item: Mapping[str, Any], own_data: str) -> ObjectIdentity:
    return ObjectIdentity(
        physical_address=item["physical_address"],
        checksum=item["checksum"],
        size_bytes=item["size_bytes"],
        metadata=tuple(sorted((item.get("metadata") or {}).items())),
        content_type=item.get("content_type") or "",
        linked=not _is_own(item["physical_address"], own_data),
    )


def _is_own(address: str, own_data: str) -> bool:
    if not own_data.startswith(LOCAL):
        return address.startswith(own_data)
    # The local block store gives absolute paths of files, below a folder that lakeFS does not tell.
    own_path = "/" + own_data.removeprefix(LOCAL).lstrip("/")
    return (
        address.startswith(LOCAL) and own_path in "/" + address.removeprefix(LOCAL) and "/../" not in address
    )
