"""How a check ends: written once, counted, and known from then on where it may be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from gate_server.model import Check, Evaluation, Outcome, Plan, Problem, Verdict
from gate_server.policy.decide import answer, could_not_tell
from gate_server.reports.wording import visible
from gate_server.store.checks import Checks
from gate_server.store.records import Answer
from gate_server.telemetry import metrics


def remember(
    checks: Checks,
    check: Check,
    verdict: Verdict,
    *,
    plan: Plan | None,
    evaluations: Mapping[int, Evaluation],
    failure: Problem | None,
    lakefs_calls: int,
    duration_s: float | None = None,
) -> bool:
    """Write what came out of `check`, where it is still held; return whether it was.

    Parameters
    ----------
    duration_s
        For the metrics; by the database's clock where it was not measured.
    """
    written = checks.finish(
        check,
        verdict=verdict,
        plan=plan,
        evaluations=evaluations,
        failure=failure,
        reusable=plan is not None and failure is None and _is_reusable(plan, evaluations.values()),
        lakefs_calls=lakefs_calls,
    )
    if written:
        done = checks.get(check.id) if duration_s is None else None
        _count(verdict, duration_s or (done and done.duration_s) or 0.0)
    return written


def answer_of(verdict: Verdict) -> Answer:
    """Return what is recorded of an answer."""
    # What a worker elsewhere told may hold what no database keeps as text.
    waived_by = tuple(
        dict.fromkeys(visible(reason.waived_by) for reason in verdict.reasons if reason.waived_by)
    )
    return Answer(answer(verdict)[0], verdict.outcome.value, visible(verdict.summary), waived_by)


def give_up(checks: Checks, check: Check, problem: Problem) -> None:
    """End `check` as an ERROR; what was judged of it goes."""
    checks.finish(
        check,
        verdict=could_not_tell(problem),
        plan=None,
        evaluations={},
        failure=problem,
        reusable=False,
        lakefs_calls=0,
    )


def died_too_often(attempts: int) -> Problem:
    """Return why a check is given up whose workers die."""
    return Problem(
        "gave_up",
        f"gave up after {attempts} attempts: each time the worker died or lost its lease",
        "the gate's log says more; then ask again",
    )


def nobody_took(wait_s: float) -> Problem:
    """Return why a check is given up that no worker elsewhere took."""
    return Problem(
        "nobody_took",
        f"no worker elsewhere took this check within {wait_s:g} s (GATE_ELSEWHERE_WAIT_S)",
        "is one running, such as the deployment of docs/prefect.md? then ask again",
    )


def _count(verdict: Verdict, duration_s: float) -> None:
    metrics.checks.labels(verdict.outcome.value).observe(duration_s)
    strongest = {reason.rule: reason.outcome for reason in reversed(verdict.reasons)}
    for rule in verdict.rules:
        metrics.rules.labels(rule, strongest.get(rule, Outcome.PASS).value).inc()


def _is_reusable(plan: Plan, evaluations: Iterable[Evaluation]) -> bool:
    """Whether the known-verdict shortcut may answer from what was found (D5)."""
    never = ("gate_files", "canary", "linked")
    return (
        plan.is_lasting
        and all(item.key for item in plan.obligations)
        and not any(item.kind in never for item in plan.declared)
        and all(evaluation.is_lasting for evaluation in evaluations)
    )
