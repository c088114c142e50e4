"""Objects -> a suite that they hold, for a person to read and edit. To be imported in a killable child only.

Proposed is only what is likely to be meant: columns, types, nulls, keys, few values, ranges with slack, a
band of rows. No value of the data is written down but those of columns with few distinct, frequent, code-like
values that do not look personal; and smallest and largest numbers, rounded.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from gate_server.engine.families import MOMENT, NUMERIC, Column, Family, columns_of
from gate_server.engine.figures import without_nan
from gate_server.engine.judgement import Judgement
from gate_server.engine.objects import DataObject
from gate_server.engine.questions import interpret
from gate_server.engine.readers.columns import Unconvertible, convert
from gate_server.engine.readers.failure import Allowance, ReadFailure
from gate_server.engine.readers.table import Table, read_table
from gate_server.engine.run import Unanswered
from gate_server.engine.suites import read_suite
from gate_server.engine.table_formats.live import live
from gate_server.model import ColumnType, Draft, Format, Limits, Problem

# From how many rows on something is taken for meant.
ENOUGH_ROWS = 20
MOST_VALUES = 20
TIMES_EACH = 3
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _./+-]{0,29}")
_DIGITS = re.compile(r"[0-9]{5,}")
_PERSONAL = re.compile(
    r"name|mail|phone|mobile|tel|fax|address|street|city|town|zip|postal|post_?code|birth|dob|age|gender|sex|"
    r"ssn|tax|passport|iban|account|card|user|login|owner|author|customer|patient|employee|salary|ip|"
    r"comment|note|text|message",
    re.IGNORECASE,
)
_TEXT_TYPES: tuple[ColumnType, ...] = ("date", "timestamp")
_PANDAS = {
    pa.string(): "string",
    pa.large_string(): "string",
    pa.bool_(): "boolean",
    pa.float32(): "Float32",
    pa.float64(): "Float64",
    **{getattr(pa, f"int{bits}")(): f"Int{bits}" for bits in (8, 16, 32, 64)},
    **{getattr(pa, f"uint{bits}")(): f"UInt{bits}" for bits in (8, 16, 32, 64)},
}


def draft(name: str, objects: Sequence[DataObject], fmt: Format, limits: Limits) -> Draft:
    """Return a suite that `objects`, as one table, hold; or the problem that there is none.

    Parameters
    ----------
    fmt
        How they are read. Types of text formats that say none are found out.
    """
    path = objects[0].path if objects else ""
    try:
        reading = fmt if fmt.types else replace(fmt, infer=fmt.is_delimited)
        files, read_as = live(objects, reading, allowance := Allowance(limits))
        found = read_table(files, read_as, allowance)
        if found is None or not found.data.num_rows:
            return Draft(fmt, problem=Problem("empty", "there are no rows to draft a suite from", path=path))
        table, fmt = _typed(found, fmt)
        return Draft(fmt, _that_hold(name, list(_proposed(table, fmt)), table), table.data.num_rows)
    except ReadFailure as failure:
        return Draft(fmt, problem=failure.problem(path))
    except Unanswered as error:
        return Draft(fmt, problem=Problem("unanswered", str(error), path=path))


def _typed(table: Table, fmt: Format) -> tuple[Table, Format]:
    """Return a text format's table with the types that its columns were found to have, and the format so."""
    if fmt.types or not fmt.is_delimited:
        return table, fmt
    data, types = table.data, {}
    for place, column in enumerate(columns_of(data.schema).values()):
        values = data.column(place)
        if column.family is Family.TEXT and values.null_count < len(values):
            for kind in _TEXT_TYPES:
                try:
                    data = data.set_column(place, column.name, convert(values, kind))
                except Unconvertible:
                    continue
                types[column.name] = kind
                break
        elif column.family is Family.NUMBER:
            types[column.name] = "integer" if pa.types.is_integer(values.type) else "number"
        elif column.family is Family.BOOLEAN:
            types[column.name] = "boolean"
    return Table(data, table.parts), replace(fmt, types=types, infer=False)


def _that_hold(name: str, proposed: list[dict[str, Any]], table: Table) -> dict[str, Any]:
    """Return a suite of those that Great Expectations finds to hold: a draft never refuses its own data."""
    suite = read_suite(name, json.dumps({"name": name, "expectations": proposed}), name)
    asked, problems = interpret(suite, {})
    if problems:
        raise Unanswered(f"the draft has a fault: {problems[0].message}")
    results = Judgement(table).judge(asked)
    kept = [proposed[result.number] for result in results if result.success and not result.vacuous]
    return {"name": name, "expectations": kept}


