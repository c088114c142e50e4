"""The body of a signed request: whole, or in signed chunks, or with a checksum behind it; never in memory.

https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import io
import re
import zlib
from collections.abc import Callable, Iterator
from typing import Protocol

from local_lakefs.gateway.errors import Code, S3Error
from local_lakefs.gateway.request import S3Request
from local_lakefs.gateway.signature import UNSIGNED_PAYLOAD, SigningKey, payload
from local_lakefs.storage.objects import CHUNK_BYTES, Readable

SIGNED_CHUNKS = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
UNSIGNED_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
CHUNK_ALGORITHM = "AWS4-HMAC-SHA256-PAYLOAD"
MAX_LINE_BYTES = 4 * 1024
CRLF = b"\r\n"
EMPTY_SHA256 = hashlib.sha256().hexdigest()
_CHUNK = re.compile(rb"([0-9a-fA-F]{1,16})(?:;chunk-signature=([0-9a-f]{64}))?\s*", re.ASCII)


class BodyError(Exception):
    """The body is not what was signed, or not as it should be put."""


def open_body(request: S3Request, stream: Readable, signature: str, key: SigningKey) -> Readable:
    """Return the bytes that a request carries; what is read is verified while it is read.

    Raises
    ------
    S3Error
        For a way of signing that lakeFS does not know. Reading raises BodyError.
    """
    stands_for = payload(request)
    kind = stands_for.upper()
    if kind == UNSIGNED_PAYLOAD:
        return stream
    if kind == SIGNED_CHUNKS:
        return _Chunks(_signed_chunks(stream, signature, key))
    if kind == UNSIGNED_TRAILER:
        name = request.header("x-amz-trailer")
        if name not in CHECKSUMS:
            raise S3Error(Code.ACCESS_DENIED, bare=True)
        return _Chunks(_chunks_with_trailer(stream, name))
    if not re.fullmatch(r"(?:[0-9a-fA-F]{2})+", stands_for):
        raise S3Error(Code.ACCESS_DENIED, bare=True)
    return _Hashed(stream, stands_for.lower())


class _Hashed:
    """A body whose digest is part of the request's signature."""

    def __init__(self, stream: Readable, expected: str) -> None:
        self._stream, self._expected = stream, expected
        self._digest = hashlib.sha256()

    def read(self, size: int = -1, /) -> bytes:
        data = self._stream.read(size)
        self._digest.update(data)
        if not data and size and not hmac.compare_digest(self._digest.hexdigest(), self._expected):
            raise BodyError("the body has another SHA-256 than the one that was signed")
        return data


class _Chunks:
    """A readable over pieces; a read returns the next one, of any length, and nothing at the end."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces

    def read(self, _size: int = -1, /) -> bytes:
        return next(self._pieces, b"")


class _Raw(io.RawIOBase):
    def __init__(self, stream: Readable) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        data = self._stream.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


def _line(source: io.BufferedReader[_Raw]) -> bytes:
    line = source.readline(MAX_LINE_BYTES)
    if not line.endswith(b"\n"):
        raise BodyError("a line of the chunked body is too long, or cut")
    return line


def _chunk_header(source: io.BufferedReader[_Raw]) -> tuple[int, str]:
    """Return a chunk's size in bytes and its signature, if any."""
    found = _CHUNK.fullmatch(_line(source))
    if found is None:
        raise BodyError("no chunk's size where one is due")
    return int(found[1], 16), (found[2] or b"").decode()


def _data(source: io.BufferedReader[_Raw], size_bytes: int) -> Iterator[bytes]:
    left = size_bytes
    while left:
        data = source.read(min(left, CHUNK_BYTES))
        if not data:
            raise BodyError("the body ends within a chunk")
        left -= len(data)
        yield data
    if source.read(2) != CRLF:
        raise BodyError("no line's end behind a chunk")


def _signed_chunks(stream: Readable, signature: str, key: SigningKey) -> Iterator[bytes]:
    source = io.BufferedReader(_Raw(stream), CHUNK_BYTES)
    size_bytes = -1
    while size_bytes:
        size_bytes, claimed = _chunk_header(source)
        digest = hashlib.sha256()
        if size_bytes:
            for data in _data(source, size_bytes):
                digest.update(data)
                yield data
        signature = key.sign(CHUNK_ALGORITHM, signature, EMPTY_SHA256, digest.hexdigest())
        if not hmac.compare_digest(signature, claimed):
            raise BodyError("a chunk's signature does not match")


def _chunks_with_trailer(stream: Readable, name: str) -> Iterator[bytes]:
    source = io.BufferedReader(_Raw(stream), CHUNK_BYTES)
    checksum = CHECKSUMS[name]()
    while size_bytes := _chunk_header(source)[0]:
        for data in _data(source, size_bytes):
            checksum.update(data)
            yield data
    if source.peek(2)[:2] == CRLF:  # some clients end the last chunk, too
        source.read(2)
    found, _, value = _line(source).partition(b":")
    if found.decode("latin-1") != name:
        raise BodyError(f"no {name} behind the body")
    if value.strip() != base64.b64encode(checksum.digest()):
        raise BodyError(f"the body has another {name} than the one behind it")
    if source.read(2) not in (CRLF, b""):
        raise BodyError("no line's end behind the checksum")


class _Checksum(Protocol):
    def update(self, data: bytes, /) -> None: ...
    def digest(self) -> bytes: ...


class _Crc:
    """A CRC in the shape of hashlib's digests."""

    def __init__(self, function: Callable[[bytes, int], int], size_bytes: int) -> None:
        self._function, self._size_bytes, self._value = function, size_bytes, 0

    def update(self, data: bytes, /) -> None:
        self._value = self._function(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(self._size_bytes, "big")


def _crc32c() -> _Checksum:
    from awscrt.checksums import crc32c  # only here: it takes as long to load as all the rest

    return _Crc(crc32c, 4)


def _crc64nvme() -> _Checksum:
    from awscrt.checksums import crc64nvme

    return _Crc(crc64nvme, 8)


CHECKSUMS: dict[str, Callable[[], _Checksum]] = {
    "x-amz-checksum-crc32": lambda: _Crc(zlib.crc32, 4),
    "x-amz-checksum-crc32c": _crc32c,
    "x-amz-checksum-crc64nvme": _crc64nvme,
    "x-amz-checksum-sha1": lambda: hashlib.sha1(usedforsecurity=False),
    "x-amz-checksum-sha256": hashlib.sha256,
}
