"""A Delta table: the files that its newest version is made of, each with a view of its rows.

delta-rs replays the log, in a folder that holds nothing else; which files it names are then held against
those that are there.
"""

from __future__ import annotations

import base64
import json
import tempfile
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from gate_server.engine.naming import plain
from gate_server.engine.objects import DataObject
from gate_server.engine.readers.failure import Allowance, ReadFailure
from gate_server.engine.table_formats.contents import read_all
from gate_server.engine.table_formats.delta_log import FOLDER, DeltaLog, read_log
from gate_server.engine.table_formats.root import only_root
from gate_server.engine.table_formats.view import Column, View
from gate_server.model import digest

# Features of the protocol that a reader has to know, and what is done here knows. Variants are structs to it.
_KNOWN = frozenset(
    {
        "columnMapping",
        "deletionVectors",
        "timestampNtz",
        "typeWidening",
        "typeWidening-preview",
        "v2Checkpoint",
        "vacuumProtocolCheck",
        "variantType",
    }
)
_Z85 = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
_B85 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~"
_FROM_Z85 = str.maketrans(_Z85, _B85)


def live_files(objects: Sequence[DataObject], allowance: Allowance) -> list[DataObject]:
    """Return the files of a table's newest version, in the order of their paths.

    Parameters
    ----------
    objects
        All that lies below the table's root.

    Raises
    ------
    ReadFailure
        ``unreadable``: the table is not whole; ``error``: it is of a kind that the gate cannot tell of.
    """
    root = _root(objects)
    by_path = {data.path: data for data in objects}
    below = {path.removeprefix(root + FOLDER): data for path, data in by_path.items() if FOLDER in path}
    log = read_log(root, below, allowance)
    with tempfile.TemporaryDirectory(prefix="gate-") as folder:
        return _Table(Path(folder), root, log, by_path, allowance).files()


def _root(objects: Sequence[DataObject]) -> str:
    first = objects[0].path
    logs = {data.path.partition(FOLDER)[0] for data in objects if f"/{FOLDER}" in f"/{data.path}"}
    if not logs:
        raise ReadFailure(
            "unreadable",
            "delta_no_log",
            f"this is no Delta table: nothing lies in {FOLDER}",
            hint="`dataset:` of the rule names the table's root, such as tables/{table}/",
            path=first,
        )
    return only_root(objects, logs, "Delta")


