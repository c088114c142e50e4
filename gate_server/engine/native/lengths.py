"""How long texts are."""

from __future__ import annotations

import operator
from functools import reduce

import narwhals as nw
import pyarrow as pa

from gate_server.engine.native.ask import Ask, Compiled, of_rows
from gate_server.engine.native.comparing import compare


def between(ask: Ask) -> Compiled:
    """Return what `expect_column_value_lengths_to_be_between` wants."""
    kwargs = ask.kwargs
    outside = []
    if kwargs.get("min_value") is not None:
        outside.append(_compared(ask, "<=" if kwargs.get("strict_min") else "<", kwargs["min_value"]))
    if kwargs.get("max_value") is not None:
        outside.append(_compared(ask, ">=" if kwargs.get("strict_max") else ">", kwargs["max_value"]))
    return of_rows(ask, reduce(operator.or_, outside))


def equal(ask: Ask) -> Compiled:
    """Return what `expect_column_value_lengths_to_equal` wants."""
    return of_rows(ask, _compared(ask, "!=", ask.kwargs["value"]))


def _compared(ask: Ask, sign: str, value: float) -> nw.Expr:
    """Compare the number of code points, as Python counts."""
    return compare(ask.values().str.len_chars().cast(nw.Int64()), pa.int64(), sign, value)
