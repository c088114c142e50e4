"""Arrow's types as Spark reads them from Parquet: only those of which every value is the same in both."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa

_TYPES = {
    pa.bool_(): "BOOLEAN",
    pa.int8(): "TINYINT",
    pa.int16(): "SMALLINT",
    pa.int32(): "INT",
    pa.int64(): "BIGINT",
    pa.float32(): "FLOAT",
    pa.float64(): "DOUBLE",
    pa.string(): "STRING",
    pa.large_string(): "STRING",
    pa.date32(): "DATE",
    **{pa.timestamp(unit): "TIMESTAMP_NTZ" for unit in ("ms", "us")},
    **{pa.timestamp(unit, "UTC"): "TIMESTAMP" for unit in ("ms", "us")},
}
# Spark parts names of fields at dots, and ends them at backticks.
_ODD = frozenset(".`")


def spark_type(kind: pa.DataType) -> str | None:
    """Return the type as SQL spells it; None where Spark has none with the same values."""
    if pa.types.is_decimal128(kind) and 0 <= kind.scale <= kind.precision:
        return f"DECIMAL({kind.precision}, {kind.scale})"
    return _TYPES.get(kind)


def held(schema: pa.Schema) -> set[str]:
    """Return the columns that can be judged on Spark."""
    return {one.name for one in schema if spark_type(one.type) and not _ODD & set(one.name)}


def as_ddl(schema: pa.Schema, names: Iterable[str]) -> str:
    """Return columns as a schema in SQL, so that Spark neither infers types nor looks for them in files."""
    return ", ".join(f"`{name}` {spark_type(schema.field(name).type)}" for name in names)
