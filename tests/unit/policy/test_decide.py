"""`decide`, by exhaustion against the design's table of outcomes."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, get_args, get_type_hints

import pytest

from gate_server.model import (
    WRONG_CHECKSUM,
    DeclaredOutcome,
    Enforcement,
    Evaluation,
    Format,
    MadeWaiver,
    Obligation,
    Outcome,
    Plan,
    Policy,
    Problem,
    Result,
    Rule,
    Verdict,
    Waiver,
)
from gate_server.policy.decide import answer, could_not_tell, decide

NOW = datetime(2026, 11, 20, tzinfo=UTC)
ORDER = [Outcome.FAIL, Outcome.ERROR, Outcome.WARN, Outcome.PASS]
PROBLEM = Problem("x", "what happened", "what to do")


def rule(name: str = "r", **more: object) -> Rule:
    return Rule(name=name, paths=("**",), suite="s", format=Format("csv"), **more)  # type: ignore[arg-type]


def policy(*rules: Rule, waivers: tuple[Waiver, ...] = ()) -> Policy:
    return Policy(rules=rules, suites={}, waivers=waivers)


def plan(*names: str, declared: tuple[DeclaredOutcome, ...] = ()) -> Plan:
    obligations = tuple(Obligation(number, name, f"data/{name}.csv", ()) for number, name in enumerate(names))
    return Plan(obligations, declared, tuple(dict.fromkeys(names)))


def result(*, success: bool = True, severity: str = "critical", vacuous: bool = False) -> Result:
    return Result(0, "expect_x", success, "`x` is wrong", severity=severity, vacuous=vacuous)  # type: ignore[arg-type]


def evaluated(*results: Result, rows: int | None = 3) -> Evaluation:
    return Evaluation("answered", results or (result(),), rows=rows)


def a_waiver(**given: Any) -> Waiver:
    terms = {"rule": "r", "owner": "ann", "reason": "known", "expires": NOW + timedelta(days=1), **given}
    return Waiver(**terms)


def by_policy(plan: Plan, evaluations: dict[int, Evaluation], waiver: Waiver) -> Verdict:
    return decide(plan, evaluations, policy(rule(), waivers=(waiver,)), NOW)


def by_somebody(plan: Plan, evaluations: dict[int, Evaluation], waiver: Waiver) -> Verdict:
    made = MadeWaiver(
        rule=waiver.rule,
        owner=waiver.owner,
        reason=waiver.reason,
        expires=waiver.expires,
        paths=waiver.paths,
        id="w1",
        repository="repo",
        branch="",
        check_id="",
        made_by="ann",
        made_at=NOW,
    )
    return decide(plan, evaluations, policy(rule()), NOW, [made])


WAYS: tuple[Callable[[Plan, dict[int, Evaluation], Waiver], Verdict], ...] = (by_policy, by_somebody)

# kind of evaluation -> the outcome under a blocking rule with default settings
EVALUATIONS: dict[str, tuple[Evaluation | None, Outcome]] = {
    "holds": (evaluated(), Outcome.PASS),
    "critical": (evaluated(result(success=False)), Outcome.FAIL),
    "warning": (evaluated(result(success=False, severity="warning")), Outcome.WARN),
    "info": (evaluated(result(success=False, severity="info")), Outcome.PASS),
    "vacuous": (evaluated(result(vacuous=True)), Outcome.WARN),
    "empty": (evaluated(rows=0), Outcome.FAIL),
    "zero bytes": (Evaluation("answered", (), rows=0), Outcome.FAIL),
    "unreadable": (Evaluation("unreadable", problem=PROBLEM), Outcome.FAIL),
    "limit of data": (Evaluation("limit_of_data", problem=PROBLEM), Outcome.FAIL),
    "error": (Evaluation("error", problem=PROBLEM), Outcome.ERROR),
    "error without reason": (Evaluation("error"), Outcome.ERROR),
    "unreadable without reason": (Evaluation("unreadable"), Outcome.ERROR),
    "answered nothing": (Evaluation("answered", (), rows=3), Outcome.ERROR),
    "answered without rows": (evaluated(rows=None), Outcome.ERROR),
    "absent": (None, Outcome.ERROR),
}


def expected_of(kind: str, a_rule: Rule, *, waived: bool) -> Outcome:
    """The design's table, written a second time."""
    outcome = EVALUATIONS[kind][1]
    if kind in ("empty", "zero bytes"):
        outcome = {"fail": Outcome.FAIL, "warn": Outcome.WARN, "pass": Outcome.PASS}[a_rule.on_empty]
    if outcome is Outcome.FAIL and (a_rule.enforcement is Enforcement.WARN or waived):
        outcome = Outcome.WARN
    return outcome


