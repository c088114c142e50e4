"""An Iceberg table: the files of its current snapshot, each with a view of its rows.

pyiceberg reads metadata and manifests, from bytes that the gate brings; which files they name is then held
against those that are there.
"""

from __future__ import annotations

import io
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NoReturn

import numpy as np
import pyarrow as pa
from pyiceberg.exceptions import ValidationError
from pyiceberg.io.pyarrow import schema_to_pyarrow
from pyiceberg.manifest import DataFile, FileFormat, clear_manifest_cache
from pyiceberg.table import DataScan, FileScanTask
from pyiceberg.table.deletion_vector import deletion_vectors_from_puffin_file
from pyiceberg.table.metadata import TableMetadata, TableMetadataUtil
from pyiceberg.table.puffin import PuffinFile
from pyiceberg.transforms import IdentityTransform

from gate_server.engine.naming import plain
from gate_server.engine.objects import DataObject
from gate_server.engine.readers.failure import Allowance, ReadFailure
from gate_server.engine.readers.parquet import read_parquet
from gate_server.engine.table_formats.iceberg_metadata import FOLDER, current
from gate_server.engine.table_formats.iceberg_store import Store
from gate_server.engine.table_formats.root import only_root
from gate_server.engine.table_formats.view import Column, View
from gate_server.model import digest

# What pyiceberg raises of bytes that are not what they should be; its compiled parts know SystemError.
_BROKEN = (
    *(ValueError, EOFError, LookupError, TypeError, AttributeError, OSError, SystemError),
    *(ValidationError, pa.ArrowException, zlib.error),
)


