"""A stored check as cases, for formats that know nothing else: one for each object and expectation.

What went wrong without an expectation (an object that cannot be read, one that is required and missing) is a
case of its own, so that no format leaves it out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from gate_server.model import Check, Evaluation, Obligation, Outcome, Reason, Result, Verdict
from gate_server.reports.results import place_of

Standing = Literal["held", "failed", "error", "warned", "waived", "noted"]

_STANDINGS: dict[Outcome, Standing] = {
    Outcome.FAIL: "failed",
    Outcome.ERROR: "error",
    Outcome.WARN: "warned",
    Outcome.PASS: "noted",
}


@dataclass(frozen=True)
class Case:
    """One question and what came of it.

    Parameters
    ----------
    name
        The expectation's type with its column; of what is no expectation, what it is.
    standing
        ``warned``, ``waived`` and ``noted`` did not hold, and refuse nothing.
    place
        Where it failed, such as "lines 3-5, 9".
    """

    name: str
    standing: Standing
    message: str = ""
    expected: str = ""
    observed: str = ""
    place: str = ""
    hint: str = ""
    waived_by: str = ""
    result: Result | None = None


@dataclass(frozen=True)
class Group:
    """The cases of one obligation; or, without one, of what the plan or the check as a whole came to."""

    rule: str
    target: str
    cases: tuple[Case, ...]
    obligation: Obligation | None = None
    evaluation: Evaluation | None = None

    def count(self, *standings: Standing) -> int:
        """Return how many cases stand like that."""
        return sum(case.standing in standings for case in self.cases)


def groups(check: Check, verdict: Verdict) -> tuple[Group, ...]:
    """Return all cases of a check that is done, obligation by obligation.

    Whatever a FAIL or an ERROR is about, at least one case says it.
    """
    left = [*verdict.reasons, *verdict.reports]
    found = []
    for obligation in check.plan.obligations if check.plan else ():
        evaluation = check.evaluations.get(obligation.number)
        cases = tuple(_cases(obligation, evaluation, left))
        found.append(Group(obligation.rule, obligation.target, cases, obligation, evaluation))
    for reason in left:  # declared by the plan, or why there is none
        name = reason.expectation or "the change as a whole"
        found.append(Group(reason.rule, reason.path, (_of_reason(name, reason),)))
    bad: Standing = _STANDINGS[verdict.outcome]
    if bad in ("failed", "error") and not any(group.count("failed", "error") for group in found):
        found.append(Group("", "", (Case("the check", bad, verdict.summary),)))
    return tuple(found)


def _cases(obligation: Obligation, evaluation: Evaluation | None, left: list[Reason]) -> Iterator[Case]:
    """Yield the cases of an obligation; the reasons that they tell are taken from `left`."""
    results = evaluation.results if evaluation else ()
    for result in results:
        yield _of_result(result, _take(left, obligation, result))
    paths = {obligation.target, *(item.path for item in obligation.objects)}
    mine = [
        reason
        for reason in left
        if reason.rule == obligation.rule and reason.path in paths and not reason.expectation
    ]
    for reason in mine:
        left.remove(reason)
        yield _of_reason("the object as a whole", reason, evaluation)
    if not results and not mine and (evaluation is None or not evaluation.is_empty):
        yield Case("the object as a whole", "error", "was not evaluated")


def _take(left: list[Reason], obligation: Obligation, result: Result) -> Reason | None:
    """Take out of `left` what the verdict says of a result."""
    for reason in left:
        is_of = (reason.rule, reason.path, reason.expectation) == (
            obligation.rule,
            obligation.target,
            result.expectation,
        )
        if is_of and reason.message.startswith(result.message):
            left.remove(reason)
            return reason
    return None


def _of_result(result: Result, reason: Reason | None) -> Case:
    standing: Standing = "held" if result.success else "failed"  # nobody said that a failure weighs less
    if reason is not None:
        standing = "waived" if reason.waived_by else _STANDINGS[reason.outcome]
    return Case(
        name=f"{result.expectation} ({result.column})" if result.column else result.expectation,
        standing=standing,
        message=reason.message if reason else result.message,
        expected=result.expected,
        observed=result.observed,
        place=place_of(result),
        hint=reason.hint if reason else "",
        waived_by=reason.waived_by if reason else "",
        result=result,
    )


def _of_reason(name: str, reason: Reason, evaluation: Evaluation | None = None) -> Case:
    return Case(
        name=name,
        standing="waived" if reason.waived_by else _STANDINGS[reason.outcome],
        message=reason.message,
        place=place_of(evaluation.problem) if evaluation else "",
        hint=reason.hint,
        waived_by=reason.waived_by,
    )
