"""Patterns of branch names: ``*``, ``?``, ``[abc]``, ``[!a-z]``, ``{main,rel-*}``, ``\\`` before these."""

from __future__ import annotations

import re
from functools import lru_cache

from local_lakefs.errors import LakeFSError


def matches(pattern: str, name: str) -> bool:
    return _compile(pattern).fullmatch(name) is not None


@lru_cache(maxsize=1024)
def _compile(pattern: str) -> re.Pattern[str]:
    """Translate a pattern to a regular expression; raises LakeFSError when it is not one."""
    expression, depth, at = "", 0, 0
    while at < len(pattern):
        character = pattern[at]
        at += 1
        if character == "*":
            expression += ".*"
        elif character == "?":
            expression += "."
        elif character == "\\" and at < len(pattern):
            expression += re.escape(pattern[at])
            at += 1
        elif character == "[":
            end = pattern.find("]", at + 1)
            if end < 0:
                raise LakeFSError(f"pattern {pattern!r}: unexpected end of input")
            content = pattern[at:end].replace("\\", "\\\\").replace("[", "\\[").replace("^", "\\^")
            expression += f"[^{content[1:]}]" if content.startswith("!") else f"[{content}]"
            at = end + 1
        elif character == "{":
            depth += 1
            expression += "(?:"
        elif character == "}" and depth:
            depth -= 1
            expression += ")"
        elif character == "," and depth:
            expression += "|"
        else:
            expression += re.escape(character)
    if depth:
        raise LakeFSError(f"pattern {pattern!r}: unexpected end of input")
    return re.compile(expression, re.DOTALL)
