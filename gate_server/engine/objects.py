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
    """

    path: str
    size_bytes: int
    checksum: str
    open: Callable[[], BinaryIO]
