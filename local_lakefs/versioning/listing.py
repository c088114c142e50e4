"""Pages of sorted paths, with paths under a delimiter folded into common prefixes, as lakeFS folds them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from local_lakefs.storage.entries import prefix_end

T = TypeVar("T")
Source = Callable[[str], Iterator[tuple[str, T]]]
"""Gives items by path from a start on."""


@dataclass(frozen=True)
class Item(Generic[T]):
    """One line of a listing; ``value`` is None for a common prefix."""

    path: str
    value: T | None


def objects_page(
    source: Source[T], prefix: str, after: str, delimiter: str, amount: int
) -> tuple[list[Item[T]], bool]:
    """Return one page of a listing of objects, and whether there are more."""
    return _page(source, max(prefix, after), prefix, after, delimiter, amount)


def differences_page(
    source: Source[T], prefix: str, after: str, delimiter: str, amount: int
) -> tuple[list[Item[T]], bool]:
    """Return one page of a listing of differences, and whether there are more.

    With a delimiter lakeFS goes on behind all paths that start with ``after``, be it a common prefix or not.
    """
    start: str | None = max(prefix, after)
    if delimiter and after >= prefix and after:
        start = prefix_end(after)
    if start is None:
        return [], False
    return _page(source, start, prefix, after, delimiter, amount)


def _page(
    source: Source[T], start: str, prefix: str, after: str, delimiter: str, amount: int
) -> tuple[list[Item[T]], bool]:
    items: list[Item[T]] = []
    position: str | None = start
    while position is not None and len(items) <= amount:
        following, position = source(position), None
        for path, value in following:
            if not path.startswith(prefix):
                break
            cut = path.find(delimiter, len(prefix)) if delimiter else -1
            if cut < 0:
                if path != after:
                    items.append(Item(path, value))
            else:
                folded = path[: cut + len(delimiter)]
                if folded != after:
                    items.append(Item(folded, None))
                position = prefix_end(folded)
                break
            if len(items) > amount:
                break
    return items[:amount], len(items) > amount
