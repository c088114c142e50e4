"""Expectations on the table as a whole, and on what its schema says."""

from __future__ import annotations

import pyarrow as pa

from gate_server.engine.native.ask import ROWS, Ask, Compiled, nothing
from gate_server.engine.readers.table import Table


def row_count(_: Ask) -> Compiled:
    """Return what expectations on the number of rows want."""
    return Compiled({}, lambda facts: {"table.row_count": facts[ROWS]}, merge=nothing)


def column_count(ask: Ask) -> Compiled:
    """Return what expectations on the number of columns want."""
    return Compiled({}, lambda _: {"table.column_count": len(ask.names)}, merge=nothing)


def columns(ask: Ask) -> Compiled:
    """Return what expectations on the columns' names want."""
    return Compiled({}, lambda _: {"table.columns": list(ask.names)}, merge=nothing)


def column_type(ask: Ask) -> Compiled:
    """Return what `expect_column_type_to_be` wants: the type that the column has in pandas."""
    empty = pa.schema([(_COLUMN, ask.types[0])]).empty_table()
    types = [{"name": _COLUMN, "type": Table(empty, ()).frame().dtypes[_COLUMN]}]
    kwargs = {**ask.kwargs, "column": _COLUMN}  # of a name that needs no quotes
    return Compiled({}, lambda _: {"table.column_types": types}, asked=lambda _: kwargs, merge=nothing)


_COLUMN = "column"
