"""Patterns of repositories, branches and paths.

lakeFS's keys are flat (C5): ``a``, ``a/b`` and ``a//b`` may all exist, a key may start with a slash.
Libraries for file systems fold such keys together or match below a matched "folder", so a pattern could
judge another object than it says; hence these few lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

_PIECE = re.compile(r"\*\*/|\*\*|\*|\?|\[!?\]?[^\]]*\]|.", re.DOTALL)


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> re.Pattern[str]:
    parts: list[str] = []
    for piece in _PIECE.findall(pattern):
        if piece == "**/":
            parts.append("(?:[^/]*/)*")
        elif piece == "**":
            parts.append(".*")
        elif piece == "*":
            parts.append("[^/]*")
        elif piece == "?":
            parts.append("[^/]")
        elif len(piece) > 2 and piece.startswith("[") and piece != "[!]":
            negated = piece.startswith("[!")
            inside = (
                piece[2 if negated else 1 : -1].replace("\\", "\\\\").replace("[", "\\[").replace("^", "\\^")
            )
            parts.append(f"(?!/)[{'^' if negated else ''}{inside}]")
        else:
            parts.append(re.escape(piece))
    return re.compile("".join(parts), re.DOTALL)


def exactly(text: str) -> str:
    """Return the pattern that `text` matches, and nothing else does."""
    return re.sub(r"[*?\[]", r"[\g<0>]", text)


def is_pattern(text: str) -> bool:
    """Whether `text` can be a pattern; ``[z-a]`` cannot."""
    try:
        _compiled(text)
    except re.error:
        return False
    return True


def matches(text: str, patterns: Iterable[str]) -> bool:
    """Whether `text` matches one of `patterns`.

    ``*`` and ``?`` stay within a segment, ``**`` crosses them, ``[abc]`` and ``[!abc]`` are one character.
    A pattern covers the whole key.
    """
    return any(_compiled(pattern).fullmatch(text) for pattern in patterns)


def literal_prefix(pattern: str) -> str:
    """Return what every match of `pattern` starts with: the prefix to list."""
    wild = re.search(r"[*?\[]", pattern)
    return pattern[: wild.start()] if wild else pattern


def covering_prefixes(patterns: Iterable[str]) -> tuple[str, ...]:
    """Return the fewest prefixes that together cover all `patterns`, in order; ``("",)`` is everything."""
    kept: list[str] = []
    for prefix in sorted({literal_prefix(pattern) for pattern in patterns}):
        if not kept or not prefix.startswith(kept[-1]):
            kept.append(prefix)
    return tuple(kept)
