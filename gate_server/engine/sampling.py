"""Rows of objects by their positions, as text, with columns masked: for who looks at what failed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from gate_server.engine.objects import DataObject
from gate_server.engine.readers.failure import Allowance, ReadFailure
from gate_server.engine.readers.table import Table, read_table
from gate_server.engine.table_formats.live import live
from gate_server.model import Format, Limits, Problem, Sample, SampledRow

MASKED = "•••"
MOST_COLUMNS, MOST_CHARS = 30, 200


def sample(
    objects: Sequence[DataObject],
    fmt: Format,
    limits: Limits,
    rows: Sequence[int],
    first_column: str,
    mask: Sequence[str],
) -> Sample:
    """Return rows of the objects.

    Parameters
    ----------
    rows
        Positions from 0, over all objects in the given order.
    first_column
        The one that is asked for, which is never left out.
    mask
        Patterns of columns whose values are hidden, whatever their case.
    """
    plain = replace(fmt, types={}, infer=False) if fmt.is_delimited else fmt  # the text as it stands there
    try:
        files, read_as = live(objects, plain, allowance := Allowance(limits))
        table = read_table(files, read_as, allowance)
    except ReadFailure as failure:
        return Sample(problem=Problem(failure.code, failure.message, failure.hint, failure.path))
    wanted = [row for row in rows if table is not None and 0 <= row < table.data.num_rows]
    if table is None or not wanted:
        return Sample(problem=Problem("no_rows", "these rows are not there"))
    return _shown(table, wanted, first_column, [pattern.casefold() for pattern in mask])


def _shown(table: Table, rows: Sequence[int], first_column: str, mask: Sequence[str]) -> Sample:
    names = sorted(table.data.column_names, key=lambda name: name != first_column)[:MOST_COLUMNS]
    picked = table.data.select(names).take(rows)
    hidden = {name for name in names if any(fnmatchcase(name.casefold(), pattern) for pattern in mask)}
    columns = [
        [MASKED] * len(rows) if name in hidden else [_text(cell) for cell in picked[name].to_pylist()]
        for name in names
    ]
    located = table.located
    shown = []
    for place, row in enumerate(rows):
        path, line = located.place(row)
        shown.append(SampledRow(path, row + 1, line, tuple(column[place] for column in columns)))
    return Sample(tuple(names), tuple(shown), len(table.data.column_names) - len(names))


def _text(cell: object) -> str | None:
    if cell is None:
        return None
    text = cell.hex(" ") if isinstance(cell, bytes) else str(cell)
    return text if len(text) <= MOST_CHARS else f"{text[:MOST_CHARS]}…"
