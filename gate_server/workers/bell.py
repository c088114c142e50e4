"""Between the processes of one gate: who adds a check rings, and the worker looks for it at once.

The queue stays the truth: to ring for nothing costs a look, and what nobody rang for is found a little later.
"""

from __future__ import annotations

import contextlib
import os
import select
import time
from collections.abc import Callable


class Bell:
    """What is rung through a pipe.

    Parameters
    ----------
    end
        The pipe's end to read, which does not block from now on.
    """

    def __init__(self, end: int) -> None:
        os.set_blocking(end, False)
        self._end = end
        self._rung = select.poll()
        self._rung.register(end, select.POLLIN)

    def wait(self, timeout_s: float) -> None:
        """Wait until somebody rings, or rang since the last time, at the longest `timeout_s`."""
        if not self._rung.poll(timeout_s * 1000):
            return
        with contextlib.suppress(BlockingIOError):
            if not os.read(self._end, 4096):  # nobody is left to ring
                time.sleep(timeout_s)


def ringer(end: int) -> Callable[[], None]:
    """Return what rings through a pipe's end to write, which does not block from now on."""
    os.set_blocking(end, False)

    def ring() -> None:
        with contextlib.suppress(BlockingIOError, BrokenPipeError):  # it rings already, or all is ending
            os.write(end, b"!")

    return ring
