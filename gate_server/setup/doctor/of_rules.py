"""Looks at what is asked of a branch: rules, what they match, and how long that takes."""

from __future__ import annotations

from collections.abc import Iterator

from gate_server.checks.repository_policies import RepositoryPolicies
from gate_server.errors import CouldNotTell
from gate_server.lakefs.listings import Listings
from gate_server.model import Policy
from gate_server.policy.document import PolicyErrors
from gate_server.policy.plan import applied_rules
from gate_server.reports.wording import count, seconds
from gate_server.setup.doctor.finding import Finding, Ground, fine, found, nothing, unseen
from gate_server.setup.doctor.of_branch import Head
from gate_server.setup.doctor.of_gate import GateState, told
from gate_server.setup.lint import lint_policy
from gate_server.setup.matching import MOST_OBJECTS, matched

LAST_CHECKS = 200
WEBHOOK_S = 60  # as in actions/gate_pre_merge.yaml


def waits(ground: Ground, head: Head, base: GateState) -> Iterator[Finding]:
    """Yield D212."""
    place, store = head.place, base.store
    if store is None:
        raise CouldNotTell("the gate's database, with the record of checks, was not read (D302, D303)")
    wait_s = ground.settings.wait_s
    if not head.is_lua and wait_s >= WEBHOOK_S:
        saw = f"GATE_WAIT_S is {wait_s:g}, but lakeFS gives up after {WEBHOOK_S} s"
        yield found("D212", place, saw, f"set GATE_WAIT_S below {WEBHOOK_S}")
        return
    limit_s = float(head.max_wait_s) if head.is_lua else wait_s
    took = [
        check.duration_s
        for check in store.checks.listed(repository=place.repository, limit=LAST_CHECKS)
        if check.destination == place.branch and check.duration_s is not None
    ]
    if not took:
        yield nothing("D212", place, f"no check of it is in the record; a merge waits {seconds(limit_s)}")
        return
    longest = f"the longest of {count(len(took), 'check')} took {seconds(max(took))}"
    saw = f"{longest}, a merge waits {seconds(limit_s)}"
    yield found("D212", place, saw) if max(took) >= limit_s else fine("D212", place, saw)


def rules(ground: Ground, head: Head, base: GateState) -> Iterator[Finding]:
    """Yield D213, D214 and D215; of the repository's own policy where it keeps one."""
    place, policy = head.place, base.policy
    if policy is None:
        raise CouldNotTell("the policy was not read (D301)")
    if not policy.in_repository:
        yield nothing("D215", place, "repositories keep no policies (GATE_POLICY_IN_REPOSITORY)")
    else:
        try:
            own = _own_policy(head, base, policy.in_repository)
            findings = lint_policy(own, ground.lint) if own else []
        except PolicyErrors as error:
            own, findings = None, list(error.findings)
        if findings:
            yield found("D215", place, told(findings))
            return
        if own is None:
            yield nothing("D215", place, f"it holds no {policy.in_repository}")
        else:
            yield fine("D215", place, f"{policy.in_repository}: {count(len(own.rules), 'rule')}")
            policy = own
    applied = applied_rules(policy, place.repository, place.branch)
    if not applied.rules:
        saw = f"{count(len(applied.off), 'rule')} for it, off" if applied.off else f"none of {policy.path}"
        yield found("D213", place, saw)
        yield nothing("D214", place, "no rule is for the branch (D213)")
        return
    yield fine("D213", place, f"for it: {', '.join(rule.name for rule in applied.rules)}")
    seen = matched(head.lakefs, place.repository, head.commit, applied.rules)
    none = [one for one in seen if not one.objects]
    if empty := [one.rule.name for one in none if one.is_whole]:
        yield found("D214", place, f"nothing at the head is for: {', '.join(empty)}")
    elif none:
        names = ", ".join(one.rule.name for one in none)
        yield unseen("D214", place, f"no match among the first {MOST_OBJECTS:,} objects: {names}")
    else:
        yield fine("D214", place, f"each of {count(len(seen), 'rule')} matches something")


def _own_policy(head: Head, base: GateState, path: str) -> Policy | None:
    if base.store is None:
        raise CouldNotTell("the gate's database was not read (D302, D303)")
    policies = RepositoryPolicies(head.lakefs, Listings(head.lakefs), base.store.policies)
    return policies.of(head.place.repository, head.commit, path)
