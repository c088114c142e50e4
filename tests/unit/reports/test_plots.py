"""What is plotted is what was counted, and is told in words as well."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from gate_server.model import Evaluation, Result
from gate_server.reports.plots import HEIGHT, bars_by_check
from gate_server.reports.results import null_shares
from gate_server.store.history import RowCount

NOW = datetime(2026, 11, 20, tzinfo=UTC)
NOT_NULL = "expect_column_values_to_not_be_null"


def counts(*rows: int) -> list[RowCount]:
    return [RowCount(f"c{number}", NOW, "PASS", count) for number, count in enumerate(rows)]


def test_rows_are_told_beside_those_of_before() -> None:
    plot = bars_by_check("daily", counts(900, 1100, 1000, 0), "c3")
    assert plot is not None
    assert plot.told == "0 rows; in the 3 checks before 900 to 1,100, in the middle 1,000"
    assert [bar.tone for bar in plot.bars] == ["pass"] * 4
    assert plot.bars[1].height == HEIGHT
    assert 0 < plot.bars[3].height < 2  # it is there, though it held nothing
    assert all(bar.y + bar.height == HEIGHT for bar in plot.bars)
    again = bars_by_check("daily", counts(0, 0), "c1")
    assert again is not None
    assert again.told == "0 rows; in the check before 0"


def test_what_cannot_be_compared_is_not_plotted() -> None:
    assert bars_by_check("daily", counts(5), "c0") is None
    assert bars_by_check("daily", [], "c0") is None
    assert bars_by_check("daily", counts(5, 6), "c9") is None  # of this check it is not known


def result(column: str, elements: int, expectation: str = "expect_x", **found: int) -> Result:
    return Result(0, expectation, True, "", column=column, element_count=elements, **found)  # type: ignore[arg-type]


def test_nulls_are_those_of_all_rows() -> None:
    evaluation = Evaluation(
        "answered",
        (
            result("a", 200, missing_count=1),
            result("b", 200, NOT_NULL, unexpected_count=50, missing_count=0),
            result("b", 200, missing_count=50),
            result("c", 200, "expect_column_values_to_be_null", unexpected_count=200),
            result("d", 90, missing_count=90),  # of the rows that a condition selects
            result("e", 200),  # nobody counted
            result("b, c", 200, missing_count=3),  # of two columns
        ),
        rows=200,
        columns=("a", "b", "c", "d", "e"),
    )
    shares = [(item.column, item.nulls, item.share) for item in null_shares(evaluation)]
    assert shares == [("b", 50, "25 %"), ("a", 1, "0.5 %")]
    assert null_shares(replace(evaluation, rows=None)) == ()
    assert null_shares(replace(evaluation, results=(result("a", 200, missing_count=0),))) == ()
