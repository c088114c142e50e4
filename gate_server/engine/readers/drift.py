"""Objects of one dataset whose columns are not those of the others, each by name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import pyarrow as pa

from gate_server.engine.naming import plain, quoted
from gate_server.engine.readers.failure import ReadFailure

_OBJECTS_TOLD, _COLUMNS_TOLD = 5, 3


def is_same(one: pa.Schema, other: pa.Schema) -> bool:
    """Whether two schemas have the same columns, of the same types and in the same order."""
    return _key(one) == _key(other)


def check_drift(found: Sequence[tuple[str, pa.Schema]]) -> None:
    """Hold the schemas of objects (by path) against that of most of them; of two such, the first counts.

    Raises
    ------
    ReadFailure
        ``unreadable``: some differ, each of the first of which is told with how it differs.
    """
    told = Counter(_key(schema) for _, schema in found)
    usual = max(told, key=lambda key: told[key])
    schema = next(schema for _, schema in found if _key(schema) == usual)
    others = [(path, own) for path, own in found if _key(own) != usual]
    if not others:
        return
    shown = [f"{path}: {_differences(own, schema)}" for path, own in others[:_OBJECTS_TOLD]]
    more = f"; and {len(others) - len(shown)} more" if len(others) > len(shown) else ""
    verb = "has" if len(others) == 1 else "have"
    raise ReadFailure(
        "unreadable",
        "schema_mismatch",
        f"{len(others):,} of {len(found):,} objects {verb} other columns than the rest: "
        + "; ".join(shown)
        + more,
        hint="the objects of one dataset need one schema: write these anew, or all of them in one merge",
        path=others[0][0],
    )


def _key(schema: pa.Schema) -> tuple[tuple[str, pa.DataType], ...]:
    return tuple(zip(schema.names, schema.types, strict=True))


def _differences(own: pa.Schema, usual: pa.Schema) -> str:
    found = list(_each(own, usual)) or ["the same columns in another order"]
    more = f" and {len(found) - _COLUMNS_TOLD} more" if len(found) > _COLUMNS_TOLD else ""
    return ", ".join(found[:_COLUMNS_TOLD]) + more


def _each(own: pa.Schema, usual: pa.Schema) -> Iterator[str]:
    for name in usual.names:
        if name not in own.names:
            yield f"{quoted(name)} is missing"
        elif own.field(name).type != usual.field(name).type:
            yield f"{quoted(name)} is {plain(own.field(name).type)}, not {plain(usual.field(name).type)}"
    for name in own.names:
        if name not in usual.names:
            yield f"{quoted(name)} is new"
