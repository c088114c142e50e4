"""How long texts are."""

from __future__ import annotations

import operator
from dataclasses import replace
from functools import partial, reduce

import narwhals as nw
import polars as pl
import pyarrow as pa

from gate_server.engine.native.ask import Ask, Compiled, Derived, of_rows
from gate_server.engine.native.comparing import compare

_UTF8_BYTES = 4  # of a character, at most
_LARGE = 2**32


def between(ask: Ask) -> Compiled:
    """Return what `expect_column_value_lengths_to_be_between` wants."""
    kwargs, outside = ask.kwargs, {}
    if kwargs.get("min_value") is not None:
        outside["<=" if kwargs.get("strict_min") else "<"] = kwargs["min_value"]
    if kwargs.get("max_value") is not None:
        outside[">=" if kwargs.get("strict_max") else ">"] = kwargs["max_value"]
    return _outside(ask, outside)


def equal(ask: Ask) -> Compiled:
    """Return what `expect_column_value_lengths_to_equal` wants."""
    return _outside(ask, {"!=": ask.kwargs["value"]})


def _outside(ask: Ask, outside: dict[str, float]) -> Compiled:
    """Compare the number of code points, as Python counts, made once for all comparisons."""
    name = ask.own("length")
    fails = [compare(nw.col(name), pa.int64(), sign, bound) for sign, bound in outside.items()]
    native = partial(_lengths, outside=outside)
    return replace(of_rows(ask, reduce(operator.or_, fails)), derived={name: Derived(ask.values(), native)})


def _lengths(texts: pl.Expr, outside: dict[str, float]) -> pl.Expr:
    """Return the lengths; of texts that are not `outside`, whatever their characters, those in bytes.

    Bytes need not be looked at to be counted. `outside` is how a length compares that fails.
    """
    characters = texts.str.len_chars().cast(pl.Int64)
    in_bytes = texts.str.len_bytes().cast(pl.Int64)
    if "!=" in outside or not all(isinstance(one, int) and abs(one) < _LARGE for one in outside.values()):
        return characters
    least = max(outside.get("<", 0), outside.get("<=", -1) + 1)
    within = in_bytes > _UTF8_BYTES * (least - 1)
    for sign, strict in ((">", 0), (">=", 1)):
        if sign in outside:
            within &= in_bytes <= outside[sign] - strict
    return pl.when(within).then(in_bytes).otherwise(characters)
