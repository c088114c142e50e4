"""What a policy says, as one digest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gate_server.model import Policy, digest, dump

# Choices that there were not at first, as they stand in a rule that makes none of them.
ADDED_LATER: Mapping[str, Any] = {
    "runs": "here",
    "on_new": "warn",
    "reference_ref": "",
    "require": None,
    "mask": [],
    "owner": "",
}


def policy_digest(policy: Policy) -> str:
    """Digest of what a policy says: not of where it stands, its comments or line numbers."""
    rules = [dump(replace(rule, line=0)) for rule in policy.rules]
    for rule in rules:  # as before there was such a choice: what was judged by these rules stays known
        for key, value in ADDED_LATER.items():
            if rule[key] == value:
                del rule[key]
    waivers = [dump(replace(waiver, line=0)) for waiver in policy.waivers]
    suites = {name: suite.digest for name, suite in policy.suites.items()}
    later = [dump(replace(policy.ahead, line=0))] if policy.ahead else []
    watch = [[dump(replace(item, line=0)) for item in policy.watch]] if policy.watch else []
    audit = [policy.on_unverified_fail] if policy.on_unverified_fail != "alert" else []
    told = [["notices", *(dump(replace(item, line=0)) for item in policy.notices)]] if policy.notices else []
    says = (
        rules,
        suites,
        waivers,
        policy.judge,
        policy.unmatched,
        policy.in_repository,
        *later,
        *watch,
        *audit,
        *told,
    )
    return digest("policy-2", *says)
