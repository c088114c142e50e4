"""Of which type a column or its values are: what its type in pandas says."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from gate_server.engine.native.ask import Ask, Compiled, NotNative, nothing
from gate_server.engine.readers.table import Table


def of_type(ask: Ask) -> Compiled:
    """Return what `expect_column_values_to_be_of_type` and `..._in_type_list` want."""
    dtype = _in_pandas(ask.types[0])
    if dtype == "object":
        raise NotNative("of objects Great Expectations asks each value")
    types = [{"name": ask.columns[0].name, "type": dtype}]
    return Compiled({}, lambda _: {"table.column_types": types}, merge=nothing)


def column_type(ask: Ask) -> Compiled:
    """Return what `expect_column_type_to_be` wants."""
    types = [{"name": _COLUMN, "type": _in_pandas(ask.types[0])}]
    kwargs = {**ask.kwargs, "column": _COLUMN}  # of a name that needs no quotes
    return Compiled({}, lambda _: {"table.column_types": types}, asked=lambda _: kwargs, merge=nothing)


def _in_pandas(kind: pa.DataType) -> Any:
    empty = pa.schema([(_COLUMN, kind)]).empty_table()
    return Table(empty, ()).frame().dtypes[_COLUMN]


_COLUMN = "column"
