"""How the columns of a table change is told, exactly, beside results that it never touches."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from pyiceberg.transforms import BucketTransform
from pyiceberg.types import DoubleType, FloatType, IntegerType, LongType, StructType

from gate_server.engine.evaluate import evaluate, evaluate_together
from gate_server.engine.objects import DataObject
from gate_server.engine.suites import read_suite
from gate_server.model import Evaluation, Format, Limits

from .folders import Folder
from .iceberg_tables import Made, make

SCHEMA = pa.schema(
    {
        "id": pa.int64(),
        "qty": pa.float64(),
        "at": pa.struct({"city": pa.string()}),
        "tags": pa.list_(pa.int32()),
    }
)
LOG = "_delta_log/{:020}.json"
COUNT = json.dumps(
    {"expectations": [{"type": "expect_table_row_count_to_be_between", "kwargs": {"max_value": 3}}]}
)
SUITE = read_suite("test", COUNT, "suites/test.json")


def rows(count: int = 2) -> pa.Table:
    columns = [list(range(count)), [0.5] * count, [{"city": "a"}] * count, [[1]] * count]
    return pa.table(dict(zip(SCHEMA.names, columns, strict=True)), schema=SCHEMA)


def judged(folder: Folder, before: list[DataObject]) -> Evaluation:
    return evaluate(SUITE, folder.objects, folder.fmt, {}, Limits(), before=before)


def told(folder: Folder, before: list[DataObject]) -> list[str]:
    return [change.message for change in judged(folder, before).schema_changes]


def log_of(folder: Folder) -> list[DataObject]:
    return [data for data in folder.objects if "/_delta_log/" in data.path]


@pytest.fixture
def delta(tmp_path: Path) -> Folder:
    """Give a table of two versions, whose columns have names of their own beside those in its files."""
    write_deltalake(tmp_path, rows(), configuration={"delta.columnMapping.mode": "name"})
    write_deltalake(tmp_path, rows(), mode="append")
    return Folder(tmp_path, Format("delta"))


def act(folder: Folder, version: int, change: Callable[[dict[str, Any]], object]) -> None:
    """Write a version that changes no more than the table's schema."""
    lines = (folder.root / LOG.format(0)).read_text().splitlines()
    (metadata,) = [action["metaData"] for action in map(json.loads, lines) if "metaData" in action]
    schema = json.loads(metadata["schemaString"])
    change(schema | {"metadata": metadata})
    action = {"metaData": {**metadata, "schemaString": json.dumps(schema)}}
    (folder.root / LOG.format(version)).write_text(json.dumps(action))


def _field(schema: dict[str, Any], name: str) -> Any:
    (found,) = [one for one in schema["fields"] if one["name"] == name]
    return found


def new(name: str, kind: str, number: int = 100) -> dict[str, Any]:
    mapping = {"delta.columnMapping.id": number, "delta.columnMapping.physicalName": f"col-{number}"}
    return {"name": name, "type": kind, "nullable": True, "metadata": mapping}


def added(schema: dict[str, Any]) -> None:
    schema["fields"].append(new("more", "decimal(10,2)"))


def dropped(schema: dict[str, Any]) -> None:
    schema["fields"].remove(_field(schema, "qty"))


def renamed(schema: dict[str, Any]) -> None:
    _field(schema, "qty")["name"] = "amount"


def retyped(schema: dict[str, Any]) -> None:
    _field(schema, "id")["type"] = "decimal(20,0)"
    _field(schema, "tags")["type"]["elementType"] = "long"


def required(schema: dict[str, Any]) -> None:
    _field(schema, "id")["nullable"] = False


def inside(schema: dict[str, Any]) -> None:
    _field(schema, "at")["type"]["fields"].append(new("zip", "string"))


def partitioned(schema: dict[str, Any]) -> None:
    schema["metadata"]["partitionColumns"].append("id")


def all_at_once(schema: dict[str, Any]) -> None:
    renamed(schema)
    added(schema)


DELTA_CHANGES: list[tuple[Callable[[dict[str, Any]], object], list[str]]] = [
    (added, ["`more` was added (decimal(10,2))"]),
    (dropped, ["`qty` was dropped (double)"]),
    (renamed, ["`qty` was renamed to `amount`"]),
    (retyped, ["`id` was long and is decimal(20,0)", "`tags.element` was integer and is long"]),
    (required, ["`id` was nullable and is required"]),
    (inside, ["`at.zip` was added (string)"]),
    (partitioned, ["the table was partitioned by nothing and is by `id`"]),
    (all_at_once, ["`qty` was renamed to `amount`", "`more` was added (decimal(10,2))"]),
    (lambda _: None, []),
]


@pytest.mark.parametrize("checkpoint", [None, 1, 2])
@pytest.mark.parametrize(("change", "messages"), DELTA_CHANGES)
def test_what_changes_of_a_delta_table_is_named(
    delta: Folder,
    change: Callable[[dict[str, Any]], object],
    messages: list[str],
    checkpoint: int | None,
) -> None:
    """Whether the log tells it in a commit, or has to be read from a checkpoint on either side."""
    if checkpoint == 1:
        DeltaTable(delta.root).create_checkpoint()
    before = log_of(delta)
    act(delta, 2, change)
    if checkpoint == 2:
        DeltaTable(delta.root).create_checkpoint()
        (delta.root / LOG.format(2)).unlink()
    assert told(delta, before) == messages


