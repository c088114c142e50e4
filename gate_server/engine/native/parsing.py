"""Texts that Python must be able to read: JSON, dates of a format.

A regular expression accepts the plain ones; Python itself judges whatever is left, each text once a batch.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from dataclasses import replace
from functools import cache

import narwhals as nw

from gate_server.engine.native.ask import Ask, Compiled, Derived, NotNative, of_rows
from gate_server.engine.native.texts import by_python

_Reads = Callable[[str], bool]

# Fewer digits than Python makes an integer of.
_NUMBER = r"-?(?:0|[1-9][0-9]{0,99})(?:\.[0-9]{1,99})?(?:[eE][+-]?[0-9]{1,9})?"
_TEXT = r'"[^"\\\x00-\x1f]*"'
_SCALAR = rf"(?:{_TEXT}|{_NUMBER}|true|false|null)"
_SPACE = "[ \t\n\r]*"
_FIELD = rf"{_SPACE}{_TEXT}{_SPACE}:{_SPACE}{_SCALAR}{_SPACE}"
_ITEM = rf"{_SPACE}{_SCALAR}{_SPACE}"
_PLAIN_JSON = (
    rf"\A{_SPACE}(?:{_SCALAR}|\{{(?:{_FIELD}(?:,{_FIELD})*|{_SPACE})\}}"
    rf"|\[(?:{_ITEM}(?:,{_ITEM})*|{_SPACE})\]){_SPACE}\z"
)

# Days that every month of every year has, and where a format's text is no other than Python's own.
_YEAR = "(?:[1-9][0-9]{3}|0[1-9][0-9]{2}|00[1-9][0-9]|000[1-9])"
_DIRECTIVES = {
    "%Y": _YEAR,
    "%m": "(?:0[1-9]|1[0-2])",
    "%d": "(?:0[1-9]|1[0-9]|2[0-8])",
    "%H": "(?:[01][0-9]|2[0-3])",
    "%M": "[0-5][0-9]",
    "%S": "[0-5][0-9]",
    "%f": "[0-9]{6}",
}


def json_parseable(ask: Ask) -> Compiled:
    """Return what `expect_column_values_to_be_json_parseable` wants."""
    return _readable(ask, _is_json, _PLAIN_JSON)


def strftime(ask: Ask) -> Compiled:
    """Return what `expect_column_values_to_match_strftime_format` wants."""
    form = ask.kwargs["strftime_format"]
    try:
        dt.datetime.strptime("", form)  # noqa: DTZ007 - whether it is a format at all
    except ValueError as error:
        if "does not match format" not in str(error):
            raise NotNative("Python has no such format") from error
    except Exception as error:
        raise NotNative("Python has no such format") from error
    return _readable(ask, lambda text: _is_date(text, form), _plain_dates(form))


def _readable(ask: Ask, reads: _Reads, plain: str | None) -> Compiled:
    """Fail where Python does not read a text. `plain`: an expression for texts that it is known to read."""
    name, values = ask.own("read"), ask.values()
    odd = values if plain is None else nw.when(~values.str.contains(plain)).then(values)
    derived = {name: Derived(odd, lambda texts: by_python(texts, reads))}
    return replace(of_rows(ask, ~nw.col(name)), derived=derived)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except Exception:  # as Great Expectations does: recursion too
        return False
    return True


def _is_date(text: str, form: str) -> bool:
    try:
        dt.datetime.strptime(text, form)  # noqa: DTZ007 - it is only read
    except ValueError:
        return False
    return True


@cache
def _plain_dates(form: str) -> str | None:
    """Return an expression for texts that surely match, None where the format has other directives."""
    pattern, rest = "", form
    while rest:
        taken = rest[:2] if rest[0] == "%" else rest[0]
        if taken in _DIRECTIVES:
            pattern += _DIRECTIVES[taken]
        elif taken.isascii() and (taken.isalnum() or taken in "-/:., _"):
            pattern += taken.replace(".", r"\.")
        else:
            return None
        rest = rest[len(taken) :]
    return rf"\A{pattern}\z"
