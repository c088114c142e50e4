"""Names of branches that lakeFS takes (C7)."""

from __future__ import annotations

import re

LONGEST_PART = 60
_ILLEGAL = re.compile(r"[^0-9A-Za-z_-]+")


def branch_name(*parts: str) -> str:
    """Return the parts as one legal name: letters, digits, ``_`` and ``-``; what is none becomes ``-``.

    A part is cut at `LONGEST_PART` characters, so the parts that make a name unique come last and are short.
    """
    plain = [_ILLEGAL.sub("-", part).strip("-")[:LONGEST_PART].strip("-") for part in parts]
    return "-".join(part for part in plain if part) or "run"