def _proposed(table: Table, fmt: Format) -> Iterator[dict[str, Any]]:
    data, rows = table.data, table.data.num_rows
    yield _one(
        "expect_table_columns_to_match_set",
        "These were found. With `exact_match: false` others may be there, too.",
        column_set=data.column_names,
    )
    yield _one(
        "expect_table_row_count_to_be_between",
        f"{rows:,} rows were found: from half of that to twice as many.",
        severity="warning",
        min_value=max(rows // 2, 1),
        max_value=rows * 2,
    )
    for column in columns_of(data.schema).values():
        values = without_nan(data[column.name])
        facts = _Facts(column, values, rows)
        for propose in (_type, _nulls, _unique, _texts, _range, _since):
            if propose is not _type or not fmt.is_delimited:
                yield from propose(facts)


@dataclass(frozen=True)
class _Facts:
    column: Column
    values: pa.ChunkedArray
    rows: int

    @property
    def name(self) -> str:
        return self.column.name

    @property
    def present(self) -> int:
        return len(self.values) - int(self.values.null_count)

    @property
    def is_key(self) -> bool:
        """Whether no value comes twice, of so many that this is no accident."""
        countable = self.column.family is Family.TEXT or pa.types.is_integer(self.values.type)
        if not countable or self.present < ENOUGH_ROWS:
            return False
        return bool(pc.count_distinct(self.values).as_py() == self.present)


def _type(facts: _Facts) -> Iterator[dict[str, Any]]:
    if name := _PANDAS.get(facts.values.type):
        yield _one(
            "expect_column_type_to_be",
            "The type that was found, by pandas' name.",
            column=facts.name,
            type_=name,
        )


def _nulls(facts: _Facts) -> Iterator[dict[str, Any]]:
    nulls = facts.rows - facts.present
    if not nulls:
        yield _one(
            "expect_column_values_to_not_be_null", f"None of {facts.rows:,} was null.", column=facts.name
        )
    elif nulls * 10 <= facts.rows and facts.rows >= ENOUGH_ROWS:
        mostly = float(round(1 - Decimal(2 * nulls) / facts.rows, 2))
        yield _one(
            "expect_column_values_to_not_be_null",
            f"{nulls:,} of {facts.rows:,} were null: twice that share is let through.",
            severity="warning",
            column=facts.name,
            mostly=mostly,
        )


def _unique(facts: _Facts) -> Iterator[dict[str, Any]]:
    if facts.is_key:
        yield _one(
            "expect_column_values_to_be_unique",
            f"No value came twice among {facts.present:,}.",
            column=facts.name,
        )


def _texts(facts: _Facts) -> Iterator[dict[str, Any]]:
    yield from list(_few_values(facts)) or _lengths(facts)  # who adds a value to a set shall not add a length


def _few_values(facts: _Facts) -> Iterator[dict[str, Any]]:
    if facts.column.family is not Family.TEXT or _PERSONAL.search(facts.name) or not facts.present:
        return
    counts = pc.value_counts(facts.values.drop_null())
    if len(counts) > MOST_VALUES:
        return
    values = {one["values"]: one["counts"] for one in counts.to_pylist()}
    frequent = all(count >= TIMES_EACH for count in values.values()) and facts.present >= ENOUGH_ROWS
    plain = all(_CODE.fullmatch(value) and not _DIGITS.search(value) for value in values)
    if frequent and plain:
        yield _one(
            "expect_column_values_to_be_in_set",
            f"Only these came, each {TIMES_EACH} times or more. Add what else may come.",
            column=facts.name,
            value_set=sorted(values),
        )


def _range(facts: _Facts) -> Iterator[dict[str, Any]]:
    if facts.column.family not in NUMERIC or not facts.present:
        return
    found = pc.min_max(facts.values).as_py()
    low, high = (Decimal(str(found[key])) for key in ("min", "max"))
    if not (low.is_finite() and high.is_finite()):
        return
    if facts.is_key:
        if low >= 0:
            yield _between(facts, "No key was below 0.", min_value=0)
        return
    span = high - low or abs(high) or Decimal(1)
    step = Decimal(10) ** (span.adjusted() - 1)
    lowest = ((low - span / 10) / step).to_integral_value(ROUND_FLOOR) * step
    highest = _exact(((high + span / 10) / step).to_integral_value(ROUND_CEILING) * step)
    smallest = _exact(max(lowest, Decimal(0)) if low >= 0 else lowest)
    if smallest is not None and highest is not None:
        note = (
            "Smallest and largest, rounded, with a tenth of their span added on each side; not below 0 where "
            "nothing was."
        )
        yield _between(facts, note, min_value=smallest, max_value=highest)


def _since(facts: _Facts) -> Iterator[dict[str, Any]]:
    if facts.column.family in MOMENT and facts.present:
        year = pc.min(facts.values).as_py().year
        note = "Nothing was older than the year of the oldest; there is no upper bound, as newer will come."
        yield _between(facts, note, min_value=f"{year:04}-01-01")


def _between(facts: _Facts, note: str, **bounds: Any) -> dict[str, Any]:
    kind = "expect_column_values_to_be_between"
    return _one(kind, note, severity="warning", column=facts.name, **bounds)


def _lengths(facts: _Facts) -> Iterator[dict[str, Any]]:
    if facts.column.family is not Family.TEXT or facts.present < ENOUGH_ROWS:
        return
    found = pc.min_max(pc.utf8_length(facts.values)).as_py()
    if found["min"] == found["max"]:
        yield _one(
            "expect_column_value_lengths_to_equal",
            f"All {facts.present:,} had this length.",
            column=facts.name,
            value=found["min"],
        )
    else:
        yield _one(
            "expect_column_value_lengths_to_be_between",
            f"The longest had {found['max']:,} characters: twice that is let through.",
            severity="warning",
            column=facts.name,
            max_value=found["max"] * 2,
        )


def _exact(bound: Decimal) -> int | float | None:
    """Return a bound as JSON keeps it, None where it would be rounded."""
    if Decimal(repr(float(bound))) != bound or (Decimal(float(bound)) != bound and bound == int(bound)):
        return None
    return int(bound) if bound == int(bound) else float(bound)


def _one(kind: str, note: str, *, severity: str = "critical", **kwargs: Any) -> dict[str, Any]:
    return {"type": kind, "kwargs": kwargs, "severity": severity, "notes": note}
