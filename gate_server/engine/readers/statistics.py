"""What the footers of a table prove of a column: how many nulls, and between which values the others lie.

Only what every writer means alike; everything else is None. NaN is in no statistics, and counts as null here:
so of floats nothing is proven.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pyarrow as pa

from gate_server.engine.readers.footer import Footer, Leaf, Statistics
from gate_server.engine.readers.moments import FIRST_DAY, LAST_DAY, TICKS_A_DAY

_INT32, _INT64 = 1, 2
_INTEGERS = (pa.int8(), pa.int16(), pa.int32(), pa.int64())


@dataclass(frozen=True)
class Proven:
    """Of a column: the number of its nulls, and the lowest and highest value as stored, if it has values.

    Parameters
    ----------
    low, high
        None where they are not known, or where there is no value.
    """

    nulls: int
    low: int | None
    high: int | None


def proven(footers: Sequence[Footer], name: str) -> Proven | None:
    """Return what is certain of a column, None where it is not even the number of its nulls."""
    kind = footers[0].schema.field(name).type
    nulls, lows, highs, bounded = 0, [], [], True
    for footer in footers:
        leaf = footer.leaves.get(name)
        if leaf is None or not _is_counted(kind, leaf):
            return None
        for group in footer.groups:
            told = group.chunks[leaf.place].statistics
            missing = told.nulls if leaf.nullable else 0
            if missing is None or (told.nulls or 0) > missing:
                return None
            nulls += missing
            if missing < group.rows:
                bounds = _bounds(kind, leaf, told)
                bounded = bounded and bounds is not None
                if bounds is not None:
                    lows.append(bounds[0])
                    highs.append(bounds[1])
    if pa.types.is_temporal(kind) and not (bounded and all(map(_is_dated(kind), lows + highs))):
        return None  # pandas has no value for what lies beyond
    return Proven(nulls, min(lows), max(highs)) if bounded and lows else Proven(nulls, None, None)


def _is_counted(kind: pa.DataType, leaf: Leaf) -> bool:
    """Whether its nulls are those that pandas sees: neither NaN nor a moment that it reads as none."""
    if pa.types.is_timestamp(kind):
        return kind.unit == leaf.unit and kind.unit in TICKS_A_DAY and kind.tz in {None, "UTC"}
    tests = (
        pa.types.is_integer,
        pa.types.is_boolean,
        pa.types.is_string,
        pa.types.is_large_string,
        pa.types.is_date32,
        pa.types.is_decimal128,
    )
    return any(test(kind) for test in tests)


def _bounds(kind: pa.DataType, leaf: Leaf, told: Statistics) -> tuple[int, int] | None:
    """Return the lowest and highest value of a row group as stored; None where they are not certain."""
    layout = _LAYOUTS.get(leaf.physical)
    held = _RANGES.get(kind) or (_RANGES[pa.int64()] if pa.types.is_timestamp(kind) else None)
    if not leaf.ordered or not told.exact or layout is None or held is None:
        return None
    if (
        told.low is None
        or told.high is None
        or not len(told.low) == len(told.high) == struct.calcsize(layout)
    ):
        return None
    (low,), (high,) = struct.unpack(layout, told.low), struct.unpack(layout, told.high)
    return (low, high) if held[0] <= low <= high <= held[1] else None


def _is_dated(kind: pa.DataType) -> Callable[[int], bool]:
    ticks = 1 if pa.types.is_date32(kind) else TICKS_A_DAY[kind.unit]
    return lambda stored: FIRST_DAY <= stored // ticks <= LAST_DAY


_LAYOUTS = {_INT32: "<i", _INT64: "<q"}
_RANGES = {
    **{kind: (-(2 ** (kind.bit_width - 1)), 2 ** (kind.bit_width - 1) - 1) for kind in _INTEGERS},
    pa.date32(): (-(2**31), 2**31 - 1),
}
