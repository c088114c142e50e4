"""Where two versions differ, by their ranges, and a listing made of the other version's."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from gate_server.lakefs.metaranges import KeyRange

T = TypeVar("T")


@dataclass
class Span:
    """Ranges side by side that are to be listed: what to begin behind, their keys, how many they hold."""

    after: str
    first: str
    last: str
    count: int

    def lies_below(self, prefix: str) -> bool:
        """Whether all that it holds begins with `prefix`."""
        return self.first.startswith(prefix) and self.last.startswith(prefix)


def differing(
    before: Sequence[KeyRange], after: Sequence[KeyRange], prefix: str
) -> tuple[list[KeyRange], list[Span]]:
    """Return which ranges below `prefix` only `before` holds, and where those lie that only `after` does."""
    known, left = {item.id for item in before}, {item.id for item in after}
    gone = [item for item in before if item.id not in left and _meets(item, prefix)]
    spans: list[Span] = []
    previous, is_open = "", False
    for item in after:
        if item.id in known or not _meets(item, prefix):
            is_open = False
        elif is_open:
            spans[-1].last = item.last
            spans[-1].count += item.count
        else:
            # A key that stands before the prefix may be no place to begin from.
            spans.append(Span(previous if previous >= prefix else "", item.first, item.last, item.count))
            is_open = True
        previous = item.last
    return gone, spans


def _meets(item: KeyRange, prefix: str) -> bool:
    return item.last >= prefix and (item.first <= prefix or item.first.startswith(prefix))


def changed(listing: Mapping[str, T], gone: Iterable[KeyRange], new: Mapping[str, T]) -> dict[str, T]:
    """Return `listing` without what lies in ranges that are gone, with what is `new`, in the order of keys.

    Text is compared by code points, which is the order of its UTF-8.
    """
    found, keys = dict(listing), list(listing)
    for item in gone:
        for path in keys[bisect_left(keys, item.first) : bisect_right(keys, item.last)]:
            del found[path]
    for path, identity in new.items():
        known = listing.get(path)
        found[path] = known if known is not None and known == identity else identity
    return dict(sorted(found.items()))
