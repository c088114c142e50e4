"""Decompresses as a stream: gzip (RFC 1952), bzip2 and Zstandard (RFC 8878), of one or more parts each."""

from __future__ import annotations

import bz2
import sys
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from gate_server.engine.readers.failure import ReadFailure

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

PIECE_BYTES = 1 << 20
# What begins may be told by so many bytes.
MAGIC_BYTES = 10
_SKIPPABLE = frozenset(bytes([low, 0x2A, 0x4D, 0x18]) for low in range(0x50, 0x60))


class _Decompressor(Protocol):
    """What bz2 and zstd have in common: one part of a stream."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, /, max_length: int = -1) -> bytes: ...


class _Gunzip:
    """zlib in the manner of the others."""

    def __init__(self) -> None:
        self._inflater = zlib.decompressobj(wbits=31)
        self.needs_input = True

    @property
    def eof(self) -> bool:
        return self._inflater.eof

    @property
    def unused_data(self) -> bytes:
        return self._inflater.unused_data

    def decompress(self, data: bytes, /, max_length: int = -1) -> bytes:
        piece = self._inflater.decompress(self._inflater.unconsumed_tail + data, max_length)
        # A full piece: more may be waiting inside.
        self.needs_input = not self._inflater.unconsumed_tail and len(piece) < max_length
        return piece


@dataclass(frozen=True)
class Codec:
    """A way of compression: how people call it, how names of such objects end, how to undo it."""

    name: str
    endings: tuple[str, ...]
    begins: Callable[[bytes], bool]
    start: Callable[[], _Decompressor]


CODECS = (
    Codec("gzip", (".gz",), lambda head: head.startswith(b"\x1f\x8b"), _Gunzip),
    Codec(
        "zstd",
        (".zst", ".zstd"),
        lambda head: head.startswith(b"\x28\xb5\x2f\xfd") or head[:4] in _SKIPPABLE,
        zstd.ZstdDecompressor,
    ),
    # "BZh" alone may well begin a text; what follows are the digits of pi, or of its root where nothing is.
    Codec(
        "bzip2",
        (".bz2",),
        lambda head: head[:3] == b"BZh" and head[4:10] in (b"1AY&SY", b"\x17rE8P\x90"),
        bz2.BZ2Decompressor,
    ),
)


def codec_of(path: str, head: bytes) -> Codec | None:
    """Return what an object is compressed with: what its name says, else what its first bytes are."""
    name = path.lower()
    named = next((codec for codec in CODECS if name.endswith(codec.endings)), None)
    return named or next((codec for codec in CODECS if codec.begins(head)), None)


def decompress(chunks: Iterator[bytes], codec: Codec) -> Iterator[bytes]:
    """Yield the content, in pieces of at most `PIECE_BYTES`.

    Raises
    ------
    ReadFailure
        ``unreadable``: corrupt, truncated, bytes after the end.
    """
    part = codec.start()
    read = ended = 0  # compressed bytes handed over, parts that ended
    within = False  # whether a part has begun and not ended
    for chunk in chunks:
        rest = chunk
        read += len(chunk)
        while rest or (within and not part.needs_input):
            try:
                piece = part.decompress(rest, PIECE_BYTES)
            except (zlib.error, OSError, EOFError, ValueError, zstd.ZstdError) as error:
                for _ in chunks:  # whether the store delivered what it announced comes first
                    pass
                what = f"corrupt {codec.name}"
                if ended and not within:
                    what = f"bytes after the end of the {codec.name} stream"
                offset = read - len(rest)
                raise ReadFailure("unreadable", codec.name, what, offset_bytes=offset) from error
            within = True
            rest = b""
            if piece:
                yield piece
            if part.eof:
                rest, part = part.unused_data, codec.start()
                ended += 1
                within = False
    if within:
        what = f"truncated {codec.name}: it ends too early"
        raise ReadFailure("unreadable", codec.name, what, offset_bytes=read)
