"""A revert as API and pages ask for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gate_server.audit.last_good import with_last_good
from gate_server.door.context import services
from gate_server.door.security import principal
from gate_server.model import Revert, RevertPlan
from gate_server.reverts import apply_revert, keyed, outcome_of, plan_revert


def plan_of(wanted: Mapping[str, Any]) -> RevertPlan:
    """Return what a revert would change; raises as `plan_revert` and `with_last_good` do."""
    context = services().reverts
    return plan_revert(context, **with_last_good(context, wanted))


def make_revert(wanted: Mapping[str, Any], key: str) -> tuple[RevertPlan, Revert]:
    """Revert, or return what came of the same request before, where it has a `key`.

    Raises
    ------
    GateError
        As `outcome_of`, `plan_of` and `apply_revert` do.
    """
    context, who = services().reverts, principal().who
    request = keyed(who, key, wanted)
    if before := outcome_of(context, request):
        return before
    plan = plan_of(wanted)
    return plan, apply_revert(context, plan, principal=who, keyed=request)
