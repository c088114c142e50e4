"""Texts that Python itself judges: those whose answer no expression of Polars gives exactly."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl


def by_python(texts: pl.Expr, holds: Callable[[str], bool]) -> pl.Expr:
    """Return where `holds` is true, each text asked once a batch; null where there is no text."""

    def judge(series: pl.Series) -> pl.Series:
        different = series.drop_nulls().unique()
        told = pl.Series([holds(text) for text in different], dtype=pl.Boolean)
        return series.replace_strict(different, told, default=None, return_dtype=pl.Boolean)

    return texts.map_batches(judge, return_dtype=pl.Boolean, is_elementwise=True)


def beyond_ascii(texts: pl.Expr) -> pl.Expr:
    """Return the texts that hold other than ASCII characters, null for the others."""
    return pl.when(texts.str.len_bytes() != texts.str.len_chars()).then(texts)
