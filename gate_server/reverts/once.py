"""A request with an idempotency key is done once: asked again, it is answered with the first outcome."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gate_server.errors import CouldNotTell, UsageError
from gate_server.model import Revert, RevertPlan, digest
from gate_server.reverts.context import RevertContext
from gate_server.reverts.sweep import finish
from gate_server.store.reverts import Keyed


def keyed(principal: str, key: str, wanted: Mapping[str, Any]) -> Keyed:
    """Return a request with its key; keys of two principals have nothing to do with each other."""
    return Keyed(digest(principal, key), digest(dict(wanted))) if key else Keyed()


def outcome_of(context: RevertContext, request: Keyed) -> tuple[RevertPlan, Revert] | None:
    """Return what came of a request that was made before, None where it has to be done.

    A request that changed nothing because lakeFS failed does not count: it may be made again.

    Raises
    ------
    UsageError
        When the key stands for another request.
    CouldNotTell
        When the first is still under way, or what came of it cannot be read yet.
    """
    known = context.store.reverts.by_key(request.key) if request.key else None
    if known is None:
        return None
    if known.request != request.request:
        raise UsageError(
            f"this idempotency key stands for another request (revert {known.revert.id})",
            "take a new key for each request",
        )
    revert = known.revert
    if known.under_way:
        raise CouldNotTell(
            f"revert {revert.id}, asked for with this key, is under way", "ask again in a moment"
        )
    if revert.state == "planned":
        finish(context, revert, known.temporary_branch)
        revert = context.store.reverts.get(revert.id) or revert
    if known.plan is None:
        raise CouldNotTell(f"the plan of revert {revert.id} was not kept", "take a new key")
    return known.plan, revert
