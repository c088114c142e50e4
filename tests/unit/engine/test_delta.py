"""Delta tables as delta-rs writes them, and damaged: the gate counts what other readers read, or refuses."""

from __future__ import annotations

import base64
import datetime as dt
import json
import struct
import sys
import uuid
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, write_deltalake
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyroaring import BitMap64

from gate_server.engine.datasets import Kept
from gate_server.engine.readers.failure import ReadFailure
from gate_server.engine.table_formats.view import Column, View
from gate_server.model import Format

from .folders import Folder, same_rows

DELTA = Format("delta")
SUM = {"type": "expect_column_sum_to_be_between", "kwargs": {"column": "id", "min_value": 0}}
DAYS = {"type": "expect_column_unique_value_count_to_be_between", "kwargs": {"column": "day", "min_value": 1}}
LOG = "_delta_log/{:020}.json"


def rows(first: int, count: int = 4, day: str = "d0") -> pa.Table:
    ids = list(range(first, first + count))
    return pa.table({"id": ids, "day": [day] * count, "qty": [None, *(one / 2 for one in ids[1:])]})


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Give a table of three versions, two files and a folder for each day."""
    made = Folder(tmp_path / "table", DELTA)
    for version, day in enumerate(("d0", "ä/ö b", "d0")):
        write_deltalake(made.root, rows(4 * version, day=day), mode="append", partition_by=["day"])
    return made


def read_by_others(folder: Folder) -> pl.DataFrame:
    return pl.scan_delta(str(folder.root)).collect()


def act(folder: Folder, version: int, *actions: dict[str, Any]) -> None:
    """Write a commit by hand."""
    text = "".join(f"{json.dumps(action)}\n" for action in ({"commitInfo": {}}, *actions))
    (folder.root / LOG.format(version)).write_text(text)


def logged(folder: Folder, version: int, kind: str) -> list[dict[str, Any]]:
    lines = (folder.root / LOG.format(version)).read_text().splitlines()
    return [action[kind] for action in map(json.loads, lines) if kind in action]


def _append(root: Path, seed: int) -> None:
    days = rows(seed, day=f"d{seed % 3}")
    write_deltalake(root, days, mode="append", schema_mode="merge", partition_by=["day"])


def _overwrite(root: Path, seed: int) -> None:
    write_deltalake(root, rows(seed, 2), mode="overwrite", schema_mode="overwrite", partition_by=["day"])


def _delete(root: Path, seed: int) -> None:
    DeltaTable(root).delete(f"id % 5 = {seed % 5}")


def _merge(root: Path, seed: int) -> None:
    merger = DeltaTable(root).merge(rows(seed), "t.id = s.id", source_alias="s", target_alias="t")
    taken = {name: f"s.{name}" for name in ("id", "day", "qty")}
    merger.when_matched_update(taken).when_not_matched_insert(taken).execute()


def _optimize(root: Path, _: int) -> None:
    DeltaTable(root).optimize.compact()


def _vacuum(root: Path, _: int) -> None:
    DeltaTable(root).vacuum(0, dry_run=False, enforce_retention_duration=False)


def _checkpoint(root: Path, _: int) -> None:
    DeltaTable(root).create_checkpoint()


def _add_column(root: Path, seed: int) -> None:
    more = rows(seed).append_column("more", pa.array([seed] * 4))
    write_deltalake(root, more, mode="append", schema_mode="merge", partition_by=["day"])


OPERATIONS = (_append, _append, _overwrite, _delete, _merge, _optimize, _vacuum, _checkpoint, _add_column)


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    steps=st.lists(st.tuples(st.sampled_from(OPERATIONS), st.integers(0, 20)), max_size=7),
)
def test_the_gate_reads_the_rows_that_other_readers_do(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[Callable[[Path, int], None], int]]
) -> None:
    folder = Folder(tmp_path_factory.mktemp("delta"), DELTA)
    _append(folder.root, 0)
    for step, seed in steps:
        step(folder.root, seed)
    expected = read_by_others(folder)
    assert same_rows(folder.rows(), expected)
    evaluation = folder.judged(kept=Kept())
    assert evaluation.rows == expected.height


def test_values_of_folders_are_the_logs_and_stand_where_the_schema_has_them(folder: Folder) -> None:
    ordered = {
        "type": "expect_table_columns_to_match_ordered_list",
        "kwargs": {"column_list": ["id", "day", "qty"]},
    }
    assert folder.answers(SUM, DAYS, ordered) == ["66", "2", "3 columns (`id, day, qty`)"]
    assert folder.rows().columns == ["id", "day", "qty"]


def test_partitions_of_each_type_are_read(tmp_path: Path) -> None:
    folder = Folder(tmp_path, DELTA)
    moment = dt.datetime(2026, 11, 20, 10, 30, tzinfo=dt.UTC)
    table = pa.table(
        {
            "id": [1, 2, 3],
            "text": ["", None, "x=%/ y"],
            "day": pa.array([dt.date(2026, 1, 1), None, dt.date(1999, 1, 1)]),
            "at": pa.array([moment, None, moment], pa.timestamp("us", "UTC")),
            "flag": [True, None, False],
        }
    )
    write_deltalake(tmp_path, table, partition_by=["text", "day", "at", "flag"])
    # The protocol has an empty text for null, as delta-rs does; Polars' reader has not.
    expected = pl.DataFrame(DeltaTable(tmp_path).to_pyarrow_table())
    assert same_rows(folder.rows(), expected)


def test_only_files_are_read_that_a_version_adds(folder: Folder) -> None:
    first = Kept()
    assert folder.judged(SUM, DAYS, kept=first).objects_known == 0
    write_deltalake(folder.root, rows(12), mode="append", partition_by=["day"])
    folder.opened.clear()
    evaluation = folder.judged(SUM, DAYS, kept=Kept(first.made))
    assert (evaluation.rows, evaluation.objects_known) == (16, 3)
    assert len([path for path in folder.opened if path.endswith(".parquet")]) == 1
    assert evaluation.results[0].observed == str(sum(range(16)))

    DeltaTable(folder.root).optimize.compact()
    assert folder.judged(SUM, kept=Kept(first.made)).rows == 16


def test_a_table_of_no_file_holds_no_rows(folder: Folder) -> None:
    DeltaTable(folder.root).delete()
    assert folder.judged(SUM).is_empty


def test_columns_that_were_added_later_are_null_in_older_files(folder: Folder) -> None:
    _add_column(folder.root, 20)
    null = {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "more"}}
    assert same_rows(folder.rows(), read_by_others(folder))
    evaluation = folder.judged(null, kept=Kept())
    assert "12 of 16 values are null" in evaluation.results[0].message


def vector(*deleted: int) -> bytes:
    """Return which rows are deleted, as the protocol writes it."""
    return struct.pack("<I", 1681511377) + BitMap64(deleted).serialize()


def z85(content: bytes) -> str:
    theirs = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
    ours = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~"
    return base64.b85encode(content).decode().translate(str.maketrans(ours, theirs))


def delete_rows(folder: Folder, *deleted: int, prefix: str = "", **more: Any) -> Path:
    """Delete rows of the newest file by a deletion vector, which delta-rs reads and does not write."""
    (add,) = logged(folder, 2, "add")
    content, name = vector(*deleted), uuid.uuid4()
    stored = folder.root / prefix / f"deletion_vector_{name}.bin"
    stored.parent.mkdir(exist_ok=True)
    stored.write_bytes(
        b"\1" + struct.pack(">I", len(content)) + content + struct.pack(">I", zlib.crc32(content))
    )
    told = {"storageType": "u", "pathOrInlineDv": f"{prefix}{z85(name.bytes)}", "offset": 1}
    told |= {"sizeInBytes": len(content), "cardinality": len(deleted), **more}
    _delete_by(folder, add, told)
    return stored


def _delete_by(folder: Folder, add: dict[str, Any], told: dict[str, Any]) -> None:
    features = {"readerFeatures": ["deletionVectors"], "writerFeatures": ["deletionVectors"]}
    act(
        folder,
        3,
        {"protocol": {"minReaderVersion": 3, "minWriterVersion": 7, **features}},
        {"remove": {"path": add["path"], "dataChange": True, "deletionTimestamp": 1}},
        {"add": {**add, "deletionVector": told}},
    )


@pytest.mark.parametrize("prefix", ["", "ab"])
def test_rows_that_a_deletion_vector_names_do_not_count(folder: Folder, prefix: str) -> None:
    before = Kept()
    folder.judged(SUM, kept=before)
    delete_rows(folder, 1, 3, prefix=prefix)
    expected = read_by_others(folder)
    assert expected.height == 10
    assert same_rows(folder.rows(), expected)
    assert folder.answers(SUM) == [str(66 - 9 - 11)]
    again = folder.judged(SUM, kept=Kept(before.made))
    assert (again.rows, again.objects_known) == (10, 2)


def test_deletion_vectors_stand_in_logs_and_checkpoints_too(folder: Folder) -> None:
    (add,) = logged(folder, 2, "add")
    padded = vector(0) + b"\0" * (-len(vector(0)) % 4)
    inline = {"storageType": "i", "sizeInBytes": len(vector(0)), "cardinality": 1}
    _delete_by(folder, add, {**inline, "pathOrInlineDv": z85(padded)})
    assert folder.rows().height == 11
    DeltaTable(folder.root).create_checkpoint()
    assert same_rows(folder.rows(), read_by_others(folder))
    assert folder.rows().height == 11


def _vector_is_gone(folder: Folder) -> None:
    delete_rows(folder, 1).unlink()


def _vector_of_another_length(folder: Folder) -> None:
    delete_rows(folder, 1, cardinality=2)


def _vector_is_spoilt(folder: Folder) -> None:
    path = delete_rows(folder, 1)
    path.write_bytes(path.read_bytes()[:-12] + b"\xff" * 12)


def _vector_of_rows_beyond(folder: Folder) -> None:
    delete_rows(folder, 1, 7)


def _vector_elsewhere(folder: Folder) -> None:
    delete_rows(folder, 1, storageType="p")


def _gap(folder: Folder) -> None:
    (folder.root / LOG.format(1)).unlink()


def _no_start(folder: Folder) -> None:
    (folder.root / LOG.format(0)).unlink()


def _half_written(folder: Folder) -> None:
    path = folder.root / LOG.format(2)
    path.write_text(path.read_text()[:-30])


def _nothing_written(folder: Folder) -> None:
    (folder.root / LOG.format(3)).write_text("")


def _no_actions(folder: Folder) -> None:
    (folder.root / LOG.format(3)).write_text("[1, 2]\n")


def _no_schema(folder: Folder) -> None:
    path = folder.root / LOG.format(0)
    path.write_text("\n".join(line for line in path.read_text().splitlines() if "metaData" not in line))


def _checkpoint_cut(folder: Folder) -> None:
    DeltaTable(folder.root).create_checkpoint()
    path = folder.root / "_delta_log/00000000000000000002.checkpoint.parquet"
    path.write_bytes(path.read_bytes()[:-100])


def _checkpoint_of_something_else(folder: Folder) -> None:
    pq.write_table(pa.table({"a": [1]}), folder.root / "_delta_log/00000000000000000002.checkpoint.parquet")


def _checkpoint_of_the_second_kind(folder: Folder) -> None:
    (folder.root / f"_delta_log/00000000000000000002.checkpoint.{uuid.uuid4()}.json").write_text("{}")


def _file_is_gone(folder: Folder) -> None:
    next(folder.root.rglob("*.parquet")).unlink()


def _file_is_cut(folder: Folder) -> None:
    path = next(folder.root.rglob("*.parquet"))
    path.write_bytes(path.read_bytes()[:-1])


def _file_is_another(folder: Folder) -> None:
    path = next(folder.root.rglob("*.parquet"))
    path.write_bytes(b"x" * path.stat().st_size)


def _file_elsewhere(folder: Folder) -> None:
    act(folder, 3, {"add": {**logged(folder, 2, "add")[0], "path": "s3a://other/x.parquet"}})


def _log_is_gone(folder: Folder) -> None:
    for path in (folder.root / "_delta_log").iterdir():
        path.unlink()


def _another_table_inside(folder: Folder) -> None:
    write_deltalake(folder.root / "inner", rows(0))


def _features(folder: Folder, *names: str, reader: int = 3) -> None:
    features = {"readerFeatures": list(names), "writerFeatures": list(names)} if names else {}
    act(
        folder,
        3,
        {"protocol": {"minReaderVersion": reader, "minWriterVersion": 7 if names else 6, **features}},
    )


def _unknown_feature(folder: Folder) -> None:
    _features(folder, "timeTravel")


def _feature_that_the_library_alone_knows(folder: Folder) -> None:
    _features(folder, "variantShredding-preview")


def _unknown_reader(folder: Folder) -> None:
    _features(folder, reader=9)


def _columns_by_number(folder: Folder) -> None:
    (schema,) = logged(folder, 0, "metaData")
    text = json.loads(schema["schemaString"])
    for number, one in enumerate(text["fields"], start=1):
        one["metadata"] = {
            "delta.columnMapping.id": number,
            "delta.columnMapping.physicalName": one["name"],
        }
    configuration = {"delta.columnMapping.mode": "id", "delta.columnMapping.maxColumnId": "3"}
    told = {**schema, "schemaString": json.dumps(text), "configuration": configuration}
    act(folder, 3, {"protocol": {"minReaderVersion": 2, "minWriterVersion": 5}}, {"metaData": told})


@pytest.mark.parametrize(
    ("damage", "status", "code", "told"),
    [
        (_gap, "unreadable", "delta_gap", "version 1 is missing: there is version 2"),
        (_no_start, "unreadable", "delta_gap", "version 0 is missing"),
        (_half_written, "unreadable", "delta_commit", "is no JSON object: its writer may have died"),
        (_nothing_written, "unreadable", "delta_commit", "is no JSON object"),
        (_no_actions, "unreadable", "delta_commit", "is no JSON object"),
        (_no_schema, "unreadable", "delta_log", "does not replay up to version 2"),
        (_checkpoint_cut, "unreadable", "delta_checkpoint", "does not parse"),
        (_checkpoint_of_something_else, "unreadable", "delta_log", "does not replay"),
        (_checkpoint_of_the_second_kind, "error", "delta_unsupported", "v2Checkpoint"),
        (_file_is_gone, "unreadable", "delta_missing", "names this file, and there is none"),
        (_file_is_cut, "unreadable", "delta_size", "by the table's log"),
        (_file_is_another, "unreadable", "parquet", "not Parquet"),
        (_file_elsewhere, "unreadable", "delta_missing", "names this file, and there is none"),
        (_log_is_gone, "unreadable", "delta_no_log", "nothing lies in _delta_log/"),
        (_another_table_inside, "error", "delta_root", "is no part of the Delta table t/"),
        (_unknown_feature, "error", "delta_unsupported", "what the gate has not: timeTravel"),
        (_feature_that_the_library_alone_knows, "error", "delta_unsupported", "variantShredding"),
        (_unknown_reader, "error", "delta_unsupported", "what the gate has not"),
        (_columns_by_number, "error", "delta_unsupported", "columnMapping.mode = id"),
        (_vector_is_gone, "unreadable", "delta_missing", "deletion vector: there is none"),
        (_vector_of_another_length, "unreadable", "deletes", "1 of its rows are deleted, and 2 by the log"),
        (_vector_is_spoilt, "unreadable", "deletes", ""),
        (_vector_of_rows_beyond, "unreadable", "deletes", "cannot be read"),
        (_vector_elsewhere, "error", "deletes", "outside of the table"),
    ],
)
def test_what_is_wrong_with_a_table_is_told_and_never_passes(
    folder: Folder, damage: Callable[[Folder], None], status: str, code: str, told: str
) -> None:
    damage(folder)
    for kept in (None, Kept()):
        evaluation = folder.judged(kept=kept)
        assert evaluation.problem is not None
        assert (evaluation.status, evaluation.problem.code) == (status, code)
        assert told in evaluation.problem.message
        assert evaluation.problem.path.startswith("t/")


def test_a_deleted_row_that_is_not_there_is_no_view() -> None:
    view = View((Column("id", pa.int64(), ("id",)),), ("id",), pa.array([True, False, True]))
    assert view.of(pa.table({"id": [1, 2, 3, 4]}))["id"].to_pylist() == [1, 3, 4]
    with pytest.raises(ReadFailure, match="of its 2 rows, row 3 is deleted"):
        view.of(pa.table({"id": [1, 2]}))


def mapped(folder: Folder, **names: str) -> None:
    """Rename columns as readers of mode `name` have them: in the schema alone."""
    (schema,) = logged(folder, 0, "metaData")
    text = json.loads(schema["schemaString"])
    for one in text["fields"]:
        one["name"] = names.get(one["name"], one["name"])
    act(folder, 1, {"metaData": {**schema, "schemaString": json.dumps(text)}})


def test_columns_that_were_renamed_by_mapping_have_their_new_names(tmp_path: Path) -> None:
    folder = Folder(tmp_path, DELTA)
    mode = {"delta.columnMapping.mode": "name"}
    write_deltalake(tmp_path, rows(0), partition_by=["day"], configuration=mode)
    assert same_rows(folder.rows(), rows_of(rows(0)))
    mapped(folder, qty="amount")
    assert same_rows(folder.rows(), rows_of(rows(0).rename_columns(["id", "day", "amount"])))
    assert folder.answers(SUM, DAYS) == ["6", "1"]


def rows_of(table: pa.Table) -> pl.DataFrame:
    found = pl.from_arrow(table)
    assert isinstance(found, pl.DataFrame)
    return found


def retyped(folder: Folder, old: str, new: str) -> None:
    (schema,) = logged(folder, 0, "metaData")
    act(folder, 3, {"metaData": {**schema, "schemaString": schema["schemaString"].replace(old, new)}})


def test_older_files_may_hold_a_narrower_type_and_no_other(folder: Folder) -> None:
    retyped(folder, '"long"', '"decimal(20,0)"')
    assert folder.rows()["id"].sum() == 66
    retyped(folder, '"long"', '"integer"')
    problem = folder.judged().problem
    assert problem is not None
    assert (problem.code, problem.message) == ("type", "`id` is int64 in the file, and int32 in the table")


def test_nested_columns_are_read_where_they_are_the_tables(tmp_path: Path) -> None:
    folder = Folder(tmp_path, DELTA)
    table = pa.table({"id": [1, 2], "inner": [{"a": 1, "l": ["x"]}, None]})
    write_deltalake(tmp_path, table)
    assert folder.answers(SUM) == ["3"]
    (schema,) = logged(folder, 0, "metaData")
    text = schema["schemaString"].replace('"name":"a"', '"name":"b"')
    act(folder, 1, {"metaData": {**schema, "schemaString": text}})
    evaluation = folder.judged(SUM)
    assert (evaluation.status, evaluation.problem and evaluation.problem.code) == ("error", "nested")


def test_without_the_library_it_could_not_be_told(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "gate_server.engine.table_formats.delta", raising=False)
    monkeypatch.setitem(sys.modules, "deltalake", None)
    evaluation = folder.judged()
    assert evaluation.status == "error"
    assert evaluation.problem is not None
    assert evaluation.problem.hint == "pip install 'lakefs-gate[delta]'"