class _Table:
    """A table whose log lies in a folder of this machine.

    Parameters
    ----------
    folder
        An empty one.
    """

    def __init__(
        self,
        folder: Path,
        root: str,
        log: DeltaLog,
        by_path: Mapping[str, DataObject],
        allowance: Allowance,
    ) -> None:
        self._folder = folder
        self._root = root
        self._log = log
        self._by_path = by_path
        self._allowance = allowance
        (folder / FOLDER).mkdir()
        for name, content in log.files.items():
            (folder / FOLDER / name).write_bytes(content)

    def files(self) -> list[DataObject]:
        """Return the files of the table, each with its view."""
        try:
            self._table = DeltaTable(self._folder)
            added = pa.table(self._table.get_add_actions())
            schema = pa.schema(self._table.schema().to_arrow())
            fields = json.loads(self._table.schema().to_json())["fields"]
        except (DeltaError, ValueError, OSError) as error:
            raise self._refused(error) from error
        self._check_protocol()
        partitioned = self._table.metadata().partition_columns
        files = self._held(added, partitioned)
        columns = tuple(
            Column(
                one["name"],
                schema.field(one["name"]).type,
                (one["metadata"].get("delta.columnMapping.physicalName", one["name"]),),
            )
            for one in fields
            if one["name"] not in partitioned
        )
        view = View(columns, tuple(schema.names))
        deletes = self._deletes(added["path"].to_pylist())
        viewed = []
        for data, path in zip(files, added["path"].to_pylist(), strict=True):
            live, told = deletes.get(path, (None, ""))
            viewed.append(_viewed(data, replace(view, live=live, deletes=told) if told else view))
        return sorted(viewed, key=lambda data: data.path.encode("utf-8", "surrogatepass"))

    def _check_protocol(self) -> None:
        needed = set(self._table.protocol().reader_features or ())
        if unknown := sorted(needed - _KNOWN):
            what = f"the table needs of its readers what the gate has not: {plain(', '.join(unknown))}"
            raise ReadFailure("error", "delta_unsupported", what, path=self._log.path)
        if self._table.metadata().configuration.get("delta.columnMapping.mode") == "id":
            what = "the table finds its columns by their numbers (delta.columnMapping.mode = id)"
            hint = "the gate knows the mode `name`"
            raise ReadFailure("error", "delta_unsupported", what, hint=hint, path=self._log.path)

    def _refused(self, error: Exception) -> ReadFailure:
        """Return that delta-rs refuses the log; its own words may hold values, so they are left out."""
        if "nsupported" in str(error) or "not supported" in str(error) or "catalog" in str(error):
            features = [
                name
                for _, action in self._log.actions
                for name in (action.get("protocol") or {}).get("readerFeatures") or ()
                if name not in _KNOWN
            ]
            told = f": {plain(', '.join(features))}" if features else ""
            what = f"the table needs of its readers what the gate has not{told}"
            return ReadFailure("error", "delta_unsupported", what, path=self._log.path)
        what = f"the log does not replay up to version {self._log.version} ({type(error).__name__})"
        return ReadFailure(
            "unreadable", "delta_log", what, hint="it lacks actions, or holds others", path=self._log.path
        )

    def _held(self, added: pa.Table, partitioned: Sequence[str]) -> list[DataObject]:
        """Return the files that the log names, each with the columns that it gives all of its rows."""
        found = [
            self._one(path, size_bytes)
            for path, size_bytes in zip(
                added["path"].to_pylist(), added["size_bytes"].to_pylist(), strict=True
            )
        ]
        if not partitioned:
            return found
        values = added["partition"].combine_chunks()
        columns = {name: values.field(name) for name in partitioned}
        return [
            replace(data, constants={name: column[place] for name, column in columns.items()})
            for place, data in enumerate(found)
        ]

    def _one(self, written: str, announced: int) -> DataObject:
        """Return a file that the log names, of the size that it tells."""
        data = self._by_path.get(path := self._root + unquote(written))
        if data is None:
            raise ReadFailure(
                "unreadable",
                "delta_missing",
                f"version {self._log.version} of the table names this file, and there is none",
                hint="it was never uploaded, or deleted without the log (vacuum keeps what a version needs)",
                path=path,
            )
        if data.size_bytes != announced:
            what = f"has {data.size_bytes:,} bytes, and {announced:,} by the table's log"
            hint = "it was changed without the log: write it as a new file"
            raise ReadFailure("unreadable", "delta_size", what, hint=hint, path=path)
        return data

    def _deletes(self, paths: Sequence[str]) -> dict[str, tuple[pa.BooleanArray, str]]:
        """Return by file which of its rows are live, and what stands for that."""
        live = set(paths)
        wanted = {path: one for path, one in self._log.deletion_vectors().items() if path in live}
        if not wanted:
            return {}
        stored = {path: name for path, one in wanted.items() if (name := _stored(one, self._log.path))}
        identities = self._bring(set(stored.values()))
        try:
            found = pa.table(self._table.deletion_vectors())
        except Exception as error:
            what = f"the deletion vectors of version {self._log.version} cannot be read"
            raise ReadFailure("unreadable", "deletes", what, path=self._log.path) from error
        places = found["filepath"].to_pylist()
        vectors: dict[str, pa.BooleanArray] = {}
        for written, one in wanted.items():
            path = self._root + unquote(written)
            of_it = [place for place, name in enumerate(places) if unquote(name).endswith(unquote(written))]
            if len(of_it) != 1:
                what = "its deletion vector was not found once"
                raise ReadFailure("error", "deletes", what, path=path)
            vectors[written] = vector = found["selection_vector"][of_it[0]].values
            deleted = len(vector) - (vector.true_count or 0)
            if deleted != one.get("cardinality"):
                what = f"{deleted:,} of its rows are deleted, and {one.get('cardinality')} by the log"
                raise ReadFailure("unreadable", "deletes", what, path=path)
        return {
            path: (
                vectors[path],
                digest(identities.get(stored.get(path, ""), ""), dict(one)),
            )
            for path, one in wanted.items()
        }

    def _bring(self, names: set[str]) -> dict[str, str]:
        """Have the files of deletion vectors where delta-rs looks for them; return what stands for each."""
        for name in names:
            if self._root + name not in self._by_path:
                what = f"version {self._log.version} of the table names this deletion vector: there is none"
                raise ReadFailure("unreadable", "delta_missing", what, path=self._root + name)
        ordered = sorted(names)
        objects = [self._by_path[self._root + name] for name in ordered]
        for name, content in zip(ordered, read_all(objects, self._allowance), strict=True):
            target = self._folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        return {name: data.identity for name, data in zip(ordered, objects, strict=True)}


def _viewed(data: DataObject, view: View) -> DataObject:
    given = [(name, str(value.type), str(value)) for name, value in data.constants.items()]
    identity = digest(data.identity, view.identity, given) if data.identity else ""
    return replace(data, view=view, identity=identity)


def _stored(vector: Mapping[str, Any], path: str) -> str:
    """Return where a deletion vector lies, below the table's root; empty where it stands in the log."""
    kind, told = vector.get("storageType"), vector.get("pathOrInlineDv") or ""
    if kind == "i":
        return ""
    if kind != "u" or len(told) < 20:
        what = "a deletion vector lies outside of the table, where the gate does not look"
        raise ReadFailure("error", "deletes", what, path=path)
    try:
        name = uuid.UUID(bytes=base64.b85decode(told[-20:].translate(_FROM_Z85)))
    except ValueError as error:
        raise ReadFailure("unreadable", "deletes", "a deletion vector has no name", path=path) from error
    prefix = told[:-20]
    if "/" in prefix or prefix in {".", ".."}:
        raise ReadFailure("unreadable", "deletes", "a deletion vector has no name", path=path)
    return f"{prefix}/deletion_vector_{name}.bin" if prefix else f"deletion_vector_{name}.bin"
