"""Iceberg tables as pyiceberg writes them, and deletes that it reads and does not write."""

from __future__ import annotations

import json
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.io.pyarrow import PyArrowFileIO
from pyiceberg.manifest import (
    DataFile,
    DataFileContent,
    FileFormat,
    ManifestContent,
    ManifestEntry,
    ManifestEntryStatus,
    ManifestWriterV2,
    write_manifest_list,
)
from pyiceberg.table import Table
from pyiceberg.transforms import IdentityTransform
from pyroaring import BitMap

from gate_server.model import Format

from .folders import Folder

ICEBERG = Format("iceberg")
SNAPSHOT = 4711


def rows(first: int, count: int = 4, day: str = "d0") -> pa.Table:
    ids = list(range(first, first + count))
    return pa.table({"id": ids, "day": [day] * count, "qty": [None, *(one / 2 for one in ids[1:])]})


@dataclass
class Made:
    """A table in a catalog of its own."""

    catalog: SqlCatalog
    folder: Folder

    @property
    def table(self) -> Table:
        return self.catalog.load_table("n.t")

    @property
    def metadata(self) -> Path:
        """The current metadata file."""
        return self.folder.root / "metadata" / self.table.metadata_location.rpartition("/")[2]


def make(at: Path, schema: pa.Schema, *, by_day: bool = True) -> Made:
    """Make an empty table, with a folder for each day."""
    catalog = SqlCatalog("test", uri=f"sqlite:///{at}/catalog.db", warehouse=f"file://{at}/warehouse")
    catalog.create_namespace("n")
    table = catalog.create_table("n.t", schema=schema)
    if by_day:
        with table.update_spec() as spec:
            spec.add_field("day", IdentityTransform(), "day")
    return Made(catalog, Folder(at / "warehouse/n/t", ICEBERG))


class _Deletes(ManifestWriterV2):
    def content(self) -> ManifestContent:
        return ManifestContent.DELETES

    @property
    def _meta(self) -> dict[str, str]:
        return {**super()._meta, "content": "deletes"}


def delete_rows(made: Made, *positions: int, kind: str = "parquet", **more: Any) -> Path:
    """Delete rows of a table's first file, as merge-on-read writers do; return the file of deletes."""
    table = made.table
    task = min(table.scan().plan_files(), key=lambda one: one.file.file_path)
    path = made.folder.root / "data" / f"deletes.{kind}"
    if kind == "parquet":
        pq.write_table(
            pa.table({"file_path": [task.file.file_path] * len(positions), "pos": positions}), path
        )
    else:
        path.write_bytes(_puffin(task.file.file_path, *positions))
    file = DataFile.from_args(
        content=more.get("content", DataFileContent.POSITION_DELETES),
        file_path=f"file://{path}",
        file_format=FileFormat.PARQUET if kind == "parquet" else FileFormat.PUFFIN,
        partition=task.file.partition,
        record_count=len(positions),
        file_size_in_bytes=path.stat().st_size,
        equality_ids=more.get("equality_ids"),
    )
    file.spec_id = table.spec().spec_id
    _commit(made, table, file)
    return path


def _commit(made: Made, table: Table, file: DataFile) -> None:
    before = table.current_snapshot()
    assert before is not None
    store, folder = PyArrowFileIO(), f"file://{made.folder.root}/metadata"
    number = table.metadata.last_sequence_number + 1
    with _Deletes(
        table.spec(), table.schema(), store.new_output(f"{folder}/m.avro"), SNAPSHOT, "null"
    ) as out:
        out.add_entry(
            ManifestEntry.from_args(status=ManifestEntryStatus.ADDED, snapshot_id=SNAPSHOT, data_file=file)
        )
    manifest = out.to_manifest_file()
    manifests = f"{folder}/snap.avro"
    with write_manifest_list(
        2, store.new_output(manifests), SNAPSHOT, before.snapshot_id, number, "null"
    ) as listed:
        listed.add_manifests([manifest, *before.manifests(store)])
    told = json.loads(made.metadata.read_text())
    snapshot = {**told["snapshots"][-1], "snapshot-id": SNAPSHOT, "sequence-number": number}
    told["snapshots"].append({**snapshot, "manifest-list": manifests})
    told |= {"current-snapshot-id": SNAPSHOT, "last-sequence-number": number, "snapshot-log": []}
    told["refs"]["main"]["snapshot-id"] = SNAPSHOT
    made.metadata.write_text(json.dumps(told))


def _puffin(path: str, *positions: int) -> bytes:
    """Return a file of one deletion vector, as the Puffin specification has it."""
    vector = struct.pack("<q", 1) + struct.pack("<I", 0) + BitMap(positions).serialize()
    body = bytes.fromhex("d1d33964") + vector
    blob = struct.pack(">I", len(body)) + body + struct.pack(">I", zlib.crc32(body))
    footer = json.dumps(
        {
            "blobs": [
                {
                    "type": "deletion-vector-v1",
                    "fields": [2147483645],
                    "snapshot-id": -1,
                    "sequence-number": -1,
                    "offset": 4,
                    "length": len(blob),
                    "properties": {"referenced-data-file": path, "cardinality": str(len(positions))},
                }
            ]
        }
    ).encode()
    magic = b"PFA1"
    return magic + blob + magic + footer + struct.pack("<I", len(footer)) + bytes(4) + magic
