"""Bytes arrive whole and verified, or there is no judgement; they decompress to the end, or are bad data."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, BinaryIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gate_server.engine.objects import DataObject
from gate_server.engine.readers.failure import Allowance, ReadFailure
from gate_server.engine.readers.source import fetch
from gate_server.model import Limits

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

CHECKSUM = zstd.CompressionParameter.checksum_flag

# Does not compress.
CONTENT = b"".join(hashlib.sha256(bytes([number])).digest() for number in range(200))


class Trickle(io.RawIOBase):
    """Delivers a few bytes at a time, and may break off with an error."""

    def __init__(self, content: bytes, step: int, breaks_at: int | None = None) -> None:
        self._content, self._step, self._at, self._breaks_at = content, step, 0, breaks_at

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._breaks_at is not None and self._at >= self._breaks_at:
            raise ConnectionResetError("with a secret in its text")
        chunk = self._content[self._at : self._at + self._step]
        buffer[: len(chunk)] = chunk
        self._at += len(chunk)
        return len(chunk)


def data(content: bytes, path: str = "a.csv", **given: Any) -> DataObject:
    checksum = hashlib.md5(content, usedforsecurity=False).hexdigest()
    values = {"size_bytes": len(content), "checksum": checksum, "open": lambda: io.BytesIO(content)} | given
    return DataObject(path, **values)


def fetched(one: DataObject, limits: Limits | None = None) -> bytes:
    with fetch(one, Allowance(limits or Limits()), unpack=True) as file:
        return file.read()


def refused(one: DataObject, limits: Limits | None = None) -> ReadFailure:
    with pytest.raises(ReadFailure) as caught:
        fetched(one, limits)
    return caught.value


@dataclass(frozen=True)
class Packing:
    """How content is compressed, and what it is called."""

    name: str
    ending: str
    compress: Callable[[bytes], bytes]


GZIP = Packing("gzip", ".gz", lambda content: gzip.compress(content, mtime=0))
ZSTD = Packing("zstd", ".zst", lambda content: zstd.compress(content, options={CHECKSUM: 1}))
BZIP2 = Packing("bzip2", ".bz2", bz2.compress)
each_packing = pytest.mark.parametrize("packing", [GZIP, ZSTD, BZIP2], ids=lambda packing: packing.name)


@each_packing
def test_compressed_by_name_or_by_magic_bytes(packing: Packing) -> None:
    assert fetched(data(CONTENT)) == CONTENT
    for content in (CONTENT, b""):
        packed = packing.compress(content)
        assert fetched(data(packed)) == content
        assert fetched(data(packed, f"A.CSV{packing.ending.upper()}")) == content


def test_a_text_that_begins_like_bzip2_is_a_text() -> None:
    assert fetched(data(b"BZh9,b\n1,2\n")) == b"BZh9,b\n1,2\n"


@each_packing
@settings(max_examples=40, deadline=None)
@given(parts=st.lists(st.binary(max_size=3000), min_size=1, max_size=4), step=st.integers(1, 700))
def test_parts_in_a_row_are_one_content(packing: Packing, parts: list[bytes], step: int) -> None:
    content = b"".join(map(packing.compress, parts))
    assert fetched(data(content, open=lambda: Trickle(content, step))) == b"".join(parts)


@each_packing
def test_long_runs_decompress_completely(packing: Packing) -> None:
    long = bytes(5_000_000)
    assert fetched(data(packing.compress(long) + packing.compress(b"end"))) == long + b"end"


@each_packing
@pytest.mark.parametrize("cut", [1, 4, 8, 9, 100, 2000])
def test_what_is_truncated_is_unreadable(packing: Packing, cut: int) -> None:
    whole = packing.compress(CONTENT)
    failure = refused(data(whole[:-cut], f"a.csv{packing.ending}"))
    assert (failure.status, failure.code) == ("unreadable", packing.name)
    assert "truncated" in failure.message
    assert failure.offset_bytes == len(whole) - cut


@each_packing
def test_every_truncation_of_two_parts_is_unreadable_or_one_part(packing: Packing) -> None:
    first, second = packing.compress(b"abc"), packing.compress(b"def")
    for length in range(1, len(first + second)):
        one = data((first + second)[:length], f"a{packing.ending}")
        if length == len(first):
            assert fetched(one) == b"abc"
        else:
            assert refused(one).status == "unreadable"


@each_packing
def test_what_is_corrupt_is_unreadable(packing: Packing) -> None:
    whole = bytearray(packing.compress(CONTENT))
    whole[-5 if packing is GZIP else len(whole) // 2] ^= 1
    # Zstandard sees it by the checksum at the end, and then nothing of the content counts.
    assert refused(data(bytes(whole))).message == f"corrupt {packing.name}"
    failure = refused(data(b"plain text, not compressed", f"a.csv{packing.ending}"))
    assert failure.message == f"corrupt {packing.name}"


@each_packing
def test_bytes_after_the_end_are_unreadable(packing: Packing) -> None:
    whole = packing.compress(CONTENT)
    for tail in (b"garbage", bytes(512)):
        failure = refused(data(whole + tail))
        assert failure.message == f"bytes after the end of the {packing.name} stream"
        assert failure.offset_bytes == len(whole)


@each_packing
def test_a_bomb_stops_at_the_limit(packing: Packing) -> None:
    bomb = packing.compress(bytes(50_000_000))
    assert len(bomb) < 100_000
    allowance = Allowance(Limits(decompressed_bytes=3_000_000))
    with pytest.raises(ReadFailure) as caught:
        fetch(data(bomb), allowance, unpack=True)
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