def live_files(objects: Sequence[DataObject], allowance: Allowance) -> list[DataObject]:
    """Return the files of a table's current snapshot, in the order of their paths.

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
    below = {
        data.path.removeprefix(root + FOLDER): data for data in objects if data.path.startswith(root + FOLDER)
    }
    name, content = current(root, below, allowance)
    path = below[name].path
    try:
        metadata = TableMetadataUtil.parse_raw(json.dumps(content))
    except _BROKEN as error:  # its text may hold values
        what = "the table's metadata does not parse"
        raise ReadFailure("unreadable", "iceberg_metadata", what, path=path) from error
    return _Table(root, metadata, path, {data.path: data for data in objects}, allowance).files()


def _root(objects: Sequence[DataObject]) -> str:
    found = {
        data.path.rpartition(FOLDER)[0]
        for data in objects
        if data.path.endswith(".metadata.json") and f"/{FOLDER}" in f"/{data.path}"
    }
    if found:
        return only_root(objects, found, "Iceberg")
    root = objects[0].path.rpartition("/")[0]
    return f"{root}/" if root else ""


class _Table:
    def __init__(
        self,
        root: str,
        metadata: TableMetadata,
        path: str,
        by_path: Mapping[str, DataObject],
        allowance: Allowance,
    ) -> None:
        self._metadata = metadata
        self._path = path
        self._store = Store(root, metadata.location, by_path, allowance)
        self._allowance = allowance
        self._deleted: dict[str, Mapping[str, np.ndarray[Any, Any]]] = {}

    def files(self) -> list[DataObject]:
        """Return the files of the table, each with its view."""
        if self._metadata.current_snapshot() is None:
            return []
        try:
            schema = schema_to_pyarrow(self._metadata.schema())
        except Exception as error:
            self._unsupported("a type of its columns is none that the gate knows", error)
        tasks = self._planned()
        found = [self._viewed(task, schema) for task in tasks]
        return sorted(found, key=lambda data: data.path.encode("utf-8", "surrogatepass"))

    def _planned(self) -> list[FileScanTask]:
        snapshot = self._metadata.current_snapshot()
        assert snapshot is not None  # noqa: S101 - for the type checker: `files` looked
        clear_manifest_cache()  # it knows manifests by locations, which other tables may tell too
        try:
            for manifest in snapshot.manifests(self._store):
                self._held(manifest.manifest_path, manifest.manifest_length)
            tasks = list(DataScan(self._metadata, self._store).plan_files())
        except ReadFailure:
            raise
        except _BROKEN as error:
            if "equality delete" in str(error):
                self._unsupported(
                    "equality deletes: which rows they delete, the gate does not work out", error
                )
            what = f"a manifest of the current snapshot does not parse ({type(error).__name__})"
            raise ReadFailure("unreadable", "iceberg_manifest", what, path=self._path) from error
        # A list of manifests that is cut between two of them parses.
        summary = snapshot.summary
        told = summary.get("total-data-files") if summary is not None else None
        if told is not None and told != str(len(tasks)):
            what = (
                f"the current snapshot counts {plain(told)} data files, and its manifests name {len(tasks)}"
            )
            raise ReadFailure("unreadable", "iceberg_manifest", what, path=self._path)
        return tasks

    def _held(self, location: str, size_bytes: int) -> DataObject:
        """Return a file that the table names, of the size that it tells."""
        data = self._store.held(location)
        if data.size_bytes != size_bytes:
            what = f"has {data.size_bytes:,} bytes, and {size_bytes:,} by the table's manifests"
            hint = "it was changed without the table: write it as a new file"
            raise ReadFailure("unreadable", "iceberg_size", what, hint=hint, path=data.path)
        return data

    def _unsupported(self, what: str, error: Exception | None = None) -> NoReturn:
        raise ReadFailure("error", "iceberg_unsupported", what, path=self._path) from error

    def _viewed(self, task: FileScanTask, schema: pa.Schema) -> DataObject:
        file = task.file
        if file.file_format != FileFormat.PARQUET:
            self._unsupported(f"files of format {file.file_format.name}, and the gate reads Parquet")
        if file.key_metadata:
            self._unsupported("files that are encrypted")
        data = self._held(file.file_path, file.file_size_in_bytes)
        live, deletes = self._live(task)
        view = View(self._columns(file, schema), tuple(schema.names), live, deletes)
        identity = digest(data.identity, view.identity) if data.identity else ""
        return replace(data, view=view, identity=identity)

    def _columns(self, file: DataFile, schema: pa.Schema) -> tuple[Column, ...]:
        mapping = self._metadata.name_mapping()
        names = {one.field_id: tuple(one.names) for one in mapping.root} if mapping else {}
        given = self._given(file)
        columns = []
        for field, told in zip(self._metadata.schema().fields, schema, strict=True):
            kind = _stored_type(told.type)
            value = given.get(field.field_id, field.initial_default)
            missing = None if value is None else self._scalar(value, kind)
            columns.append(Column(field.name, kind, names.get(field.field_id, ()), field.field_id, missing))
        return tuple(columns)

    def _given(self, file: DataFile) -> dict[int, Any]:
        """Return by column what the file's partition says of all its rows."""
        spec = self._metadata.specs()[file.spec_id]
        return {
            one.source_id: file.partition[place]
            for place, one in enumerate(spec.fields)
            if isinstance(one.transform, IdentityTransform)
        }

    def _scalar(self, value: Any, kind: pa.DataType) -> pa.Scalar:
        try:
            if pa.types.is_temporal(kind) and isinstance(value, int):
                return pa.scalar(value, pa.int32() if kind.bit_width == 32 else pa.int64()).cast(kind)
            return pa.scalar(value, kind)
        except (pa.ArrowException, TypeError, ValueError) as error:
            self._unsupported("a value of a partition, or a default, that is not of its column's type", error)

    def _live(self, task: FileScanTask) -> tuple[pa.BooleanArray | None, str]:
        """Return which rows of a file are live, and what stands for that."""
        deletes = sorted(task.delete_files, key=lambda one: one.file_path)
        of_it = [
            found for one in deletes if (found := self._positions(one).get(task.file.file_path)) is not None
        ]
        if not of_it:
            return None, ""
        positions = np.unique(np.concatenate(of_it))
        if not len(positions):
            return None, ""
        if positions[0] < 0 or positions[-1] >= task.file.record_count:
            what = f"of its {task.file.record_count:,} rows, row {positions[-1] + 1:,} is deleted"
            raise ReadFailure("unreadable", "deletes", what, path=self._store.held(task.file.file_path).path)
        live = np.ones(task.file.record_count, dtype=bool)
        live[positions] = False
        return pa.array(live), digest(positions.tolist())

    def _positions(self, deletes: DataFile) -> Mapping[str, np.ndarray[Any, Any]]:
        """Return by file which rows a file of deletes names."""
        where = deletes.file_path
        if where not in self._deleted:
            content = self._store.content(where)
            try:
                if deletes.file_format == FileFormat.PUFFIN:
                    vectors = deletion_vectors_from_puffin_file(PuffinFile(content))
                    found = {one.referenced_data_file: one.to_vector().to_numpy() for one in vectors}
                elif deletes.file_format == FileFormat.PARQUET:
                    found = _by_file(read_parquet(io.BytesIO(content), Allowance(self._allowance.limits)))
                else:
                    self._unsupported(f"deletes of format {deletes.file_format.name}")
            except ReadFailure as failure:
                failure.path = failure.path or self._store.held(where).path
                raise
            except _BROKEN as error:
                path = self._store.held(where).path
                what = "which rows it deletes cannot be read"
                raise ReadFailure("unreadable", "deletes", what, path=path) from error
            self._deleted[where] = found
        return self._deleted[where]


def _by_file(table: pa.Table) -> dict[str, np.ndarray[Any, Any]]:
    grouped = table.select(["file_path", "pos"]).group_by("file_path").aggregate([("pos", "list")])
    return {
        path.as_py(): positions.values.to_numpy()
        for path, positions in zip(grouped["file_path"], grouped["pos_list"], strict=True)
    }


def _stored_type(kind: pa.DataType) -> pa.DataType:
    """Return how files keep a type: pyiceberg's texts are those of Arrow that hold more than 2 GB."""
    if pa.types.is_large_string(kind):
        return pa.string()
    return pa.binary() if pa.types.is_large_binary(kind) else kind
