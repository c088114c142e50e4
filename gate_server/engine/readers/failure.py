"""How a reader says that there is no table."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NoReturn

from gate_server.model import Limits, Problem


class ReadFailure(Exception):
    """No table: the data is bad (``unreadable``, ``limit_of_data``) or it could not be told (``error``).

    The message holds no cell value.
    """

    def __init__(
        self,
        status: Literal["unreadable", "limit_of_data", "error"],
        code: str,
        message: str,
        *,
        hint: str = "",
        line: int | None = None,
        offset_bytes: int | None = None,
        path: str = "",
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.hint = hint
        self.line = line
        self.offset_bytes = offset_bytes
        self.path = path

    def problem(self, path: str) -> Problem:
        """Return it as part of an evaluation of `path`."""
        return Problem(self.code, self.message, self.hint, self.path or path, self.line, self.offset_bytes)


@dataclass
class _Tally:
    read_bytes: int = 0
    paths: set[str] = field(default_factory=set)


class Allowance:
    """What is left of the limits of the data, over all objects of one obligation, and what was read of them.

    ``stored_bytes`` is the objects' length as announced, which has the limit; ``read_bytes`` and
    ``objects_read`` are what came from the store.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.stored_bytes = 0
        self.decompressed_bytes = 0
        self.rows = 0
        self._tally = _Tally()

    def afresh(self) -> Allowance:
        """Return the whole limits again, for another reading; what was read is counted together."""
        other = Allowance(self.limits)
        other._tally = self._tally
        return other

    @property
    def read_bytes(self) -> int:
        """How many bytes were read, of all readings."""
        return self._tally.read_bytes

    @read_bytes.setter
    def read_bytes(self, count: int) -> None:
        self._tally.read_bytes = count

    @property
    def objects_read(self) -> int:
        """Of how many objects bytes were read."""
        return len(self._tally.paths)

    def opened(self, path: str) -> None:
        """Count an object as read, once."""
        self._tally.paths.add(path)

    def take_bytes(self, count: int) -> None:
        """Count the length of an object."""
        self.stored_bytes += count
        if self.stored_bytes > self.limits.size_bytes:
            self._exceeded("size_bytes", self.limits.size_bytes, "bytes")

    def take_decompressed(self, count: int) -> None:
        """Count bytes after decompression."""
        self.decompressed_bytes += count
        if self.decompressed_bytes > self.limits.decompressed_bytes:
            self._exceeded("decompressed_bytes", self.limits.decompressed_bytes, "bytes after decompression")

    def check_decompressed(self, announced: int) -> None:
        """Check what a file says that it will be, before it is decompressed."""
        if self.decompressed_bytes + announced > self.limits.decompressed_bytes:
            self._exceeded("decompressed_bytes", self.limits.decompressed_bytes, "bytes after decompression")

    def take_rows(self, count: int, line: int | None = None) -> None:
        """Count rows."""
        self.rows += count
        if self.rows > self.limits.rows:
            self._exceeded("rows", self.limits.rows, "rows", line)

    def check_columns(self, count: int) -> None:
        """Check the width of one object."""
        if count > self.limits.columns:
            self._exceeded("columns", self.limits.columns, "columns")

    def field_too_long(self, line: int | None = None) -> NoReturn:
        """A field is longer than it may be."""
        self._exceeded("field_bytes", self.limits.field_bytes, "bytes in one field", line)

    def _exceeded(self, name: str, limit: int, unit: str, line: int | None = None) -> NoReturn:
        raise ReadFailure(
            "limit_of_data",
            name,
            f"more than {limit:,} {unit} (limit {name})",
            hint=f"raise limits.{name} of the rule if this is meant",
            line=line,
        )
