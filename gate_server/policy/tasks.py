"""What of a plan has still to be evaluated."""

from __future__ import annotations

from collections.abc import Container

from gate_server.model import EvaluationTask, Plan, Policy


def tasks_left(plan: Plan, policy: Policy, known: Container[int]) -> list[EvaluationTask]:
    """Return the obligations whose numbers are not `known`, with all that evaluating them takes."""
    rules = {rule.name: rule for rule in policy.rules}
    return [
        EvaluationTask(rules[item.rule], policy.suites[rules[item.rule].suite], item)
        for item in plan.obligations
        if item.number not in known
    ]
