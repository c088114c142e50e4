"""A suite as sentences for people, from its JSON alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gate_server.engine.phrases import PHRASES, names
from gate_server.model import Suite

_SEVERITIES = {"warning": " (a warning)", "info": " (for information)"}


def sentences(suite: Suite, parameters: Mapping[str, Any]) -> list[str]:
    """Return what each expectation asks for, such as "`customer_id` should hold no nulls".

    Parameters
    ----------
    parameters
        The rule's; one that it does not give is named, as ``$first_day``.
    """
    return [
        _sentence(one, parameters)
        for one in suite.content.get("expectations") or ()
        if isinstance(one, Mapping)
    ]


def _sentence(one: Mapping[str, Any], parameters: Mapping[str, Any]) -> str:
    name = str(one.get("type"))
    given = {key: _given(value, parameters) for key, value in dict(one.get("kwargs") or {}).items()}
    phrase = PHRASES.get(name)
    try:
        should = phrase.should(given) if phrase else ""
    except (TypeError, ValueError, KeyError, ArithmeticError):  # `gate suites lint` says what is wrong there
        should = ""
    if phrase is None or not should:
        return name
    subject = _subject(given)
    if phrase.subject and should.startswith("be "):
        subject = f"the {phrase.subject} of {subject}"
    mostly = given.get("mostly")
    share = f", at least {100 * mostly:g} % of them" if isinstance(mostly, int | float) and mostly < 1 else ""
    where = ", where its condition holds" if given.get("row_condition") else ""
    return f"{subject} should {should}{share}{where}{_SEVERITIES.get(str(one.get('severity')), '')}"


def _given(value: Any, parameters: Mapping[str, Any]) -> Any:
    if isinstance(value, Mapping) and set(value) == {"$PARAMETER"}:
        return parameters.get(str(value["$PARAMETER"]), f"${value['$PARAMETER']}")
    return value


def _subject(given: Mapping[str, Any]) -> str:
    if given.get("column"):
        return names([given["column"]])
    if given.get("column_A"):
        return names([given["column_A"]])
    if "sum_total" in given or "ignore_row_if" in given:
        return names(list(given.get("column_list") or ()))
    return "the table"
