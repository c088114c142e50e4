"""``encoding/hex``, ``encoding/base64`` and ``encoding/z85enc``."""

from __future__ import annotations

import base64
import binascii
import string
from typing import NoReturn
from uuid import UUID

from local_lakefs.actions.lua_modules.arguments import Arguments
from local_lakefs.actions.lua_values import CannotConvert

_HEX_DIGITS = string.hexdigits.encode()
_COMMON = (string.ascii_letters + string.digits).encode()
_STANDARD, _FOR_URLS = _COMMON + b"+/", _COMMON + b"-_"
_Z85_DIGITS = (string.digits + string.ascii_letters + ".-:+=^!/*?&<>()[]{}@%$#").encode()
_ENCODED_UUID_BYTES = 20


def _from_hex(given: Arguments) -> bytes:
    text = given.bytes(1)
    for byte in text:
        if byte not in _HEX_DIGITS:
            raise CannotConvert(f"encoding/hex: invalid byte: {_shown(byte)}")
    if len(text) % 2:
        raise CannotConvert("encoding/hex: odd length hex string")
    return binascii.unhexlify(text)


HEX = {"encode": lambda given: given.bytes(1).hex(), "decode": _from_hex}


def _from_base64(text: bytes, digits: bytes, *, padded: bool) -> bytes:
    """Decode as Go does: line ends do not count, all else must be exact."""
    places = [at for at, byte in enumerate(text) if byte not in b"\r\n"]
    bare = bytes(text[at] for at in places)

    def fail(at: int) -> NoReturn:
        raise CannotConvert(f"illegal base64 data at input byte {[*places, len(text)][at]}")

    data, padding, rest = bare.partition(b"=") if padded else (bare, b"", b"")
    for at, byte in enumerate(data):
        if byte not in digits:
            fail(at)
    over = len(data) % 4
    if padding:
        if over < 2:
            fail(len(data))
        wanted = b"=" if over == 2 else b""
        if rest and not rest.startswith(wanted):
            fail(len(data))
        if rest != wanted:
            fail(len(data) + 1 + (len(wanted) if rest else 0))
    elif over == 1 or (padded and over):
        fail(len(data) - over)
    return base64.b64decode(data + b"=" * (-len(data) % 4), altchars=digits[62:])


BASE64 = {
    "encode": lambda given: base64.b64encode(given.bytes(1)),
    "decode": lambda given: _from_base64(given.bytes(1), _STANDARD, padded=True),
    "url_encode": lambda given: base64.urlsafe_b64encode(given.bytes(1)).rstrip(b"="),
    "url_decode": lambda given: _from_base64(given.bytes(1), _FOR_URLS, padded=False),
}


def _decode_uuid(given: Arguments) -> tuple[str, bytes]:
    """Read a UUID from the last 20 characters of a file's name in Delta Lake; also return what precedes."""
    text = given.bytes(1)
    prefix, encoded = text[:-_ENCODED_UUID_BYTES], text[-_ENCODED_UUID_BYTES:]
    if len(encoded) % 5:
        raise CannotConvert("z85: wrongly aligned input data")
    decoded = b""
    for at in range(0, len(encoded), 5):
        number = 0
        for byte in encoded[at : at + 5]:
            if byte not in _Z85_DIGITS:
                raise CannotConvert(f"z85: invalid input byte: {_shown(byte)}")
            number = number * 85 + _Z85_DIGITS.index(byte)
        decoded += (number & 0xFFFFFFFF).to_bytes(4, "big")
    return str(UUID(bytes=decoded.ljust(16, b"\0"))), prefix


Z85 = {"decode_uuid": _decode_uuid}


def _shown(byte: int) -> str:
    return f"U+{byte:04X} '{chr(byte)}'"
