"""The lowest and the highest value of a column."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import narwhals as nw
import pandas as pd

from gate_server.engine import bounds
from gate_server.engine.families import Family
from gate_server.engine.native.ask import Ask, Compiled, Facts, NotNative, highest_of, lowest_of


def lowest(ask: Ask) -> Compiled:
    """Return what `expect_column_min_to_be_between` wants."""
    return _extreme(ask, "column.min", ask.values().min(), lowest_of)


def highest(ask: Ask) -> Compiled:
    """Return what `expect_column_max_to_be_between` wants."""
    return _extreme(ask, "column.max", ask.values().max(), highest_of)


def _extreme(
    ask: Ask, metric: str, extreme: nw.Expr, of_several: Callable[[Sequence[Facts], str], Any]
) -> Compiled:
    parted = ask.columns[0].family is Family.DECIMAL
    return Compiled(
        {"extreme": extreme},
        lambda facts: {metric: _as_in_pandas(facts["extreme"])},
        asked=(lambda facts: parting(ask, facts["extreme"])) if parted else None,
        merge=lambda several: {"extreme": of_several(several, "extreme")},
    )


def parting(ask: Ask, value: Decimal | None) -> Mapping[str, Any]:
    """Return the kwargs with doubles for bounds that part a decimal as its decimal bounds do: see `bounds`.

    Raises
    ------
    NotNative
        There are none.
    """
    if value is None:
        return ask.kwargs
    kind = ask.expectation.expectation_type
    try:
        return bounds.parting(kind, ask.kwargs, pd.Series([value], dtype="object"))
    except bounds.Inseparable as error:
        raise NotNative("a decimal is closer to a bound than Great Expectations can tell") from error


def _as_in_pandas(value: Any) -> Any:
    return pd.Timestamp(value) if isinstance(value, dt.datetime) else value
