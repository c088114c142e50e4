"""What the engine reads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    import pyarrow as pa

    from gate_server.engine.table_formats.view import View


class Origin:
    """Where the bytes came from that an object gave: kept on this machine, or the store. Safe in threads."""

    def __init__(self) -> None:
        self.kept_bytes = self.stored_bytes = 0
        self._lock = threading.Lock()

    def add(self, *, kept_bytes: int = 0, stored_bytes: int = 0) -> None:
        """Count bytes."""
        with self._lock:
            self.kept_bytes += kept_bytes
            self.stored_bytes += stored_bytes


def _nobody_asks() -> None:
    pass


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
    constants
        Columns that its folders give, each with its one value; they follow the object's own.
    view
        What a table has of it; None where that is all that it holds.
    uri
        Where a cluster reads it, such as ``s3a://repository/commit/path``; empty where none does.
    confirm
        To be called once what was opened last was found to have the announced length and checksum.
    origin
        Of the bytes given, where a cache stands between; else of none.
    """

    path: str
    size_bytes: int
    checksum: str
    open: Callable[[], BinaryIO]
    read_range: Callable[[int, int], bytes | None] | None = None
    identity: str = ""
    constants: Mapping[str, pa.Scalar] = field(default_factory=dict)
    view: View | None = None
    uri: str = ""
    confirm: Callable[[], None] = _nobody_asks
    origin: Origin = field(default_factory=Origin, compare=False)


def spared(objects: Iterable[DataObject]) -> tuple[int, int]:
    """Return how many bytes were given without the store, and how many objects altogether so."""
    origins = [one.origin for one in objects]
    all_of = sum(1 for one in origins if one.kept_bytes and not one.stored_bytes)
    return sum(one.kept_bytes for one in origins), all_of
