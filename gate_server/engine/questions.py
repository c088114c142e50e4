"""A suite, as what it asks: each expectation with its parameters filled in, or what is wrong with it."""

from __future__ import annotations

import datetime as dt
import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from great_expectations.compatibility.pydantic import ValidationError

import gate_server.engine.blocked
import gate_server.engine.destination  # noqa: F401 - both register their expectations
from gate_server.engine import conditions, content
from gate_server.engine.catalogue import NOT_OFFERED, OFFERED, Offer, columns_of
from gate_server.engine.run import Question, build
from gate_server.model import Problem, Suite

Severity = Literal["critical", "warning", "info"]
SEVERITIES = ("critical", "warning", "info")
PARAMETER = "$PARAMETER"
# The gate's own business in every expectation; a suite may carry them, they change nothing.
IGNORED_KWARGS = frozenset({"result_format", "catch_exceptions"})
REFUSED_KWARGS = frozenset(
    {
        *("batch_id", "id", "meta", "notes", "severity", "description", "rendered_content"),
        *("expectation_context", "library_metadata", "windows"),
    }
)


@dataclass(frozen=True)
class Asked:
    """One expectation that can be asked of a table."""

    number: int
    type: str
    kwargs: Mapping[str, Any]
    offer: Offer
    severity: Severity
    condition: conditions.Condition | None

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it judges."""
        return columns_of(self.offer.kind, self.kwargs) if self.type != "expect_column_to_exist" else ()


class _Wrong(Exception):
    def __init__(self, code: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.hint = hint


def interpret(suite: Suite, parameters: Mapping[str, Any]) -> tuple[list[Asked], list[Problem]]:
    """Return what the suite asks, and a problem for each expectation that cannot be asked.

    With no problem, every expectation of the file is among those asked.
    """
    expectations = suite.content.get("expectations") or []
    given = {**(suite.content.get("suite_parameters") or {}), **parameters}
    used: set[str] = set()
    asked: list[Asked] = []
    problems: list[Problem] = []
    if not expectations:
        problems.append(Problem("empty_suite", "the suite holds no expectation", path=suite.path, line=1))
    for number, expectation in enumerate(expectations):
        line = suite.lines[number] if number < len(suite.lines) else None
        try:
            asked.append(_interpret(number, expectation, given, used))
        except _Wrong as wrong:
            kind = expectation.get("type") if isinstance(expectation, Mapping) else ""
            problems.append(Problem(wrong.code, f"{kind}: {wrong}", wrong.hint, suite.path, line))
    for name in sorted(set(parameters) - used):
        hint = closest(name, used, "the suite uses")
        message = f"the rule gives the parameter `{name}`, which the suite does not use"
        problems.append(Problem("unused_parameter", message, hint, suite.path, 1))
    return asked, problems


def closest(name: str, choices: Iterable[str], otherwise: str) -> str:
    """Return "did you mean ...?", or the choices where none is close."""
    known = sorted(choices)
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.6)
    if near:
        return f"did you mean {' or '.join(near)}?"
    return (
        f"{otherwise}: {', '.join(known[:10])}{', ...' if len(known) > 10 else ''}"
        if known
        else f"{otherwise}: none"
    )


def _interpret(number: int, expectation: Any, given: Mapping[str, Any], used: set[str]) -> Asked:
    if not isinstance(expectation, Mapping) or not isinstance(expectation.get("type"), str):
        raise _Wrong("shape", "an expectation needs a `type`")
    kind = expectation["type"]
    if kind in NOT_OFFERED:
        raise _Wrong("not_offered", "not offered here", NOT_OFFERED[kind])
    offer = OFFERED.get(kind)
    if offer is None:
        raise _Wrong("unknown_type", "there is no such expectation", closest(kind, OFFERED, "there are"))
    severity = expectation.get("severity") or "critical"
    if severity not in SEVERITIES:
        raise _Wrong("severity", "unknown severity", f"one of {', '.join(SEVERITIES)}")
    raw = expectation.get("kwargs") or {}
    if not isinstance(raw, Mapping):
        raise _Wrong("shape", "`kwargs` must be a JSON object")
    kwargs = {key: _fill(value, given, used) for key, value in raw.items() if key not in IGNORED_KWARGS}
    for key in sorted(REFUSED_KWARGS & set(kwargs)):
        raise _Wrong("kwargs", f"`{key}` is not for kwargs", "severity, meta and notes stand beside kwargs")
    try:
        condition = conditions.parse(kwargs.pop("row_condition", None), kwargs.pop("condition_parser", None))
    except conditions.BadCondition as error:
        raise _Wrong("row_condition", str(error), error.hint) from error
    _build(Question(number, kind, kwargs))
    if condition is not None and "row_condition" not in _fields(kind):
        raise _Wrong("row_condition", "it takes no row_condition", "it counts all rows")
    if told := content.finding(kind, offer, kwargs, _fields(kind)):
        raise _Wrong("kwargs", *told)
    return Asked(number, kind, kwargs, offer, cast(Severity, severity), condition)


def _fill(value: Any, given: Mapping[str, Any], used: set[str]) -> Any:
    """Return `value` with `{"$PARAMETER": name}` replaced, at any depth.

    Only names: Great Expectations' own expressions read the clock or other stores.
    """
    if isinstance(value, Mapping):
        if PARAMETER not in value:
            return {key: _fill(one, given, used) for key, one in value.items()}
        name = value[PARAMETER]
        if len(value) != 1 or not isinstance(name, str):
            raise _Wrong("parameter", f'write {{"{PARAMETER}": "name"}} and nothing else')
        used.add(name)
        if name not in given:
            hint = closest(name, given, "the rule's `parameters:` and the suite's `suite_parameters` give")
            raise _Wrong("parameter", f"the parameter `{name}` is not given", hint)
        filled = given[name]
        if PARAMETER in str(filled):
            raise _Wrong("parameter", f"the parameter `{name}` refers to another parameter")
        return filled
    if isinstance(value, list):
        return [_fill(one, given, used) for one in value]
    return value


def _build(question: Question) -> None:
    """Let Great Expectations check the kwargs."""
    try:
        expectation = build(question)
    except ValidationError as error:
        known = ", ".join(sorted(_fields(question.type)))
        first: dict[str, str] = {}
        for entry in error.errors():
            first.setdefault(".".join(str(part) for part in entry["loc"][:1]), str(entry["msg"]))
        told = "; ".join(
            message if field == "__root__" else f"`{field}` {_plain(message)}"
            for field, message in first.items()
        )
        unknown = [field for field in first if field not in _fields(question.type) and field != "__root__"]
        hint = closest(unknown[0], _fields(question.type), "it takes") if unknown else f"it takes {known}"
        raise _Wrong("kwargs", told, hint) from error
    except Exception as error:
        raise _Wrong("kwargs", f"Great Expectations refuses it ({type(error).__name__})") from error
    for key in question.kwargs:
        if key not in type(expectation).__fields__:
            raise _Wrong("kwargs", f"`{key}` is unknown", closest(key, _fields(question.type), "it takes"))
        _check_read_as(key, question.kwargs[key], getattr(expectation, key))


def _check_read_as(key: str, given: Any, read: Any) -> None:
    """Refuse what Great Expectations reads as something else, as 2.5 columns as 2, or "yes" as true."""
    if not isinstance(given, (str, bool, int, float, list)) or isinstance(read, dt.date):
        return
    if isinstance(given, list):
        read = [list(one) if isinstance(one, tuple) else one for one in read]
    same = read == given
    if not same or isinstance(given, bool) is not isinstance(read, bool):
        raise _Wrong(
            "kwargs",
            f"`{key}` is {given!r}, which would be read as {read!r}",
            f"write `{key}` in its own type",
        )


def _plain(message: str) -> str:
    return "is not known" if message == "extra fields not permitted" else f"({message})"


def _fields(kind: str) -> set[str]:
    from great_expectations.expectations.registry import get_expectation_impl

    hidden = REFUSED_KWARGS | IGNORED_KWARGS | {"condition_parser"}
    return set(get_expectation_impl(kind).__fields__) - hidden
