"""What is judged beside what the destination holds: the answers to the expectations of `destination`.

Numbers are compared exactly, as fractions.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from gate_server.engine import figures, keys, phrases, results
from gate_server.engine.families import MOMENT, NUMERIC, SCALAR, Column, Family, columns_of
from gate_server.engine.fit import Unfit
from gate_server.engine.naming import quoted
from gate_server.engine.phrases import PHRASES, count, span
from gate_server.engine.questions import Asked
from gate_server.engine.readers.table import Table
from gate_server.engine.run import ROWS_KEPT
from gate_server.model import AGE_AT_COMMIT, COMPARES, COMPARING, Result

_COLUMNS = "expect_table_columns_to_include_those_of_destination"
_WHOLE = frozenset(
    {
        _COLUMNS,
        "expect_table_rows_to_not_repeat_those_of_destination",
    }
)
_NOTHING = "the destination holds no {} of it: nothing to compare with"


@dataclass(frozen=True)
class Beside:
    """What a table is judged beside.

    Parameters
    ----------
    table
        What the destination holds of it; None for nothing.
    unchanged
        Paths of what is judged that the destination holds just as they are.
    committed_at
        When the judged commit was made, seconds since 1970.
    decided_by_data
        Whether the scale of decimals follows their values, as in CSV, and is no type of its own.
    """

    table: Table | None = None
    unchanged: frozenset[str] = frozenset()
    committed_at: int = 0
    decided_by_data: bool = False


class _New(Exception):
    """The destination holds nothing to compare with; the message says what is not there."""


def needed(asked: Iterable[Asked], names: Sequence[str]) -> list[str]:
    """Return which of the destination's columns `asked` looks into, at least one: its rows are counted."""
    comparing = [one for one in asked if one.type in COMPARING]
    if any(one.type in _WHOLE for one in comparing):
        return list(names)
    wanted = {name for one in comparing for name in one.columns}
    return [name for name in names if name in wanted] or list(names[:1])


def compare(one: Asked, table: Table, beside: Beside) -> Result:
    """Return the answer to an expectation of `destination`; its columns are in `table`."""
    try:
        if one.type == AGE_AT_COMMIT:
            return _age(one, table, beside.committed_at)
        if beside.table is None or not beside.table.data.num_rows:
            raise _New(_NOTHING.format("rows"))
        columns = columns_of(beside.table.data.schema)
        if absent := [name for name in one.columns if name not in columns]:
            raise _New(_NOTHING.format(f"column {quoted(absent[0])}"))
        return _ANSWERS[one.type](one, table, beside, beside.table)
    except _New as new:
        return replace(results.own(one, success=True, message=str(new), vacuous=True), is_new=True)
    except Unfit as unfit:
        return results.own(one, success=False, message=str(unfit))


def compare_nothing(one: Asked, beside: Beside) -> Result:
    """Return the answer of objects without content to an expectation of `COMPARING`: they hold no row.

    They hold no column either, but only who asks for the columns themselves hears of that: a table with the
    destination's columns and no row is judged.
    """
    there = beside.table
    schema = there.data.schema if there is not None and one.type != _COLUMNS else pa.schema([])
    return compare(one, Table(schema.empty_table(), ()), beside)


def _row_count(one: Asked, table: Table, beside: Beside, there: Table) -> Result:  # noqa: ARG001
    mine, theirs = table.data.num_rows, there.data.num_rows
    told = f"the destination's {count(theirs, 'row')}"
    if one.type == COMPARES:
        figure = Fraction(mine, theirs)
        seen = f"{count(mine, 'row')}, {_double(figure):.4g} times {told}"
    else:
        figure = Fraction(mine - theirs)
        seen = f"{count(mine, 'row')}, {mine - theirs:+,} to {told}"
    success = _within(figure, one)
    message = seen if success else f"{PHRASES[one.type].fault(one.kwargs)}, {seen} found"
    return _observed(one, figure, seen, message, success=success)


def _columns(one: Asked, table: Table, beside: Beside, there: Table) -> Result:
    mine = {field.name: field.type for field in table.data.schema}
    allowed = set(one.kwargs.get("except_columns") or ())
    theirs = {field.name: field.type for field in there.data.schema if field.name not in allowed}
    gone = [name for name in theirs if name not in mine]
    seen = count(len(mine), "column")
    if gone:
        told = f"{phrases.names(gone)} of the destination {'is' if len(gone) == 1 else 'are'} missing"
        return results.own(one, success=False, message=f"{told}: {seen} found", observed=seen)
    if one.kwargs.get("check_types", True):
        for name, kind in theirs.items():
            was, now = (_type_of(given, beside) for given in (kind, mine[name]))
            if was != now:
                message = f"{quoted(name)} is {now}, on the destination it is {was}"
                return results.own(one, success=False, message=message, observed=seen)
    message = (
        f"all {count(len(theirs), 'column')} of the destination {'is' if len(theirs) == 1 else 'are'} there"
    )
    return results.own(one, success=True, message=message, observed=seen)


