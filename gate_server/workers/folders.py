"""Temporary folders: locked by the process that made them, removed by another when that has died."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CHILD, METRICS = "gate-child-", "gate-metrics-"  # what the folders are for

_IN_MEMORY = Path("/dev/shm")  # noqa: S108 - only for folders that mkdtemp makes


@contextmanager
def own_folder(prefix: str, below: Path | None = None) -> Iterator[Path]:
    """Give an empty folder, below the temporary one if not said otherwise; it is removed at the end.

    This process holds a lock on it, which ends with the process, however that ends. (A process id in the
    name would be taken for another's in a second container, or after a restart.)
    """
    made = Path(tempfile.mkdtemp(prefix="gate-new-", dir=below))
    lock = os.open(made, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Named only now: a folder of that name without a lock is always a dead process's.
        folder = made.rename(made.with_name(prefix + made.name.removeprefix("gate-new-")))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(lock)


def memory_folder() -> Path:
    """Return where files are kept in memory, or the temporary folder where there is no such place."""
    return _IN_MEMORY if os.access(_IN_MEMORY, os.W_OK) else Path(tempfile.gettempdir())


def remove_left() -> list[str]:
    """Remove what dead processes left in the temporary folder; return the names."""
    removed = []
    for folder in [*Path(tempfile.gettempdir()).glob(f"{CHILD}*"), *memory_folder().glob(f"{METRICS}*")]:
        with contextlib.suppress(OSError):  # another user's, or removed just now
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                if os.fstat(lock).st_uid != os.geteuid():
                    continue
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
                removed.append(folder.name)
            finally:
                os.close(lock)
    return removed


def size_bytes(folder: Path) -> int:
    """Return how much disk the files of `folder` take, their holes not counted."""
    found = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(FileNotFoundError):  # removed just now
                found += os.lstat(os.path.join(parent, name)).st_blocks * 512
    return found
