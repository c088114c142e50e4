"""Great Expectations' answers -> `Result`s: one line for people, counts, places; no cell values (D10)."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from numbers import Real
from typing import Any

from gate_server.engine import phrases
from gate_server.engine.blocked import blocked
from gate_server.engine.bounds import decimal
from gate_server.engine.naming import quoted
from gate_server.engine.phrases import PHRASES, count, names, span
from gate_server.engine.questions import Asked
from gate_server.engine.readers.scan import Located
from gate_server.engine.run import ROWS_KEPT, Answer
from gate_server.model import Result

# What may be passed on of Great Expectations' result format; everything else holds values, or may.
_COUNTS = (
    "element_count",
    "unexpected_count",
    "unexpected_percent",
    "missing_count",
    "missing_percent",
    "unexpected_percent_total",
    "unexpected_percent_nonmissing",
)
_TYPES = {
    "expect_column_type_to_be",
    "expect_column_values_to_be_of_type",
    "expect_column_values_to_be_in_type_list",
}
_EXTREMES = {"expect_column_min_to_be_between", "expect_column_max_to_be_between"}


def own(asked: Asked, *, success: bool, message: str, observed: str = "", vacuous: bool = False) -> Result:
    """Return a result without Great Expectations: a missing column, a wrong type, nothing to see."""
    return Result(
        number=asked.number,
        expectation=asked.type,
        success=success,
        message=message,
        severity=asked.severity,
        column=_column(asked),
        expected=expected(asked),
        observed=observed,
        vacuous=vacuous,
        answered_from="gate",
    )


def missing(asked: Asked, absent: Sequence[str], found: Sequence[str]) -> Result:
    """Return the failure of an expectation whose column is not there."""
    told = ", ".join(quoted(name) for name in absent)
    is_are = "is" if len(absent) == 1 else "are"
    message = f"{told} {is_are} missing: {_subject_it(asked)} should {should(asked)}"
    return own(
        asked, success=False, message=message, observed=f"{count(len(found), 'column')} ({names(found)})"
    )


def nothing_seen(asked: Asked, rows: int) -> Result:
    """Return that an expectation on each value saw none: neither of `rows` rows holds one."""
    what = f"`{asked.columns[0]}` holds no values" if rows else "no row was looked at"
    message = f"{what}: nothing shows that it would {should(asked)}"
    return own(asked, success=True, message=message, vacuous=True)


def no_values(asked: Asked) -> Result:
    """Return the failure of an expectation on a whole column that it found no values in."""
    told = ", ".join(f"`{name}`" for name in asked.columns)
    return own(asked, success=False, message=f"{told}: no values (expected: {expected(asked)})")


def counted(asked: Asked, table: Located, broken: Sequence[int], looked_at: int, fault: str) -> Result:
    """Return a failure that we counted ourselves; `broken` are the rows that failed."""
    rows = tuple(broken[:ROWS_KEPT])
    places = [table.place(row) for row in rows]
    observed = f"{len(broken):,} of {looked_at:,} values {fault}"
    return replace(
        own(asked, success=False, message=f"{_subject(asked)}: {observed}{_where(table, rows, places)}"),
        observed=observed,
        unexpected_count=len(broken),
        rows=rows,
        lines=_lines(table, places),
    )


def should(asked: Asked) -> str:
    """Return what the expectation asks for, as in "hold no nulls"."""
    return PHRASES[asked.type].should(asked.kwargs)


def expected(asked: Asked) -> str:
    """Return what is expected, as in "mean to be at most 3"."""
    subject = PHRASES[asked.type].subject
    text = should(asked)
    return (
        f"{subject} to {text}"
        if subject and asked.offer.kind == "aggregate" and text.startswith("be ")
        else text
    )


def answered(
    asked: Asked,
    answer: Answer,
    table: Located,
    columns: Sequence[str],
    answered_from: str = "great_expectations",
) -> Result:
    """Return what Great Expectations answered, in words."""
    found = {key: plain_number(answer.result[key]) for key in _COUNTS if answer.result.get(key) is not None}
    observed = answer.result.get("observed_value")
    detail: dict[str, Any] = dict(found)
    rows = tuple(int(row) for row in (answer.result.get("partial_unexpected_index_list") or ())[:ROWS_KEPT])
    places = [table.place(row) for row in rows]
    shown = ""
    if _may_show(asked, observed):
        shown = phrases.number(plain_number(observed))
        detail["observed_value"] = plain_number(observed)
    if len(table.parts) > 1 and rows:
        detail["places"] = [{"path": path, "line": line} for path, line in places]
    elements, unseen = found.get("element_count"), found.get("missing_count") or 0
    looked_at = (
        None if elements is None else int(elements if asked.offer.looks_at_nulls else elements - unseen)
    )
    unexpected = None if found.get("unexpected_count") is None else int(found["unexpected_count"])
    if asked.offer.kind == "table":
        message, shown = _table_message(asked, answer, columns, shown)
    elif asked.offer.kind == "aggregate" or unexpected is None or looked_at is None:
        message = _aggregate_message(asked, answer.success, shown)
    else:
        noun = "value" if asked.offer.kind == "map" else "row"
        fault = PHRASES[asked.type].fault(asked.kwargs)
        shown = f"{unexpected:,} of {looked_at:,} {noun}s {fault}"
        message = f"{_subject(asked)}: {shown}{_where(table, rows, places)}"
    return Result(
        number=asked.number,
        expectation=asked.type,
        success=answer.success,
        message=message,
        severity=asked.severity,
        column=_column(asked),
        expected=expected(asked),
        observed=shown,
        element_count=None if elements is None else int(elements),
        missing_count=None if found.get("missing_count") is None else int(found["missing_count"]),
        unexpected_count=unexpected,
        unexpected_percent=_percent(found.get("unexpected_percent")),
        rows=rows,
        lines=_lines(table, places),
        vacuous=looked_at == 0 and asked.offer.kind != "table" and answer.success,
        answered_from=answered_from,
        detail=detail,
    )


def placed(result: Result, table: Located, rows: Sequence[int]) -> Result:
    """Return `result` with the places of the rows that failed."""
    shown = tuple(rows[:ROWS_KEPT])
    return replace(result, rows=shown, lines=_lines(table, [table.place(row) for row in shown]))


def _lines(table: Located, places: Sequence[tuple[str, int | None]]) -> tuple[int, ...]:
    """Return the lines of one object; of several a line alone would say nothing."""
    return tuple(line for _, line in places if line is not None) if len(table.parts) == 1 else ()


def _where(table: Located, rows: Sequence[int], places: Sequence[tuple[str, int | None]]) -> str:
    if not rows:
        return ""
    path, line = places[0]
    where = f"line {line}" if line is not None else f"row {rows[0] + 1}"
    return f", first in {where}" + (f" of {path}" if len(table.parts) > 1 else "")


def _table_message(asked: Asked, answer: Answer, columns: Sequence[str], shown: str) -> tuple[str, str]:
    """Return message and observed text of an expectation on the table as a whole."""
    kwargs = asked.kwargs
    if asked.type == "expect_column_to_exist":
        name, place = kwargs["column"], kwargs.get("column_index")
        if name not in columns:
            text = f"`{name}` is missing: {count(len(columns), 'column')} found ({names(columns)})"
        else:
            text = f"`{name}` is column {columns.index(name)}" + (
                "" if answer.success else f", not {place} (from 0)"
            )
        return text, f"{count(len(columns), 'column')} ({names(columns)})"
    if asked.type.startswith("expect_table_row_count"):
        text = count(int(shown), "row") if shown else "no row count"
        fault = PHRASES[asked.type].fault(kwargs)
        return (text if answer.success else f"{fault}, {text} found"), text
    found = f"{len(columns)} found ({names(columns)})"
    seen = f"{count(len(columns), 'column')} ({names(columns)})"
    if answer.success:
        return seen, seen
    if asked.type.startswith("expect_table_column_count"):
        return f"{PHRASES[asked.type].fault(kwargs)}, {found}", seen
    if asked.type == "expect_table_columns_to_not_include":
        return f"{_quoted(blocked(columns, kwargs['column_list']))} not allowed: {found}", seen
    wanted = [str(name) for name in kwargs.get("column_list") or kwargs.get("column_set") or ()]
    absent = [name for name in wanted if name not in columns]
    extra = [name for name in columns if name not in wanted]
    tail = f"{count(len(wanted), 'column')} expected, {found}"
    if absent:
        return f"{_quoted(absent)} missing: {tail}", seen
    if extra:
        return f"{_quoted(extra)} not expected: {tail}", seen
    return f"the columns stand in another order: {names(wanted)} expected, {names(columns)} found", seen


def _quoted(columns: Sequence[str]) -> str:
    told = ", ".join(quoted(name) for name in columns[: phrases.NAMES_SHOWN])
    more = f" and {len(columns) - phrases.NAMES_SHOWN} more" if len(columns) > phrases.NAMES_SHOWN else ""
    return f"{told}{more} {'is' if len(columns) == 1 else 'are'}"


def _aggregate_message(asked: Asked, success: bool, shown: str) -> str:
    subject = f"the {PHRASES[asked.type].subject or 'type'} of {_subject(asked)}"
    if asked.type in _TYPES:
        wanted = should(asked).removeprefix("be of type ")
        return f"{subject} is {shown}" + ("" if success else f", {wanted} is expected")
    if success:
        ending = f"is {shown} ({span(asked.kwargs)} expected)"
        return f"{subject} {ending}" if shown else f"{_subject(asked)} should {should(asked)}, and does"
    fault = PHRASES[asked.type].fault(asked.kwargs)
    if shown:
        return f"{subject} is {shown}, {fault}"
    verb = "" if fault.startswith(("lie", "are", "lack", "is")) else "is "
    return f"{subject} {verb}{fault}"


def _column(asked: Asked) -> str:
    return str(asked.kwargs["column"]) if "column" in asked.kwargs else ", ".join(asked.columns)


def _subject(asked: Asked) -> str:
    if asked.offer.kind == "pair" and asked.type != "expect_column_pair_values_to_be_in_set":
        return f"`{asked.kwargs['column_A']}`"
    return ", ".join(f"`{name}`" for name in asked.columns) or "the table"


def _subject_it(asked: Asked) -> str:
    if asked.offer.kind in {"pair", "multicolumn"} and len(asked.columns) > 1:
        return _subject(asked)
    return "it"


def _may_show(asked: Asked, observed: Any) -> bool:
    """Whether an observed value is an aggregate or a type's name, never a listed value of the data."""
    if observed is None:
        return False
    if asked.type in _TYPES:
        return isinstance(observed, str)
    if asked.offer.kind not in {"aggregate", "table"}:
        return False
    if asked.type in _EXTREMES and isinstance(observed, (dt.date, dt.datetime)):
        return True
    return isinstance(observed, (Real, Decimal)) or hasattr(observed, "item")


def plain_number(value: Any) -> Any:
    """Return a plain JSON number or a text; infinities and NaN, which JSON lacks, as text."""
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, (dt.date, dt.datetime)):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, Fraction):
        return decimal(value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def _percent(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) else None
