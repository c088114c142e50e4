"""Tables, and expectations on them, to hold the pass against Great Expectations."""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

from gate_server.engine.judgement import Judgement
from gate_server.engine.native import passing
from gate_server.engine.questions import Asked, interpret
from gate_server.engine.readers.opening import in_memory
from gate_server.engine.readers.scan import Part
from gate_server.engine.readers.table import Table
from gate_server.engine.run import Unanswered
from gate_server.engine.suites import read_suite
from gate_server.model import Result

BIG = [2**53, 2**53 + 1, -(2**53) - 1, 2**63 - 1, -(2**63), 2**62 + 1]
INTEGERS = st.integers(-3, 3) | st.sampled_from(BIG)
FLOATS = st.sampled_from([0.0, -0.0, 1.0, -1.5, 2.5, 1e300, float("nan"), float("inf"), float("-inf")])
TEXTS = st.sampled_from(
    ["", "a", "A", "b", "aa", "ab ", "é", "e\u0301", "ß", "日本", "😀", "1", "null", "\n"]
)
# What may be read as something.
PARSED = st.sampled_from(
    ["1", "-1.5e3", "01", "NaN", "1e999", '"a"', "[1, 2]", '{"a": null}', '{"a": [1]}', "{'a': 1}", " true ",
     "", "2024-02-28", "2024-02-29", "2023-02-29", "2024-2-3", "0000-01-01", "2024-01-01 23:59:60",
     "31.12.2024",
     "٢٠٢٤-01-01", "2024", "366", "Feb 03", "[" * 100_000]
)  # fmt: skip
DATES = st.dates(dt.date(2023, 12, 30), dt.date(2024, 1, 3)) | st.sampled_from([dt.date.min, dt.date.max])
MOMENTS = st.sampled_from(
    [
        dt.datetime.fromisoformat(text)
        for text in ("2024-01-01", "2024-01-01T00:00:00.000001", "1969-12-31T23:59:59")
    ]
)

VALUES: dict[str, tuple[pa.DataType, st.SearchStrategy[Any]]] = {
    "i": (pa.int64(), INTEGERS),
    "small": (pa.int8(), st.integers(-3, 3)),
    "u": (pa.uint64(), st.integers(0, 3) | st.sampled_from([2**63, 2**64 - 1])),
    "f": (pa.float64(), FLOATS),
    "s": (pa.string(), TEXTS),
    "p": (pa.string(), PARSED),
    "b": (pa.bool_(), st.booleans()),
    "d": (pa.date32(), DATES),
    "t": (pa.timestamp("us"), MOMENTS),
}


VALUES |= {
    "f32": (pa.float32(), st.sampled_from([0.0, 0.5, 0.1, -1.5, 1e30, float("nan"), float("inf")])),
    "ms": (pa.timestamp("ms"), MOMENTS.map(lambda one: one.replace(microsecond=0))),
    "z": (pa.timestamp("us", "UTC"), MOMENTS),
    "m": (
        pa.decimal128(12, 2),
        st.sampled_from([Decimal(text) for text in ("0.00", "0.10", "-1.05", "99999.99")]),
    ),
}
# Others of the same kind, to compare with.
VALUES |= {f"{name}2": VALUES[name] for name in ("i", "f", "b", "d", "t", "m", "z")}


@st.composite
def tables(draw: st.DrawFn) -> pa.Table:
    """Return a table of a column of each kind, each with nulls, some of them with nothing else."""
    rows = draw(st.integers(0, 6))
    columns = {}
    for name, (kind, values) in VALUES.items():
        with_nulls = draw(st.sampled_from([values, values | st.none(), st.none()]))
        found = draw(st.lists(with_nulls, min_size=rows, max_size=rows))
        columns[name] = pa.array(found, kind)
    return pa.table(columns)


def asked_of(*expectations: dict[str, Any]) -> list[Asked]:
    """Return expectations as a suite asks them, but for those that lint refuses."""
    text = json.dumps({"name": "parity", "expectations": expectations}, default=str)
    asked, _ = interpret(read_suite("parity", text, "parity.json"), {})
    return asked


def by_great_expectations(table: pa.Table, asked: Sequence[Asked]) -> dict[int, Result]:
    """Return the results of Great Expectations; none for what it cannot answer, which spoils a whole run."""
    try:
        found = Judgement(Table(table, (Part("x.parquet", 0),))).judge(asked)
    except Unanswered:
        half = len(asked) // 2
        if not half:
            return {}
        return by_great_expectations(table, asked[:half]) | by_great_expectations(table, asked[half:])
    return {result.number: result for result in found}


def by_the_pass(table: pa.Table, asked: Sequence[Asked]) -> dict[int, Result]:
    """Return the results of the pass, as if Great Expectations had given them; none for what it leaves."""
    done = passing.run(asked, in_memory(Table(table, (Part("x.parquet", 0),)))).results
    return {
        number: replace(result, answered_from="great_expectations")
        if result.answered_from == passing.PASS
        else result
        for number, result in done.items()
    }


def differ(found: Result, wanted: Result | None) -> bool:
    """Whether two results differ in more than the last digits of an observed value."""
    if wanted is None or found == wanted:
        return wanted is None
    mine, theirs = (one.detail.get("observed_value") for one in (found, wanted))
    return not (
        isinstance(mine, float)
        and isinstance(theirs, float)
        and math.isclose(mine, theirs, rel_tol=1e-9)
        and _without_observed(found) == _without_observed(wanted)
    )


def _without_observed(result: Result) -> Result:
    message = result.message.replace(result.observed, "")
    return replace(result, message=message, observed="", detail={**result.detail, "observed_value": 0})
