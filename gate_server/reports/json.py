"""A stored check as JSON. Results have the shape of Great Expectations', without values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gate_server.model import Check, Evaluation, Obligation, Outcome, Reason, Result, Verdict, dump
from gate_server.reports.wording import visible

STILL_RUNNING = "still running: merge again, the verdict will be there"
WAITS_ELSEWHERE = "waits for a worker elsewhere: merge again when one has judged it"
RUNS_ELSEWHERE = "still running, at a worker elsewhere: merge again, the verdict will be there"


def verdict_json(verdict: Verdict | None, check: Check | None, report_url: str) -> dict[str, Any]:
    """Return the answer for `verdict`; None is a check that still runs.

    Parameters
    ----------
    report_url
        Where people read the check; empty where there is none.
    """
    return {
        "allowed": verdict.allowed if verdict else False,
        "verdict": verdict.outcome.value if verdict else "",
        "check": check.id if check else "",
        "report": report_url,
        "summary": visible(verdict.summary) if verdict else _not_yet(check),
        "reasons": [reason_line(reason) for reason in verdict.reasons] if verdict else [_not_yet(check)],
        "rules": list(verdict.rules) if verdict else [],
    }


def row_json(check: Check, report_url: str) -> dict[str, Any]:
    """Return a check as it stands in a list, by the verdict that was decided then."""
    return verdict_json(check.verdict, check, report_url) | {
        "repository": check.repository,
        "destination": check.destination,
        "source_name": check.source_name,
        "state": check.state,
        "place": check.place,
        "ahead": check.ahead,
        "created_at": dump(check.created_at),
    }


def _not_yet(check: Check | None) -> str:
    if check is None or check.place == "here":
        return STILL_RUNNING
    return WAITS_ELSEWHERE if check.state == "queued" else RUNS_ELSEWHERE


def reason_line(reason: Reason) -> str:
    """Return a reason as one line; where nothing could be told, with what to do about it."""
    where = f" in {reason.path}" if reason.path and reason.path not in reason.message else ""
    rule = f" (rule {reason.rule})" if reason.rule else ""
    waived = f" - waived by {reason.waived_by}" if reason.waived_by else ""
    hint = f" - {reason.hint}" if reason.outcome is Outcome.ERROR and reason.hint else ""
    return visible(f"{reason.outcome.value}: {reason.message}{where}{rule}{waived}{hint}")


def check_json(
    check: Check, verdict: Verdict | None, report_url: str, suites: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Return a whole check: its verdict, its plan, and every result.

    Parameters
    ----------
    suites
        The suite of each rule, where known.
    """
    known = suites or {}
    whole: dict[str, Any] = dump(check)
    return {
        **verdict_json(verdict, check, report_url),
        **{
            name: whole[name]
            for name in (
                "repository",
                "destination",
                "base_commit",
                "judged_commit",
                "source_commit",
                "source_name",
                "state",
                "place",
                "policy_digest",
                "created_at",
                "finished_at",
                "duration_s",
                "lakefs_calls",
                "failure",
                "plan",
            )
        },
        "details": [dump(reason) for reason in verdict.reasons] if verdict else [],
        "validations": [
            validation_result(
                obligation, check.evaluations.get(obligation.number), known.get(obligation.rule, "")
            )
            for obligation in (check.plan.obligations if check.plan else ())
        ],
    }


def validation_result(obligation: Obligation, evaluation: Evaluation | None, suite: str) -> dict[str, Any]:
    """Return one obligation as Great Expectations' suite validation result.

    ``success`` needs results, and every expectation to hold, whatever its severity; what it means for the
    merge stands in the verdict. What Great Expectations has no key for is under ``meta.gate``.
    """
    results: Sequence[Result] = evaluation.results if evaluation else ()
    successful = sum(result.success for result in results)
    status = evaluation.status if evaluation else "error"
    return {
        "success": status == "answered" and 0 < len(results) == successful,
        "suite_name": suite,
        "suite_parameters": {},
        "statistics": {
            "evaluated_expectations": len(results),
            "successful_expectations": successful,
            "unsuccessful_expectations": len(results) - successful,
            "success_percent": 100 * successful / len(results) if results else None,
        },
        "results": [_expectation_result(result) for result in results],
        "meta": {
            "gate": {
                "rule": obligation.rule,
                "target": obligation.target,
                "objects": [item.path for item in obligation.objects],
                "status": status,
                "problem": dump(evaluation.problem) if evaluation and evaluation.problem else None,
                "rows": evaluation.rows if evaluation else None,
                "columns": list(evaluation.columns) if evaluation else [],
                "bytes_read": evaluation.bytes_read if evaluation else 0,
                "objects_read": evaluation.objects_read if evaluation else 0,
                "objects_known": evaluation.objects_known if evaluation else 0,
                "schema_changes": [
                    {**dump(change), "message": change.message}
                    for change in (evaluation.schema_changes if evaluation else ())
                ],
                "read_in_full": evaluation.read_in_full if evaluation else "",
                "duration_s": evaluation.duration_s if evaluation else 0.0,
            }
        },
    }


def _expectation_result(result: Result) -> dict[str, Any]:
    counts = {
        "element_count": result.element_count,
        "missing_count": result.missing_count,
        "unexpected_count": result.unexpected_count,
        "unexpected_percent": result.unexpected_percent,
        "partial_unexpected_index_list": list(result.rows) or None,
    }
    return {
        "success": result.success,
        "expectation_config": {
            "type": result.expectation,
            "kwargs": {"column": result.column} if result.column else {},
            "meta": {},
            "severity": result.severity,
        },
        "result": {
            **dump(dict(result.detail)),
            **{name: value for name, value in counts.items() if value is not None},
        },
        "exception_info": {"raised_exception": False, "exception_traceback": None, "exception_message": None},
        "meta": {
            "gate": {
                "number": result.number,
                "message": result.message,
                "expected": result.expected,
                "observed": result.observed,
                "lines": list(result.lines),
                "vacuous": result.vacuous,
                "answered_from": result.answered_from,
            }
        },
    }
