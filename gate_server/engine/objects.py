"""What the engine reads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO


@dataclass(frozen=True)
class DataObject:
    """One object's bytes, wherever they come from.

    Parameters
    ----------
    path
        How people know it; stands in problems and messages.
    size_bytes
        What the store says its length is; a stream of another length is no ground for a judgement.
    checksum
        What the store says of its content. Compared with the bytes when it looks like an MD5 (32 hex digits).
    open
        Returns a fresh binary stream of the whole object; the engine closes it.
    read_range
        Returns so many bytes from a place (from 0) on, exactly; None where the store serves no ranges. Not
        there where only the whole will do, as its checksum has to be compared. Safe in threads.
    identity
        Stands for its content: a checksum alone may be what somebody claims. Empty where nothing does.
    """

    path: str
    size_bytes: int
    checksum: str
    open: Callable[[], BinaryIO]
    read_range: Callable[[int, int], bytes | None] | None = None
    identity: str = ""
