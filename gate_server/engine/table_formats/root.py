"""The root of the one table that objects are of."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from gate_server.engine.objects import DataObject
from gate_server.engine.readers.failure import ReadFailure


def only_root(objects: Sequence[DataObject], roots: Collection[str], kind: str) -> str:
    """Return the one root; raises `ReadFailure` where there are several, or something lies outside of it.

    Parameters
    ----------
    roots
        At least one.
    kind
        Of the table, as it is spelled, such as "Delta".
    """
    root = min(roots)
    outside = next((data.path for data in objects if not data.path.startswith(root)), "")
    if len(roots) > 1 or outside:
        raise ReadFailure(
            "error",
            f"{kind.lower()}_root",
            f"{outside or max(roots)} is no part of the {kind} table {root}",
            hint="`dataset:` of the rule names the root of one table, such as tables/{table}/",
            path=outside or max(roots),
        )
    return root
