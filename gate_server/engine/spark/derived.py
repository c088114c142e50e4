"""Expectations on what Spark's own functions derive of a column: lengths, and halves of large integers."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from dataclasses import replace
from functools import reduce
from typing import Any

import narwhals as nw
import pyarrow as pa

from gate_server.engine.families import Family
from gate_server.engine.native import statistics
from gate_server.engine.native.ask import Ask, Compiled, Derived, added, of_rows
from gate_server.engine.native.comparing import compare, outside

_HALF = 32


def lengths_between(ask: Ask) -> Compiled:
    """Return what `expect_column_value_lengths_to_be_between` wants."""
    return _lengths(ask, outside(ask.kwargs))


def lengths_equal(ask: Ask) -> Compiled:
    """Return what `expect_column_value_lengths_to_equal` wants."""
    return _lengths(ask, {"!=": ask.kwargs["value"]})


def _lengths(ask: Ask, fails_by: Mapping[str, Any]) -> Compiled:
    name = ask.own("length")
    fails = [compare(nw.col(name), pa.int64(), sign, bound) for sign, bound in fails_by.items()]
    derived = {name: Derived(ask.values(), _code_points)}
    return replace(of_rows(ask, reduce(operator.or_, fails)), derived=derived)


def _code_points(texts: Any) -> Any:
    from pyspark.sql import functions

    return functions.char_length(texts).cast("bigint")


def total(ask: Ask) -> Compiled:
    """Return what `expect_column_sum_to_be_between` wants; of large integers the two halves are added up.

    A block's sum of either half is far from the end of 64 bits.
    """
    if ask.columns[0].family is not Family.NUMBER or ask.types[0] != pa.int64():
        return statistics.total(ask)
    high, low = ask.own("high"), ask.own("low")
    derived = {high: Derived(ask.values(), _high), low: Derived(ask.values(), _low)}
    return Compiled(
        {"high": nw.col(high).sum(), "low": nw.col(low).sum()},
        lambda facts: {"column.sum": ((facts["high"] or 0) << _HALF) + (facts["low"] or 0)},
        derived=derived,
        merge=lambda several: added("high", "low")(
            [{name: one[name] or 0 for name in ("high", "low")} for one in several]
        ),
    )


def _high(numbers: Any) -> Any:
    from pyspark.sql import functions

    return functions.shiftright(numbers, _HALF)


def _low(numbers: Any) -> Any:
    return numbers.bitwiseAND((1 << _HALF) - 1)
