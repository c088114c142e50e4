"""Bytes arrive whole and verified, or there is no judgement; gzip is read to its end, or the data is bad."""

from __future__ import annotations

import gzip
import hashlib
import io
import zlib
from typing import Any, BinaryIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gate_server.engine.objects import DataObject
from gate_server.engine.readers.failure import Allowance, ReadFailure
from gate_server.engine.readers.source import fetch
from gate_server.model import Limits

# Does not compress.
CONTENT = b"".join(hashlib.sha256(bytes([number])).digest() for number in range(200))


class Trickle(io.RawIOBase):
    """Delivers a few bytes at a time, and may break off with an error."""

    def __init__(self, content: bytes, step: int, breaks_at: int | None = None) -> None:
        self._content, self._step, self._at, self._breaks_at = content, step, 0, breaks_at

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if self._breaks_at is not None and self._at >= self._breaks_at:
            raise ConnectionResetError("with a secret in its text")
        chunk = self._content[self._at : self._at + self._step]
        self._at += len(chunk)
        return chunk


def data(content: bytes, path: str = "a.csv", **given: Any) -> DataObject:
    checksum = hashlib.md5(content, usedforsecurity=False).hexdigest()
    values = {"size_bytes": len(content), "checksum": checksum, "open": lambda: io.BytesIO(content)} | given
    return DataObject(path, **values)


def fetched(one: DataObject, limits: Limits | None = None) -> bytes:
    with fetch(one, Allowance(limits or Limits()), gunzip=True) as file:
        return file.read()


def refused(one: DataObject, limits: Limits | None = None) -> ReadFailure:
    with pytest.raises(ReadFailure) as caught:
        fetched(one, limits)
    return caught.value


def test_plain_and_gzip_by_magic_bytes() -> None:
    assert fetched(data(CONTENT)) == CONTENT
    assert fetched(data(gzip.compress(CONTENT))) == CONTENT
    assert fetched(data(gzip.compress(CONTENT), "a.csv.gz")) == CONTENT


@settings(max_examples=60, deadline=None)
@given(
    parts=st.lists(st.binary(max_size=3000), min_size=1, max_size=4),
    step=st.integers(1, 700),
    level=st.integers(0, 9),
)
def test_members_in_a_row_are_one_content(parts: list[bytes], step: int, level: int) -> None:
    content = b"".join(gzip.compress(part, level) for part in parts)
    assert fetched(data(content, open=lambda: Trickle(content, step))) == b"".join(parts)


def test_long_runs_decompress_completely() -> None:
    long = bytes(5_000_000)
    assert fetched(data(gzip.compress(long) + gzip.compress(b"end"))) == long + b"end"


@pytest.mark.parametrize("cut", [1, 4, 8, 9, 100, 2000])
def test_truncated_gzip_is_unreadable(cut: int) -> None:
    whole = gzip.compress(CONTENT)
    failure = refused(data(whole[:-cut], "a.csv.gz"))
    assert (failure.status, failure.code) == ("unreadable", "gzip")
    assert "truncated" in failure.message
    assert failure.offset_bytes == len(whole) - cut


def test_every_truncation_of_two_members_is_unreadable_or_one_member() -> None:
    first, second = gzip.compress(b"abc"), gzip.compress(b"def")
    for length in range(3, len(first + second)):
        one = data((first + second)[:length])
        if length == len(first):
            assert fetched(one) == b"abc"
        else:
            assert refused(one).status == "unreadable"


def test_corrupt_gzip_is_unreadable() -> None:
    whole = bytearray(gzip.compress(CONTENT))
    whole[-5] ^= 1  # the checksum
    assert refused(data(bytes(whole))).message == "corrupt gzip"
    assert refused(data(b"plain text, no gzip", "a.csv.gz")).message == "corrupt gzip"


def test_bytes_after_the_end_are_unreadable() -> None:
    for tail in (b"garbage", bytes(512)):
        failure = refused(data(gzip.compress(CONTENT) + tail))
        assert failure.message == "bytes after the end of the gzip stream"
        assert failure.offset_bytes == len(gzip.compress(CONTENT))


def test_a_bomb_stops_at_the_limit() -> None:
    deflate = zlib.compressobj(9, wbits=31)
    zeros = bytes(1 << 20)
    bomb = b"".join(deflate.compress(zeros) for _ in range(200)) + deflate.flush()
    assert len(bomb) < 300_000
    allowance = Allowance(Limits(decompressed_bytes=3_000_000))
    with pytest.raises(ReadFailure) as caught:
        fetch(data(bomb), allowance, gunzip=True)
    assert (caught.value.status, caught.value.code) == ("limit_of_data", "decompressed_bytes")
    assert allowance.decompressed_bytes <= 3_000_000 + (1 << 20)


def test_too_large_is_known_before_a_byte_is_read() -> None:
    def never() -> BinaryIO:
        raise AssertionError("was opened")

    failure = refused(data(CONTENT, open=never), Limits(size_bytes=100))
    assert (failure.status, failure.code) == ("limit_of_data", "size_bytes")


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("difference", [-1, 1])
def test_another_length_than_announced_is_no_judgement(difference: int, compress: bool) -> None:
    content = gzip.compress(CONTENT) if compress else CONTENT
    failure = refused(data(content, size_bytes=len(content) + difference))
    assert (failure.status, failure.code) == ("error", "wrong_length")


def test_a_short_gzip_stream_is_no_judgement_although_it_looks_truncated() -> None:
    content = gzip.compress(CONTENT)
    failure = refused(data(content, open=lambda: io.BytesIO(content[:50])))
    assert (failure.status, failure.code) == ("error", "wrong_length")


def test_garbled_on_the_way_and_short_is_no_judgement() -> None:
    content = gzip.compress(CONTENT)
    garbled = content[:15] + b"\xff" * 20
    failure = refused(data(content, open=lambda: io.BytesIO(garbled)))
    assert failure.status == "error"


@pytest.mark.parametrize("breaks_at", [0, 500])
def test_a_stream_that_breaks_is_no_judgement(breaks_at: int) -> None:
    failure = refused(data(CONTENT, open=lambda: Trickle(CONTENT, 100, breaks_at)))
    assert (failure.status, failure.code) == ("error", "read_failed")
    assert "ConnectionResetError" in failure.message
    assert "secret" not in failure.message


def test_a_store_that_cannot_open_is_no_judgement() -> None:
    def refuse() -> BinaryIO:
        raise PermissionError("secret")

    assert refused(data(CONTENT, open=refuse)).status == "error"


def test_a_wrong_md5_is_bad_data_and_other_checksums_are_not_compared() -> None:
    failure = refused(data(CONTENT, checksum="0" * 32))
    assert (failure.status, failure.message) == ("unreadable", "content does not match its checksum")
    assert fetched(data(CONTENT, checksum=data(CONTENT).checksum.upper())) == CONTENT
    assert fetched(data(CONTENT, checksum="0" * 32 + "-2")) == CONTENT


def test_the_stream_is_closed() -> None:
    streams = [io.BytesIO(CONTENT), io.BytesIO(CONTENT)]
    for stream, size in zip(streams, (len(CONTENT), 5), strict=True):
        try:
            fetched(data(CONTENT, open=lambda stream=stream: stream, size_bytes=size))
        except ReadFailure as failure:
            assert failure.code == "wrong_length"  # noqa: PT017 - both ways are looked at below
        assert stream.closed
