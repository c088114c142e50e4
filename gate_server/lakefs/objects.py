"""Objects' bytes, read by commit id (D2)."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import BinaryIO, cast

import httpx

from gate_server.errors import CouldNotTell
from gate_server.lakefs.client import LakeFS, repository_url
from gate_server.model import StoredObject

CHUNK_BYTES = 1 << 20


class ObjectStream(io.RawIOBase):
    """An object's bytes as a stream, read once from the start.

    Raises `CouldNotTell` from ``read`` when the connection breaks: a part of an object is never taken for it.
    """

    def __init__(self, lakefs: LakeFS, repository: str, commit_id: str, path: str) -> None:
        self._stack = ExitStack()
        self._name = f"lakefs://{repository}/{commit_id}/{path}"
        url = repository_url(repository, "refs", commit_id, "objects")
        answer = self._stack.enter_context(lakefs.stream(url, path=path))
        self._chunks: Iterator[bytes] = answer.iter_raw()
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        """Say that this can be read."""
        return True

    def readinto(self, buffer: object) -> int:
        """Fill `buffer` with the next bytes; 0 at the end."""
        view = memoryview(buffer)  # type: ignore[arg-type]
        while not self._rest:
            try:
                self._rest = memoryview(next(self._chunks))
            except StopIteration:
                return 0
            except httpx.HTTPError as error:
                raise CouldNotTell(
                    f"{self._name} broke off while it was read ({type(error).__name__})", "ask again"
                ) from error
        count = min(len(view), len(self._rest))
        view[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count

    def close(self) -> None:
        """Close the connection."""
        self._stack.close()
        super().close()


def open_object(lakefs: LakeFS, repository: str, commit_id: str, path: str) -> BinaryIO:
    """Return the bytes of an object at a commit as a buffered stream."""
    return cast(BinaryIO, io.BufferedReader(ObjectStream(lakefs, repository, commit_id, path), CHUNK_BYTES))


def read_range(
    lakefs: LakeFS, repository: str, commit_id: str, path: str, size_bytes: int, first: int, count: int
) -> bytes | None:
    """Return `count` bytes of an object from `first` (from 0) on; None where only the whole is served.

    Parameters
    ----------
    size_bytes
        The object's length; an answer that tells another is none.

    Raises
    ------
    CouldNotTell
        Something else than exactly that range came.
    """
    url = repository_url(repository, "refs", commit_id, "objects")
    last = first + count - 1
    name = f"bytes {first}-{last} of lakefs://{repository}/{commit_id}/{path}"
    chunks: list[bytes] = []
    held = 0
    try:
        with lakefs.stream(url, path=path, headers={"range": f"bytes={first}-{last}"}) as answer:
            if answer.status_code == 200:  # RFC 9110, 14.2: who serves no ranges ignores the header
                return None
            told = answer.headers.get("content-range", "")
            if answer.status_code != 206 or told != f"bytes {first}-{last}/{size_bytes}":
                raise CouldNotTell(f"{name} were asked for, and something else came", "ask again")
            for chunk in answer.iter_raw():
                chunks.append(chunk)
                held += len(chunk)
                if held > count:
                    break
    except httpx.HTTPError as error:
        raise CouldNotTell(
            f"{name} broke off while they were read ({type(error).__name__})", "ask again"
        ) from error
    if held != count:
        raise CouldNotTell(f"{name} came at another length", "ask again")
    return b"".join(chunks)


def read_object(lakefs: LakeFS, repository: str, ref: str, path: str, most_bytes: int = -1) -> bytes:
    """Return all bytes of a small object, such as an action file; or its first `most_bytes`."""
    with open_object(lakefs, repository, ref, path) as stream:
        return stream.read(most_bytes)


def read_heads(
    lakefs: LakeFS, repository: str, items: Iterable[StoredObject], most_bytes: int
) -> dict[str, bytes]:
    """Return the first bytes of each object, by its path; raises `CouldNotTell` where they do not come."""
    return {item.path: _read_head(lakefs, repository, item, most_bytes) for item in items}


def _read_head(lakefs: LakeFS, repository: str, item: StoredObject, most_bytes: int) -> bytes:
    size, count = item.identity.size_bytes, min(most_bytes, item.identity.size_bytes)
    if not count:
        return b""
    head = read_range(lakefs, repository, item.commit_id, item.path, size, 0, count)
    return read_object(lakefs, repository, item.commit_id, item.path, count) if head is None else head
