"""Expectations on the table as a whole: its rows, and the names of its columns."""

from __future__ import annotations

from gate_server.engine.native.ask import ROWS, Ask, Compiled, nothing


def row_count(_: Ask) -> Compiled:
    """Return what expectations on the number of rows want."""
    return Compiled({}, lambda facts: {"table.row_count": facts[ROWS]}, merge=nothing)


def column_count(ask: Ask) -> Compiled:
    """Return what expectations on the number of columns want."""
    return Compiled({}, lambda _: {"table.column_count": len(ask.names)}, merge=nothing)


def columns(ask: Ask) -> Compiled:
    """Return what expectations on the columns' names want."""
    return Compiled({}, lambda _: {"table.columns": list(ask.names)}, merge=nothing)
