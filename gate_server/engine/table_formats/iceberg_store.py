"""The objects of an Iceberg table as pyiceberg asks for them: by location, within the limits, and counted."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from contextvars import copy_context
from threading import Lock

from pyiceberg.io import FileIO, InputFile, OutputFile

from gate_server.engine.objects import DataObject
from gate_server.engine.readers.failure import Allowance, ReadFailure
from gate_server.engine.table_formats.contents import read_all

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:/*")


class Store(FileIO):
    """The objects of a table, by the locations that its metadata tells.

    Parameters
    ----------
    location
        The table's own; what does not lie below it is not looked for.
    """

    def __init__(
        self, root: str, location: str, by_path: Mapping[str, DataObject], allowance: Allowance
    ) -> None:
        super().__init__()
        self._root = root
        self._base = _without_scheme(location).rstrip("/") + "/"
        self._by_path = by_path
        self._allowance = allowance
        self._lock = Lock()
        self._context = (
            copy_context()
        )  # of whom the calls are made for: pyiceberg reads in threads of its own

    def held(self, location: str) -> DataObject:
        """Return the object at a location; raises `ReadFailure` where there is none."""
        place = _without_scheme(location)
        if not place.startswith(self._base):
            raise ReadFailure(
                "unreadable",
                "iceberg_missing",
                "the table names a file outside of its location, so not of this commit",
                hint="a branch's own address in it, or files that were added where they lay",
                path=location,
            )
        path = self._root + place.removeprefix(self._base)
        if path not in self._by_path:
            raise ReadFailure(
                "unreadable",
                "iceberg_missing",
                "the table's current snapshot names this file, and there is none",
                hint="it was never uploaded, or deleted while a snapshot needs it",
                path=path,
            )
        return self._by_path[path]

    def content(self, location: str) -> bytes:
        """Return all bytes at a location."""
        data, own = self.held(location), Allowance(self._allowance.limits)
        try:
            (found,) = self._context.copy().run(read_all, [data], own)
        finally:
            with self._lock:
                self._allowance.read_bytes += own.read_bytes
                self._allowance.opened(data.path)
        return found

    def new_input(self, location: str) -> InputFile:
        """Return what reads a location."""
        return _Input(location, self)

    def new_output(self, location: str) -> OutputFile:
        """Refuse: nothing is written."""
        raise PermissionError(location)

    def delete(self, location: str | InputFile | OutputFile) -> None:
        """Refuse: nothing is deleted."""
        raise PermissionError(str(location))


class _Input(InputFile):
    def __init__(self, location: str, store: Store) -> None:
        super().__init__(location)
        self._store = store

    def __len__(self) -> int:
        return self._store.held(self.location).size_bytes

    def exists(self) -> bool:
        """Whether it is there; raises where it is not, as only that is of use."""
        return bool(self._store.held(self.location))

    def open(self, seekable: bool = True) -> io.BytesIO:  # noqa: ARG002 - bytes always are
        """Return its bytes."""
        return io.BytesIO(self._store.content(self.location))


def _without_scheme(location: str) -> str:
    return _SCHEME.sub("", location, count=1).lstrip("/")
