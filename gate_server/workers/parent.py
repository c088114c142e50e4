"""No orphans: a process that ends with the one that started it."""

from __future__ import annotations

import ctypes
import sys

_PR_SET_PDEATHSIG = 1


def end_with_parent(number: int) -> None:
    """Let this process get signal `number` when the one that started it dies (Linux only)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, number)
