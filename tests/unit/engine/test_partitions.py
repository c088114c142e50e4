"""Folders that give columns, in each format and on each way of reading."""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.orc
import pyarrow.parquet as pq
import pytest

from gate_server.engine.datasets import Kept
from gate_server.engine.evaluate import evaluate
from gate_server.engine.objects import DataObject
from gate_server.engine.readers import parquet_object
from gate_server.model import Evaluation, Format, Limits

TABLES = {
    "t/day=2026-11-19/shop=1/a.x": pa.table({"qty": pa.array([1, 2], pa.int64())}),
    "t/day=2026-11-20/shop=2/a.x": pa.table({"qty": pa.array([3, None], pa.int64())}),
    "t/day=2026-11-20/shop=__HIVE_DEFAULT_PARTITION__/b%20c.x": pa.table({"qty": pa.array([5], pa.int64())}),
}
TYPES = {"qty": "integer", "day": "date", "shop": "integer"}
FORMATS = {
    "csv": Format("csv", types=TYPES, partitions="hive"),  # type: ignore[arg-type]
    "parquet": Format("parquet", partitions="hive"),
    "orc": Format("orc", partitions="hive"),
    "jsonl": Format("jsonl", types=TYPES, partitions="hive"),  # type: ignore[arg-type]
}
AFTER = {"type": "comparison", "column": {"name": "day"}, "operator": ">", "parameter": "2026-11-19"}
ASKED: list[tuple[str, Mapping[str, Any], Any]] = [
    ("table_columns_to_match_ordered_list", {"column_list": ["qty", "day", "shop"]}, True),
    ("column_values_to_be_between", {"column": "shop", "min_value": 1, "max_value": 2}, True),
    ("column_values_to_not_be_null", {"column": "shop"}, False),
    ("column_max_to_be_between", {"column": "day", "max_value": "2026-11-20"}, True),
    ("column_unique_value_count_to_be_between", {"column": "day", "max_value": 2}, True),
    ("compound_columns_to_be_unique", {"column_list": ["day", "qty"]}, True),
    ("column_values_to_be_of_type", {"column": "shop", "type_": "int64"}, True),
    (
        "column_values_to_not_be_null",
        {"column": "qty", "row_condition": AFTER, "condition_parser": "great_expectations"},
        False,
    ),
    ("column_median_to_be_between", {"column": "shop", "max_value": 1.5}, True),
]


def written(kind: str, table: pa.Table) -> bytes:
    if kind == "csv":
        return ("qty\n" + "".join(f"{'' if v is None else v}\n" for v in table["qty"].to_pylist())).encode()
    if kind == "jsonl":
        return "".join(json.dumps({"qty": v}) + "\n" for v in table["qty"].to_pylist()).encode()
    sink = io.BytesIO()
    {"parquet": pq.write_table, "orc": pyarrow.orc.write_table}[kind](table, sink)
    return sink.getvalue()


def objects(contents: Mapping[str, bytes]) -> list[DataObject]:
    found = []
    for path, content in sorted(contents.items()):
        md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()

        def open_object(content: bytes = content) -> io.BytesIO:
            return io.BytesIO(content)

        def read_range(first: int, count: int, content: bytes = content) -> bytes:
            return content[first : first + count]

        found.append(DataObject(path, len(content), md5, open_object, read_range, identity=md5))
    return found


def suite_of(make_suite: Any) -> Any:
    return make_suite(*({"type": f"expect_{kind}", "kwargs": kwargs} for kind, kwargs, _ in ASKED))


def told(evaluation: Evaluation) -> list[Any]:
    return [(one.success, one.observed, one.unexpected_count, one.rows) for one in evaluation.results]


