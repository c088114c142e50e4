"""Thrift's compact protocol, as far as Parquet's footers and page headers need it, against hostile bytes.

Source: the specification "Thrift Compact protocol encoding" of Apache Thrift. Who reads a struct says of what
types its fields are, so that nothing is taken for what it is not; fields that are not known are passed over.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

DEPTH = 16  # Parquet's own structs go seven deep

_TRUE, _FALSE, _BYTE, _I16, I32, I64, _DOUBLE, BINARY, _LIST, _SET, _MAP, _STRUCT, _UUID = range(1, 14)
BOOL = _TRUE
_FIXED_BYTES = {_BYTE: 1, _DOUBLE: 8, _UUID: 16}
_VARINT_BYTES = 10  # of 64 bits

# A struct's fields by id: a number above, a struct, or a list with the type of its elements.
Fields = Mapping[int, Any]


class NotThrift(Exception):
    """The bytes are no struct of the compact protocol, or one of other fields."""


class Reader:
    """Reads structs from bytes, one after the other.

    Raises
    ------
    NotThrift
        From `read_struct`, for whatever is not well formed. Memory stays in proportion to the bytes.
    """

    def __init__(self, content: bytes | memoryview, place: int = 0) -> None:
        self._content = content
        self.place = place

    def read_struct(self, known: Fields, depth: int = 0) -> dict[int, Any]:
        """Return the next struct's `known` fields by id; a field that comes twice is refused."""
        if depth > DEPTH:
            raise NotThrift("nested too deeply")
        fields: dict[int, Any] = {}
        seen = set()
        last = 0
        while head := self._byte():
            kind = head & 0x0F
            last = last + (head >> 4) if head >> 4 else self._zigzag()
            if last in seen:
                raise NotThrift("a field comes twice")
            seen.add(last)
            wanted = known.get(last)
            if wanted is not None and _kind(wanted) != (BOOL if kind == _FALSE else kind):
                raise NotThrift("a field of another type")
            value = kind == _TRUE if kind in (_TRUE, _FALSE) else self._value(kind, wanted, depth)
            if wanted is not None:
                fields[last] = value
        return fields

    def _value(self, kind: int, wanted: Any, depth: int) -> Any:
        if kind in (_I16, I32, I64):
            return self._zigzag()
        if kind == BINARY:
            return bytes(self._take(self._varint()))
        if kind == _STRUCT:
            return self.read_struct(wanted or {}, depth + 1)
        if kind in (_LIST, _SET):
            return self._list(wanted, depth + 1)
        if kind in _FIXED_BYTES:
            return bytes(self._take(_FIXED_BYTES[kind]))
        raise NotThrift("a type that Parquet does not use")  # maps as well

    def _list(self, wanted: Any, depth: int) -> list[Any]:
        head = self._byte()
        count, kind = head >> 4, head & 0x0F
        if count == 15:
            count = self._varint()
        if depth > DEPTH or count > len(self._content) - self.place:  # an element takes a byte at least
            raise NotThrift("a list longer than what is there")
        element = wanted[0] if wanted else None
        if element is not None and count and _kind(element) != kind:
            raise NotThrift("a list of another type")
        if kind in (_TRUE, _FALSE):
            return list(self._take(count))
        return [self._value(kind, element, depth) for _ in range(count)]

    def _byte(self) -> int:
        try:
            byte = self._content[self.place]
        except IndexError:
            raise NotThrift("it ends too early") from None
        self.place += 1
        return byte

    def _take(self, count: int) -> bytes | memoryview:
        end = self.place + count
        if end > len(self._content):
            raise NotThrift("it ends too early")
        taken = self._content[self.place : end]
        self.place = end
        return taken

    def _varint(self) -> int:
        value = self._byte()
        if value < 0x80:
            return value
        value &= 0x7F
        for place in range(1, _VARINT_BYTES):
            byte = self._byte()
            value |= (byte & 0x7F) << (7 * place)
            if byte < 0x80:
                return value
        raise NotThrift("a number of over 64 bits")

    def _zigzag(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)


def _kind(wanted: Any) -> int:
    if isinstance(wanted, Mapping):
        return _STRUCT
    return _LIST if isinstance(wanted, list) else int(wanted)
