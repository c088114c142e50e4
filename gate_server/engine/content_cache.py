"""What was read of objects once is not read again: a cache of their content, on this machine.

Kept are whole objects, once their checksum was found right, and ranges. An object is known by all that lakeFS
says of where and what it is, so bytes of one never answer for another, not even of the same checksum.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, cast

from gate_server.engine.cache_files import BLOCK_BYTES, CacheFolder, NewFile
from gate_server.engine.objects import DataObject, Origin
from gate_server.engine.readers.source import MD5

_WHOLE = "whole"


class ContentCache:
    """Gives objects that are read from the cache as far as it holds them, and fill it otherwise.

    Parameters
    ----------
    folder
        Shared by all processes of this machine that may read the same objects.
    most_bytes
        What it may take.
    scope
        Within which an object's identity stands for its content.
    """

    def __init__(self, folder: Path, most_bytes: int, scope: str = "") -> None:
        self._files = CacheFolder(folder, most_bytes)
        self._scope = scope

    def of(self, data: DataObject) -> DataObject:
        """Return the object, read through the cache; just as it is where nothing stands for its content."""
        if not (data.identity and data.size_bytes and MD5.fullmatch(data.checksum) and data.read_range):
            return data
        key = f"{self._scope}\0{data.identity}\0{data.checksum}\0{data.size_bytes}"
        through = _Through(data, self._files, hashlib.sha256(key.encode()).hexdigest())
        return replace(
            data,
            open=through.open,
            read_range=through.read_range,
            confirm=through.confirm,
            origin=through.origin,
        )


class _Through:
    """One object, seen through the cache."""

    def __init__(self, data: DataObject, files: CacheFolder, group: str) -> None:
        self.origin = Origin()
        self._data = data
        self._files = files
        self._group = group
        self._filled: NewFile | None = None

    def open(self) -> BinaryIO:
        return cast(BinaryIO, io.BufferedReader(_Stream(self._chunks()), BLOCK_BYTES))

    def confirm(self) -> None:
        if self._filled is not None:
            self._filled.keep()
            self._filled = None

    def _chunks(self) -> Iterator[bytes]:
        given = 0
        kept = self._files.open(self._group, _WHOLE, self._data.size_bytes)
        while kept is not None and given < self._data.size_bytes:
            block = kept.block(given // BLOCK_BYTES)
            if block is None:
                break
            given += len(block)
            self.origin.add(kept_bytes=len(block))
            yield block
        if kept is not None and given == self._data.size_bytes:
            return
        self._filled = self._files.make(self._group, _WHOLE, self._data.size_bytes)
        at = 0
        with closing(self._data.open()) as stream:
            while chunk := stream.read(BLOCK_BYTES):
                self.origin.add(stored_bytes=len(chunk))
                if self._filled is not None:
                    self._filled.write(chunk)
                at += len(chunk)
                fresh = chunk[max(len(chunk) - (at - given), 0) :] if at > given else b""
                given += len(fresh)
                if fresh:
                    yield fresh

    def read_range(self, first: int, count: int) -> bytes | None:
        content = self._kept(first, count)
        if content is not None:
            self.origin.add(kept_bytes=count)
            return content
        assert self._data.read_range is not None  # noqa: S101 - for the type checker
        content = self._data.read_range(first, count)
        if content is not None and len(content) == count:
            self.origin.add(stored_bytes=count)
            made = self._files.make(self._group, f"{first}-{count}", count)
            if made is not None:
                made.write(content)
                made.keep()
        return content

    def _kept(self, first: int, count: int) -> bytes | None:
        """Return a range out of a larger one, or of the whole."""
        for name in self._files.names(self._group):
            start, size = (0, self._data.size_bytes) if name == _WHOLE else _span(name)
            if start <= first and first + count <= start + size:
                kept = self._files.open(self._group, name, size)
                content = kept.read(first - start, count) if kept is not None else None
                if content is not None:
                    return content
        return None


def _span(name: str) -> tuple[int, int]:
    first, _, count = name.partition("-")
    return (int(first), int(count)) if first.isdigit() and count.isdigit() else (0, 0)


class _Stream(io.RawIOBase):
    """Chunks as a stream."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer)  # type: ignore[arg-type]
        if not self._rest:
            self._rest = next(self._chunks, b"")
        count = min(len(view), len(self._rest))
        view[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count

    def close(self) -> None:
        close = getattr(self._chunks, "close", None)
        if close is not None:
            close()
        super().close()