@pytest.mark.parametrize("whole_bytes", [0, 4 << 20])
@pytest.mark.parametrize("kind", FORMATS)
def test_folders_give_columns_on_each_way(
    kind: str, whole_bytes: int, make_suite: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet_object, "WHOLE_BYTES", whole_bytes)
    data = objects({path: written(kind, table) for path, table in TABLES.items()})
    suite, kept = suite_of(make_suite), Kept()
    ways = [
        evaluate(suite, data, FORMATS[kind], {}, Limits()),
        evaluate(suite, data, FORMATS[kind], {}, Limits(), kept=kept),
        evaluate(suite, data, FORMATS[kind], {}, Limits(), kept=Kept(kept.made)),
    ]
    assert [way.problem for way in ways] == [None] * 3
    assert [result.success for result in ways[0].results] == [success for *_, success in ASKED]
    assert told(ways[0]) == told(ways[1]) == told(ways[2])
    assert ways[2].objects_known == 3
    assert bool(ways[0].read_in_full) is (kind in {"orc", "jsonl"})
    single = evaluate(suite, data[:1], FORMATS[kind], {}, Limits())
    assert [result.success for result in single.results] == [True] * len(ASKED)


def test_a_folders_name_is_decoded(make_suite: Any) -> None:
    data = objects({"a%3Db=x%2Fy/1.parquet": written("parquet", TABLES["t/day=2026-11-19/shop=1/a.x"])})
    asks = {"type": "expect_column_values_to_be_in_set", "kwargs": {"column": "a=b", "value_set": ["x/y"]}}
    found = evaluate(make_suite(asks), data, FORMATS["parquet"], {}, Limits())
    assert [result.success for result in found.results] == [True]


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("t/day=2026-11-21/a.x", "its folders are not day=.../shop=..."),
        ("t/shop=1/day=2026-11-21/a.x", "its folders are not day=.../shop=..."),
        ("t/z.x", "its folders are not day=.../shop=..."),
        ("t/day=2026-11-21/shop=1/day=x/z.x", "`day` stands twice in its path"),
        ("t/day=2026-11-21/shop=1/qty=1/z.x", "its folders are not day=.../shop=..."),
    ],
)
def test_folders_that_are_not_like_the_others_are_bad_data(
    kind: str, path: str, says: str, make_suite: Any
) -> None:
    contents = {known: written(kind, table) for known, table in TABLES.items()}
    contents[path] = contents["t/day=2026-11-19/shop=1/a.x"]
    for kept in (None, Kept()):
        found = evaluate(suite_of(make_suite), objects(contents), FORMATS[kind], {}, Limits(), kept=kept)
        assert (found.status, found.problem and found.problem.message) == ("unreadable", says)
        assert found.problem
        assert found.problem.path == path


@pytest.mark.parametrize("kind", FORMATS)
def test_a_column_is_not_in_the_file_and_in_its_path(kind: str, make_suite: Any) -> None:
    contents = {
        f"t/qty={place}/{place}.x": written(kind, table) for place, table in enumerate(TABLES.values())
    }
    for some in (contents, dict(list(contents.items())[:1])):
        found = evaluate(suite_of(make_suite), objects(some), FORMATS[kind], {}, Limits(), kept=Kept())
        assert found.status == "unreadable"
        assert found.problem
        assert found.problem.message == "`qty` stands in the file and in its path"


def test_without_folders_that_give_columns_nothing_is_judged(make_suite: Any) -> None:
    data = objects({"t/a.parquet": written("parquet", TABLES["t/day=2026-11-19/shop=1/a.x"])})
    found = evaluate(suite_of(make_suite), data, FORMATS["parquet"], {}, Limits())
    assert (found.status, found.problem and found.problem.message) == (
        "unreadable",
        "its folders are not name=value",
    )


def test_a_declared_type_holds_for_folders(make_suite: Any) -> None:
    contents = {path: written("csv", table) for path, table in TABLES.items()}
    contents["t/day=soon/shop=1/a.x"] = contents["t/day=2026-11-19/shop=1/a.x"]
    found = evaluate(suite_of(make_suite), objects(contents), FORMATS["csv"], {}, Limits())
    assert found.problem
    assert found.problem.message == "`day` in its path is not a date (YYYY-MM-DD)"
    assert found.problem.path == "t/day=soon/shop=1/a.x"


