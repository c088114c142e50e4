"""The lowest and the highest value of a column."""

from __future__ import annotations

from gate_server.engine.families import Family
from gate_server.engine.native.ask import Ask, Compiled, NotNative


def lowest(ask: Ask) -> Compiled:
    """Return what `expect_column_min_to_be_between` wants."""
    _no_decimal(ask)
    return Compiled({"min": ask.values().min()}, lambda facts: {"column.min": facts["min"]})


def highest(ask: Ask) -> Compiled:
    """Return what `expect_column_max_to_be_between` wants."""
    _no_decimal(ask)
    return Compiled({"max": ask.values().max()}, lambda facts: {"column.max": facts["max"]})


def _no_decimal(ask: Ask) -> None:
    if ask.columns[0].family is Family.DECIMAL:
        raise NotNative("Great Expectations makes doubles of bounds: see `bounds`")
