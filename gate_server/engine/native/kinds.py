"""Of which type the values of a column are: what its type in pandas says."""

from __future__ import annotations

import pyarrow as pa

from gate_server.engine.native.ask import Ask, Compiled, NotNative, nothing
from gate_server.engine.readers.table import Table


def of_type(ask: Ask) -> Compiled:
    """Return what `expect_column_values_to_be_of_type` and `..._in_type_list` want."""
    name = ask.columns[0].name
    dtype = Table(pa.schema([(name, ask.types[0])]).empty_table(), ()).frame().dtypes[name]
    if dtype == "object":
        raise NotNative("of objects Great Expectations asks each value")
    return Compiled({}, lambda _: {"table.column_types": [{"name": name, "type": dtype}]}, merge=nothing)
