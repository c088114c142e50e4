"""Names that come with the data, made fit to stand in a line for people."""

from __future__ import annotations

LONGEST = 80


def plain(name: object) -> str:
    """Return `name` on one line: control characters escaped, no backticks, cut after 80 characters."""
    start = str(name)[: LONGEST + 1].replace("`", "'")
    text = "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in start)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def quoted(name: object) -> str:
    """Return `name` in backticks."""
    return f"`{plain(name)}`"
