"""The policies that checks were asked with, as a worker finds them: by digest, in the database."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import datetime

import structlog
from pydantic import ValidationError

from gate_server.engine.version import ENGINE_VERSION
from gate_server.errors import CouldNotTell, GateError
from gate_server.model import Policy, dump, load
from gate_server.policy.digests import policy_digest
from gate_server.store.policies import KeptPolicy, Policies

REMEMBERED = 50

log = structlog.get_logger()


def keep_policy(policies: Policies, policy: Policy, *, again: bool = False) -> None:
    """Let all workers find `policy`; `again`: they are to look at it anew."""
    policies.keep(policy.digest, dump(policy), ENGINE_VERSION, again=again)


def kept_policy(policies: Policies, digest: str) -> tuple[Policy, KeptPolicy]:
    """Return a policy and its row.

    Raises
    ------
    CouldNotTell
        When it is not there, or not what its digest says.
    """
    kept = policies.get(digest)
    if kept is None:
        raise CouldNotTell(
            f"the policy {digest[:12]} of this check is not in the database",
            "ask again, under today's policy",
        )
    try:
        policy = load(Policy, kept.content)
    except ValidationError as error:
        raise _damaged(digest) from error
    if policy.digest != digest or policy_digest(policy) != digest:
        raise _damaged(digest)
    return policy, kept


def _damaged(digest: str) -> CouldNotTell:
    return CouldNotTell(
        f"the policy {digest[:12]} in the database is damaged, or another version's",
        "`gate policy reload` or a restart writes the policy of the file anew; then ask again",
    )


class KnownPolicies:
    """Gives policies by digest; one that nobody looked at is looked at first, by `lint`.

    Parameters
    ----------
    lint
        Returns what is wrong with the suites of a policy; raises `GateError` when it could not look.
    """

    def __init__(self, policies: Policies, lint: Callable[[Policy], Sequence[str]]) -> None:
        self._policies = policies
        self._lint = lint
        self._known: OrderedDict[str, Policy] = OrderedDict()
        self._lock = threading.Lock()
        self._given_up: set[tuple[str, datetime]] = set()

    def of(self, digest: str) -> Policy:
        """Return the policy of a check.

        Raises
        ------
        CouldNotTell
            When it is not there, damaged, could not be looked at, or is refused; with all findings.
        """
        with self._lock:
            if digest in self._known:
                self._known.move_to_end(digest)
                return self._known[digest]
        policy, findings = self.looked_at(digest)
        if findings:
            raise CouldNotTell(
                f"the policy cannot be judged by: {'; '.join(findings)}", "repair it, then ask again"
            )
        with self._lock:
            self._known[digest] = policy
            while len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        return policy

    def looked_at(self, digest: str) -> tuple[Policy, Sequence[str]]:
        """Return a policy and what is wrong with it; raises `CouldNotTell` as `of` does."""
        policy, kept = kept_policy(self._policies, digest)
        if kept.state != "new" and kept.engine_version == ENGINE_VERSION:
            return policy, kept.findings
        return policy, self.look_at(policy)

    def look_at(self, policy: Policy) -> Sequence[str]:
        """Look at a policy, remember and return what was found."""
        findings = self._lint(policy)
        self._policies.looked_at(policy.digest, findings, ENGINE_VERSION)
        log.info("looked at a policy", policy=policy.digest, findings=len(findings))
        return findings

    def look_at_new(self) -> None:
        """Look at what nobody looked at; what that fails for is left until it is asked for once more."""
        for digest, asked_at in self._policies.new():
            if (digest, asked_at) in self._given_up:
                continue
            try:
                self.look_at(kept_policy(self._policies, digest)[0])
            except GateError as error:
                self._given_up.add((digest, asked_at))
                log.warning("could not look at a policy", policy=digest, reason=error.message)
