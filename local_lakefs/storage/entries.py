"""An entry: what a path means in one version, without its bytes."""

from __future__ import annotations

import json
from typing import NamedTuple

Metadata = dict[str, str]


class Entry(NamedTuple):
    """Where the bytes of a path lie and what is said about them.

    ``address`` is relative to the repository's storage namespace when ``relative``, else a full address.
    ``mtime`` is in seconds of the Unix epoch.
    """

    address: str
    relative: bool
    checksum: str
    size_bytes: int
    mtime: int
    content_type: str
    metadata: Metadata

    def same_content(self, other: Entry) -> bool:
        """Whether lakeFS takes both for the same: all but address and time."""
        return (
            self.checksum == other.checksum
            and self.size_bytes == other.size_bytes
            and self.content_type == other.content_type
            and self.metadata == other.metadata
        )


def dump(value: object) -> str:
    """JSON in one canonical form, so that equal values have equal digests."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, sort_keys=True)


def encode_entry(entry: Entry | None) -> str | None:
    return None if entry is None else dump(entry)


def decode_entry(text: str | None) -> Entry | None:
    return None if text is None else Entry(*json.loads(text))


def prefix_end(prefix: str) -> str | None:
    """Return the smallest string after all that start with ``prefix``; None when there is no such string."""
    while prefix:
        last = ord(prefix[-1])
        if last < 0x10FFFF:
            return prefix[:-1] + chr(0xE000 if last == 0xD7FF else last + 1)
        prefix = prefix[:-1]
    return None