@pytest.mark.parametrize("kind", EVALUATIONS)
def test_one_rule_by_the_table(kind: str) -> None:
    evaluation = EVALUATIONS[kind][0]
    settings = itertools.product(
        (Enforcement.BLOCK, Enforcement.WARN), ("block", "warn"), ("fail", "warn", "pass"), (False, True)
    )
    for enforcement, on_error, on_empty, waived in settings:
        a_rule = rule(enforcement=enforcement, on_error=on_error, on_empty=on_empty)
        waivers = (Waiver("r", "ann", "known", NOW + timedelta(days=1)),) if waived else ()
        verdict = decide(
            plan("r"), {0: evaluation} if evaluation else {}, policy(a_rule, waivers=waivers), NOW
        )
        expected = expected_of(kind, a_rule, waived=waived)
        assert verdict.outcome is expected, (enforcement, on_error, on_empty, waived)
        if expected is Outcome.ERROR:
            assert verdict.allowed is (on_error == "warn")
            assert answer(verdict) == (200 if on_error == "warn" else 503, 3)
        else:
            assert verdict.allowed is (expected in (Outcome.PASS, Outcome.WARN))
            assert (
                answer(verdict)
                == {
                    Outcome.PASS: (200, 0),
                    Outcome.WARN: (200, 0),
                    Outcome.FAIL: (412, 1),
                }[expected]
            )
        assert bool(verdict.reasons) is (expected is not Outcome.PASS)


def test_two_rules_the_strongest_wins() -> None:
    for one, other in itertools.product(EVALUATIONS, repeat=2):
        evaluations = {
            number: found for number, kind in enumerate((one, other)) if (found := EVALUATIONS[kind][0])
        }
        verdict = decide(plan("a", "b"), evaluations, policy(rule("a"), rule("b")), NOW)
        strongest = min(EVALUATIONS[one][1], EVALUATIONS[other][1], key=ORDER.index)
        assert verdict.outcome is strongest, (one, other)
        assert verdict.allowed is (strongest in (Outcome.PASS, Outcome.WARN)), (one, other)


def test_an_error_that_may_pass_does_not_carry_one_that_may_not() -> None:
    rules = policy(rule("a", on_error="warn"), rule("b", on_error="block"))
    broken = Evaluation("error", problem=PROBLEM)
    both = decide(plan("a", "b"), {0: broken, 1: broken}, rules, NOW)
    assert (both.outcome, both.allowed) == (Outcome.ERROR, False)
    first = decide(plan("a", "b"), {0: broken, 1: evaluated()}, rules, NOW)
    assert (first.outcome, first.allowed) == (Outcome.ERROR, True)


@pytest.mark.parametrize("kind", get_args(get_type_hints(DeclaredOutcome)["kind"]))
def test_declared_outcomes_and_waivers(kind: str) -> None:
    for outcome, waive in itertools.product(ORDER, WAYS):
        declared = DeclaredOutcome(kind, outcome, "said", rule="r", path="data/r.csv")  # type: ignore[arg-type]
        plain = decide(plan(declared=(declared,)), {}, policy(rule()), NOW)
        waived = waive(plan(declared=(declared,)), {}, a_waiver())
        assert plain.outcome is outcome
        # Written out a second time: what is no rule's finding on the data is never waived.
        may_be_waived = kind in ("deleted", "required", "require") and outcome is Outcome.FAIL
        assert waived.outcome is (Outcome.WARN if may_be_waived else outcome)
        assert [reason.waivable for reason in plain.reasons] == ([may_be_waived] if plain.reasons else [])


@pytest.mark.parametrize(
    ("on_empty", "outcome", "allowed"), [("fail", Outcome.FAIL, False), ("pass", Outcome.ERROR, True)]
)
def test_what_is_empty_stays_so_beside_a_destination_that_cannot_be_told(
    on_empty: Any, outcome: Outcome, allowed: bool
) -> None:
    a_rule = rule(on_error="warn", on_empty=on_empty)
    found = {0: Evaluation("error", problem=PROBLEM, rows=0)}
    verdict = decide(plan("r"), found, policy(a_rule), NOW)
    assert (verdict.outcome, verdict.allowed) == (outcome, allowed)


