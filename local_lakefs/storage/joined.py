"""An object that came in parts: a folder of files, which are read as one."""

from __future__ import annotations

import io
import os
from bisect import bisect_right
from itertools import accumulate
from pathlib import Path


class Joined(io.RawIOBase):
    """All files of a folder, one behind the other in the order of their names."""

    def __init__(self, folder: Path) -> None:
        self._files = sorted(folder.iterdir())
        self._starts = [0, *accumulate(file.stat().st_size for file in self._files)]
        self._position = 0
        self._number = -1
        self._open: io.FileIO | None = None

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._starts[-1]}[whence]
        self._position = max(base + offset, 0)
        return self._position

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        """Read up to the end of the file that the position lies in."""
        if self._position >= self._starts[-1]:
            return 0
        number = bisect_right(self._starts, self._position) - 1
        if number != self._number or self._open is None:
            self._close_file()
            self._number, self._open = number, io.FileIO(self._files[number])
        self._open.seek(self._position - self._starts[number])
        read = self._open.readinto(buffer)
        self._position += read
        return read

    def _close_file(self) -> None:
        if self._open is not None:
            self._open.close()
            self._open = None

    def close(self) -> None:
        self._close_file()
        super().close()
