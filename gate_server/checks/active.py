"""The policy that this gate asks by. It changes by a reload alone, and only to one that can be judged by."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import structlog

from gate_server.checks.policies import keep_policy
from gate_server.errors import CouldNotTell, GateError
from gate_server.model import Policy
from gate_server.policy.document import PolicyErrors
from gate_server.store.policies import Policies
from gate_server.store.times import now
from gate_server.telemetry import metrics

LOOKED_AT_WITHIN_S = 30.0
POLL_S = 0.05

log = structlog.get_logger()


@dataclass(frozen=True)
class RefusedReload:
    """A reload that left the policy as it was."""

    at: datetime
    findings: tuple[str, ...]


class ActivePolicy:
    """Holds the policy for asks from now on; each check keeps the one that it was asked with.

    Parameters
    ----------
    policy
        What is asked by first.
    read
        Reads the policy's file again; raises `PolicyErrors`.
    remember
        Told the digest before it is asked by, so that a web process that is started again goes on with it.
    """

    def __init__(
        self,
        policy: Policy,
        policies: Policies,
        read: Callable[[], Policy],
        remember: Callable[[str], object] = lambda _: None,
    ) -> None:
        self.policy = policy
        self.since = self.loaded_at = now()
        self.refused: RefusedReload | None = None
        self._policies = policies
        self._read = read
        self._remember = remember
        self._one_at_a_time = threading.Lock()

    def reload(self) -> tuple[Policy, Policy]:
        """Read the file again and ask by it from then on; return what was asked by before, and is now.

        Raises
        ------
        PolicyErrors
            With every finding; all goes on under the old policy, as after any other error.
        CouldNotTell
            When no worker looked at it.
        """
        with self._one_at_a_time:
            before = self.policy
            try:
                wanted = self._read()
                if wanted.digest != before.digest:
                    self._have_looked_at(wanted)
                    self._remember(wanted.digest)
            except Exception as error:
                metrics.policy_reload_failures.inc()
                self.refused = _refused(error)
                raise
            self.policy, self.loaded_at, self.refused = wanted, now(), None
            if wanted.digest != before.digest:
                self.since = self.loaded_at
            log.info("policy reloaded", before=before.digest, policy=wanted.digest)
            return before, wanted

    def _have_looked_at(self, policy: Policy) -> None:
        keep_policy(self._policies, policy, again=True)
        deadline = time.monotonic() + LOOKED_AT_WITHIN_S
        while time.monotonic() < deadline:
            kept = self._policies.get(policy.digest)
            if kept is not None and kept.state == "refused":
                raise PolicyErrors(kept.findings)
            if kept is not None and kept.state == "valid":
                return
            time.sleep(POLL_S)
        raise CouldNotTell(
            f"no worker looked at the policy within {LOOKED_AT_WITHIN_S:g} s",
            "is one alive (GET /readyz)? its log says more; the old policy stays",
        )


def _refused(error: Exception) -> RefusedReload:
    findings: tuple[str, ...] = (f"the gate failed ({type(error).__name__})",)
    if isinstance(error, GateError):
        findings = error.findings if isinstance(error, PolicyErrors) else (error.message,)
    defect = None if isinstance(error, GateError) else error
    log.error("the policy is not reloaded, the old one stays", findings=findings, exc_info=defect)
    return RefusedReload(now(), findings)
