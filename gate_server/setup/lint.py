"""Whether every suite of a policy can be asked as its rule uses it, before any data is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gate_server.model import Engine, Format, Policy, Problem, Suite, digest

Use = tuple[Suite, Format, Mapping[str, Any], Engine]
LintSuites = Callable[[Sequence[Use]], Sequence[Sequence[Problem]]]


def lint_policy(policy: Policy, lint: LintSuites) -> list[str]:
    """Return what is wrong with the suites of a policy that could be loaded, as ``file:line: what``.

    Parameters
    ----------
    lint
        Looks at suites and returns the problems of each: the runner's, as the engine runs in a child only.
    """
    uses: dict[str, Use] = {}
    names: dict[str, list[str]] = {}
    for rule in policy.rules:
        suite = policy.suite_of(rule)
        if suite is None:
            continue
        key = digest(suite.digest, suite.path, rule.format, dict(rule.parameters), rule.engine)
        uses[key] = (suite, rule.format, rule.parameters, rule.engine)
        names.setdefault(key, []).append(rule.name)
    found = lint(list(uses.values())) if uses else ()
    return [
        _line(problem, ", ".join(names[key]))
        for key, problems in zip(uses, found, strict=True)
        for problem in problems
    ]


def _line(problem: Problem, rules: str) -> str:
    hint = f": {problem.hint}" if problem.hint else ""
    return f"{problem.path}:{problem.line or 1}: {problem.message}{hint} (rule {rules})"
