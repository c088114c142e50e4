"""Wrong input of each format is bad data, with its place and reason; never a pass, never something else."""

from __future__ import annotations

from typing import Any

import pyarrow.parquet as pq
import pytest

from gate_server.engine.evaluate import evaluate
from gate_server.model import Format, Limits
from tests import wrong_input
from tests.unit.engine.conftest import Judge, MakeObject, MakeSuite
from tests.wrong_input import WRONG, Wrong

ROWS = {"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 0}}


# Those of 500 MB are judged once, by a whole gate that holds them to a limit of memory.
@pytest.mark.parametrize(
    "wrong", [wrong for wrong in WRONG if "/long " not in wrong.path], ids=lambda wrong: wrong.path
)
def test_wrong_input_is_bad_data_with_a_reason(wrong: Wrong, judge: Judge) -> None:
    evaluation = judge(wrong.content(), fmt=Format(wrong.format), path=wrong.path)
    assert evaluation.status in {"unreadable", "limit_of_data"}, evaluation
    assert evaluation.problem is not None
    assert wrong.says in evaluation.problem.text
    assert evaluation.problem.path == wrong.path
    assert evaluation.results == ()


@pytest.mark.parametrize(
    ("kind", "first", "second", "says"),
    [
        ("csv", b"a,b\n1,2\n", b"b,a\n1,2\n", "its columns are not those of 1"),
        ("jsonl", b'{"a": 1}\n', b'{"a": "x"}\n', "`a` in line 1 is not an integer"),
        *(
            (kind, write(wrong_input.wide(2)), write(other), says)
            for kind, write in (
                ("parquet", lambda table: wrong_input.written(pq.write_table, table)),
                ("orc", lambda table: wrong_input.written(wrong_input.pyarrow.orc.write_table, table)),
                ("arrow", wrong_input.stream),
            )
            for other, says in (
                (
                    wrong_input.wide(3),
                    "`c2` is new" if kind == "parquet" else "its columns are not those of 1",
                ),
                (wrong_input.wide(2).cast(wrong_input.pa.schema({"c0": "int64", "c1": "string"})), "`c1` is"),
            )
        ),
    ],
)
def test_objects_of_a_dataset_with_mixed_schemas_are_bad_data(
    kind: Any, first: bytes, second: bytes, says: str, make_object: MakeObject, make_suite: MakeSuite
) -> None:
    objects = [make_object(first, "1"), make_object(second, "2")]
    evaluation = evaluate(make_suite(ROWS), objects, Format(kind), {}, Limits())
    assert evaluation.status == "unreadable", evaluation
    assert evaluation.problem is not None
    assert evaluation.problem.path == "2"
    assert says in evaluation.problem.text


@pytest.mark.parametrize("depth", [50, 300])
def test_deep_nesting_in_parquet_is_read_or_refused(depth: int, judge: Judge) -> None:
    evaluation = judge(wrong_input.written(pq.write_table, wrong_input.nested(depth)), fmt=Format("parquet"))
    assert evaluation.status in {"answered", "unreadable"}, evaluation
