"""What the pages have in common: tables, and texts that are none of Markdown's."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_MEANT = re.compile(r"(`[^`]*`)|([<*])")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table, or nothing where there is no row."""
    lines = ["| " + " | ".join(cell(part) for part in row) + " |" for row in rows]
    rule = "|" + "---|" * len(head)
    return "\n".join(["| " + " | ".join(head) + " |", rule, *lines]) + "\n" if lines else ""


def cell(text: str) -> str:
    """Return a text in one line, bars kept from parting it."""
    return " ".join(text.split()).replace("|", "\\|")


def plain(text: str) -> str:
    """Return a text in which only backquotes mean something."""
    return _MEANT.sub(lambda found: found[1] or "\\" + found[2], text.replace("``", "`"))