def _type_of(kind: pa.DataType, beside: Beside) -> str:
    if pa.types.is_decimal(kind) and beside.decided_by_data:
        return "decimal"
    return "string" if pa.types.is_large_string(kind) or kind == pa.string_view() else str(kind)


def _keys_kept(one: Asked, table: Table, beside: Beside, there: Table) -> Result:  # noqa: ARG001
    _comparable(one.columns, table, there)
    names = list(dict.fromkeys(one.columns))
    wanted = there.data.select(names)
    first = keys.distinct(wanted)
    found = keys.held(wanted.take(first), table.data.select(names))
    lost = np.delete(first, found)
    noun = "key of the destination" if len(first) == 1 else "keys of the destination"
    seen = f"{len(lost):,} of {len(first):,} {noun} {PHRASES[one.type].fault(one.kwargs)}"
    place = f", first the one in {_place(there, int(lost[0]))} there" if len(lost) else ""
    return _counted(one, len(first), len(lost), seen, f"{phrases.names(names)}: {seen}{place}")


def _repeated(one: Asked, table: Table, beside: Beside, there: Table) -> Result:
    names = list(dict.fromkeys(one.columns))
    if not names:
        names = table.data.column_names
        if set(names) != set(there.data.column_names):
            raise Unfit("the destination has other columns: whole rows cannot be compared, but keys can")
    _comparable(names, table, there)
    looked_at = _rows_of_new(table, beside.unchanged)
    if not len(looked_at):
        message = "nothing new: the destination holds it all as it is"
        return results.own(one, success=True, message=message)
    fresh = table.data.select(names).take(looked_at)
    rows = looked_at[keys.held(fresh, there.data.select(names))]
    seen = f"{len(rows):,} of {count(len(looked_at), 'row')} {PHRASES[one.type].fault(one.kwargs)}"
    place = f", first {_place(table, int(rows[0]))}" if len(rows) else ""
    subject = phrases.names(names) if one.columns else "the table"
    found = _counted(one, len(looked_at), len(rows), seen, f"{subject}: {seen}{place}")
    return results.placed(found, table.located, rows[:ROWS_KEPT].tolist())


def _rows_of_new(table: Table, unchanged: frozenset[str]) -> npt.NDArray[np.int64]:
    """Return the rows of the parts that are not `unchanged`."""
    starts = [*(part.first_row for part in table.parts), table.data.num_rows]
    fresh = [
        np.arange(start, end)
        for part, start, end in zip(table.parts, starts, starts[1:], strict=False)
        if part.path not in unchanged
    ]
    return np.concatenate(fresh) if fresh else np.empty(0, np.int64)


def _band(one: Asked, table: Table, beside: Beside, there: Table) -> Result:  # noqa: ARG001
    statistic, is_ratio = _STATISTICS[one.type]
    (name,) = one.columns
    if statistic is not figures.null_share:
        _comparable(one.columns, table, there, NUMERIC)
    theirs = statistic(there.data[name])
    if theirs is None:
        raise _New(_NOTHING.format(f"values in {quoted(name)}"))
    mine = statistic(table.data[name])
    if mine is None:
        message = f"{quoted(name)}: no values (expected: {results.expected(one)})"
        return results.own(one, success=False, message=message)
    subject = f"the {PHRASES[one.type].subject} of {quoted(name)}"
    if is_ratio and not theirs:
        raise Unfit(f"{subject} is 0 on the destination: nothing is a multiple of it")
    figure = mine / theirs if is_ratio else mine - theirs
    told = f"{_double(figure):.4g} times" if is_ratio else f"{_double(figure):+.4g} to"
    seen = f"{phrases.number(_double(mine))}, {told} the destination's {phrases.number(_double(theirs))}"
    success = _within(figure, one)
    tail = f"({span(one.kwargs)} expected)" if success else PHRASES[one.type].fault(one.kwargs)
    return _observed(one, figure, seen, f"{subject} is {seen}, {tail}".replace(", (", " ("), success=success)


def _newer(one: Asked, table: Table, beside: Beside, there: Table) -> Result:
    (name,) = one.columns
    column = _comparable(one.columns, table, there, NUMERIC | MOMENT)[0]
    theirs = figures.largest(there.data[name])
    if theirs is None:
        raise _New(_NOTHING.format(f"values in {quoted(name)}"))
    mine = figures.largest(table.data[name])
    if mine is None:
        message = f"{quoted(name)}: no values (expected: {results.expected(one)})"
        return results.own(one, success=False, message=message)
    if {part.path for part in table.parts} <= beside.unchanged:
        return results.own(one, success=True, message="nothing new: the destination holds it all as it is")
    success = bool(mine >= theirs if one.kwargs.get("or_equal") else mine > theirs)
    word = "newest" if column.family in MOMENT else "largest"
    fault = "" if success else f", {PHRASES[one.type].fault(one.kwargs)}"
    seen = f"{results.plain_number(mine)}, the destination's {results.plain_number(theirs)}"
    return results.own(
        one, success=success, message=f"the {word} of {quoted(name)} is {seen}{fault}", observed=seen
    )


