"""A metarange as the file that lakeFS keeps of it: a sorted table of RocksDB's format, version 2.

An entry for each range, from its last key to its id and, as protobuf, its first and last key, size and length
(``pkg/graveler/committed`` of lakeFS). Written without compression, with the properties that readers need.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence

from local_lakefs.storage.ranges import RangeInfo

ENTRIES_A_BLOCK = 32
MAGIC = bytes.fromhex("f7cff485b741e288")
SET = b"\x01" + bytes(7)  # behind each key: an entry that is there, of sequence number 0
NO_COMPRESSION = b"\x00"
CRC32C = b"\x01"
PROPERTIES = {b"rocksdb.block.based.table.index.type": bytes(4), b"type": b"metaranges"}


def meta_range_table(infos: Sequence[RangeInfo]) -> bytes:
    """Return the file of a metarange."""
    table = bytearray()
    index = []
    for start in range(0, len(infos), ENTRIES_A_BLOCK):
        some = infos[start : start + ENTRIES_A_BLOCK]
        place = _add_block(table, [(info.max_key.encode() + SET, _value(info)) for info in some])
        index.append((some[-1].max_key.encode() + SET, place))
    index_place = _add_block(table, index)
    properties = _add_block(table, sorted(PROPERTIES.items()))
    about = _add_block(table, [(b"rocksdb.properties", properties)])
    footer = CRC32C + (about + index_place).ljust(40, b"\x00") + struct.pack("<I", 2) + MAGIC
    return bytes(table) + footer


def _add_block(table: bytearray, entries: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Add a block; return where it is and how long, as others refer to it."""
    block = bytearray()
    for key, value in entries:
        block += _varint(0) + _varint(len(key)) + _varint(len(value)) + key + value
    block += struct.pack("<II", 0, 1)  # one place to start from: the first entry
    place = _varint(len(table)) + _varint(len(block))
    crc = _crc32c(bytes(block) + NO_COMPRESSION)
    masked = (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF
    table += block + NO_COMPRESSION + struct.pack("<I", masked)
    return place


def _value(info: RangeInfo) -> bytes:
    first, last = info.min_key.encode(), info.max_key.encode()
    data = b"\x0a" + _varint(len(first)) + first + b"\x12" + _varint(len(last)) + last
    data += b"\x18" + _varint(info.size_bytes) + b"\x20" + _varint(info.length)
    identity = info.id.encode()
    # Go's `binary.PutVarint` takes a sign: lengths are doubled.
    return _varint(2 * len(identity)) + identity + _varint(2 * len(data)) + data


def _varint(number: int) -> bytes:
    found = bytearray()
    while number >= 0x80:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes(found) + bytes([number])


def _crc32c(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ _CRC[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def _crc_of(byte: int) -> int:
    for _ in range(8):
        byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
    return byte


_CRC = [_crc_of(byte) for byte in range(256)]
