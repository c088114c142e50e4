"""The policy that is asked by: its rules, their suites as sentences, who answers for what until when."""

from __future__ import annotations

from collections.abc import Sequence

from flask import render_template

from gate_server.door.context import services
from gate_server.door.security import allow_everywhere, sees
from gate_server.door.seen import seen_waivers
from gate_server.engine.sentences import sentences
from gate_server.errors import NotFound
from gate_server.model import Rule
from gate_server.policy.globs import matches
from gate_server.policy.plan import applied_rules
from gate_server.setup.matching import MOST_OBJECTS, matched
from gate_server.store.times import now
from gate_server.web.blueprint import web

MOST_WAIVERS, MOST_BRANCHES = 100, 50


@web.get("/policy")
def policy_page() -> str:
    """Show the policy."""
    allow_everywhere()
    here = services()
    at = now()
    policy = here.policy
    guarded = here.store.installations.places()
    waivers = [item for item in seen_waivers(MOST_WAIVERS) if item.ended_at is None and item.expires > at]
    return render_template(
        "policy.html",
        policy=policy,
        asked={
            rule.name: sentences(suite, rule.parameters)
            for rule in policy.rules
            if (suite := policy.suite_of(rule)) is not None
        },
        since=here.active.since,
        refused=here.active.refused,
        guarded=guarded[:MOST_BRANCHES],
        more_guarded=max(0, len(guarded) - MOST_BRANCHES),
        nowhere={rule.name for rule in policy.rules if guarded and not _is_for_any(rule, guarded)},
        waivers=waivers,
        in_policy=[item for item in policy.waivers if item.expires > at],
    )


@web.get("/branches/<repository>/<branch>/matches")
def branch_matches(repository: str, branch: str) -> str:
    """Show what of a branch each rule is for now: asked of lakeFS, in a bounded number of calls."""
    if not sees(repository, branch):
        raise NotFound(f"lakeFS has no branch {branch} in repository {repository}")
    here = services()
    head, policy = here.checks.asked_by(repository, branch)
    applied = applied_rules(policy, repository, branch)
    return render_template(
        "matches.html",
        repository=repository,
        branch=branch,
        head=head,
        policy=policy,
        off=applied.off,
        found=matched(here.lakefs, repository, head, applied.rules),
        most_objects=MOST_OBJECTS,
    )


def _is_for_any(rule: Rule, places: Sequence[tuple[str, str]]) -> bool:
    return any(
        matches(branch, rule.branches) and matches(repository, rule.repositories)
        for repository, branch in places
    )
