"""The objects of a revert that takes only some paths back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gate_server.errors import UsageError
from gate_server.model import Commit
from gate_server.reverts.context import RevertContext
from gate_server.reverts.gate_files import is_gate_file
from gate_server.reverts.preview import ObjectChange, between

MOST_OBJECTS = 10_000


def selected_changes(
    context: RevertContext, repository: str, head: Commit, target: Commit, paths: Sequence[str]
) -> Iterator[ObjectChange]:
    """Yield what makes of `head`'s objects below `paths` those of `target`; the gate's own files stay.

    A path is an object or a folder: ``data`` means ``data`` and all of ``data/``, not ``data2``.

    Raises
    ------
    UsageError
        When it is more than `MOST_OBJECTS`: each is copied by a call of its own.
    """
    seen = set()
    for prefix in paths:
        now, then = (context.listings.of(repository, side, prefix) for side in (head, target))
        for change in between(now, then):
            below = change.path == prefix or change.path.startswith(f"{prefix.rstrip('/')}/")
            if not below or is_gate_file(change.path) or change.path in seen:
                continue
            seen.add(change.path)
            if len(seen) > MOST_OBJECTS:
                raise UsageError(
                    f"more than {MOST_OBJECTS} objects below {', '.join(paths)} differ",
                    "put the whole branch back, or name fewer paths at a time",
                )
            yield change
