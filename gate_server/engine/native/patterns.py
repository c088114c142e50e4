r"""Regular expressions: Python's meaning, which Great Expectations' is, in the words of Rust's engine.

A pattern is parsed by Python's own parser and written anew, each construct spelled out. What is none of a
regular language, or what the engines could understand differently, is not answered here. \d, \w, \s and \b
are written for ASCII, as the two know different versions of Unicode: of a text with other characters Python
itself says whether such a pattern is found in it.
"""

from __future__ import annotations

import operator
import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial, reduce
from re import _constants as op  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

import narwhals as nw
import pandas as pd
import polars as pl

from gate_server.engine.native.ask import Ask, Compiled, Derived, NotNative, of_rows
from gate_server.engine.native.texts import beyond_ascii, by_python


@dataclass(frozen=True)
class Dialect:
    """What engines write in their own way: categories, as they stand in a class, and a word's boundary."""

    categories: Mapping[Any, str]
    boundary: str


_RUST = Dialect(
    {
        op.CATEGORY_DIGIT: "[0-9]",
        op.CATEGORY_NOT_DIGIT: "[^0-9]",
        op.CATEGORY_WORD: "[0-9A-Za-z_]",
        op.CATEGORY_NOT_WORD: "[^0-9A-Za-z_]",
        op.CATEGORY_SPACE: r"[\t-\r\x1c-\x20]",
        op.CATEGORY_NOT_SPACE: r"[^\t-\r\x1c-\x20]",
    },
    r"(?-u:\b)",
)
_SENSITIVE = re.compile("CATEGORY|BOUNDARY")
_STARTS = {op.AT_BEGINNING, op.AT_BEGINNING_STRING}


def match(ask: Ask) -> Compiled:
    """Return what `expect_column_values_to_match_regex` wants."""
    (found,), derived = _found(ask, [ask.kwargs["regex"]])
    return replace(of_rows(ask, ~found), derived=derived)


def not_match(ask: Ask) -> Compiled:
    """Return what `expect_column_values_to_not_match_regex` wants."""
    (found,), derived = _found(ask, [ask.kwargs["regex"]])
    return replace(of_rows(ask, found), derived=derived)


def match_list(ask: Ask) -> Compiled:
    """Return what `expect_column_values_to_match_regex_list` wants."""
    found, derived = _found(ask, ask.kwargs["regex_list"])
    how = operator.and_ if getattr(ask.expectation, "match_on", "any") == "all" else operator.or_
    return replace(of_rows(ask, ~reduce(how, found)), derived=derived)


def not_match_list(ask: Ask) -> Compiled:
    """Return what `expect_column_values_to_not_match_regex_list` wants."""
    found, derived = _found(ask, ask.kwargs["regex_list"])
    return replace(of_rows(ask, reduce(operator.or_, found)), derived=derived)


def _found(ask: Ask, patterns: Sequence[str]) -> tuple[list[nw.Expr], dict[str, Derived]]:
    """Return where each pattern is found in a text, and what Python says of some texts."""
    if not patterns:
        raise NotNative("no pattern")
    found, derived = [], {}
    for place, pattern in enumerate(patterns):
        written = as_rust(pattern)
        by_rust = ask.values().str.contains(written.pattern)
        if written.only_ascii:
            name = ask.own(f"found {place}")
            derived[name] = Derived(ask.values(), partial(_by_python, pattern))
            by_rust = nw.when(nw.col(name).is_null()).then(by_rust).otherwise(nw.col(name))
        found.append(by_rust)
    return found, derived


def _by_python(pattern: str, texts: pl.Expr) -> pl.Expr:
    compiled = re.compile(pattern)
    return by_python(beyond_ascii(texts), lambda text: compiled.search(text) is not None)


@dataclass(frozen=True)
class Written:
    """A pattern in the words of Rust's engine. ``only_ascii``: it means the same in ASCII texts only."""

    pattern: str
    only_ascii: bool


