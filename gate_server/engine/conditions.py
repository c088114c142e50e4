"""Row conditions: which rows an expectation looks at.

Great Expectations turns them into text for pandas' `query`, whose language runs code. Here they are parsed
into a tree of comparisons and applied with operators, so nothing of a suite is ever evaluated as code.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any

import pandas as pd
from great_expectations.expectations import legacy_row_conditions

from gate_server.engine.families import Column, Family
from gate_server.engine.fit import Unfit, as_value
from gate_server.engine.frames import unrounded

COMPARE: Mapping[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_PARSERS = ("great_expectations", "great_expectations__experimental__")
_MOST = 100  # Great Expectations' own bound
_HINT = (
    'write {"type": "comparison", "column": {"name": "a"}, "operator": ">", "parameter": 0}, '
    '{"type": "nullity", "column": {"name": "a"}, "is_null": false}, or "and" / "or" with "conditions"'
)


class BadCondition(Exception):
    """A row condition that is not of a form that is offered."""

    def __init__(self, message: str, hint: str = _HINT) -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True)
class Comparison:
    """``operator`` is one of ``==, !=, <, <=, >, >=, IN, NOT_IN``."""

    column: str
    operator: str
    parameter: Any


@dataclass(frozen=True)
class Nullity:
    """Whether a column is null."""

    column: str
    is_null: bool


@dataclass(frozen=True)
class Group:
    """``all`` of the parts, or any of them."""

    all: bool
    parts: tuple[Condition, ...]


Condition = Comparison | Nullity | Group


def parse(condition: Any, parser: Any) -> Condition | None:
    """Return the condition of an expectation's kwargs as a tree; None when there is none.

    Raises
    ------
    BadCondition
        The pandas or Spark form, a bare string, anything unknown.
    """
    if condition is None:
        if parser is not None:
            raise BadCondition("condition_parser stands without a row_condition")
        return None
    if isinstance(condition, str):
        if parser not in _PARSERS:
            form = f'condition_parser "{parser}"' if isinstance(parser, str) else "a bare string"
            raise BadCondition(f"row_condition as {form} is not offered: pandas would run it as code")
        return _parse_text(condition)
    if parser is not None and parser not in _PARSERS:
        raise BadCondition(f'condition_parser "{parser}" is not offered')
    parsed = _parse_tree(condition, depth=0)
    if sum(1 for _ in _leaves(parsed)) > _MOST:
        raise BadCondition(f"row_condition has more than {_MOST} comparisons")
    return parsed


def columns_read(condition: Condition) -> tuple[str, ...]:
    """Return the columns it reads."""
    return tuple(dict.fromkeys(leaf.column for leaf in _leaves(condition)))


def mask(condition: Condition, frame: pd.DataFrame, columns: Mapping[str, Column]) -> pd.Series[bool]:
    """Return which rows the condition selects.

    Null is unequal to every value, as in Great Expectations on pandas: ``!=`` and ``NOT_IN`` select it, no
    other comparison does. So a row goes unjudged only when its value says so.

    Raises
    ------
    Unfit
        A column cannot be compared with the given value.
    """
    if isinstance(condition, Group):
        masks = [mask(part, frame, columns) for part in condition.parts]
        return reduce(operator.and_ if condition.all else operator.or_, masks)
    series = frame[condition.column]
    if isinstance(condition, Nullity):
        return series.isna() if condition.is_null else series.notna()
    column = columns[condition.column]
    purpose = f"be compared by {condition.operator}"
    selected = pd.Series(condition.operator in {"!=", "NOT_IN"}, index=frame.index)
    present = unrounded(series[series.notna()])
    if condition.operator in {"IN", "NOT_IN"}:
        values = [as_value(column, value, purpose) for value in condition.parameter]
        found = present.isin(values)
        selected.loc[present.index] = (~found if condition.operator == "NOT_IN" else found).astype(bool)
        return selected
    if column.family in {Family.BOOLEAN, Family.NESTED, Family.OTHER} and condition.operator not in {
        "==",
        "!=",
    }:
        raise Unfit(f"`{condition.column}` is {column.family}, it has no order to {purpose}")
    value = as_value(column, condition.parameter, purpose)
    selected.loc[present.index] = COMPARE[condition.operator](present, value).astype(bool)
    return selected


def _leaves(condition: Condition) -> Iterator[Comparison | Nullity]:
    if isinstance(condition, Group):
        for part in condition.parts:
            yield from _leaves(part)
    else:
        yield condition


def _parse_tree(data: Any, depth: int) -> Condition:
    if not isinstance(data, dict):
        raise BadCondition("row_condition is not a JSON object")
    if depth > 4:
        raise BadCondition("row_condition is nested too deeply")
    kind = data.get("type")
    if kind == "comparison":
        _keys(data, {"type", "column", "operator", "parameter"})
        return _comparison(_column(data["column"]), data["operator"], data["parameter"])
    if kind == "nullity":
        _keys(data, {"type", "column", "is_null"})
        if not isinstance(data["is_null"], bool):
            raise BadCondition("row_condition: is_null must be true or false")
        return Nullity(_column(data["column"]), data["is_null"])
    if kind in {"and", "or"}:
        _keys(data, {"type", "conditions"})
        parts = data["conditions"]
        if not isinstance(parts, list) or not parts:
            raise BadCondition(f'row_condition: "{kind}" needs a list of conditions')
        return Group(kind == "and", tuple(_parse_tree(part, depth + 1) for part in parts))
    if kind == "pass_through":
        raise BadCondition('row_condition of type "pass_through" is not offered: pandas would run it as code')
    raise BadCondition("row_condition has an unknown type")


def _keys(data: Mapping[str, Any], needed: set[str]) -> None:
    if set(data) != needed:
        wrong = sorted(set(data) ^ needed)
        raise BadCondition(f"row_condition: unknown or missing: {', '.join(wrong)}")


def _column(data: Any) -> str:
    name = data.get("name") if isinstance(data, dict) and set(data) == {"name"} else data
    if not isinstance(name, str) or not name:
        raise BadCondition('row_condition: column must be {"name": ...}')
    return name


def _comparison(column: str, sign: Any, parameter: Any) -> Comparison:
    if sign in {"IN", "NOT_IN"}:
        values = parameter if isinstance(parameter, list) else [None]
        if not all(isinstance(value, (str, int, float)) for value in values):
            raise BadCondition(f"row_condition: {sign} needs a list of texts or numbers")
    elif sign not in COMPARE:
        raise BadCondition("row_condition: unknown operator", f"one of {', '.join(COMPARE)}, IN, NOT_IN")
    elif not isinstance(parameter, (str, int, float)):
        raise BadCondition(f"row_condition: {sign} needs a text or a number")
    return Comparison(column, sign, tuple(parameter) if isinstance(parameter, list) else parameter)


def _parse_text(text: str) -> Condition:
    """Parse Great Expectations' own small language by its own grammar, to the end of the text."""
    try:
        found = legacy_row_conditions.condition.parse_string(text, parse_all=True).as_dict()
    except Exception as error:  # pyparsing's, whichever of its names this version uses
        raise BadCondition(
            "row_condition is not of the great_expectations form", 'such as col("a") > 0'
        ) from error
    column = str(found["column"])
    if "notnull" in found:
        return Nullity(column, is_null=False)
    if "date" in found:
        raise BadCondition(
            "row_condition: date(...) is not offered", 'compare with a text such as "2024-01-31"'
        )
    if "condition_value" in found:
        return _comparison(column, str(found["op"]), str(found["condition_value"]))
    number = str(found["fnumber"])
    return _comparison(
        column, str(found["op"]), int(number) if number.lstrip("+-").isdigit() else float(number)
    )
