"""An Arrow table as the frame that the pass reads."""

from __future__ import annotations

from collections.abc import Mapping

import narwhals as nw
import polars as pl
import pyarrow as pa

from gate_server.engine.native.ask import Derived
from gate_server.engine.readers.moments import FIRST_DAY, LAST_DAY, TICKS_A_DAY
from gate_server.engine.readers.scan import NotPlain


def frame_of(table: pa.Table) -> pl.LazyFrame:
    """Return the columns whose types Polars holds exactly, without copying where it can."""
    held = [field.name for field in table.schema if is_held(field.type)]
    frame = pl.from_arrow(table.select(held), rechunk=False)
    assert isinstance(frame, pl.DataFrame)  # noqa: S101 - for the type checker: a table is no series
    return frame.lazy()


def constant(value: pa.Scalar) -> pl.Expr:
    """Return one value for all rows."""
    return pl.lit(value.as_py(), dtype=dtype_of(value))


def dtype_of(value: pa.Scalar) -> pl.DataType:
    """Return the type that Polars has for a value."""
    return pl.from_arrow(pa.array([], value.type)).dtype  # type: ignore[union-attr]


def is_held(kind: pa.DataType) -> bool:
    """Whether Polars holds values of an Arrow type exactly."""
    return bool(
        pa.types.is_integer(kind)
        or pa.types.is_float32(kind)
        or pa.types.is_float64(kind)
        or pa.types.is_boolean(kind)
        or pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_date32(kind)
        or (pa.types.is_timestamp(kind) and kind.unit in {"us", "ms"} and kind.tz in {None, "UTC"})
        or (pa.types.is_decimal128(kind) and kind.scale >= 0)
    )


def as_pandas_has_it(frame: pl.LazyFrame) -> pl.LazyFrame:
    """Return the frame with NaN as null, and without the moments that Python has no value for.

    Where such a moment stood is told by a column of its own (`beyond`).

    Raises
    ------
    NotPlain
        One of these columns, needed or not, has a name that Polars takes for those of others.
    """
    changed = []
    for name, kind in frame.collect_schema().items():
        if (kind.is_float() or kind.is_temporal()) and is_pattern(name):
            raise NotPlain("the name of a column could be taken for another")
        if kind.is_float():
            changed.append(pl.col(name).fill_nan(None))
        elif kind.is_temporal():
            per_day = 1 if kind == pl.Date else TICKS_A_DAY[kind.time_unit]  # type: ignore[attr-defined]
            stored = pl.col(name).to_physical().cast(pl.Int64)
            within = stored.is_between(FIRST_DAY * per_day, (LAST_DAY + 1) * per_day - 1)
            changed += [(~within).fill_null(False).alias(beyond(name)), pl.when(within).then(pl.col(name))]
    return frame.with_columns(changed)


def with_derived(frame: pl.LazyFrame, derived: Mapping[str, Derived]) -> pl.LazyFrame:
    """Return the frame with the columns that expectations derive."""
    if not derived:
        return frame
    values = {name: one.values for name, one in derived.items()}
    made_of = nw.from_native(frame).with_columns(**values).to_native()
    return made_of.with_columns(**{name: one.native(pl.col(name)) for name, one in derived.items()})


def is_pattern(name: str) -> bool:
    """Whether Polars takes the name of a column for a pattern of names."""
    return name.startswith("^") or name == "*"


def beyond(name: str) -> str:
    """Return the name of the column that says where `name` holds a moment outside the years 1 to 9999."""
    return f"__beyond__ {name}"
