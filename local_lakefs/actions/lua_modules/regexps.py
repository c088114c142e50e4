"""``regexp``: Go's regular expressions, by RE2, whose syntax and rules they share."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from local_lakefs.actions.lua_modules.arguments import Arguments
from local_lakefs.actions.lua_values import CannotConvert

# What RE2 says, and what Go says.
_FAULTS = {
    "missing ]": "missing closing ]",
    "missing )": "missing closing )",
    "no argument for repetition operator": "missing argument to repetition operator",
    "bad repetition operator": "invalid nested repetition operator",
    "invalid repetition size": "invalid repeat count",
    "trailing \\": "trailing backslash at end of expression",
    "invalid perl operator": "invalid or unsupported Perl syntax",
    "invalid named capture group": "invalid named capture",
}
_ANY_BYTE = re.compile(r"(?<!\\)(?:\\\\)*\\C")  # RE2 has it, Go has not
_SPECIAL = "\\.+*?()|[]{}^$"


@lru_cache(maxsize=64)
def _compiled(pattern: str) -> Any:
    import re2  # most scripts need none

    if _ANY_BYTE.search(pattern):
        raise CannotConvert("error parsing regexp: invalid escape sequence: `\\C`")
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        text = str(error.args[0].decode(errors="replace"))
        fault, _, where = text.partition(": ")
        raise CannotConvert(f"error parsing regexp: {_FAULTS.get(fault, fault)}: `{where}`") from error


def _pattern(given: Arguments) -> Any:
    raw = given.bytes(1)
    try:
        return _compiled(raw.decode())
    except UnicodeDecodeError as error:
        shown = raw.decode(errors="replace")
        raise CannotConvert(f"error parsing regexp: invalid UTF-8: `{shown}`") from error


def _match(given: Arguments) -> bool:
    found: bool = _pattern(given).search(given.text(2)) is not None
    return found


def _compile(given: Arguments) -> bytes:
    """Refuse what is no expression; the script keeps the text, and a table of functions for it."""
    _pattern(given)
    return given.bytes(1)


def _all(given: Arguments) -> Iterator[Any]:
    """Find what Go finds: an empty match right after another one does not count."""
    text, limit = given.after_first().text(1), given.after_first().integer(2)
    end = -1
    for match in _pattern(given).finditer(text):
        if limit == 0:
            return
        if match.end() == match.start() == end:
            continue
        end = match.end()
        limit -= 1
        yield match


def _groups(match: Any) -> list[str]:
    return [match.group(), *(group or "" for group in match.groups())]


def _find(given: Arguments) -> str:
    match = _pattern(given).search(given.after_first().text(1))
    return match.group() if match else ""


def _find_submatch(given: Arguments) -> list[str]:
    match = _pattern(given).search(given.after_first().text(1))
    return _groups(match) if match else []


REGEXP = {
    "match": _match,
    "quote_meta": lambda given: "".join(
        f"\\{letter}" if letter in _SPECIAL else letter for letter in given.text(1)
    ),
    "compile": _compile,
    "find": _find,
    "find_submatch": _find_submatch,
    "find_all": lambda given: [match.group() for match in _all(given)],
    "find_all_submatch": lambda given: [_groups(match) for match in _all(given)],
}
"""The last four take the expression first; scripts reach them through ``compile``."""
