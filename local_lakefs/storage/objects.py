"""The bytes of objects: a file per physical address (a folder of them for one that came in parts), durable
before it is told about."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol, cast

from local_lakefs.errors import Forbidden, Gone
from local_lakefs.storage.joined import Joined

CHUNK_BYTES = 1 << 20
EXTERNAL = "local:///"
WORTH_A_THREAD_BYTES = 1 << 18
HELD_PIECES = 3
WRITE_BACK_BYTES = 16 << 20


class Readable(Protocol):
    def read(self, size: int = -1, /) -> bytes: ...


@dataclass(frozen=True)
class StoredFile:
    """A file, or a folder of parts, on disk but not yet under an address. ``checksum`` is the MD5 in hex."""

    path: Path
    checksum: str
    size_bytes: int


class _Checksum:
    """An MD5 that is computed in a thread of its own, beside the reading and writing of the next piece.

    MD5 makes 0.5 to 0.7 GB/s, less than many disks write.
    """

    def __init__(self) -> None:
        self._digest = hashlib.md5(usedforsecurity=False)
        self._thread = ThreadPoolExecutor(1)
        self._pending: deque[Future[None]] = deque()

    def __enter__(self) -> _Checksum:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown()

    def update(self, piece: bytes) -> None:
        """Add a piece; wait where too many are held."""
        self._wait(HELD_PIECES)
        if self._pending or len(piece) >= WORTH_A_THREAD_BYTES:
            self._pending.append(self._thread.submit(self._digest.update, piece))
        else:
            self._digest.update(piece)

    def hexdigest(self) -> str:
        self._wait(0)
        return self._digest.hexdigest()

    def _wait(self, left: int) -> None:
        while len(self._pending) > left:
            self._pending.popleft().result()


class ObjectFiles:
    """Files under one directory, named by a digest of their physical address.

    Those of ``external`` folders, which were imported, lie where their address says (``local:///PATH``).
    """

    def __init__(self, directory: Path, external: tuple[Path, ...] = ()) -> None:
        self._directory = directory
        self._external = external
        self._incoming = directory / "incoming"
        self._incoming.mkdir(parents=True, exist_ok=True)
        for leftover in self._incoming.iterdir():
            shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()

    def path_of(self, address: str) -> Path:
        """Return where an address's bytes lie, or would lie; raises Forbidden where they may not be read."""
        if not address.startswith(EXTERNAL):
            return self._file(address)
        path = Path(address.removeprefix(EXTERNAL[:-1]))
        if not any(path.resolve().is_relative_to(folder) for folder in self._external):
            raise Forbidden("forbidden")
        return path

    def _file(self, address: str) -> Path:
        digest = hashlib.sha256(address.encode()).hexdigest()
        return self._directory / digest[:2] / digest

    def receive(self, source: Readable) -> StoredFile:
        """Stream ``source`` to a synced temporary file, which ``keep`` puts in its place."""
        path = self._incoming / secrets.token_hex(16)
        size_bytes = begun = 0
        try:
            with path.open("xb") as file, _Checksum() as checksum:
                while chunk := source.read(CHUNK_BYTES):
                    checksum.update(chunk)
                    size_bytes += len(chunk)
                    file.write(chunk)
                    if size_bytes - begun >= WRITE_BACK_BYTES:
                        begun = _begin_writing_back(file, begun, size_bytes)
                file.flush()
                os.fsync(file.fileno())
                digest = checksum.hexdigest()
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return StoredFile(path, digest, size_bytes)

    def unite(self, addresses: list[str]) -> StoredFile:
        """Join objects, one behind the other, as ``receive`` makes a file; without a checksum.

        It has links to their files: nothing is copied, and what becomes of the objects does not touch it.

        Raises
        ------
        Gone
        """
        folder = self._incoming / secrets.token_hex(16)
        size_bytes = 0
        try:
            folder.mkdir()
            for number, address in enumerate(addresses):
                part = folder / f"{number:05d}"
                _link(self.path_of(address), part)
                size_bytes += part.stat().st_size
            _sync(folder)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return StoredFile(folder, "", size_bytes)

    def remove(self, address: str) -> None:
        """Remove an object's bytes, if there are any."""
        self._file(address).unlink(missing_ok=True)

    def keep(self, stored: StoredFile, address: str) -> None:
        """Put a received file under its address for good."""
        target = self._file(address)
        target.parent.mkdir(exist_ok=True)
        stored.path.rename(target)
        for directory in (target.parent, self._directory):
            _sync(directory)

    def open(self, address: str) -> IO[bytes]:
        """Open an object's bytes; raises Gone when there are none under this address."""
        path = self.path_of(address)
        try:
            return path.open("rb")
        except FileNotFoundError:
            raise Gone("No data") from None
        except IsADirectoryError:
            return cast(IO[bytes], Joined(path))

    def read(self, address: str) -> bytes:
        with self.open(address) as file:
            return file.read()


def chunks(file: IO[bytes], start: int, size_bytes: int) -> Iterator[bytes]:
    """Read ``size_bytes`` from ``start`` on, in pieces, and close the file.

    Raises
    ------
    EOFError
        The file ends before: a size was claimed that is not so. Whoever was told that size must not wait on.
    """
    with file:
        file.seek(start)
        left = size_bytes
        while left > 0:
            chunk = file.read(min(CHUNK_BYTES, left))
            if not chunk:
                raise EOFError(f"{left} of the {size_bytes} bytes claimed from {start} on are not there")
            left -= len(chunk)
            yield chunk


def _link(source: Path, target: Path) -> None:
    """Give a file a second name; a copy where the file system has no links. Raises Gone."""
    try:
        try:
            os.link(source, target)
        except FileNotFoundError:
            raise
        except OSError:
            shutil.copyfile(source, target)
            _sync(target)
    except FileNotFoundError:
        raise Gone("No data") from None


def _begin_writing_back(file: IO[bytes], start: int, end: int) -> int:
    """Have the system write what lies from ``start`` to ``end`` to disk, beside what comes; return ``end``.

    Else it would begin when the file is synced, after all has come. To this advice Linux begins at once and
    does not wait (``mm/fadvise.c``); what is on its way to the disk stays in memory.
    """
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(file.fileno(), start, end - start, os.POSIX_FADV_DONTNEED)
    return end


def _sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