def _age(one: Asked, table: Table, committed_at: int) -> Result:
    (name,) = one.columns
    column = columns_of(table.data.schema)[name]
    if column.family not in MOMENT and table.data[name].null_count < table.data.num_rows:
        raise Unfit(f"`{name}` is {column.family}, dates or timestamps are needed to {results.should(one)}")
    newest = figures.largest(table.data[name])
    if newest is None:
        message = f"{quoted(name)}: no values (expected: {results.expected(one)})"
        return results.own(one, success=False, message=message)
    age_h = (committed_at - _seconds(newest)) / 3600
    seen = f"{_double(age_h):.4g} hours"
    success = _within(age_h, one)
    tail = f" ({span(one.kwargs)} expected)" if success else f", {PHRASES[one.type].fault(one.kwargs)}"
    message = f"the newest of {quoted(name)} was {seen} old when the commit was made{tail}"
    return _observed(one, age_h, seen, message, success=success)


def _seconds(moment: Any) -> Fraction:
    if not isinstance(moment, dt.datetime):
        moment = dt.datetime(moment.year, moment.month, moment.day, tzinfo=dt.UTC)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=dt.UTC)
    since = moment - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    return Fraction(since.days * 86_400 + since.seconds) + Fraction(since.microseconds, 1_000_000)


def _comparable(
    names: Sequence[str], table: Table, there: Table, families: frozenset[Family] = SCALAR
) -> list[Column]:
    """Return the columns of what is judged; raises `Unfit` where they cannot be compared with the others."""
    mine, theirs = columns_of(table.data.schema), columns_of(there.data.schema)
    for name in names:
        here, other = mine[name], theirs[name]
        for column, holder in ((here, table), (other, there)):
            empty = holder.data[name].null_count == holder.data.num_rows
            if column.family not in families and not empty:
                where = "" if holder is table else " on the destination"
                raise Unfit(f"{quoted(name)} is {column.family}{where}: it cannot be compared so")
        if any(holder.data[name].null_count == holder.data.num_rows for holder in (table, there)):
            continue
        if here.family is not other.family and not {here.family, other.family} <= NUMERIC:
            raise Unfit(f"{quoted(name)} is {here.family}, on the destination it is {other.family}")
        if (here.zone is None) is not (other.zone is None):
            raise Unfit(f"{quoted(name)} has a time zone on one side only: the two cannot be compared")
    return [mine[name] for name in names]


def _within(figure: Fraction, one: Asked) -> bool:
    low, high = (
        None if one.kwargs.get(key) is None else Fraction(str(one.kwargs[key]))
        for key in ("min_value", "max_value")
    )
    above = low is None or (figure > low if one.kwargs.get("strict_min") else figure >= low)
    below = high is None or (figure < high if one.kwargs.get("strict_max") else figure <= high)
    return above and below


def _observed(one: Asked, figure: Fraction, seen: str, message: str, *, success: bool) -> Result:
    found = results.own(one, success=success, message=message, observed=seen)
    return replace(found, detail={"observed_value": results.plain_number(_double(figure))})


def _double(figure: Fraction) -> float:
    try:
        return float(figure)
    except OverflowError:  # a ratio of doubles may be beyond them
        return math.inf if figure > 0 else -math.inf


def _counted(one: Asked, elements: int, unexpected: int, seen: str, message: str) -> Result:
    mostly = Fraction(str(one.kwargs.get("mostly", 1)))
    success = not unexpected or Fraction(elements - unexpected, elements) >= mostly
    percent = 100 * unexpected / elements
    return replace(
        results.own(one, success=success, message=message, observed=seen),
        element_count=elements,
        missing_count=0,
        unexpected_count=unexpected,
        unexpected_percent=percent,
        detail={"element_count": elements, "unexpected_count": unexpected, "unexpected_percent": percent},
    )


def _place(table: Table, row: int) -> str:
    path, line = table.located.place(row)
    return f"line {line} of {path}" if line is not None else f"row {row + 1} ({path})"


_Statistic = Callable[[pa.ChunkedArray], Fraction | None]
_STATISTICS: dict[str, tuple[_Statistic, bool]] = {
    "expect_column_proportion_of_null_values_difference_to_destination_to_be_between": (
        figures.null_share,
        False,
    ),
    "expect_column_mean_ratio_to_destination_to_be_between": (figures.mean, True),
    "expect_column_mean_difference_to_destination_to_be_between": (figures.mean, False),
    "expect_column_median_ratio_to_destination_to_be_between": (figures.median, True),
    "expect_column_sum_ratio_to_destination_to_be_between": (figures.total, True),
}
_ANSWERS: dict[str, Callable[[Asked, Table, Beside, Table], Result]] = {
    COMPARES: _row_count,
    "expect_table_row_count_difference_to_destination_to_be_between": _row_count,
    _COLUMNS: _columns,
    "expect_table_rows_to_not_repeat_those_of_destination": _repeated,
    "expect_compound_columns_to_include_those_of_destination": _keys_kept,
    "expect_compound_columns_to_not_repeat_those_of_destination": _repeated,
    **dict.fromkeys(_STATISTICS, _band),
    "expect_column_max_to_be_newer_than_destination": _newer,
}
