"""Whether a suite can be asked of data of a format: found before any data is read."""

from __future__ import annotations

import codecs
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from gate_server.engine import conditions
from gate_server.engine.families import Column, Family
from gate_server.engine.fit import Unfit, fit
from gate_server.engine.phrases import PHRASES
from gate_server.engine.questions import Asked, interpret
from gate_server.model import ColumnType, Engine, Format, Problem, Suite

_FAMILIES: dict[ColumnType, Family] = {
    "string": Family.TEXT,
    "integer": Family.NUMBER,
    "number": Family.NUMBER,
    "decimal": Family.DECIMAL,
    "boolean": Family.BOOLEAN,
    "date": Family.DATE,
    "timestamp": Family.TIMESTAMP,
}


def lint(
    suite: Suite, fmt: Format, parameters: Mapping[str, Any], engine: Engine = "polars"
) -> list[Problem]:
    """Return what is wrong with the suite, each with its line and, where there are some, the valid choices.

    With an empty list, `evaluate` has an answer to every expectation, as far as that shows without data.
    """
    asked, problems = interpret(suite, parameters)
    problems += format_problems(suite, asked, fmt)
    if engine == "spark":
        from gate_server.engine.spark.judge import uncovered

        problems += uncovered(asked, suite)
    return sorted(problems, key=lambda problem: problem.line or 0)


def format_problems(suite: Suite, asked: Sequence[Asked], fmt: Format) -> list[Problem]:
    """Return where suite and format do not go together."""
    if not fmt.is_text:
        return []
    problems = list(_csv_options(suite, fmt)) if fmt.is_delimited else []
    by_data = fmt.infer or not fmt.is_delimited
    for one in asked:
        if by_data and not set(_columns_read(one)) <= fmt.types.keys():
            continue
        try:
            _fits(one, fmt)
        except Unfit as unfit:
            line = suite.lines[one.number] if one.number < len(suite.lines) else None
            hint = (
                "format.types of the rule declares another type"
                if by_data
                else f"in {fmt.type.upper()} every column is text: add format.types to the rule, "
                "or infer: true"
            )
            problems.append(Problem("type", f"{one.type}: {unfit}", hint, suite.path, line))
    return problems


def _columns_read(one: Asked) -> tuple[str, ...]:
    return (*one.columns, *(conditions.columns_read(one.condition) if one.condition else ()))


def _fits(one: Asked, fmt: Format) -> None:
    """Raise `Unfit` where no file of the format, with its declared types, can satisfy the expectation."""
    columns = {name: Column(name, _FAMILIES[fmt.types.get(name, "string")]) for name in _columns_read(one)}
    if one.condition:
        conditions.mask(one.condition, pd.DataFrame(columns=list(columns)), columns)
    fit(one.offer, one.kwargs, [columns[name] for name in one.columns], PHRASES[one.type].should(one.kwargs))


def _csv_options(suite: Suite, fmt: Format) -> list[Problem]:
    wrong = []
    try:
        "".encode(fmt.encoding)
        codecs.getincrementaldecoder(fmt.encoding)
    except LookupError:
        wrong.append(f"format.encoding: there is no encoding {fmt.encoding}")
    for name, sign in (("delimiter", fmt.delimiter), ("quote", fmt.quote)):
        if len(sign) != 1 or not sign.isascii() or sign in "\r\n\0":
            wrong.append(f"format.{name} must be one ASCII character")
    if fmt.delimiter == fmt.quote:
        wrong.append("format.delimiter and format.quote are the same")
    return [Problem("format", message, path=suite.path, line=1) for message in wrong]
