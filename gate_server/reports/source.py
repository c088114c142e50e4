"""The commit that brings the data, as a page shows it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

from gate_server.model import Commit

_BUTTON = re.compile(r"::lakefs::(?P<name>[^:]+)::url\[url:ui\]")  # lakeFS shows it as "Open NAME UI" (R10)


@dataclass(frozen=True)
class Link:
    """An address that the commit carries, such as its Prefect run's."""

    name: str
    address: str


@dataclass(frozen=True)
class SourceCommit:
    """A commit, its links apart from the rest of its metadata."""

    commit: Commit
    made_at: datetime
    links: tuple[Link, ...]
    metadata: tuple[tuple[str, str], ...]


def source_commit(commit: Commit) -> SourceCommit:
    """Return a commit for a page; what is no web address is no link, whoever wrote it there."""
    links = tuple(
        Link(found["name"], value)
        for key, value in sorted(commit.metadata.items())
        if (found := _BUTTON.fullmatch(key)) and _is_web(value)
    )
    rest = tuple((key, value) for key, value in sorted(commit.metadata.items()) if not key.startswith("::"))
    return SourceCommit(commit, datetime.fromtimestamp(commit.created_at, UTC), links, rest)


def _is_web(address: str) -> bool:
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc) and address.isprintable()
