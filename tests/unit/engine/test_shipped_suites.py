"""The suites that users copy say what they promise."""

from __future__ import annotations

import datetime as dt
import io
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from ruamel.yaml import YAML

from gate_server.engine.evaluate import evaluate
from gate_server.engine.lint import lint
from gate_server.engine.suites import read_suite
from gate_server.model import Format, Limits, Suite, load

FOLDER = Path(__file__).parents[3] / "expectations"
RULES = {rule["suite"]: rule for rule in YAML(typ="safe").load(FOLDER / "gate.yaml")["rules"]}


def shipped(name: str) -> tuple[Suite, Format, dict[str, Any]]:
    file = FOLDER / "suites" / f"{name}.json"
    rule = RULES[name]
    suite = read_suite(name, file.read_text(), f"suites/{name}.json")
    return suite, load(Format, rule["format"]), rule.get("parameters", {})


def test_each_suite_has_a_rule_and_each_rule_a_suite() -> None:
    assert {file.stem for file in (FOLDER / "suites").iterdir()} == set(RULES)


@pytest.mark.parametrize("name", sorted(RULES))
def test_lint_finds_nothing(name: str) -> None:
    assert lint(*shipped(name)) == []


def test_five_columns_pass(make_object: Any) -> None:
    suite, fmt, parameters = shipped("five_columns")
    evaluation = evaluate(suite, [make_object(b"1,2,3,4,5\n" * 10)], fmt, parameters, Limits())
    assert evaluation.status == "answered"
    assert evaluation.columns == ("_c0", "_c1", "_c2", "_c3", "_c4")
    assert evaluation.rows == 10
    assert [result.number for result in evaluation.results] == list(range(7))
    assert all(result.success and not result.vacuous for result in evaluation.results)


def test_the_missing_column_is_named(make_object: Any) -> None:
    suite, fmt, parameters = shipped("five_columns")
    evaluation = evaluate(suite, [make_object(b"1,2,3,4\n" * 10)], fmt, parameters, Limits())
    assert evaluation.status == "answered"
    failed = {result.number: result.message for result in evaluation.results if not result.success}
    assert failed == {
        0: "`_c4` is missing: 5 columns expected, 4 found (`_c0, _c1, _c2, _c3`)",
        1: "5 columns expected, 4 found (`_c0, _c1, _c2, _c3`)",
        6: "`_c4` is missing: it should hold no nulls",
    }


def test_customers(make_object: Any) -> None:
    suite, fmt, parameters = shipped("customers")
    good = "customer_id,email,country,signed_up\n1,a@b.c,DE,2020-01-01\n2,d@e.f,FR,2021-01-01\n"
    bad = good + "2,g@h.i,Italy,2001-01-01\n"
    first = evaluate(suite, [make_object(good.encode())], fmt, parameters, Limits())
    assert [result.success for result in first.results] == [True] * 6
    second = evaluate(suite, [make_object(bad.encode())], fmt, parameters, Limits())
    assert {result.number: result.message for result in second.results if not result.success} == {
        2: "`customer_id`: 2 of 3 values are not unique, first in line 3",
        4: "`country`: 1 of 3 values do not have a length of 2, first in line 4",
        5: "`signed_up`: 1 of 3 values are not at least 2015-01-01, first in line 4",
    }


def test_orders(make_object: Any) -> None:
    suite, fmt, parameters = shipped("orders")
    table = pa.table(
        {
            "order_id": [1, 2, 3],
            "customer_id": [1, None, 2],
            "status": ["open", "shipped", "lost"],
            "quantity": [1, 0, 5],
            "price": [1.5, 2.0, 0.0],
            "shipped_at": [None, None, dt.datetime(2024, 1, 1, tzinfo=dt.UTC)],
        }
    )
    sink = io.BytesIO()
    pq.write_table(table, sink)
    evaluation = evaluate(
        suite, [make_object(sink.getvalue(), "orders/1.parquet")], fmt, parameters, Limits()
    )
    assert evaluation.status == "answered"
    assert {result.number: result.message for result in evaluation.results if not result.success} == {
        3: "`customer_id`: 1 of 3 values are null, first in row 2",
        4: "`status`: 1 of 3 values are none of the 3 given values, first in row 3",
        5: "`quantity`: 1 of 3 values lie outside 1 to 1000, first in row 2",
        6: "`price`: 1 of 3 values are not more than 0, first in row 3",
        7: "`shipped_at`: 1 of 1 values are null, first in row 2",
    }
