"""A stored check in Great Expectations' own format: what its classes load again, and its Data Docs show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gate_server.model import Check, Outcome, Result, Verdict, dump
from gate_server.reports.cases import Case, Group, groups
from gate_server.reports.json import validation_result, verdict_json
from gate_server.reports.wording import visible

PARAMETER = "$PARAMETER"
ON_THE_WHOLE = "expect_the_gate_to_find_nothing_else"  # Great Expectations knows no such; it shows the text


def checkpoint_json(
    check: Check, verdict: Verdict, report_url: str = "", policy: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return a check as `CheckpointResult.describe_dict` has it, with whole suite validation results.

    ``success`` is what it is in Great Expectations: all expectations hold, whatever their severity, and never
    where the verdict is FAIL or ERROR. What it means for the merge stands under ``meta``.

    Parameters
    ----------
    policy
        The content of the check's policy (`dump`), for the expectations' arguments; without it they are left
        out.
    """
    results = [_validation(group, policy or {}) for group in groups(check, verdict)]
    good = sum(result["success"] for result in results)
    return {
        "success": verdict.outcome in (Outcome.PASS, Outcome.WARN) and good == len(results),
        "statistics": {
            "evaluated_validations": len(results),
            "success_percent": 100 * good / len(results) if results else None,
            "successful_validations": good,
            "unsuccessful_validations": len(results) - good,
        },
        "validation_results": results,
        "meta": {
            "gate": {
                **verdict_json(verdict, check, report_url),
                "repository": check.repository,
                "destination": check.destination,
                "base_commit": check.base_commit,
                "judged_commit": check.judged_commit,
                "source_commit": check.source_commit,
                "created_at": dump(check.created_at),
            }
        },
    }


def _validation(group: Group, policy: Mapping[str, Any]) -> dict[str, Any]:
    """Return a suite validation result; what is no expectation's result is one that could not be answered."""
    rule: Mapping[str, Any] = next(
        (rule for rule in policy.get("rules", ()) if rule["name"] == group.rule), {}
    )
    suite = str(rule.get("suite", ""))
    if group.obligation is None:
        found = _without_obligation(group)
    else:
        found = validation_result(group.obligation, group.evaluation, suite)
    expectations = policy.get("suites", {}).get(suite, {}).get("content", {}).get("expectations", ())
    answered = [case.result for case in group.cases if case.result is not None]
    for place, (result, said) in enumerate(zip(answered, found["results"], strict=True)):
        said["expectation_config"]["id"] = None
        said["expectation_config"]["kwargs"] |= _arguments(result, expectations, rule, suite, policy)
        said["meta"]["gate"] |= {"place": place}
    found["results"] += [_on_the_whole(case) for case in group.cases if case.result is None]
    found["success"] = found["success"] and not group.count("failed", "error")
    bad = sum(not said["success"] for said in found["results"])
    found["statistics"] = {
        "evaluated_expectations": len(found["results"]),
        "successful_expectations": len(found["results"]) - bad,
        "unsuccessful_expectations": bad,
        "success_percent": 100 * (1 - bad / len(found["results"])) if found["results"] else None,
    }
    found["success"] = found["success"] and not bad
    found["meta"]["active_batch_definition"] = {"data_asset_name": visible(group.target)}
    return found


def _without_obligation(group: Group) -> dict[str, Any]:
    return {
        "success": True,
        "suite_name": "",
        "suite_parameters": {},
        "results": [],
        "meta": {"gate": {"rule": group.rule, "target": group.target, "objects": [], "status": "declared"}},
    }


def _on_the_whole(case: Case) -> dict[str, Any]:
    """Return what came of something that is no expectation: never a success."""
    raised = case.standing == "error"
    return {
        "success": False,
        "expectation_config": {
            "type": ON_THE_WHOLE,
            "kwargs": {},
            "meta": {},
            "id": None,
            "description": f"nothing is wrong with {case.name}",
            "severity": "critical" if case.standing in ("failed", "error") else "warning",
        },
        "result": {"observed_value": visible(case.message)},
        "exception_info": {
            "raised_exception": raised,
            "exception_traceback": "" if raised else None,  # a text, or it cannot be shown
            "exception_message": visible(case.message) if raised else None,
        },
        "meta": {"gate": {"message": case.message, "hint": case.hint, "waived_by": case.waived_by}},
    }


def _arguments(
    result: Result, expectations: Any, rule: Mapping[str, Any], suite: str, policy: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the arguments of a result's expectation, as the policy's suite has them."""
    if not 0 <= result.number < len(expectations):
        return {}
    asked = expectations[result.number]
    if asked.get("type") != result.expectation:
        return {}
    given = {
        **(policy["suites"][suite]["content"].get("suite_parameters") or {}),
        **(rule.get("parameters") or {}),
    }
    filled = _filled(asked.get("kwargs") or {}, given)
    return dict(filled)


def _filled(value: Any, given: Mapping[str, Any]) -> Any:
    if isinstance(value, Mapping):
        if PARAMETER in value:
            return given.get(str(value[PARAMETER]), dict(value))
        return {key: _filled(one, given) for key, one in value.items()}
    return [_filled(one, given) for one in value] if isinstance(value, list) else value
