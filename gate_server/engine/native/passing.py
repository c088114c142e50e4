"""The pass: reads a table once, and answers all that it can of a suite."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import narwhals as nw
import polars as pl

from gate_server.engine.native.ask import (
    FIRST_ROWS,
    PIECES,
    ROW,
    ROWS,
    Derived,
    NotNative,
    Query,
    count,
)
from gate_server.engine.native.compiling import Part, columns_needed, compile_all, result_of
from gate_server.engine.native.entries import by_entry
from gate_server.engine.native.frames import as_pandas_has_it, beyond, with_derived
from gate_server.engine.questions import Asked
from gate_server.engine.readers.scan import Located, NotPlain, Scan
from gate_server.engine.run import Unanswered
from gate_server.model import Result

PASS = "pass"  # noqa: S105 - no password


@dataclass(frozen=True)
class Passed:
    """What the pass found.

    Parameters
    ----------
    results
        By number.
    left
        What Great Expectations has to answer.
    located
        Where the rows come from.
    """

    results: Mapping[int, Result]
    left: tuple[Asked, ...]
    located: Located


def run(asked: Sequence[Asked], scan: Scan) -> Passed:
    """Read the scan once, and again only for rows that fail.

    Parameters
    ----------
    scan
        Its frame holds the columns that `asked` needs and Polars can hold; an expectation on another one is
        left.

    Raises
    ------
    NotPlain, ReadFailure
        What was read is not what the objects hold.
    """
    compiled = compile_all(asked, scan.schema, scan.frame.collect_schema())
    facts_of, located = find(compiled.parts, scan)
    done = dict(compiled.done)
    left = [*compiled.left, *(part.asked for part in compiled.parts if part not in facts_of)]
    for part, known in facts_of.items():
        while wanting := {k: v for k, v in part.compiled.queries(known).items() if k not in known}:
            for name, query in wanting.items():
                known[name] = _read(_again(scan), _derived([part]), _numbered(query))[0][0].to_dicts()
        try:
            done[part.asked.number] = result_of(part, known, located, scan.schema.names, PASS)
        except (NotNative, Unanswered):
            left.append(part.asked)
    return Passed(done, tuple(left), located)


def find(parts: Sequence[Part], scan: Scan) -> tuple[dict[Part, dict[str, Any]], Located]:
    """Read the scan once, and again only for rows that fail.

    Returns
    -------
    The facts of each part, but of those whose columns hold what is not held here, and where the rows are.

    Raises
    ------
    NotPlain, ReadFailure
        What was read is not what the objects hold.
    """
    tallying, by_rows, tallied = by_entry(parts, scan)
    wanted = {_own(part) + name: fact for part in by_rows for name, fact in part.facts.items()}
    reads = {_own(part) + name: read for part in parts for name, read in part.compiled.reads.items()}
    moments = [name for name, kind in tallying.frame.collect_schema().items() if kind.is_temporal()]

    def aggregates(data: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
        return data.select(
            nw.len().alias(ROWS),
            *(one.alias(name) for name, one in wanted.items()),
            *(count(nw.col(beyond(name))).alias(beyond(name)) for name in moments),
        )

    (found, *others), located = _read(
        tallying, _derived(by_rows), aggregates, *(read.query for read in reads.values())
    )
    row = found.row(0, named=True)
    if row[ROWS] != located.rows:
        raise NotPlain("it holds another number of rows than its parts say")
    row |= {name: read.made(other) for (name, read), other in zip(reads.items(), others, strict=True)}
    broken = {name for name in moments if row[beyond(name)]}
    facts_of = {
        part: {
            name.removeprefix(_own(part)): value for name, value in row.items() if name.startswith(_own(part))
        }
        for part in by_rows
        if not broken & set(columns_needed(part.asked))
    }
    for part, facts in tallied().items():
        facts_of[part] = {ROWS: row[ROWS], **facts}
    for known in facts_of.values():
        known[PIECES] = located.pieces
    _look_up_rows(scan, _derived(parts), facts_of)
    return facts_of, located


def _derived(parts: Iterable[Part]) -> dict[str, Derived]:
    return {name: one for part in parts for name, one in part.compiled.derived.items()}


def _own(part: Part) -> str:
    return f"{part.asked.number} "


def _look_up_rows(
    scan: Scan, derived: Mapping[str, Derived], facts_of: Mapping[Part, dict[str, Any]]
) -> None:
    """Add the first rows that fail to the facts of each expectation that has some, all in one more read."""
    failing = {
        _own(part): (part.compiled.unexpected, known)
        for part, known in facts_of.items()
        if part.compiled.unexpected is not None and known["unexpected"]
    }
    if not failing:
        return

    def query(data: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
        marked = data.select(
            ROW, *(mask.alias(name) for name, (mask, _) in failing.items() if mask is not None)
        )
        rows = [pl.col(ROW).filter(pl.col(name)).head(FIRST_ROWS).implode().alias(name) for name in failing]
        found: nw.LazyFrame[Any] = nw.from_native(marked.to_native().select(rows))
        return found

    (found,) = _read(_again(scan), derived, _numbered(query))[0][0].to_dicts()
    for name, (_, known) in failing.items():
        known["unexpected_rows"] = found[name]


def _again(scan: Scan) -> Scan:
    return scan.again() if scan.again else scan


def _numbered(query: Query) -> Query:
    """Return the query on a frame that has `ROW`."""
    return lambda data: query(nw.from_native(data.to_native().with_row_index(ROW)))


def _read(scan: Scan, derived: Mapping[str, Derived], *queries: Query) -> tuple[list[pl.DataFrame], Located]:
    """Return the answers to queries on the scan, of one read, verified.

    The queries find the columns as `as_pandas_has_it` makes them, and those that are `derived` of them.
    """
    try:
        frame = with_derived(as_pandas_has_it(scan.frame), derived)
        if len(queries) > 1:  # else each of them would read the data
            frame = frame.cache()
        asked = [query(nw.from_native(frame)).to_native() for query in queries]
        found = pl.collect_all(asked, engine="streaming")
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, nw.exceptions.NarwhalsError) as error:
        scan.verify()
        raise NotPlain(f"Polars could not do it ({type(error).__name__})") from error
    return found, scan.verify()
