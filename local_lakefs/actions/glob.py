"""Branch patterns of actions, with the syntax of Go's ``path.Match``."""

from __future__ import annotations

import re
from functools import lru_cache


def match_branch(pattern: str, branch: str) -> bool:
    r"""Tell whether a whole branch name matches.

    ``*`` and ``?`` do not match a slash, ``[a-z]`` and ``[^a-z]`` are classes, a backslash quotes.

    Raises
    ------
    ValueError
        The pattern is malformed.
    """
    return _compiled(pattern).fullmatch(branch) is not None


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    parts: list[str] = []
    at = 0
    while at < len(pattern):
        char = pattern[at]
        at += 1
        if char == "*":
            parts.append("[^/]*")
        elif char == "?":
            parts.append("[^/]")
        elif char == "[":
            text, at = _character_class(pattern, at)
            parts.append(text)
        elif char == "\\":
            quoted, at = _character(pattern, at - 1)
            parts.append(re.escape(quoted))
        else:
            parts.append(re.escape(char))
    return re.compile("".join(parts), re.DOTALL)


def _character_class(pattern: str, at: int) -> tuple[str, int]:
    """Translate the class that begins at `at`, after its bracket; also tell where it ends."""
    negated = pattern[at : at + 1] == "^"
    at += negated
    ranges: list[str] = []
    while True:
        if ranges and pattern[at : at + 1] == "]":
            break
        if pattern[at : at + 1] in ("-", "]"):
            raise ValueError("syntax error in pattern")
        low, at = _character(pattern, at)
        high = low
        if pattern[at : at + 1] == "-":
            if pattern[at + 1 : at + 2] in ("-", "]"):
                raise ValueError("syntax error in pattern")
            high, at = _character(pattern, at + 1)
        # Go accepts a range that runs backwards; nothing is in it.
        ranges.append(f"{re.escape(low)}-{re.escape(high)}" if low <= high else "")
    body = "".join(ranges)
    if not body:
        return ("(?s:.)" if negated else "(?!)"), at + 1
    return f"[{'^' if negated else ''}{body}]", at + 1


def _character(pattern: str, at: int) -> tuple[str, int]:
    if pattern[at : at + 1] == "\\":
        at += 1
    if at >= len(pattern):
        raise ValueError("syntax error in pattern")
    return pattern[at], at + 1
