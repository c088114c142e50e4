"""How many rows and which columns an object holds: CSV, and Parquet by its footer where PyArrow is there."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass

from gate_client.lakefs import LakeFS

BUFFER_BYTES = 4 << 20


@dataclass(frozen=True)
class Shape:
    """What an object holds.

    ``rows`` of a CSV are its records, a header included where there is one, and ``columns`` the number of
    fields of the first: whether there is a header, only the policy's rule knows. ``names`` are a Parquet
    file's columns. Without rows, ``note`` says why.
    """

    rows: int | None = None
    columns: int | None = None
    names: tuple[str, ...] = ()
    note: str = ""


def shape_of(lakefs: LakeFS, repository: str, ref: str, path: str, size_bytes: int) -> Shape:
    """Return what an object holds; one that cannot be read as what its name says has a note."""
    if size_bytes == 0:
        return Shape(0, 0)
    content = io.BufferedReader(_Object(lakefs, repository, ref, path, size_bytes), BUFFER_BYTES)
    try:
        if path.endswith(".csv"):
            return _of_csv(content)
        if path.endswith(".parquet"):
            return _of_parquet(content)
    except (ValueError, OSError, csv.Error) as error:  # PyArrow's own are both a kind of these
        return Shape(note=f"cannot be read ({type(error).__name__})")
    return Shape(note="neither CSV nor Parquet by its name")


def _of_csv(content: io.BufferedReader[_Object]) -> Shape:
    rows, columns = 0, 0
    with io.TextIOWrapper(content, encoding="utf-8-sig", newline="") as text:
        for record in csv.reader(text, strict=True):
            if record:
                rows, columns = rows + 1, columns or len(record)
    return Shape(rows, columns)


def _of_parquet(content: io.BufferedReader[_Object]) -> Shape:
    try:
        from pyarrow import parquet
    except ModuleNotFoundError:
        return Shape(note="not read: PyArrow is not installed (`pip install pyarrow`)")
    footer = parquet.ParquetFile(content)
    names = tuple(footer.schema_arrow.names)
    return Shape(footer.metadata.num_rows, len(names), names)


class _Object(io.RawIOBase):
    """An object of lakeFS as a file that can be sought in; what is read is asked for by ranges."""

    def __init__(self, lakefs: LakeFS, repository: str, ref: str, path: str, size_bytes: int) -> None:
        self._lakefs = lakefs
        self._where = (repository, ref, path)
        self._size_bytes = size_bytes
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size_bytes}[whence]
        self._at = max(0, start + offset)
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]  # typeshed's is a Buffer
        end = min(self._at + len(buffer), self._size_bytes)
        if end <= self._at:
            return 0
        found = self._lakefs.read(*self._where, start=self._at, end=end)
        buffer[: len(found)] = found
        self._at += len(found)
        return len(found)
