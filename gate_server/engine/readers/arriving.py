"""An object on its way into a local file, of which the first bytes can be used before the last are there."""

from __future__ import annotations

import os
import threading
from contextlib import closing
from contextvars import copy_context
from pathlib import Path

from gate_server.engine.objects import DataObject
from gate_server.engine.readers.failure import Allowance, ReadFailure
from gate_server.engine.readers.scan import NotPlain
from gate_server.engine.readers.source import lent
from gate_server.model import Limits


class Arriving:
    """Fetches an object in a thread of its own. What is taken of it counts only once `end` has agreed.

    Parameters
    ----------
    file
        Made as long as the object at once.
    tail
        The object's last bytes, as they are known already.

    Attributes
    ----------
    allowance
        What was read; complete after `end` or `stop`.
    """

    def __init__(self, data: DataObject, file: Path, tail: bytes, limits: Limits) -> None:
        self.allowance = Allowance(limits)
        self._data = data
        self._file = file
        self._count = 0
        self._failure: BaseException | None = None
        self._stopped = self._ended = False
        self._changed = threading.Condition()
        with file.open("wb") as target:
            os.truncate(target.fileno(), data.size_bytes)
            os.pwrite(target.fileno(), tail, data.size_bytes - len(tail))
        self._thread = threading.Thread(target=copy_context().run, args=(self._bring,), daemon=True)
        self._thread.start()

    def until(self, count: int) -> None:
        """Wait for the first `count` bytes; raises as `end`."""
        with self._changed:
            self._changed.wait_for(lambda: self._count >= count or self._ended)
            if self._count < count:
                self._refuse()

    def end(self) -> None:
        """Wait for all bytes, and for their checksum.

        Raises
        ------
        ReadFailure
            As `source.lent` does.
        OSError
            The file could not be written.
        """
        self._thread.join()
        if self._failure is not None or self._stopped:
            self._refuse()

    def stop(self) -> None:
        """Fetch no more."""
        self._stopped = True
        self._thread.join()

    def _refuse(self) -> None:
        if self._failure is None:
            raise NotPlain("it was not read to its end")
        if isinstance(self._failure, ReadFailure):
            self._failure.path = self._failure.path or self._data.path
        raise self._failure

    def _bring(self) -> None:
        try:
            with closing(lent(self._data, self.allowance)) as chunks, self._file.open("r+b") as target:
                for chunk in chunks:
                    if self._stopped:
                        return
                    target.write(chunk)
                    target.flush()
                    with self._changed:
                        self._count += len(chunk)
                        self._changed.notify_all()
        except BaseException as error:  # told to whoever waits
            self._failure = error
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify_all()
