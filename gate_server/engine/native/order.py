"""Values that go up, or down, from row to row."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import narwhals as nw
import pyarrow as pa

from gate_server.engine.native.ask import Ask, Compiled, Derived, of_rows

_Sign = Callable[[Any, Any], Any]


def increasing(ask: Ask) -> Compiled:
    """Return what `expect_column_values_to_be_increasing` wants."""
    return _in_order(ask, operator.le if ask.kwargs.get("strictly") else operator.lt)


def decreasing(ask: Ask) -> Compiled:
    """Return what `expect_column_values_to_be_decreasing` wants."""
    return _in_order(ask, operator.ge if ask.kwargs.get("strictly") else operator.gt)


def _in_order(ask: Ask, fails: _Sign) -> Compiled:
    """Compare each value with the one before it, nulls and rows that are not selected left out."""
    name = ask.own("before")
    values, before = ask.values(), nw.col(name)
    unexpected = fails(values, before)
    if pa.types.is_floating(ask.types[0]):  # pandas looks at differences: between infinities there is none
        unexpected = unexpected & ~((values == before) & ~values.is_finite())
    derived = {name: Derived(values, lambda found: found.forward_fill().shift(1))}
    return replace(of_rows(ask, unexpected), derived=derived, merge=None, of_each_value=False)
