"""Ranges of an object, brought into a local file of the same length: what lies between them stays a hole."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from pathlib import Path
from typing import TypeVar

from gate_server.engine.objects import DataObject
from gate_server.engine.readers.scan import NotPlain
from gate_server.errors import CouldNotTell

T = TypeVar("T")
Span = tuple[int, int]  # the first byte (from 0), and how many

PARALLEL = 4
# One call for two ranges where it costs less than a second one, and no call that takes too long by itself.
GAP_BYTES = 128 << 10
CALL_BYTES = 8 << 20


def read_range(data: DataObject, first: int, count: int) -> bytes:
    """Return a range of an object; raises NotPlain where it cannot be had, so that the whole is read."""
    if data.read_range is None:
        raise NotPlain("the store serves no ranges")
    try:
        content = data.read_range(first, count)
    except CouldNotTell as error:
        raise NotPlain(f"a range could not be read ({type(error).__name__})") from error
    if content is None:
        raise NotPlain("the store serves no ranges")
    if len(content) != count:
        raise NotPlain("the store delivered another range")
    return content


def write_sparse(
    path: Path, data: DataObject, there: Iterable[tuple[int, bytes]], wanted: Iterable[Span]
) -> int:
    """Make a file as long as the object, with only `wanted` and what is `there` in its place.

    Returns
    -------
    int
        How many bytes were read.

    Raises
    ------
    NotPlain
        A range could not be read.
    """
    with path.open("wb") as target, ThreadPoolExecutor(PARALLEL) as pool:
        os.truncate(target.fileno(), data.size_bytes)
        for first, content in there:
            os.pwrite(target.fileno(), content, first)

        def bring(first: int, count: int) -> int:
            return os.pwrite(target.fileno(), read_range(data, first, count), first)

        calls = [pool.submit(copy_context().run, bring, first, count) for first, count in calls_for(wanted)]
        return sum(finish(pool, calls))


def finish(pool: ThreadPoolExecutor, calls: Sequence[Future[T]]) -> list[T]:
    """Return what the calls return; raise what the first that fails raises, and begin no other."""
    try:
        return [call.result() for call in calls]
    except BaseException:
        pool.shutdown(cancel_futures=True)
        raise


def calls_for(spans: Iterable[Span]) -> Iterator[Span]:
    """Yield the ranges to ask for: near ones together, large ones in pieces."""
    for first, end in _joined(spans):
        for start in range(first, end, CALL_BYTES):
            yield start, min(CALL_BYTES, end - start)


def _joined(spans: Iterable[Span]) -> list[list[int]]:
    """Return first byte and end of the spans, in order, near ones as one."""
    joined: list[list[int]] = []
    for first, count in sorted(spans):
        if joined and first - joined[-1][1] <= GAP_BYTES:
            joined[-1][1] = max(joined[-1][1], first + count)
        else:
            joined.append([first, first + count])
    return joined
