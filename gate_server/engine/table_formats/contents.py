"""The small objects of a table that say what it is made of, read whole and verified."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

from gate_server.engine.objects import DataObject
from gate_server.engine.readers.failure import Allowance, ReadFailure
from gate_server.engine.readers.ranges import PARALLEL, finish
from gate_server.engine.readers.source import verified


def read_all(objects: Sequence[DataObject], allowance: Allowance) -> list[bytes]:
    """Return the content of each object, some read at once.

    Raises
    ------
    ReadFailure
        With the path of the object concerned.
    """
    if not objects:
        return []
    for data in objects:
        allowance.take_bytes(data.size_bytes)
    own = [Allowance(allowance.limits) for _ in objects]
    try:
        with ThreadPoolExecutor(PARALLEL) as pool:
            calls = [
                pool.submit(copy_context().run, _content, data, counted)
                for data, counted in zip(objects, own, strict=True)
            ]
            return finish(pool, calls)
    finally:
        for data, counted in zip(objects, own, strict=True):
            allowance.read_bytes += counted.read_bytes
            if counted.objects_read:
                allowance.opened(data.path)


def _content(data: DataObject, allowance: Allowance) -> bytes:
    try:
        return b"".join(verified(data, allowance))
    except ReadFailure as failure:
        failure.path = failure.path or data.path
        raise