@cache
def as_rust(pattern: str) -> Written:
    """Return a pattern that finds in Rust what `pattern` finds in Python's `re.search`.

    Raises
    ------
    NotNative
        It is outside of what both engines share, or one of them refuses it.
    """
    try:
        written = Written(write(pattern, _RUST), bool(_SENSITIVE.search(repr(parser.parse(pattern)))))
        pl.Series(["a"]).str.contains(written.pattern)
    except NotNative:
        raise
    except Exception as error:
        raise NotNative("a pattern that one of the engines refuses") from error
    return written


def write(pattern: str, dialect: Dialect) -> str:
    """Return a pattern that finds in an engine what `pattern` finds in Python's `re.search`.

    Raises
    ------
    NotNative
        It is outside of what the engines share, or pandas refuses it.
    """
    if "{," in pattern:
        raise NotNative("pandas' engine takes it for text")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # what a later Python will read differently
            tree = parser.parse(pattern)
        if tree.state.flags != re.UNICODE:
            raise NotNative("a pattern with flags")
        written = _sequence(tree, dialect, last=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of groups
            pd.Series(["a"], dtype="str").str.contains(pattern)
    except NotNative:
        raise
    except Exception as error:
        raise NotNative("a pattern that one of the engines refuses") from error
    return written


def _sequence(items: Iterable[Any], dialect: Dialect, *, last: bool) -> str:
    """Write a sequence. `last`: nothing of the pattern follows it."""
    found = list(items)
    return "".join(
        _one(kind, given, dialect, last=last and place == len(found) - 1)
        for place, (kind, given) in enumerate(found)
    )


def _one(kind: Any, given: Any, dialect: Dialect, *, last: bool) -> str:
    if kind is op.LITERAL:
        return _character(given)
    if kind is op.NOT_LITERAL:
        return f"[^{_character(given)}]"
    if kind is op.ANY:
        return r"[^\n]"
    if kind is op.IN:
        return _class(given, dialect)
    if kind is op.BRANCH:
        return f"(?:{'|'.join(_sequence(branch, dialect, last=last) for branch in given[1])})"
    if kind is op.SUBPATTERN:
        _, added, removed, inner = given
        if added or removed:
            raise NotNative("a pattern with flags")
        return f"(?:{_sequence(inner, dialect, last=last)})"
    if kind in {op.MAX_REPEAT, op.MIN_REPEAT}:  # whether it is found is the same for both
        return _repeat(given[0], given[1], given[2], dialect)
    if kind is op.AT and given in _STARTS:
        return r"\A"
    if kind is op.AT and given is op.AT_BOUNDARY:
        return dialect.boundary
    if kind is op.AT and given is op.AT_END_STRING:
        return r"\z"
    if kind is op.AT and given is op.AT_END and last:  # Python's $ stands before a last newline too
        return r"\n?\z"
    raise NotNative("a pattern with what the engines do not share")


def _repeat(least: int, most: int, inner: Any, dialect: Dialect) -> str:
    if (most is op.MAXREPEAT or most > 1) and inner.getwidth()[0] == 0:
        raise NotNative("a repeated part that may be empty")
    end = "" if most is op.MAXREPEAT else str(most)
    return f"(?:{_sequence(inner, dialect, last=False)}){{{least},{end}}}"


def _class(items: Sequence[tuple[Any, Any]], dialect: Dialect) -> str:
    negated, written = "", ""
    for kind, given in items:
        if kind is op.NEGATE:
            negated = "^"
        elif kind is op.LITERAL:
            written += _character(given)
        elif kind is op.RANGE:
            written += f"{_character(given[0])}-{_character(given[1])}"
        elif kind is op.CATEGORY and given in dialect.categories:
            written += dialect.categories[given]
        else:
            raise NotNative("a class with what the engines do not share")
    return f"[{negated}{written}]"


def _character(code: int) -> str:
    if 0xD800 <= code <= 0xDFFF:
        raise NotNative("half a surrogate pair")
    return rf"\x{{{code:x}}}"