@pytest.mark.parametrize("kind", EVALUATIONS)
def test_what_is_not_told_is_not_waived_and_what_is_waived_does_not_pass(kind: str) -> None:
    evaluation, outcome = EVALUATIONS[kind]
    for waive in WAYS:
        verdict = waive(plan("r"), {0: evaluation} if evaluation else {}, a_waiver())
        assert verdict.outcome is (Outcome.WARN if outcome is Outcome.FAIL else outcome)
        if outcome is Outcome.ERROR:
            assert not verdict.allowed
            assert not any(reason.waivable for reason in verdict.reasons)


def test_bytes_that_are_not_the_objects_are_not_waived() -> None:
    forged = Evaluation("unreadable", problem=Problem(WRONG_CHECKSUM, "other bytes than the object's"))
    for waive in WAYS:
        verdict = waive(plan("r"), {0: forged}, a_waiver())
        assert (verdict.outcome, verdict.allowed) == (Outcome.FAIL, False)


def test_a_waiver_holds_for_its_rule_and_paths_until_it_expires() -> None:
    bad = {0: evaluated(result(success=False))}
    for waiver, outcome in (
        (a_waiver(expires=NOW + timedelta(seconds=1)), Outcome.WARN),
        (a_waiver(expires=NOW), Outcome.FAIL),
        (a_waiver(rule="other"), Outcome.FAIL),
        (a_waiver(rule="*"), Outcome.FAIL),
        (a_waiver(paths=("elsewhere/**",)), Outcome.FAIL),
    ):
        for waive in WAYS:
            assert waive(plan("r"), bad, waiver).outcome is outcome
    by_policy, by_made = (waive(plan("r"), bad, a_waiver()).reasons[0].waived_by for waive in WAYS)
    assert by_policy == "ann: known (in the policy, until 2026-11-21 00:00 UTC)"
    assert by_made == "ann: known (waiver w1, until 2026-11-21 00:00 UTC)"


def test_no_rule_passes_and_says_so() -> None:
    verdict = decide(Plan(), {}, policy(), NOW)
    assert (verdict.outcome, verdict.allowed, verdict.rules) == (Outcome.PASS, True, ())


def test_a_rule_that_left_the_policy_is_no_pass() -> None:
    verdict = decide(plan("gone"), {0: evaluated()}, policy(), NOW)
    assert (verdict.outcome, verdict.allowed) == (Outcome.ERROR, False)


def test_without_a_plan_nothing_is_allowed() -> None:
    verdict = could_not_tell(PROBLEM)
    assert (verdict.outcome, verdict.allowed, answer(verdict)) == (Outcome.ERROR, False, (503, 3))


def test_a_missing_column_is_said_first() -> None:
    missing = Result(1, "expect_columns", False, "`_c4` is missing: 5 columns expected, 4 found (`_c0`)")
    verdict = decide(plan("r"), {0: evaluated(result(success=False), missing)}, policy(rule()), NOW)
    assert verdict.reasons[0].message == missing.message
    assert verdict.summary.startswith("FAIL: `_c4` is missing: 5 columns expected, 4 found")


@pytest.mark.parametrize(
    ("on_new", "severity", "enforcement", "expected"),
    [
        ("warn", "critical", Enforcement.BLOCK, Outcome.WARN),
        ("pass", "critical", Enforcement.BLOCK, Outcome.PASS),
        ("fail", "critical", Enforcement.BLOCK, Outcome.FAIL),
        ("fail", "warning", Enforcement.BLOCK, Outcome.WARN),
        ("fail", "info", Enforcement.BLOCK, Outcome.PASS),
        ("fail", "critical", Enforcement.WARN, Outcome.WARN),
    ],
)
def test_what_is_new_to_the_destination_is_the_rules_to_say(
    on_new: str, severity: str, enforcement: Enforcement, expected: Outcome
) -> None:
    new = replace(result(vacuous=True, severity=severity), is_new=True)
    a_rule = rule(on_new=on_new, enforcement=enforcement)
    verdict = decide(plan("r"), {0: evaluated(new)}, policy(a_rule), NOW)
    assert verdict.outcome is expected
    if expected is Outcome.FAIL:
        assert decide(plan("r"), {0: evaluated(new)}, policy(a_rule, waivers=(a_waiver(),)), NOW).allowed
