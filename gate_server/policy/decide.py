"""The one maker of verdicts (D4): plan, evaluations, waivers and time to a `Verdict`.

Strongest first: FAIL (known to be bad) over ERROR (could not tell) over WARN over PASS. What is not
answered is ERROR; nothing here turns it into a pass.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from gate_server.model import (
    WRONG_CHECKSUM,
    DeclaredOutcome,
    Enforcement,
    Evaluation,
    Obligation,
    Outcome,
    Plan,
    Policy,
    Problem,
    Reason,
    Result,
    Rule,
    Verdict,
    Waiver,
)
from gate_server.policy.globs import matches

_ORDER = {Outcome.FAIL: 0, Outcome.ERROR: 1, Outcome.WARN: 2, Outcome.PASS: 3}
_SEVERITY = {"critical": Enforcement.BLOCK, "warning": Enforcement.WARN}
_CONSEQUENCE = {"fail": Outcome.FAIL, "warn": Outcome.WARN, "pass": Outcome.PASS}
# Of what the plan declares. The rest is no rule's, or would not be known by who answers for it.
MAY_BE_WAIVED = ("deleted", "required", "require")


def decide(
    plan: Plan,
    evaluations: Mapping[int, Evaluation],
    policy: Policy,
    now: datetime,
    made: Sequence[Waiver] = (),
) -> Verdict:
    """Return the verdict of `plan`.

    Parameters
    ----------
    plan
        What had to be evaluated, and the outcomes that were known before.
    evaluations
        By the obligation's number; one that is absent is an ERROR.
    policy
        Where enforcement, ``on_error``, ``on_empty`` and waivers stand; they enter only here (D5).
    now
        With a time zone; a waiver holds before it expires.
    made
        Waivers beside the policy's, of the plan's repository and destination.
    """
    waivers = (*policy.waivers, *made)
    rules = {rule.name: rule for rule in policy.rules}
    reasons: list[Reason] = []
    lenient = True
    for declared in plan.declared:
        reason = _of_declared(declared, rules.get(declared.rule))
        lenient &= reason.outcome is not Outcome.ERROR
        reasons.append(_waived(reason, waivers, now))
    for obligation in plan.obligations:
        rule = rules.get(obligation.rule)
        evaluation = evaluations.get(obligation.number)
        found = list(_of_obligation(obligation, rule, evaluation))
        if any(reason.outcome is Outcome.ERROR for reason in found):
            lenient &= rule is not None and rule.on_error == "warn"
        reasons += [_waived(reason, waivers, now) for reason in found]
    stated = sorted((reason for reason in reasons if reason.outcome is not Outcome.PASS), key=_rank)
    outcome = stated[0].outcome if stated else Outcome.PASS
    allowed = outcome in (Outcome.PASS, Outcome.WARN) or (outcome is Outcome.ERROR and lenient)
    reports = tuple(reason for reason in reasons if reason.outcome is Outcome.PASS)
    return Verdict(outcome, allowed, tuple(stated), plan.rules, plan.off, reports)


def could_not_tell(problem: Problem) -> Verdict:
    """Return the verdict where there is not even a plan."""
    return Verdict(Outcome.ERROR, False, (Reason(Outcome.ERROR, problem.message, hint=problem.hint),))


def answer(verdict: Verdict) -> tuple[int, int]:
    """Return the hook's HTTP status and the command's exit code for `verdict`."""
    if verdict.outcome in (Outcome.PASS, Outcome.WARN):
        return 200, 0
    if verdict.outcome is Outcome.FAIL:
        return 412, 1
    return (200 if verdict.allowed else 503), 3


def _rank(reason: Reason) -> tuple[int, int]:
    # A missing column explains the failures that follow from it, so it is said first.
    return _ORDER[
        reason.outcome
    ], 0 if " is missing: " in reason.message and "expected" in reason.message else 1


def _weaker(outcome: Outcome, enforcement: Enforcement) -> Outcome:
    return Outcome.WARN if outcome is Outcome.FAIL and enforcement is Enforcement.WARN else outcome


def _of_declared(declared: DeclaredOutcome, rule: Rule | None) -> Reason:
    outcome = _weaker(declared.outcome, rule.enforcement) if rule else declared.outcome
    waivable = declared.kind in MAY_BE_WAIVED and outcome is Outcome.FAIL
    return Reason(outcome, declared.message, declared.rule, declared.path, declared.hint, waivable=waivable)


def _of_obligation(
    obligation: Obligation, rule: Rule | None, evaluation: Evaluation | None
) -> Iterable[Reason]:
    name, path = obligation.rule, obligation.target
    if rule is None:
        yield Reason(Outcome.ERROR, f"the rule {name} is not in the policy any more", name, path, "ask again")
        return
    if evaluation is None:
        yield Reason(Outcome.ERROR, "was not evaluated", name, path, "merge again; the gate's log says why")
        return
    problem = evaluation.problem
    if evaluation.status == "error" or (evaluation.status != "answered" and problem is None):
        text, hint = (problem.text, problem.hint) if problem else ("no reason was given", "")
        yield Reason(Outcome.ERROR, f"could not tell: {text}", name, path, hint)
        if evaluation.rows == 0:
            yield _of_emptiness(rule, path)
        return
    if evaluation.status != "answered" and problem is not None:
        outcome = _weaker(Outcome.FAIL, rule.enforcement)
        # Nobody can answer for bytes that are not the object's.
        waivable = outcome is Outcome.FAIL and problem.code != WRONG_CHECKSUM
        yield Reason(outcome, problem.text, name, problem.path or path, problem.hint, waivable=waivable)
        return
    if evaluation.rows is None or (not evaluation.results and not evaluation.is_empty):
        yield Reason(Outcome.ERROR, "could not tell: the evaluation holds no result", name, path)
        return
    if evaluation.is_empty:
        yield _of_emptiness(rule, path)
    for result in evaluation.results:
        yield from _of_result(result, rule, path, is_empty=evaluation.is_empty)


def _of_emptiness(rule: Rule, path: str) -> Reason:
    outcome = _weaker(_CONSEQUENCE[rule.on_empty], rule.enforcement)
    return Reason(
        outcome,
        "holds no rows",
        rule.name,
        path,
        "set `on_empty: pass` on the rule where an empty object is fine",
        waivable=outcome is Outcome.FAIL,
    )


def _of_result(result: Result, rule: Rule, path: str, *, is_empty: bool) -> Iterable[Reason]:
    if not result.success:
        strength = _SEVERITY.get(result.severity)
        outcome = (
            Outcome.PASS if strength is None else _weaker(_weaker(Outcome.FAIL, strength), rule.enforcement)
        )
        yield Reason(
            outcome,
            result.message,
            rule.name,
            path,
            expectation=result.expectation,
            waivable=outcome is Outcome.FAIL,
        )
    elif result.is_new and not is_empty:
        strength = _SEVERITY.get(result.severity)
        outcome = (
            Outcome.PASS
            if strength is None
            else _weaker(_weaker(_CONSEQUENCE[rule.on_new], strength), rule.enforcement)
        )
        yield Reason(
            outcome,
            result.message,
            rule.name,
            path,
            "set `on_new` on the rule to pass, warn or fail",
            expectation=result.expectation,
            waivable=outcome is Outcome.FAIL,
        )
    elif result.vacuous and not is_empty:
        yield Reason(
            Outcome.WARN,
            result.message
            if "vacuous" in result.message
            else f"{result.message} (vacuous: no value was looked at)",
            rule.name,
            path,
            expectation=result.expectation,
        )


def _waived(reason: Reason, waivers: Iterable[Waiver], now: datetime) -> Reason:
    if reason.outcome is not Outcome.FAIL or not reason.waivable:
        return reason
    for waiver in waivers:
        if waiver.rule == reason.rule and now < waiver.expires and matches(reason.path, waiver.paths):
            return replace(reason, outcome=Outcome.WARN, waived_by=waiver.told)
    return reason
