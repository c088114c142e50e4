"""The pass over many small tables at once: the facts of each, as it would find them one by one.

Planning and starting a query takes longer than running it over a few thousand rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import narwhals as nw
import numpy as np
import polars as pl

from gate_server.engine.native.ask import FIRST_ROWS, PIECES, ROW, ROWS, count
from gate_server.engine.native.compiling import Part, columns_needed
from gate_server.engine.native.frames import as_pandas_has_it, beyond, with_derived
from gate_server.engine.readers.scan import NotPlain

# The number of the table that a row is of, beside `ROW`, its place there.
_TABLE = "__table__"
_VALUE = "value"
# Within a group a sum adds value by value, and a deviation rounds a few times for each.
_ROUNDINGS_A_ROW = 4


@dataclass(frozen=True)
class Tables:
    """Several tables, none of them empty, one after the other in `frame`, with so many `rows` each."""

    frame: pl.DataFrame
    rows: Sequence[int]


def find_each(parts: Sequence[Part], tables: Tables) -> list[dict[Part, dict[str, Any]]]:
    """Return the facts of each part for each table, but of those whose columns hold what is not held here.

    Facts that are `reads` are not among them.

    Raises
    ------
    NotPlain
        It holds another number of rows.
    PolarsError, PanicException, NarwhalsError
        Polars could not do it.
    """
    data = _numbered(parts, tables)
    facts_of = _counted(parts, data, tables)
    _look_up_rows(parts, data, facts_of)
    return facts_of


def different_values(parts: Sequence[Part], tables: Tables, values: nw.Expr) -> Iterator[pl.Series]:
    """Yield the different values of each table, without null."""
    data = _numbered(parts, tables).select(_TABLE, values.alias(_VALUE)).drop_nulls(_VALUE).unique()
    found = data.to_native().collect().sort(_TABLE)
    counts = np.bincount(found[_TABLE].to_numpy(), minlength=len(tables.rows))
    first = 0
    for number in counts.tolist():
        yield found[_VALUE].slice(first, number)
        first += number


def _numbered(parts: Sequence[Part], tables: Tables) -> nw.LazyFrame[Any]:
    derived = {name: one for part in parts for name, one in part.compiled.derived.items()}
    frame = with_derived(as_pandas_has_it(tables.frame.lazy()), derived)
    rows = np.asarray(tables.rows, np.uint32)
    firsts = np.cumsum(rows) - rows
    place = np.arange(tables.frame.height, dtype=np.uint32) - np.repeat(firsts, rows)
    number = np.repeat(np.arange(len(rows), dtype=np.uint32), rows)
    numbered: nw.LazyFrame[Any] = nw.from_native(
        frame.with_columns(pl.lit(pl.Series(_TABLE, number)), pl.lit(pl.Series(ROW, place))).with_columns(
            pl.col(_TABLE).set_sorted()
        )
    )
    return numbered


def _counted(
    parts: Sequence[Part], data: nw.LazyFrame[Any], tables: Tables
) -> list[dict[Part, dict[str, Any]]]:
    wanted = {_own(part) + name: fact for part in parts for name, fact in part.facts.items()}
    moments = [name for name, kind in tables.frame.schema.items() if kind.is_temporal()]
    counted = data.group_by(_TABLE).agg(
        nw.len().alias(ROWS),
        *(one.alias(name) for name, one in wanted.items()),
        *(count(nw.col(beyond(name))).alias(beyond(name)) for name in moments),
    )
    found = counted.to_native().collect().sort(_TABLE)
    if found[ROWS].to_list() != list(tables.rows):
        raise NotPlain("they hold another number of rows than their parts say")
    names = {part: [(name, _own(part) + name) for name in part.facts] for part in parts}
    facts_of = []
    for row in found.iter_rows(named=True):
        broken = {name for name in moments if row[beyond(name)]}
        facts_of.append(
            {
                part: {name: row[column] for name, column in own} | {PIECES: _ROUNDINGS_A_ROW * row[ROWS]}
                for part, own in names.items()
                if not broken & set(columns_needed(part.asked))
            }
        )
    return facts_of


def _look_up_rows(
    parts: Sequence[Part], data: nw.LazyFrame[Any], facts_of: Sequence[Mapping[Part, dict[str, Any]]]
) -> None:
    """Add the first rows that fail to the facts of each expectation that has some."""
    masks = {
        _own(part): part.compiled.unexpected
        for part in parts
        if part.compiled.unexpected is not None
        and any(part in known and known[part]["unexpected"] for known in facts_of)
    }
    if not masks:
        return
    marked = data.select(_TABLE, ROW, *(mask.alias(name) for name, mask in masks.items())).to_native()
    failing = marked.filter(pl.any_horizontal(list(masks))).collect()
    for part in parts:
        if (name := _own(part)) not in masks:
            continue
        first = failing.filter(pl.col(name)).group_by(_TABLE).agg(pl.col(ROW).sort().head(FIRST_ROWS))
        for table, rows in first.iter_rows():
            if part in facts_of[table]:
                facts_of[table][part]["unexpected_rows"] = rows


def _own(part: Part) -> str:
    return f"{part.asked.number} "
