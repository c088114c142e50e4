"""The policy that is asked by: its rules, their suites as sentences, who answers for what until when."""

from __future__ import annotations

from flask import render_template

from gate_server.door.context import services
from gate_server.door.security import allow_everywhere
from gate_server.door.seen import seen_waivers
from gate_server.engine.sentences import sentences
from gate_server.store.times import now
from gate_server.web.blueprint import web

MOST_WAIVERS = 100


@web.get("/policy")
def policy_page() -> str:
    """Show the policy."""
    allow_everywhere()
    here = services()
    at = now()
    policy = here.policy
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
        waivers=waivers,
        in_policy=[item for item in policy.waivers if item.expires > at],
    )