def test_a_folder_that_changes_a_columns_type_is_no_drift_of_the_files(make_suite: Any) -> None:
    contents = {path: written("parquet", table) for path, table in TABLES.items()}
    asks = make_suite({"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "day"}})
    kept = Kept()
    evaluate(asks, objects(contents), FORMATS["parquet"], {}, Limits(), kept=kept)
    contents["t/day=soon/shop=1/a.x"] = contents["t/day=2026-11-19/shop=1/a.x"]
    found = evaluate(asks, objects(contents), FORMATS["parquet"], {}, Limits(), kept=Kept(kept.made))
    assert (found.status, found.rows, found.objects_known) == ("answered", 7, 0)


def test_without_the_setting_folders_are_names(make_suite: Any) -> None:
    data = objects({path: written("parquet", table) for path, table in TABLES.items()})
    found = evaluate(suite_of(make_suite), data, replace(FORMATS["parquet"], partitions=""), {}, Limits())
    assert found.columns == ("qty",)


@pytest.mark.parametrize("kind", ["arrow", "csv", "csv folder", "parquet folder"])
@pytest.mark.parametrize("name", ["^x$", "^.*$", "*"])
def test_a_column_named_as_a_pattern_hides_no_values_of_another(
    name: str, kind: str, make_suite: Any
) -> None:
    table = pa.table({"x": pa.array([1, 5_000_000], pa.int64())})  # no day is as late as that
    dated = table.append_column(name, pa.array([dt.date(2026, 11, 20)] * 2))
    sink = io.BytesIO()
    with pa.ipc.new_file(sink, dated.schema) as writer:
        writer.write_table(dated)
    types = {"x": "integer", name: "date"}
    fmt, path, content = {
        "arrow": (Format("arrow"), "t/a.x", sink.getvalue()),
        "csv": (
            Format("csv", types=types),  # type: ignore[arg-type]
            "t/a.x",
            f"x,{name}\n1,2026-11-20\n5000000,2026-11-20\n".encode(),
        ),
        "csv folder": (
            Format("csv", types=types, partitions="hive"),  # type: ignore[arg-type]
            f"t/{name}=2026-11-20/a.x",
            b"x\n1\n5000000\n",
        ),
        "parquet folder": (
            Format("parquet", partitions="hive"),
            f"t/{name}=2026-11-20/a.x",
            written("parquet", table),
        ),
    }[kind]
    asks = {"type": "expect_column_values_to_be_between", "kwargs": {"column": "x", "max_value": 100}}
    contents = {path: content, f"{path}2": content}
    for some in (contents, {path: content}):
        for kept in (None, Kept()):
            found = evaluate(make_suite(asks), objects(some), fmt, {}, Limits(), kept=kept)
            assert [one.success for one in found.results] == [False]
            assert found.results[0].unexpected_count == len(some)


def test_a_column_stands_twice_in_a_path_however_it_is_written(make_suite: Any) -> None:
    data = objects({"ab=1/a%62=2/1.parquet": written("parquet", TABLES["t/day=2026-11-19/shop=1/a.x"])})
    found = evaluate(suite_of(make_suite), data, FORMATS["parquet"], {}, Limits())
    assert found.problem
    assert found.problem.message == "`ab` stands twice in its path"


def test_a_folders_decimal_is_judged_as_any_decimal(make_suite: Any) -> None:
    fmt = Format("csv", types={"qty": "integer", "price": "decimal"}, partitions="hive")
    data = objects({f"t/price={price}/a.csv": b"qty\n1\n" for price in ("1.5", "2.25")})
    asks = {"type": "expect_column_values_to_be_between", "kwargs": {"column": "price", "max_value": 2}}
    for some, successes in ((data, [False]), (data[:1], [True])):
        for kept in (None, Kept()):
            found = evaluate(make_suite(asks), some, fmt, {}, Limits(), kept=kept)
            assert [one.success for one in found.results] == successes


def test_names_that_are_no_text_are_not_taken_for_one_another(make_suite: Any) -> None:
    content = written("parquet", TABLES["t/day=2026-11-19/shop=1/a.x"])
    data = objects({f"t/day=%{byte}/a.parquet": content for byte in ("fe", "ff")})
    found = evaluate(suite_of(make_suite), data, FORMATS["parquet"], {}, Limits(), kept=Kept())
    assert found.problem
    assert (found.status, found.problem.message) == (
        "unreadable",
        "the name of one of its folders is no UTF-8",
    )
