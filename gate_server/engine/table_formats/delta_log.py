"""The log of a Delta table: which of its files make its newest version, found whole before they are parsed.

https://github.com/delta-io/delta/blob/master/PROTOCOL.md
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from gate_server.engine.objects import DataObject
from gate_server.engine.readers.failure import Allowance, ReadFailure
from gate_server.engine.table_formats.contents import read_all

FOLDER = "_delta_log/"
_COMMIT = re.compile(r"(\d{20})\.json")
_CHECKPOINT = re.compile(r"(\d{20})\.checkpoint(?:\.(\d{10})\.(\d{10}))?\.parquet")
_NAMED_CHECKPOINT = re.compile(r"(\d{20})\.checkpoint\.[0-9A-Fa-f-]{36}\.(json|parquet)")


@dataclass(frozen=True)
class DeltaLog:
    """What the newest version is made of.

    Parameters
    ----------
    files
        Name below `FOLDER` -> content: a checkpoint, where there is one, and the commits after it.
    actions
        Of those commits, in order: version and what was done.
    """

    path: str
    version: int
    files: Mapping[str, bytes]
    actions: Sequence[tuple[int, Mapping[str, Any]]]

    def deletion_vectors(self) -> dict[str, Mapping[str, Any]]:
        """Return by the path of each file, as the log writes it, what says which of its rows are deleted."""
        found: dict[str, Any] = {}
        for name, content in self.files.items():
            if _CHECKPOINT.fullmatch(name):
                found |= _in_checkpoint(content)
        for _, action in self.actions:
            if add := action.get("add"):
                found[add["path"]] = add.get("deletionVector")
        return {path: vector for path, vector in found.items() if vector}

    def metadata(self) -> Mapping[str, Any]:
        """Return the newest action that says which columns there are.

        Raises
        ------
        LookupError
            There is none.
        """
        for _, action in reversed(self.actions):
            if told := action.get("metaData"):
                return dict(told)
        found = [
            told
            for name, content in self.files.items()
            if _CHECKPOINT.fullmatch(name)
            for told in _metadata_in_checkpoint(content)
        ]
        return found[0]


def commits_after(before: Iterable[str], after: Iterable[str]) -> list[str] | None:
    """Return the names of the commits of a log that another one lacks; None where one of them is missing."""
    (_, old), (commits, newest) = (_commits(names) for names in (before, after))
    versions = range(old + 1, newest + 1)
    return [commits[one] for one in versions] if all(one in commits for one in versions) else None


def _commits(names: Iterable[str]) -> tuple[dict[int, str], int]:
    """Return the commits by version, and the newest version."""
    known = list(names)
    commits = {int(found[1]): name for name in known if (found := _COMMIT.fullmatch(name))}
    since = [int(found[1]) for name in known if (found := _CHECKPOINT.fullmatch(name))]
    return commits, max([*commits, *since], default=-1)


def read_log(root: str, below: Mapping[str, DataObject], allowance: Allowance) -> DeltaLog:
    """Return the log of the table at `root`.

    Parameters
    ----------
    below
        The objects below `FOLDER`, by their names there.

    Raises
    ------
    ReadFailure
        ``unreadable``: versions are missing, or a commit is not whole.
    """
    path = f"{root}{FOLDER}"
    commits = {int(found[1]): name for name in below if (found := _COMMIT.fullmatch(name))}
    since, checkpoint = _newest_checkpoint(below)
    named = [int(found[1]) for name in below if (found := _NAMED_CHECKPOINT.fullmatch(name))]
    if named and max(named) > since:
        raise ReadFailure(
            "error",
            "delta_unsupported",
            f"checkpoint {max(named)} is of the second kind (v2Checkpoint), which the gate does not read",
            hint="set delta.checkpointPolicy = classic, and write a checkpoint",
            path=path,
        )
    newest = max([*commits, since])
    for version in range(since + 1, newest + 1):
        if version not in commits:
            what = f"version {version} is missing: there is version {newest}"
            start = f"and checkpoint {since}" if checkpoint else "and no checkpoint"
            raise ReadFailure(
                "unreadable", "delta_gap", f"the log has a gap: {what}, {start} to start from", path=path
            )
    after = [commits[version] for version in range(since + 1, newest + 1)]
    names = [*checkpoint, *after]
    contents = read_all([below[name] for name in names], allowance)
    files = dict(zip(names, contents, strict=True))
    for name in checkpoint:
        _check_parquet(files[name], below[name].path)
    actions = [
        (int(name[:20]), action) for name in after for action in actions_of(files[name], below[name].path)
    ]
    return DeltaLog(path, newest, files, actions)


def _newest_checkpoint(below: Mapping[str, DataObject]) -> tuple[int, list[str]]:
    """Return the version of the newest whole checkpoint, and its parts; -1 where there is none."""
    parts: dict[tuple[int, int], list[str]] = {}
    for name in sorted(below):
        if found := _CHECKPOINT.fullmatch(name):
            parts.setdefault((int(found[1]), int(found[3] or 1)), []).append(name)
    whole = [(version, names) for (version, count), names in parts.items() if len(names) >= count]
    return max(whole, default=(-1, []))


def _check_parquet(content: bytes, path: str) -> None:
    try:
        pq.read_metadata(io.BytesIO(content))
    except (pa.ArrowException, OSError, ValueError) as error:
        raise ReadFailure(
            "unreadable",
            "delta_checkpoint",
            "a checkpoint of the log does not parse: it is no whole Parquet file",
            hint="delete it where the commits before it are still there, or write it anew",
            path=path,
        ) from error


def actions_of(content: bytes, path: str) -> list[dict[str, Any]]:
    """Return what a commit does; raises `ReadFailure` where it is not whole."""
    found = []
    for number, line in enumerate(content.split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            action = json.loads(line)
        except ValueError as error:  # its text may hold values
            raise _half_written(path, number) from error
        if not isinstance(action, dict) or not isinstance(action.get("add") or {"path": ""}, dict):
            raise _half_written(path, number)
        found.append(action)
    if not found:
        raise _half_written(path, 1)
    return found


def _half_written(path: str, line: int) -> ReadFailure:
    return ReadFailure(
        "unreadable",
        "delta_commit",
        f"line {line} of a commit of the log is no JSON object: its writer may have died",
        hint="write the change anew, as a version of its own",
        line=line,
        path=path,
    )


def _in_checkpoint(content: bytes) -> dict[str, Any]:
    with pq.ParquetFile(io.BytesIO(content)) as file:
        add = file.schema_arrow.field("add").type
        if "deletionVector" not in [add.field(place).name for place in range(add.num_fields)]:
            return {}
        adds = file.read(["add.path", "add.deletionVector"])["add"].drop_null().to_pylist()
    return {add["path"]: add["deletionVector"] for add in adds if add["path"]}


def _metadata_in_checkpoint(content: bytes) -> list[Mapping[str, Any]]:
    with pq.ParquetFile(io.BytesIO(content)) as file:
        if "metaData" not in file.schema_arrow.names:
            return []
        wanted = ["metaData.schemaString", "metaData.partitionColumns"]
        found = file.read(wanted)["metaData"].drop_null().to_pylist()
    return [told for told in found if told["schemaString"]]
