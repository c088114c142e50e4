"""How long texts are."""

from __future__ import annotations

import operator
from dataclasses import replace
from functools import partial, reduce

import narwhals as nw
import polars as pl
import pyarrow as pa

from gate_server.engine.native.ask import Ask, Compiled, Derived, of_rows
from gate_server.engine.native.comparing import compare, outside

_UTF8_BYTES = 4  # of a character, at most
_LARGE = 2**32


def between(ask: Ask) -> Compiled:
    """Return what `expect_column_value_lengths_to_be_between` wants."""
    return _counted(ask, outside(ask.kwargs))


def equal(ask: Ask) -> Compiled:
    """Return what `expect_column_value_lengths_to_equal` wants."""
    return _counted(ask, {"!=": ask.kwargs["value"]})


def _counted(ask: Ask, fails_by: dict[str, float]) -> Compiled:
    """Compare the number of code points, as Python counts, made once for all comparisons."""
    name = ask.own("length")
    fails = [compare(nw.col(name), pa.int64(), sign, bound) for sign, bound in fails_by.items()]
    native = partial(_lengths, fails_by=fails_by)
    return replace(of_rows(ask, reduce(operator.or_, fails)), derived={name: Derived(ask.values(), native)})


def _lengths(texts: pl.Expr, fails_by: dict[str, float]) -> pl.Expr:
    """Return the lengths; of texts that do not fail, whatever their characters, those in bytes.

    Bytes need not be looked at to be counted. `fails_by` is how a length compares that fails.
    """
    characters = texts.str.len_chars().cast(pl.Int64)
    in_bytes = texts.str.len_bytes().cast(pl.Int64)
    if "!=" in fails_by or not all(isinstance(one, int) and abs(one) < _LARGE for one in fails_by.values()):
        return characters
    least = max(fails_by.get("<", 0), fails_by.get("<=", -1) + 1)
    within = in_bytes > _UTF8_BYTES * (least - 1)
    for sign, strict in ((">", 0), (">=", 1)):
        if sign in fails_by:
            within &= in_bytes <= fails_by[sign] - strict
    return pl.when(within).then(in_bytes).otherwise(characters)
