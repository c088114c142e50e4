"""Iceberg tables as pyiceberg writes them, and damaged: the gate counts what it reads, or refuses."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyiceberg.manifest import DataFileContent
from pyiceberg.types import DoubleType, LongType

from gate_server.engine.datasets import Kept

from .folders import as_polars, same_rows
from .iceberg_tables import Made, delete_rows, make, rows

SUM = {"type": "expect_column_sum_to_be_between", "kwargs": {"column": "id", "min_value": 0}}
DAYS = {"type": "expect_column_unique_value_count_to_be_between", "kwargs": {"column": "day", "min_value": 1}}


@pytest.fixture
def made(tmp_path: Path) -> Made:
    """Give a table of two snapshots, two files and a folder for each day."""
    table = make(tmp_path, rows(0).schema)
    table.table.append(rows(0))
    table.table.append(rows(4, day="ä/ö b"))
    return table


def as_read_by_others(made: Made) -> bool:
    return same_rows(made.folder.rows(), as_polars(made.table.scan().to_arrow()))


def change(path: Path, **more: Any) -> None:
    told = json.loads(path.read_text())
    path.write_text(json.dumps(told | more))


def _append(made: Made, seed: int) -> None:
    names = [field.name for field in made.table.schema().fields]
    made.table.append(rows(seed, day=f"d{seed % 3}").rename_columns(names[:3]))


def _overwrite(made: Made, seed: int) -> None:
    names = [field.name for field in made.table.schema().fields]
    made.table.overwrite(rows(seed, 2).rename_columns(names[:3]))


def _delete(made: Made, seed: int) -> None:
    made.table.delete(f"id > {seed}")


def _rename(made: Made, seed: int) -> None:
    with made.table.update_schema() as schema:
        schema.rename_column(made.table.schema().fields[2].name, f"qty{seed}")


def _add_column(made: Made, _: int) -> None:
    names = [field.name for field in made.table.schema().fields]
    if "more" not in names:
        with made.table.update_schema() as schema:
            schema.add_column("more", LongType())


def _anew(made: Made, _: int) -> None:
    """Drop a column and add another of its name, which older files do not hold."""
    name = made.table.schema().fields[2].name
    with made.table.update_schema() as schema:
        schema.delete_column(name)
    with made.table.update_schema() as schema:
        schema.add_column(name, DoubleType())
        schema.move_after(name, "day")


OPERATIONS = (_append, _append, _overwrite, _delete, _rename, _add_column, _anew)


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=st.lists(st.tuples(st.sampled_from(OPERATIONS), st.integers(0, 12)), max_size=5))
def test_the_gate_reads_the_rows_that_pyiceberg_does(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[Callable[[Made, int], None], int]]
) -> None:
    made = make(tmp_path_factory.mktemp("iceberg"), rows(0).schema)
    _append(made, 0)
    for step, seed in steps:
        step(made, seed)
    assert as_read_by_others(made)
    assert made.folder.judged(kept=Kept()).rows == made.table.scan().to_arrow().num_rows


def test_only_files_are_read_that_a_snapshot_adds(made: Made) -> None:
    assert made.folder.answers(SUM, DAYS) == ["28", "2"]
    first = Kept()
    made.folder.judged(SUM, DAYS, kept=first)
    made.table.append(rows(8))
    made.folder.opened.clear()
    evaluation = made.folder.judged(SUM, DAYS, kept=Kept(first.made))
    assert (evaluation.rows, evaluation.objects_known, evaluation.results[0].observed) == (12, 2, "66")
    assert len([path for path in made.folder.opened if path.endswith(".parquet")]) == 1


@pytest.mark.parametrize("kind", ["parquet", "puffin"])
def test_deleted_rows_do_not_count(made: Made, kind: str) -> None:
    before = Kept()
    made.folder.judged(SUM, kept=before)
    delete_rows(made, 0, 3, kind=kind)
    assert as_read_by_others(made)
    assert made.folder.rows().height == 6
    again = made.folder.judged(SUM, kept=Kept(before.made))
    assert (again.rows, again.objects_known) == (6, 1)


def test_a_table_without_a_snapshot_holds_no_rows(tmp_path: Path) -> None:
    assert make(tmp_path, rows(0).schema).folder.judged(SUM).is_empty


def test_files_that_were_added_without_numbers_are_known_by_their_names(made: Made) -> None:
    path = made.folder.root / "data" / "added.parquet"
    pq.write_table(rows(20, 2, day="d7").select(["day", "id"]), path)
    made.table.add_files([f"file://{path}"])
    assert as_read_by_others(made)
    told = json.loads(made.metadata.read_text())
    del told["properties"]["schema.name-mapping.default"]
    made.metadata.write_text(json.dumps(told))
    evaluation = made.folder.judged(SUM)
    assert (evaluation.status, evaluation.problem and evaluation.problem.code) == ("error", "columns")


def test_a_partition_or_a_default_says_what_a_file_lacks(made: Made) -> None:
    told = json.loads(made.metadata.read_text())
    told["schemas"][0]["fields"][1]["id"] = told["partition-specs"][1]["fields"][0]["source-id"] = 8
    told["schemas"][0]["fields"].append(
        {"id": 9, "name": "more", "required": False, "type": "date", "initial-default": "2026-11-20"}
    )
    told |= {"last-column-id": 9, "format-version": 3, "next-row-id": 0}
    made.metadata.write_text(json.dumps(told))
    found = made.folder.rows()
    assert sorted(found["day"].to_list()) == ["d0"] * 4 + ["ä/ö b"] * 4
    assert {str(one) for one in found["more"].to_list()} == {"2026-11-20"}


def _gone(made: Made, pattern: str) -> None:
    next(made.folder.root.glob(pattern)).unlink()


def _file_is_gone(made: Made) -> None:
    _gone(made, "data/*/*.parquet")


def _manifest_is_gone(made: Made) -> None:
    _gone(made, "metadata/*-m0.avro")


def _manifests_are_gone(made: Made) -> None:
    for path in made.folder.root.glob("metadata/snap-*.avro"):
        path.unlink()


def _manifest_is_cut(made: Made) -> None:
    for path in made.folder.root.glob("metadata/*-m0.avro"):
        path.write_bytes(path.read_bytes()[:-40])


def _manifest_is_another(made: Made) -> None:
    for path in made.folder.root.glob("metadata/*-m0.avro"):
        path.write_bytes(b"x" * path.stat().st_size)


def _list_ends_early(made: Made) -> None:
    made.table.append(rows(20))
    content = json.loads(made.metadata.read_text())
    path = Path(content["snapshots"][-1]["manifest-list"].removeprefix("file://"))
    content["snapshots"][-1]["manifest-list"] = content["snapshots"][-2]["manifest-list"]
    made.metadata.write_text(json.dumps(content))
    path.unlink()


def _file_is_cut(made: Made) -> None:
    path = next(made.folder.root.glob("data/*/*.parquet"))
    path.write_bytes(path.read_bytes()[:-1])


def _metadata_is_cut(made: Made) -> None:
    made.metadata.write_text(made.metadata.read_text()[:-20])


def _metadata_is_a_list(made: Made) -> None:
    made.metadata.write_text("[]")


def _metadata_lacks_its_schema(made: Made) -> None:
    change(made.metadata, schemas=[])


def _no_metadata(made: Made) -> None:
    for path in made.folder.root.glob("metadata/*.json"):
        path.unlink()


def _another_format(made: Made) -> None:
    change(made.metadata, **{"format-version": 9})


def _another_type(made: Made) -> None:
    told = json.loads(made.metadata.read_text())
    told["schemas"][0]["fields"][0]["type"] = "quaternion"
    made.metadata.write_text(json.dumps(told))


def _hint_to_nothing(made: Made) -> None:
    (made.folder.root / "metadata/version-hint.text").write_text("9")


def _two_newest(made: Made) -> None:
    path = made.metadata
    (path.parent / f"{path.name[:5]}-other.metadata.json").write_text(path.read_text())


def _left_by_another_branch(made: Made) -> None:
    path = made.metadata
    (path.parent / "00001-other.metadata.json").write_text(path.read_text())


def _compressed(made: Made) -> None:
    (made.folder.root / "metadata/00009-a.gz.metadata.json").write_bytes(b"x")


def _elsewhere(made: Made) -> None:
    change(made.metadata, location="s3://other/place")


def _another_table_inside(made: Made) -> None:
    inner = made.folder.root / "data/metadata"
    inner.mkdir()
    (inner / "00000-a.metadata.json").write_text("{}")


def _equality_deletes(made: Made) -> None:
    delete_rows(made, 0, content=DataFileContent.EQUALITY_DELETES, equality_ids=[1])


def _deletes_are_gone(made: Made) -> None:
    delete_rows(made, 0).unlink()


def _deletes_are_cut(made: Made) -> None:
    path = delete_rows(made, 0)
    path.write_bytes(path.read_bytes()[:-3])


def _vector_is_cut(made: Made) -> None:
    path = delete_rows(made, 0, kind="puffin")
    path.write_bytes(path.read_bytes()[:-3])


def _rows_beyond_are_deleted(made: Made) -> None:
    delete_rows(made, 0, 9)


@pytest.mark.parametrize(
    ("damage", "status", "code", "told"),
    [
        (_file_is_gone, "unreadable", "iceberg_missing", "names this file, and there is none"),
        (_manifest_is_gone, "unreadable", "iceberg_missing", "names this file, and there is none"),
        (_manifests_are_gone, "unreadable", "iceberg_missing", "names this file, and there is none"),
        (_manifest_is_cut, "unreadable", "iceberg_size", "by the table's manifests"),
        (_manifest_is_another, "unreadable", "iceberg_manifest", "does not parse"),
        (_list_ends_early, "unreadable", "iceberg_manifest", "counts 3 data files, and its manifests name 2"),
        (_file_is_cut, "unreadable", "iceberg_size", "by the table's manifests"),
        (_metadata_is_cut, "unreadable", "iceberg_metadata", "its writer may have died"),
        (_metadata_is_a_list, "unreadable", "iceberg_metadata", "is no JSON object"),
        (_metadata_lacks_its_schema, "unreadable", "iceberg_metadata", "does not parse"),
        (_no_metadata, "unreadable", "iceberg_no_metadata", "this is no Iceberg table"),
        (_another_format, "error", "iceberg_unsupported", "format-version 9"),
        (_another_type, "unreadable", "iceberg_metadata", "does not parse"),
        (_hint_to_nothing, "unreadable", "iceberg_missing", "points to version 9, and there is none"),
        (_two_newest, "error", "iceberg_versions", "2 files are its version 3"),
        (_left_by_another_branch, "error", "iceberg_versions", "is no version that it came from"),
        (_compressed, "error", "iceberg_unsupported", "compressed metadata"),
        (_elsewhere, "unreadable", "iceberg_missing", "outside of its location"),
        (_another_table_inside, "error", "iceberg_root", "is no part of the Iceberg table t/"),
        (_equality_deletes, "error", "iceberg_unsupported", "equality deletes"),
        (_deletes_are_gone, "unreadable", "iceberg_missing", "names this file, and there is none"),
        (_deletes_are_cut, "unreadable", "parquet", "truncated Parquet"),
        (_vector_is_cut, "unreadable", "deletes", "cannot be read"),
        (_rows_beyond_are_deleted, "unreadable", "deletes", "of its 4 rows, row 10 is deleted"),
    ],
)
def test_what_is_wrong_with_a_table_is_told_and_never_passes(
    made: Made, damage: Callable[[Made], None], status: str, code: str, told: str
) -> None:
    damage(made)
    for kept in (None, Kept()):
        evaluation = made.folder.judged(kept=kept)
        assert evaluation.problem is not None
        assert (evaluation.status, evaluation.problem.code) == (status, code), evaluation.problem
        assert told in evaluation.problem.message


def test_without_the_library_it_could_not_be_told(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "gate_server.engine.table_formats.iceberg", raising=False)
    monkeypatch.setitem(sys.modules, "pyiceberg.manifest", None)
    evaluation = made.folder.judged()
    assert evaluation.status == "error"
    assert evaluation.problem is not None
    assert evaluation.problem.hint == "pip install 'lakefs-gate[iceberg]'"
