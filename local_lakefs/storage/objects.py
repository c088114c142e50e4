"""The bytes of objects: one file per physical address, durable before it is told about."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from local_lakefs.errors import Forbidden, Gone

CHUNK_BYTES = 1 << 20
EXTERNAL = "local:///"
WORTH_A_THREAD_BYTES = 1 << 18


class Readable(Protocol):
    def read(self, size: int = -1, /) -> bytes: ...


@dataclass(frozen=True)
class StoredFile:
    """A file whose bytes are on disk, not yet under an address. ``checksum`` is the MD5 in hex."""

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
        self._last: Future[None] | None = None

    def __enter__(self) -> _Checksum:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown()

    def update(self, piece: bytes) -> None:
        """Add a piece, once the one before is done: no more than two are held."""
        self._wait()
        if len(piece) < WORTH_A_THREAD_BYTES:
            self._digest.update(piece)
        else:
            self._last = self._thread.submit(self._digest.update, piece)

    def hexdigest(self) -> str:
        self._wait()
        return self._digest.hexdigest()

    def _wait(self) -> None:
        if self._last is not None:
            self._last.result()
            self._last = None


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
            leftover.unlink()

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
        """Stream ``source`` to a synced temporary file, which ``keep`` or ``discard`` ends."""
        path = self._incoming / secrets.token_hex(16)
        size_bytes = 0
        try:
            with path.open("xb") as file, _Checksum() as checksum:
                while chunk := source.read(CHUNK_BYTES):
                    checksum.update(chunk)
                    size_bytes += len(chunk)
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
                digest = checksum.hexdigest()
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return StoredFile(path, digest, size_bytes)

    def unite(self, addresses: list[str]) -> StoredFile:
        """Copy objects, one behind the other, to a temporary file as ``receive`` makes; without a checksum.

        Raises
        ------
        Gone
        """
        path = self._incoming / secrets.token_hex(16)
        try:
            with path.open("xb") as file:
                for address in addresses:
                    with self.open(address) as part:
                        shutil.copyfileobj(part, file, CHUNK_BYTES)
                size_bytes = file.tell()
                file.flush()
                os.fsync(file.fileno())
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return StoredFile(path, "", size_bytes)

    def remove(self, address: str) -> None:
        """Remove an object's bytes, if there are any."""
        self._file(address).unlink(missing_ok=True)

    def keep(self, stored: StoredFile, address: str) -> None:
        """Put a received file under its address for good."""
        target = self._file(address)
        target.parent.mkdir(exist_ok=True)
        stored.path.rename(target)
        for directory in (target.parent, self._directory):
            _sync_directory(directory)

    def discard(self, stored: StoredFile) -> None:
        stored.path.unlink(missing_ok=True)

    def open(self, address: str) -> IO[bytes]:
        """Open an object's bytes; raises Gone when there are none under this address."""
        try:
            return self.path_of(address).open("rb")
        except FileNotFoundError:
            raise Gone("No data") from None

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


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
