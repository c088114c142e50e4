"""What the doors reach behind them: the services, kept on the Flask app."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from flask import current_app

from gate_server.access.failures import Failures
from gate_server.access.tokens import Access
from gate_server.checks.active import ActivePolicy
from gate_server.checks.lent import LentChecks
from gate_server.checks.looking import Looking
from gate_server.checks.service import CheckService
from gate_server.checks.waiting import Waiting
from gate_server.door.readiness import Readiness
from gate_server.lakefs.client import LakeFS
from gate_server.model import Policy
from gate_server.reverts.context import RevertContext
from gate_server.settings import Settings
from gate_server.setup.doctor import Examiner
from gate_server.store.store import Store

KEY = "lakefs-gate"


@dataclass(frozen=True)
class Services:
    """All that a request may use."""

    settings: Settings
    lakefs: LakeFS
    store: Store
    active: ActivePolicy
    checks: CheckService
    lent: LentChecks
    looking: Looking
    waiting: Waiting
    reverts: RevertContext
    access: Access
    failures: Failures
    readiness: Readiness
    examiner: Examiner

    @property
    def policy(self) -> Policy:
        """The policy that is asked by now."""
        return self.active.policy


def services() -> Services:
    """Return the services of the running app."""
    return cast(Services, current_app.extensions[KEY])
