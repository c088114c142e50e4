"""Committed entries: sorted ranges under metaranges, both named by a digest of their content.

A range ends where the digest of a key says so: equal content gives equal ranges, whatever the history.
Keys are text and compared by code point, which is the byte order of their UTF-8.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from bisect import bisect_left
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from local_lakefs.errors import LakeFSError
from local_lakefs.storage.database import Database
from local_lakefs.storage.entries import Entry, dump

AVERAGE_RANGE_LENGTH = 128
EMPTY = ""
"""The metarange id of a repository's first commit, as in lakeFS: nothing was written."""


class RangeInfo(NamedTuple):
    id: str
    min_key: str
    max_key: str
    length: int
    size_bytes: int


class Range(NamedTuple):
    keys: list[str]
    entries: list[Entry]


def ends_range(key: str) -> bool:
    digest = hashlib.blake2b(key.encode(), digest_size=2).digest()
    return int.from_bytes(digest) % AVERAGE_RANGE_LENGTH == 0


class RangeStore:
    """The ranges and metaranges of one repository, by id; immutable, hence freely cached."""

    def __init__(self, database: Database, repository_uid: int) -> None:
        self._database = database
        self._repository_uid = repository_uid
        self.range = lru_cache(maxsize=512)(self._read_range)
        self.meta_range = lru_cache(maxsize=32)(self._read_meta_range)

    def _read(self, table: str, identity: str) -> bytes:
        row = self._database.one(
            f"SELECT content FROM {table} WHERE repository = ? AND id = ?",  # noqa: S608 - our own table names
            (self._repository_uid, identity),
        )
        if row is None:
            raise LakeFSError(f"{table} {identity} is missing")
        return zlib.decompress(row["content"])

    def _read_range(self, range_id: str) -> Range:
        rows = json.loads(self._read("ranges", range_id))
        return Range([row[0] for row in rows], [Entry(*row[1:]) for row in rows])

    def _read_meta_range(self, meta_range_id: str) -> tuple[RangeInfo, ...]:
        if meta_range_id == EMPTY:
            return ()
        return tuple(RangeInfo(*row) for row in json.loads(self._read("meta_ranges", meta_range_id)))

    def exists(self, meta_range_id: str) -> bool:
        return meta_range_id == EMPTY or bool(
            self._database.one(
                "SELECT 1 FROM meta_ranges WHERE repository = ? AND id = ?",
                (self._repository_uid, meta_range_id),
            )
        )

    def get(self, meta_range_id: str, key: str) -> Entry | None:
        cursor = self.cursor(meta_range_id)
        cursor.seek(key)
        return cursor.entry if not cursor.done and cursor.key == key else None

    def cursor(self, meta_range_id: str) -> Cursor:
        return Cursor(self, self.meta_range(meta_range_id))

    def entries(self, meta_range_id: str, start: str = "") -> Iterator[tuple[str, Entry]]:
        """All entries from ``start`` on, in the order of their keys."""
        cursor = self.cursor(meta_range_id)
        cursor.seek(start)
        while not cursor.done:
            yield cursor.key, cursor.entry
            cursor.next()

    def save(self, ranges: list[tuple[str, bytes]], infos: list[RangeInfo]) -> str:
        """Write new ranges and their metarange in one transaction; return the metarange's id."""
        text = dump(infos).encode()
        meta_range_id = hashlib.sha256(text).hexdigest()
        with self._database.writing() as connection:
            connection.executemany(
                "INSERT OR IGNORE INTO ranges VALUES (?, ?, ?)",
                [(self._repository_uid, range_id, content) for range_id, content in ranges],
            )
            connection.execute(
                "INSERT OR IGNORE INTO meta_ranges VALUES (?, ?, ?)",
                (self._repository_uid, meta_range_id, zlib.compress(text, 1)),
            )
        return meta_range_id


class Cursor:
    """A place in a metarange. At the start of a range its key is known without reading the range."""

    def __init__(self, store: RangeStore, infos: tuple[RangeInfo, ...]) -> None:
        self._store = store
        self._infos = infos
        self._range = 0
        self._index = 0
        self._content: Range | None = None

    @property
    def done(self) -> bool:
        return self._range >= len(self._infos)

    @property
    def range(self) -> RangeInfo:
        return self._infos[self._range]

    @property
    def at_range_start(self) -> bool:
        return self._index == 0

    @property
    def key(self) -> str:
        if self._index == 0:
            return self._infos[self._range].min_key
        return self._read().keys[self._index]

    @property
    def entry(self) -> Entry:
        return self._read().entries[self._index]

    def _read(self) -> Range:
        if self._content is None:
            self._content = self._store.range(self._infos[self._range].id)
        return self._content

    def next(self) -> None:
        self._index += 1
        if self._index >= self._infos[self._range].length:
            self.next_range()

    def next_range(self) -> None:
        self._range += 1
        self._index = 0
        self._content = None

    def seek(self, key: str) -> None:
        """Go to the first entry whose key is ``key`` or after it."""
        self._range = bisect_left(self._infos, key, key=lambda info: info.max_key)
        self._index = 0
        self._content = None
        if not self.done and self.range.min_key < key:
            self._index = bisect_left(self._read().keys, key)


class RangeWriter:
    """Collects entries in the order of their keys into ranges, taking over whole ranges where it can."""

    def __init__(self, store: RangeStore) -> None:
        self._store = store
        self._rows: list[tuple[object, ...]] = []
        self._size_bytes = 0
        self._infos: list[RangeInfo] = []
        self._new: list[tuple[str, bytes]] = []

    def add(self, key: str, entry: Entry) -> None:
        self._rows.append((key, *entry))
        self._size_bytes += entry.size_bytes
        if ends_range(key):
            self._close_range()

    def add_range(self, info: RangeInfo) -> None:
        if not self._rows and ends_range(info.max_key):
            self._infos.append(info)
            return
        content = self._store.range(info.id)
        for key, entry in zip(content.keys, content.entries, strict=True):
            self.add(key, entry)

    def add_rest(self, cursor: Cursor) -> None:
        """Take everything from ``cursor`` on."""
        while not cursor.done:
            if cursor.at_range_start:
                self.add_range(cursor.range)
                cursor.next_range()
            else:
                self.add(cursor.key, cursor.entry)
                cursor.next()

    def _close_range(self) -> None:
        text = dump(self._rows).encode()
        range_id = hashlib.sha256(text).hexdigest()
        self._new.append((range_id, zlib.compress(text, 1)))
        first, last = str(self._rows[0][0]), str(self._rows[-1][0])
        self._infos.append(RangeInfo(range_id, first, last, len(self._rows), self._size_bytes))
        self._rows = []
        self._size_bytes = 0

    def finish(self) -> str:
        """Write what was collected; return the metarange's id."""
        if self._rows:
            self._close_range()
        return self._store.save(self._new, self._infos)
