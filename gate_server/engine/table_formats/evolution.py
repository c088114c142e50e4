"""How the columns of a table change from the destination's version to the one that is judged.

It is told beside the results and weighs nothing: what may change, expectations say.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from gate_server.engine.objects import DataObject
from gate_server.engine.readers.failure import Allowance, ReadFailure
from gate_server.engine.table_formats import delta_log, iceberg_metadata
from gate_server.engine.table_formats.columns import Layout, compare, of_delta, of_iceberg
from gate_server.engine.table_formats.contents import read_all
from gate_server.model import Format, SchemaChange

_FEW = 100  # as many commits are looked through for one that changes columns, before both logs are read


def schema_changes(
    objects: Sequence[DataObject], before: Sequence[DataObject], fmt: Format, allowance: Allowance
) -> tuple[SchemaChange, ...]:
    """Return how the columns change, that it could not be told, or nothing where they do not; never raises.

    Parameters
    ----------
    objects
        All that lies below the table's root.
    before
        Of the destination's log or metadata what says which columns there are; none of a new table.
    """
    if not before or not objects:
        return ()
    try:
        return (_of_iceberg if fmt.type == "iceberg" else _of_delta)(objects, before, allowance)
    except ReadFailure as failure:
        return (SchemaChange("untold", after=failure.message),)
    except Exception as error:  # its text may hold values
        return (
            SchemaChange(
                "untold", after=f"what is written of them is not understood ({type(error).__name__})"
            ),
        )


def _of_delta(
    objects: Sequence[DataObject], before: Sequence[DataObject], allowance: Allowance
) -> tuple[SchemaChange, ...]:
    folder = delta_log.FOLDER
    root = before[0].path.partition(folder)[0]
    old, new = _below(root + folder, before), _below(root + folder, objects)
    added = delta_log.commits_after(old, new)
    is_followed = all(name in new and _is_same(one, new[name]) for name, one in old.items())
    if is_followed and added is not None and len(added) <= _FEW:
        contents = read_all([new[name] for name in added], allowance)
        found = [
            action
            for name, content in zip(added, contents, strict=True)
            for action in delta_log.actions_of(content, new[name].path)
        ]
        if not any(action.get("metaData") for action in found):
            return ()
    layouts = [_delta_layout(delta_log.read_log(root, log, allowance)) for log in (old, new)]
    return compare(*layouts)


def _delta_layout(log: delta_log.DeltaLog) -> Layout:
    told = log.metadata()
    return of_delta(json.loads(told["schemaString"])["fields"], told.get("partitionColumns") or ())


def _of_iceberg(
    objects: Sequence[DataObject], before: Sequence[DataObject], allowance: Allowance
) -> tuple[SchemaChange, ...]:
    folder = iceberg_metadata.FOLDER
    root = before[0].path.rpartition(folder)[0]
    told: list[Mapping[str, Any]] = []
    for some in (before, objects):
        _, content = iceberg_metadata.current(root, _below(root + folder, some), allowance)
        told.append(content)
    old, new = told
    by_number = old.get("table-uuid") == new.get("table-uuid")
    return compare(*(of_iceberg(one, by_number=by_number) for one in (old, new)))


def _below(folder: str, objects: Sequence[DataObject]) -> dict[str, DataObject]:
    return {data.path.removeprefix(folder): data for data in objects if data.path.startswith(folder)}


def _is_same(one: DataObject, other: DataObject) -> bool:
    return bool(one.identity) and one.identity == other.identity
