"""Which ranges of keys a commit holds, read out of the file that lakeFS keeps of its metarange.

lakeFS writes it as a sorted table of RocksDB's format, version 2 (by the Go library Pebble): an entry for
each range, from its last key to its id and, as protobuf, its first key and its length. Ranges of one id hold
the same entries, addresses included (C8), so of two versions only ranges that differ need to be listed.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

MAGIC = bytes.fromhex("f7cff485b741e288")
FOOTER_BYTES = 53
FORMAT_VERSION = 2
CRC32C = 1  # the kind of checksum
PLAIN, SNAPPY = 0, 1  # how a block is compressed
TRAILER_BYTES = 5
BLOCK_AT_MOST_BYTES = 1 << 26
PROPERTIES = b"rocksdb.properties"
INDEX_TYPE = b"rocksdb.block.based.table.index.type"
SET = 1  # the kind of an entry that is there


@dataclass(frozen=True)
class KeyRange:
    """A range: its id, a digest of all that it holds; its first and last key; how many it holds."""

    id: str
    first: str
    last: str
    count: int


def ranges_of(table: bytes) -> tuple[KeyRange, ...]:
    """Return the ranges of a metarange, in the order of their keys.

    Raises
    ------
    ValueError
        When it is none, is damaged, or is written in another way than is known here.
    """
    try:
        found = tuple(_range(key, value) for key, value in _table(table))
    except (LookupError, struct.error) as error:
        raise ValueError("the metarange ends too early") from error
    last = ""
    for number, item in enumerate(found):
        if item.first > item.last or (number and item.first <= last):
            raise ValueError("the metarange's ranges are out of order")
        last = item.last
    return found


def _table(table: bytes) -> Iterator[tuple[bytes, bytes]]:
    footer = table[-FOOTER_BYTES:]
    if len(footer) < FOOTER_BYTES or footer[-8:] != MAGIC:
        raise ValueError("this is no sorted table")
    (version,) = struct.unpack("<I", footer[-12:-8])
    if (version, footer[0]) != (FORMAT_VERSION, CRC32C):
        raise ValueError(f"a sorted table of version {version} is not known here")
    about, at = _handle(footer, 1)
    index, _ = _handle(footer, at)
    named = dict(_entries(_block(table, about)))
    properties = dict(_entries(_block(table, _handle(named.get(PROPERTIES, b""), 0)[0])))
    if any(properties[INDEX_TYPE]):  # an index of two levels: of some 5,000 ranges and more
        raise ValueError("the metarange's index is written in a way that is not known here")
    for _, place in _entries(_block(table, index)):
        for key, value in _entries(_block(table, _handle(place, 0)[0])):
            if key[-8] != SET:
                raise ValueError("an entry of the metarange is no range")
            yield key[:-8], value


def _handle(data: bytes, at: int) -> tuple[tuple[int, int], int]:
    """Return where a block begins and how long it is, and what comes behind."""
    offset, at = _varint(data, at)
    size_bytes, at = _varint(data, at)
    return (offset, size_bytes), at


def _block(table: bytes, place: tuple[int, int]) -> bytes:
    offset, size_bytes = place
    end = offset + size_bytes
    if end + TRAILER_BYTES > len(table):
        raise ValueError("the metarange ends too early")
    kind, said = struct.unpack("<BI", table[end : end + TRAILER_BYTES])
    crc = _crc32c(table[offset : end + 1])
    if said != (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF:
        raise ValueError("a block of the metarange is damaged")
    if kind == PLAIN:
        return table[offset:end]
    if kind == SNAPPY:
        return _unsnappy(table[offset:end])
    raise ValueError(f"compression {kind} of a block is not known here")


def _entries(block: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield keys and values; of a key only what differs from the one before is written."""
    (restarts,) = struct.unpack("<I", block[-4:])
    end, at, key = len(block) - 4 - 4 * restarts, 0, b""
    while at < end:
        shared, at = _varint(block, at)
        own, at = _varint(block, at)
        length, at = _varint(block, at)
        value_at = at + own
        key, value = key[:shared] + block[at:value_at], block[value_at : value_at + length]
        at = value_at + length
        if at > end or len(key) != shared + own:
            raise ValueError("an entry of the metarange is damaged")
        yield key, value


def _range(key: bytes, value: bytes) -> KeyRange:
    size, at = _signed(value, 0)
    identity, at = value[at : at + size], at + size
    size, at = _signed(value, at)
    data = value[at : at + size]
    if len(data) != size:
        raise ValueError("a range of the metarange is damaged")
    first, last, count, at = key, key, 0, 0
    while at < len(data):
        tag, at = _varint(data, at)
        number, at = _varint(data, at)
        if tag in (1 << 3 | 2, 2 << 3 | 2):
            text, at = data[at : at + number], at + number
            first, last = (text, last) if tag >> 3 == 1 else (first, text)
        elif tag == 4 << 3:
            count = number
        elif tag != 3 << 3:
            raise ValueError("a range of the metarange holds what is not known here")
    if at != len(data) or last != key or not identity:
        raise ValueError("a range of the metarange is damaged")
    return KeyRange(identity.decode("ascii"), first.decode(), last.decode(), count)


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def _signed(data: bytes, at: int) -> tuple[int, int]:
    """Return a length as Go's `binary.PutVarint` writes it."""
    value, at = _varint(data, at)
    if value & 1:
        raise ValueError("a length in the metarange is negative")
    return value >> 1, at


def _unsnappy(data: bytes) -> bytes:
    """Return what a block of Snappy holds (google/snappy, format_description.txt)."""
    length, at = _varint(data, 0)
    found = bytearray()
    while at < len(data) and len(found) <= length <= BLOCK_AT_MOST_BYTES:
        tag, at = data[at], at + 1
        kind, size = tag & 3, (tag >> 2) + 1
        if kind == 0:
            if size > 60:
                more = size - 60
                size, at = int.from_bytes(data[at : at + more], "little") + 1, at + more
            found += data[at : at + size]
            at += size
            continue
        if kind == 1:
            size, back, at = (tag >> 2 & 7) + 4, tag >> 5 << 8 | data[at], at + 1
        else:
            width = 2 if kind == 2 else 4
            back, at = int.from_bytes(data[at : at + width], "little"), at + width
        if not 0 < back <= len(found):
            raise ValueError("a block of the metarange is damaged")
        for _ in range(size):
            found.append(found[-back])
    if at != len(data) or len(found) != length:
        raise ValueError("a block of the metarange is damaged")
    return bytes(found)


def _crc32c(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ _CRC[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def _crc_of(byte: int) -> int:
    for _ in range(8):
        byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)  # Castagnoli's polynomial
    return byte


_CRC = [_crc_of(byte) for byte in range(256)]
