"""Files of a cache: bounded in their sum, the least recently used go first, and none is believed unseen.

Safe among processes of one machine, of which any may be killed at any time: a file gets its name once it is
whole, and carries a digest of each of its blocks, bound to its name. Whatever goes wrong with a file, a full
disk or a folder that is read-only, only means that it is not there.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BLOCK_BYTES = 1 << 20
_DIGEST_BYTES = 32
_NEW = "new-"
_LOCK = "used-bytes"
_KEPT_SHARE = 0.9  # of the bound, once files have to go: not each new file has to look at all others


class CacheFolder:
    """Names and their content, as ``folder/group/name``.

    Parameters
    ----------
    folder
        Made if it is not there.
    most_bytes
        What all files together may take.
    """

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self._folder = folder
        self._most_bytes = most_bytes

    def names(self, group: str) -> list[str]:
        """Return the names in a group."""
        try:
            return sorted(os.listdir(self._folder / group))
        except OSError:
            return []

    def open(self, group: str, name: str, count: int) -> KeptFile | None:
        """Return a file of `count` bytes, None where there is none."""
        path = self._folder / group / name
        try:
            kept = KeptFile(path, count, f"{group}/{name}")
            with contextlib.suppress(OSError):
                os.utime(path)
        except OSError:
            return None
        return kept

    def make(self, group: str, name: str, count: int) -> NewFile | None:
        """Return a file to be filled with `count` bytes, None where there is no room for it."""
        size = _file_bytes(count)
        if size > self._most_bytes * _KEPT_SHARE:
            return None
        with contextlib.ExitStack() as undone:
            try:
                self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                with self._used() as used:
                    fits = used.count + size <= self._most_bytes
                    used.count = used.count + size if fits else self._evict(size)
                    place, path = tempfile.mkstemp(prefix=_NEW, dir=self._folder)
                    undone.callback(_remove, Path(path))
                    undone.callback(os.close, place)
                    os.truncate(place, size)  # what is to come counts as taken
            except OSError:
                return None
            undone.pop_all()
        return NewFile(place, Path(path), self._folder / group / name, count)

    @contextmanager
    def _used(self) -> Iterator[_Used]:
        """Give the sum of all sizes, which nobody else changes meanwhile; it is never too low."""
        place = os.open(self._folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(place, fcntl.LOCK_EX)
            told = os.pread(place, 20, 0)
            used = _Used(int(told) if told.isdigit() else self._most_bytes + 1)
            yield used
            os.pwrite(place, b"%020d" % used.count, 0)
        finally:
            os.close(place)

    def _evict(self, size: int) -> int:
        """Remove what was not used for longest, until `size` more fit; return the sum with them."""
        files = []
        for path in [*self._folder.glob(f"{_NEW}*"), *self._folder.glob("*/*")]:
            with contextlib.suppress(OSError):
                known = path.stat()
                files.append((known.st_mtime_ns, known.st_size, path))
        used = sum(taken for _, taken, _ in files)
        for _, taken, path in sorted(files):
            if used + size <= self._most_bytes * _KEPT_SHARE:
                break
            path.unlink(missing_ok=True)
            used -= taken
            with contextlib.suppress(OSError):  # others are in it
                if path.parent != self._folder:
                    path.parent.rmdir()
        return used + size


class _Used:
    def __init__(self, count: int) -> None:
        self.count = count


class NewFile:
    """A file that is not in the cache yet. Its errors are nobody's: it then just does not come to be."""

    def __init__(self, place: int, path: Path, target: Path, count: int) -> None:
        self._file = os.fdopen(place, "wb")
        self._target = target
        self._count = count
        self._path = path
        self._at = 0
        self._digests: list[bytes] = []
        self._hash = _begun(self._name, 0)
        self._remove = weakref.finalize(self, _remove, path)

    @property
    def _name(self) -> str:
        return f"{self._target.parent.name}/{self._target.name}"

    def write(self, content: bytes) -> None:
        """Append bytes."""
        if not self._remove.alive:
            return
        rest = memoryview(content)
        while rest:
            now = rest[: BLOCK_BYTES - self._at % BLOCK_BYTES]
            self._hash.update(now)
            self._at += len(now)
            rest = rest[len(now) :]
            if self._at % BLOCK_BYTES == 0 or self._at == self._count:
                self._digests.append(self._hash.digest())
                self._hash = _begun(self._name, len(self._digests))
        try:
            self._file.write(content)
        except OSError:
            self.discard()

    def keep(self) -> None:
        """Give it its name, if all of it is there."""
        if not self._remove.alive:
            return
        if self._at != self._count:
            self.discard()
            return
        try:
            self._file.write(b"".join(self._digests))
            self._file.close()
            self._target.parent.mkdir(mode=0o700, exist_ok=True)
            self._path.rename(self._target)
            self._remove.detach()
        except OSError:
            self.discard()

    def discard(self) -> None:
        """Have it never been."""
        with contextlib.suppress(OSError):  # what it still held cannot be written either
            self._file.close()
        self._remove()


class KeptFile:
    """A file of the cache. A block that is not what it was is None, and the file is no more."""

    def __init__(self, path: Path, count: int, name: str) -> None:
        self._path = path
        self._count = count
        self._name = name
        self._place = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        weakref.finalize(self, os.close, self._place)
        if os.fstat(self._place).st_size != _file_bytes(count):
            self._drop()
            raise OSError("of another length")

    def read(self, first: int, count: int) -> bytes | None:
        """Return `count` bytes from `first` on."""
        begin = first // BLOCK_BYTES
        blocks = []
        for number in range(begin, -(-(first + count) // BLOCK_BYTES)):
            block = self.block(number)
            if block is None:
                return None
            blocks.append(block)
        start = first - begin * BLOCK_BYTES
        return b"".join(blocks)[start : start + count]

    def block(self, number: int) -> bytes | None:
        """Return a block, from 0."""
        first = number * BLOCK_BYTES
        size = min(BLOCK_BYTES, self._count - first)
        try:
            content = os.pread(self._place, size, first)
            digest = os.pread(self._place, _DIGEST_BYTES, self._count + number * _DIGEST_BYTES)
        except OSError:
            content = digest = b""
        found = _begun(self._name, number)
        found.update(content)
        if len(content) != size or found.digest() != digest:
            self._drop()
            return None
        return content

    def _drop(self) -> None:
        with contextlib.suppress(OSError):
            self._path.unlink()


def _file_bytes(count: int) -> int:
    return count + _DIGEST_BYTES * -(-count // BLOCK_BYTES)


def _begun(name: str, block: int) -> hashlib._Hash:
    return hashlib.sha256(f"{name}:{block}:".encode(), usedforsecurity=False)


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()
