"""``strings`` and ``path``, and what Lua's ``string`` does by letters instead of bytes in lakeFS."""

from __future__ import annotations

import posixpath
from collections.abc import Callable

from local_lakefs.actions.lua_modules.arguments import Arguments
from local_lakefs.actions.lua_values import CannotConvert

SEPARATOR = b"/"
HIDDEN_PREFIX = b"_"
_SPACES = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))


def _letter_by_letter(change: Callable[[str], str]) -> Callable[[str], str]:
    """Leave a letter alone that would become several, as Go does."""
    return lambda text: "".join(changed if len(changed := change(letter)) == 1 else letter for letter in text)


_upper, _lower = _letter_by_letter(str.upper), _letter_by_letter(str.lower)

UNICODE = {
    "upper": lambda given: _upper(given.text(1)),
    "lower": lambda given: _lower(given.text(1)),
    "reverse": lambda given: given.text(1)[::-1],
}


def _letters(text: bytes) -> list[bytes]:
    """Split into letters; a byte that is none stands for itself."""
    return [letter.encode(errors="surrogateescape") for letter in text.decode(errors="surrogateescape")]


def _split(given: Arguments) -> list[bytes]:
    text, separator = given.bytes(1), given.bytes(2)
    return text.split(separator) if separator else _letters(text)


def _trim(given: Arguments) -> bytes:
    text = given.bytes(1).decode(errors="surrogateescape")
    return text.strip(_SPACES).encode(errors="surrogateescape")


def _replace(given: Arguments) -> bytes:
    text, old, new, times = given.bytes(1), given.bytes(2), given.bytes(3), given.integer(4)
    if old:
        return text.replace(old, new, max(times, -1))
    letters = _letters(text)
    places = len(letters) + 1 if times < 0 else min(times, len(letters) + 1)
    return b"".join((new if at < places else b"") + letter for at, letter in enumerate([*letters, b""]))


STRINGS = {
    "split": _split,
    "trim": _trim,
    "replace": _replace,
    "has_prefix": lambda given: given.bytes(1).startswith(given.bytes(2)),
    "has_suffix": lambda given: given.bytes(1).endswith(given.bytes(2)),
    "contains": lambda given: given.bytes(2) in given.bytes(1),
}


def _parts(path: bytes, separator: bytes) -> tuple[bytes, bytes]:
    """Return parent and name. Of a longer separator lakeFS takes one byte only."""
    if path.endswith(separator):
        path = path[:-1]
    at = path.rfind(separator)
    return path[: at + 1], path[at + 1 :]


def _option(given: Arguments, at: int, default: bytes) -> bytes:
    return default if at > len(given) else given.bytes(at)


def _parse(given: Arguments) -> dict[str, bytes]:
    path, separator = given.bytes(1), _option(given, 2, SEPARATOR)
    if not separator:
        raise CannotConvert("the separator is empty", placed=False)
    parent, name = _parts(path, separator)
    return {"parent": parent, "base_name": name}


def _join(given: Arguments) -> bytes:
    separator = given.bytes(1)
    joined = b""
    for at in range(2, len(given) + 1):
        try:
            part = given.bytes(at)
        except CannotConvert as error:
            raise CannotConvert("invalid type, string expected") from error
        if at > 2:
            part = part.removeprefix(separator)
        joined += part
        if at < len(given) and not part.endswith(separator):
            joined += separator
    return joined


def _is_hidden(given: Arguments) -> bool:
    path = given.bytes(1)
    separator, prefix = _option(given, 2, SEPARATOR), _option(given, 3, HIDDEN_PREFIX)
    if not separator:
        raise CannotConvert("the separator is empty", placed=False)
    while path:
        path, name = _parts(path, separator)
        if name.startswith(prefix):
            return True
    return False


def _directory(given: Arguments) -> bytes:
    path = given.bytes(1)
    directory = path[: path.rfind(b"/") + 1]
    cleaned = posixpath.normpath(directory) if directory else b"."
    return b"/" + cleaned.lstrip(b"/") if cleaned.startswith(b"//") else cleaned


PATH = {
    "parse": _parse,
    "join": _join,
    "is_hidden": _is_hidden,
    "default_separator": lambda _given: SEPARATOR,
    "extract_dir_name": _directory,
}
