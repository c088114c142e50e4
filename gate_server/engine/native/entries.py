"""Text that a file keeps as entries of a dictionary is judged by entry, not row by row."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import narwhals as nw
import polars as pl

from gate_server.engine.native.ask import present
from gate_server.engine.native.compiling import Part
from gate_server.engine.native.frames import with_derived
from gate_server.engine.readers.scan import TALLIED, NotPlain, Scan, Tally

_THERE = "there"
Tallied = Callable[[], Mapping[Part, Mapping[str, Any]]]


def by_entry(parts: Sequence[Part], scan: Scan) -> tuple[Scan, list[Part], Tallied]:
    """Return the scan, a reading of which tallies texts, the parts that this leaves, and the tallied.

    What is asked of the entries are the expectation's own expressions. The facts of what was tallied are told
    once the scan was read; NotPlain is raised where that was not to the end.
    """
    of_column: dict[str, list[Part]] = {}
    for part in parts:
        if part.compiled.of_each_value and not part.unfit and part.asked.columns[0] in scan.texts:
            of_column.setdefault(part.asked.columns[0], []).append(part)
    if not of_column or scan.tallying is None:
        return scan, list(parts), dict
    tallies = {
        column: Tally(
            column, {_THERE: pl.Series.is_not_null, **{_name(one): partial(_fails, one) for one in several}}
        )
        for column, several in of_column.items()
    }

    def tallied() -> Mapping[Part, Mapping[str, Any]]:
        if not all(tally.rows for tally in tallies.values()):
            raise NotPlain("it was not read to its end")
        return {
            part: {"unexpected": tallies[column].rows[_name(part)], present(0): tallies[column].rows[_THERE]}
            for column, several in of_column.items()
            for part in several
        }

    answered = {part for several in of_column.values() for part in several}
    by_rows = [part for part in parts if part not in answered]
    frame = scan.tallying(list(tallies.values()))
    if not by_rows:  # else Polars, which then only counts the rows, would want all columns
        frame = frame.select(TALLIED)
    return replace(scan, frame=frame), by_rows, tallied


def _name(part: Part) -> str:
    return str(part.asked.number)


def _fails(part: Part, texts: pl.Series) -> pl.Series:
    """Return of each text, or null, whether it fails."""
    frame = with_derived(texts.alias(part.asked.columns[0]).to_frame().lazy(), part.compiled.derived)
    unexpected = part.compiled.unexpected
    assert unexpected is not None  # noqa: S101 - for the type checker: `of_each_value` says so
    return nw.from_native(frame).select(fails=unexpected).to_native().collect()["fails"]
