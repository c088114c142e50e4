"""Row conditions as expressions of the pass."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from functools import reduce

import narwhals as nw
import pyarrow as pa

from gate_server.engine import conditions
from gate_server.engine.families import Column, Family
from gate_server.engine.fit import Unfit, as_value
from gate_server.engine.native.comparing import compare, equals_any


def selected(
    condition: conditions.Condition, columns: Mapping[str, Column], types: Mapping[str, pa.DataType]
) -> nw.Expr:
    """Return which rows the condition selects, never null; as `conditions.mask` does on pandas.

    Raises
    ------
    Unfit
        A column cannot be compared with the given value.
    NotNative
        It can only be compared by rounding.
    """
    if isinstance(condition, conditions.Group):
        parts = [selected(part, columns, types) for part in condition.parts]
        return reduce(operator.and_ if condition.all else operator.or_, parts)
    values, kind = nw.col(condition.column), types[condition.column]
    if isinstance(condition, conditions.Nullity):
        return values.is_null() if condition.is_null else ~values.is_null()
    column = columns[condition.column]
    purpose = f"be compared by {condition.operator}"
    null_is_unequal = condition.operator in {"!=", "NOT_IN"}
    if condition.operator in {"IN", "NOT_IN"}:
        wanted = [as_value(column, value, purpose) for value in condition.parameter]
        found = equals_any(values, kind, wanted)
        return (~found if null_is_unequal else found).fill_null(null_is_unequal)
    unordered = column.family in {Family.BOOLEAN, Family.NESTED, Family.OTHER}
    if unordered and condition.operator not in {"==", "!="}:
        raise Unfit(f"`{condition.column}` is {column.family}, it has no order to {purpose}")
    value = as_value(column, condition.parameter, purpose)
    return compare(values, kind, condition.operator, value).fill_null(null_is_unequal)
