"""When a watch looks, and at which branches; what it does then is in the end-to-end tests."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gate_server.checks.watching import AGAIN_AFTER_S, is_due, named_branches
from gate_server.model import Commit, Format, Policy, Rule, Watch
from gate_server.policy.watches import watched_rules
from gate_server.store.watches import Look

HEAD = Commit("h", "m")
POLICY = Policy((), {}, digest="p")
SEEN = Look("h", "p", "PASS", "c", "h", age_s=100.0)


@pytest.mark.parametrize(
    ("watch", "last", "due"),
    [
        ({}, None, True),
        ({}, SEEN, False),
        ({}, replace(SEEN, commit_id="old"), True),
        ({}, replace(SEEN, policy_digest="old"), True),
        ({}, replace(SEEN, outcome="FAIL"), False),
        ({}, replace(SEEN, outcome="ERROR", age_s=AGAIN_AFTER_S - 1), False),
        ({}, replace(SEEN, outcome="ERROR", age_s=AGAIN_AFTER_S), True),
        ({"every": "2m"}, replace(SEEN, age_s=119.0), False),
        ({"every": "2m"}, replace(SEEN, age_s=120.0), True),
        ({"every": "1h", "after_merge": False}, replace(SEEN, commit_id="old"), False),
        ({"every": "1h", "after_merge": False}, replace(SEEN, commit_id="old", age_s=3600.0), True),
    ],
)
def test_when_it_looks(watch: dict[str, Any], last: Look | None, due: bool) -> None:
    assert is_due(Watch("all", **watch), last, HEAD, POLICY) is due


def test_where_it_looks_without_an_installation() -> None:
    watches = (Watch("one", ("sales", "hr-*"), ("main", "release-?")), Watch("two", ("sales",)))
    assert list(named_branches(Policy((), {}, watch=watches))) == [("sales", "main"), ("sales", "main")]


def test_which_rules_it_holds_against_a_branch() -> None:
    def rule(name: str, **more: Any) -> Rule:
        return Rule(name, ("**",), "s", Format("csv"), **more)

    here, there = rule("here"), rule("there", repositories=("hr",))
    away, later = rule("away", runs="elsewhere"), rule("later", branches=("release",))
    policy = Policy((here, there, away, later), {})
    assert watched_rules(policy, Watch("all"), "sales", "main") == (here,)
    assert watched_rules(policy, Watch("all"), "hr", "main") == (here, there)
    assert watched_rules(policy, Watch("some", rules=("there",)), "hr", "main") == (there,)
    assert watched_rules(policy, Watch("all"), "sales", "dev") == ()
    assert watched_rules(policy, Watch("all", repositories=("hr",)), "sales", "main") == ()
