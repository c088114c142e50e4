"""Regular expressions: Python's meaning, in the words of Java's engine, which Spark searches by.

What Python takes for a digit, for white space or for a part of a word is written out, character by character.
"""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable, Sequence
from functools import cache, reduce
from re import _constants as op  # type: ignore[attr-defined]

import narwhals as nw

from gate_server.engine.native.ask import Ask, Compiled, NotNative, of_rows
from gate_server.engine.native.patterns import Dialect, write


def match(ask: Ask) -> Compiled:
    """Return what `expect_column_values_to_match_regex` wants."""
    return of_rows(ask, ~_found(ask, [ask.kwargs["regex"]])[0])


def not_match(ask: Ask) -> Compiled:
    """Return what `expect_column_values_to_not_match_regex` wants."""
    return of_rows(ask, _found(ask, [ask.kwargs["regex"]])[0])


def match_list(ask: Ask) -> Compiled:
    """Return what `expect_column_values_to_match_regex_list` wants."""
    how = operator.and_ if getattr(ask.expectation, "match_on", "any") == "all" else operator.or_
    return of_rows(ask, ~reduce(how, _found(ask, ask.kwargs["regex_list"])))


def not_match_list(ask: Ask) -> Compiled:
    """Return what `expect_column_values_to_not_match_regex_list` wants."""
    return of_rows(ask, reduce(operator.or_, _found(ask, ask.kwargs["regex_list"])))


def _found(ask: Ask, patterns: Sequence[str]) -> list[nw.Expr]:
    if not patterns:
        raise NotNative("no pattern")
    return [ask.values().str.contains(as_java(pattern)) for pattern in patterns]


@cache
def as_java(pattern: str) -> str:
    """Return a pattern that finds in Java what `pattern` finds in Python's `re.search`.

    Raises
    ------
    NotNative
        It is outside of what both engines share.
    """
    return write(pattern, _java())


@cache
def _java() -> Dialect:
    def is_word(character: str) -> bool:  # as Python's sre has it
        return character.isalnum() or character == "_"

    word = _written(is_word)
    return Dialect(
        {
            op.CATEGORY_DIGIT: _written(str.isdecimal),
            op.CATEGORY_NOT_DIGIT: _written(lambda one: not one.isdecimal()),
            op.CATEGORY_WORD: word,
            op.CATEGORY_NOT_WORD: _written(lambda one: not is_word(one)),
            op.CATEGORY_SPACE: _written(str.isspace),
            op.CATEGORY_NOT_SPACE: _written(lambda one: not one.isspace()),
        },
        f"(?:(?<=[{word}])(?![{word}])|(?<![{word}])(?=[{word}]))",
    )


def _written(holds: Callable[[str], bool]) -> str:
    """Return the characters for which it holds, as ranges of a class."""
    ranges: list[list[int]] = []
    for code in range(sys.maxunicode + 1):
        if not 0xD800 <= code <= 0xDFFF and holds(chr(code)):
            if ranges and ranges[-1][1] == code - 1:
                ranges[-1][1] = code
            else:
                ranges.append([code, code])
    return "".join(rf"\x{{{first:x}}}-\x{{{last:x}}}" for first, last in ranges)
