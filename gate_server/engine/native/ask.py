"""One expectation that the pass may answer, and what it wants of the pass."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import narwhals as nw
import polars as pl
import pyarrow as pa
from great_expectations.expectations.expectation import Expectation

from gate_server.engine.catalogue import Offer
from gate_server.engine.families import Column

Facts = Mapping[str, Any]
Query = Callable[["nw.LazyFrame[Any]"], "nw.LazyFrame[Any]"]
Merge = Callable[[Sequence[Facts]], Facts]
# Every expectation is told how many rows its condition selects, and how many values a column has in them.
ROWS = "rows"
# In how many pieces the table was read: what is added up is added up piece by piece.
PIECES = "pieces"
# The row's place in the table, from 0: a column that queries find beside those of the data.
ROW = "__row__"
FIRST_ROWS = 20


class NotNative(Exception):
    """The pass does not answer this one; Great Expectations does. The message says why."""


@dataclass(frozen=True)
class Ask:
    """One expectation, fitted to its columns.

    Parameters
    ----------
    number
        Its place in the suite.
    expectation
        Great Expectations' own, built from `kwargs`.
    kwargs
        With bounds and given values in the type of the columns (`fit`).
    columns, types
        What it judges.
    names
        All columns of the table, in order.
    selected
        Which rows its condition selects, never null; None for all.
    """

    number: int
    expectation: Expectation
    offer: Offer
    kwargs: Mapping[str, Any]
    columns: tuple[Column, ...]
    types: tuple[pa.DataType, ...]
    names: tuple[str, ...]
    selected: nw.Expr | None = None

    def values(self, place: int = 0) -> nw.Expr:
        """Return a column's values, null also in rows that the condition leaves out."""
        values = nw.col(self.columns[place].name)
        return values if self.selected is None else nw.when(self.selected).then(values)

    def among(self, mask: nw.Expr) -> nw.Expr:
        """Return `mask`, which is never null, within the selected rows."""
        return mask if self.selected is None else mask & self.selected

    def own(self, name: str) -> str:
        """Return the name of a column that only this expectation derives."""
        return f"__{self.number}__ {name}"

    @property
    def map_metric(self) -> str:
        """The name of Great Expectations' metric of the rows that fail."""
        return str(getattr(self.expectation, "map_metric", ""))


@dataclass(frozen=True)
class Derived:
    """A column that Polars makes for the pass, where Narwhals has no expression for it.

    Parameters
    ----------
    values
        What it is made of.
    native
        What Polars makes of these.
    """

    values: nw.Expr
    native: Callable[[pl.Expr], pl.Expr]


@dataclass(frozen=True)
class Read:
    """What is read beside the facts, from the same read of the data, and made a fact at once.

    Parameters
    ----------
    query
        Its frame is held in memory: one row, or one column.
    made
        The fact.
    """

    query: Query
    made: Callable[[pl.DataFrame], Any]


@dataclass(frozen=True)
class Compiled:
    """What an expectation wants of the pass, and what it makes of it.

    Parameters
    ----------
    facts
        Aggregates of the one pass, by name.
    metrics
        Great Expectations' metrics from these facts, those of `queries` and ``rows`` and ``present.N``.
        May raise `NotNative`.
    unexpected
        Which rows fail, never null; the first of them are looked up if the fact `unexpected` is not 0.
    queries
        What the facts leave open: further reads, each of a small frame, which becomes a fact: the list of
        its rows as dictionaries. They find the column `ROW` as well. With their answers among the facts
        they are asked for once more, until none is new.
    derived
        Columns that all of the above may read beside those of the data, named by `Ask.own`.
    reads
        Facts that are no aggregates.
    asked
        Which kwargs Great Expectations is asked with, if others than those of the `Ask`. May raise
        `NotNative`.
    merge
        `facts` of several tables, each but those of `different`, as those of one table of all their rows;
        None where they do not tell. The facts that every expectation is told are there as well, unmerged.
    different
        Of what values a fact says how many different ones there are.
    of_each_value
        Whether `unexpected` says of each row what follows from the value of the one column in it alone, and
        all that is asked is how many there are.
    """

    facts: Mapping[str, nw.Expr]
    metrics: Callable[[Facts], Mapping[str, Any]]
    unexpected: nw.Expr | None = None
    queries: Callable[[Facts], Mapping[str, Query]] = field(default=lambda _: {})
    derived: Mapping[str, Derived] = field(default_factory=dict)
    reads: Mapping[str, Read] = field(default_factory=dict)
    asked: Callable[[Facts], Mapping[str, Any]] | None = None
    merge: Merge | None = None
    different: Mapping[str, nw.Expr] = field(default_factory=dict)
    of_each_value: bool = False


def nothing(_: Sequence[Facts]) -> Facts:
    """Merge no facts: what every expectation is told is enough."""
    return {}


def added(*names: str) -> Merge:
    """Return the merging of facts that are added up exactly."""
    return lambda several: {name: sum(one[name] for one in several) for name in names}


def lowest_of(several: Sequence[Facts], name: str) -> Any:
    """Return the lowest of a fact of several tables, None where none has it."""
    return min((one[name] for one in several if one[name] is not None), default=None)


def highest_of(several: Sequence[Facts], name: str) -> Any:
    """Return the highest of a fact of several tables, None where none has it."""
    return max((one[name] for one in several if one[name] is not None), default=None)


def count(mask: nw.Expr) -> nw.Expr:
    """Return in how many rows `mask`, which is never null, holds."""
    return mask.cast(nw.Int64).sum()


def of_rows(ask: Ask, unexpected: nw.Expr) -> Compiled:
    """Return what an expectation on each value of one column wants.

    Parameters
    ----------
    unexpected
        Where the values fail; null counts as not.
    """
    failing = ask.among(unexpected.fill_null(False))

    def metrics(facts: Facts) -> Mapping[str, Any]:
        return {
            "table.row_count": facts[ROWS],
            "column_values.nonnull.unexpected_count": facts[ROWS] - facts[present(0)],
            **failing_rows(ask, facts),
        }

    return counted(ask, failing, metrics)


def counted(ask: Ask, failing: nw.Expr, metrics: Callable[[Facts], Mapping[str, Any]]) -> Compiled:
    """Return what wants to know how many rows fail, each by its value of the one column."""
    return Compiled(
        {"unexpected": count(failing)},
        metrics,
        failing,
        merge=added("unexpected"),
        of_each_value=ask.selected is None,
    )


def failing_rows(ask: Ask, facts: Facts) -> Mapping[str, Any]:
    """Return Great Expectations' metrics of the rows that fail."""
    return {
        f"{ask.map_metric}.unexpected_count": facts["unexpected"],
        f"{ask.map_metric}.unexpected_index_list": facts.get("unexpected_rows", []),
    }


def present(place: int) -> str:
    """Return the name of the fact how many values column `place` has in the selected rows."""
    return f"present.{place}"
