"""What failed in a check, as rows of a table; and a check that must allow, or raise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gate_client.errors import CouldNotTell, GateRefused
from gate_client.wire import CheckBody


@dataclass(frozen=True)
class FailedExpectation:
    """One reason why a check does not pass, waived ones left out.

    ``expectation`` is empty where no expectation failed but the data as a whole did: it cannot be read, a
    required object is missing. Holds no cell value but aggregates.
    """

    outcome: str
    rule: str
    path: str
    expectation: str
    column: str
    message: str
    expected: str
    observed: str
    hint: str


def failed_expectations(check: CheckBody) -> list[FailedExpectation]:
    """Return what makes a check FAIL or ERROR, strongest first."""
    results = {}
    for validation in check.validations:
        gate = validation.get("meta", {}).get("gate", {})
        for result in validation.get("results", ()):
            kind = result.get("expectation_config", {}).get("type", "")
            message = _ours(result).get("message", "")
            results[gate.get("rule"), gate.get("target"), kind, message] = result
    failed = []
    for reason in check.details:
        if reason.outcome not in ("FAIL", "ERROR"):
            continue
        result = results.get((reason.rule, reason.path, reason.expectation, reason.message), {})
        ours = _ours(result)
        column = result.get("expectation_config", {}).get("kwargs", {}).get("column", "")
        failed.append(
            FailedExpectation(
                outcome=reason.outcome,
                rule=reason.rule,
                path=reason.path,
                expectation=reason.expectation,
                column=str(column),
                message=reason.message,
                expected=str(ours.get("expected", "")),
                observed=str(ours.get("observed", "")),
                hint=reason.hint,
            )
        )
    return failed


def require_allowed(check: CheckBody, what: str) -> CheckBody:
    """Return `check` where it allows, else raise.

    Parameters
    ----------
    what
        What was judged, for the message: "lakefs://sales/import-7 into main".

    Raises
    ------
    GateRefused
        When the data is bad.
    CouldNotTell
        When no judgement was possible.
    """
    if check.allowed:
        return check
    if check.verdict == "FAIL":
        refused = GateRefused(f"the gate refused {what}: {check.summary}", _look_at(check))
        refused.check = check
        raise refused
    raise CouldNotTell(f"the gate could not judge {what}: {check.summary}", _look_at(check))


def _ours(result: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = result.get("meta", {}).get("gate", {})
    return found


def _look_at(check: CheckBody) -> str:
    return f"look at {check.report}" if check.report else ""