def test_what_adds_rows_reads_no_more_than_the_commits_that_came(delta: Folder) -> None:
    before = log_of(delta)
    write_deltalake(delta.root, rows(), mode="append")
    delta.opened.clear()
    assert told(delta, before) == []
    assert delta.opened.count(f"t/{LOG.format(2)}") == 2
    assert delta.opened.count(f"t/{LOG.format(1)}") == 1


@pytest.fixture
def wider(tmp_path: Path) -> tuple[Folder, list[DataObject]]:
    """Give a table of plain columns that got one more, and the log from before."""
    write_deltalake(tmp_path, few := rows().select(["id", "qty"]))
    folder = Folder(tmp_path, Format("delta"))
    before = log_of(folder)
    more = few.append_column("more", pa.array(["a", "b"]))
    write_deltalake(tmp_path, more, mode="append", schema_mode="merge")
    return folder, before


def test_results_are_what_they_are_without(wider: tuple[Folder, list[DataObject]]) -> None:
    delta, before = wider
    found, alone = judged(delta, before), judged(delta, [])
    assert not found.results[0].success
    assert found.schema_changes
    assert not alone.schema_changes
    assert (found.status, found.results, found.rows) == (alone.status, alone.results, alone.rows)
    together = evaluate_together([(SUITE, {})] * 2, delta.objects, delta.fmt, Limits(), before=before)
    assert together is not None
    assert [one.schema_changes for one in together] == [found.schema_changes] * 2


def cut(data: DataObject) -> DataObject:
    empty = Path("/dev/null")
    return replace(data, size_bytes=0, open=lambda: empty.open("rb"), identity="another")


def test_a_destination_that_cannot_be_read_is_told_and_nothing_is_made_up(
    wider: tuple[Folder, list[DataObject]],
) -> None:
    delta, log = wider
    before = [cut(data) for data in log]
    found = judged(delta, before)
    assert found.status == "answered"
    assert found.results == judged(delta, []).results
    (change,) = found.schema_changes
    assert change.kind == "untold"
    assert change.message.startswith("whether columns changed could not be told: ")
    assert not found.is_lasting  # another time it may be told


def test_a_table_that_cannot_be_read_is_told_once(delta: Folder) -> None:
    before = log_of(delta)
    (delta.root / LOG.format(2)).write_text("{")
    found = judged(delta, before)
    assert found.status == "unreadable"
    assert not found.schema_changes


def test_of_many_changes_the_first_are_told(delta: Folder) -> None:
    def many(schema: dict[str, Any]) -> None:
        schema["fields"] += [new(f"c{number}", "long", 100 + number) for number in range(150)]

    before = log_of(delta)
    act(delta, 2, many)
    messages = told(delta, before)
    assert len(messages) == 101
    assert messages[-1] == "50 more changes of columns"


def test_names_from_the_data_stay_on_their_line(delta: Folder) -> None:
    def hostile(schema: dict[str, Any]) -> None:
        schema["fields"].append(new("a`\n\x1bb", "long"))

    before = log_of(delta)
    act(delta, 2, hostile)
    assert told(delta, before) == ["`a'\\n\\x1bb` was added (long)"]


@pytest.fixture
def iceberg(tmp_path: Path) -> Made:
    """Give a table of one snapshot."""
    schema = pa.schema([("id", pa.int32()), ("qty", pa.float32()), ("at", pa.struct({"city": pa.string()}))])
    made = make(tmp_path, schema, by_day=False)
    made.table.append(pa.table({"id": [1], "qty": [0.5], "at": [{"city": "a"}]}, schema=schema))
    return made


def newest(made: Made) -> list[DataObject]:
    return [data for data in made.folder.objects if data.path.endswith(made.metadata.name)]


def test_what_changes_of_an_iceberg_table_is_named(iceberg: Made) -> None:
    before = newest(iceberg)
    with iceberg.table.update_schema() as schema:
        schema.rename_column("qty", "amount")
        schema.update_column("qty", DoubleType())
        schema.update_column("id", LongType())
        schema.add_column("more", StructType())
        schema.add_column(("at", "zip"), IntegerType())
    with iceberg.table.update_spec() as spec:
        spec.add_field("id", BucketTransform(4), "b")
    assert told(iceberg.folder, before) == [
        "`id` was int and is long",
        "`qty` was renamed to `amount`",
        "`amount` was float and is double",
        "`at.zip` was added (int)",
        "`more` was added (struct)",
        "the table was partitioned by nothing and is by bucket[4] of `id`",
    ]


def test_a_column_that_took_anothers_name_is_another(iceberg: Made) -> None:
    before = newest(iceberg)
    with iceberg.table.update_schema() as schema:
        schema.delete_column("qty")
    with iceberg.table.update_schema() as schema:
        schema.add_column("qty", FloatType())
    assert told(iceberg.folder, before) == ["`qty` was dropped (float)", "`qty` was added (float)"]


def test_rows_that_are_added_change_no_columns_of_iceberg(iceberg: Made) -> None:
    before = newest(iceberg)
    iceberg.table.append(iceberg.table.scan().to_arrow())
    assert told(iceberg.folder, before) == []


def test_of_an_iceberg_table_without_a_plain_base_it_could_not_be_told(iceberg: Made) -> None:
    before = [cut(data) for data in newest(iceberg)]
    with iceberg.table.update_schema() as schema:
        schema.delete_column("qty")
    found = judged(iceberg.folder, before)
    assert [change.kind for change in found.schema_changes] == ["untold"]
    assert found.status == "answered"
