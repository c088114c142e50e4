"""Putting a branch back: to an earlier commit, some paths of it, or without one commit (D11)."""

from gate_server.reverts.apply import apply_revert
from gate_server.reverts.context import RevertContext
from gate_server.reverts.once import keyed, outcome_of
from gate_server.reverts.plan import plan_revert
from gate_server.reverts.sweep import sweep

__all__ = ["RevertContext", "apply_revert", "keyed", "outcome_of", "plan_revert", "sweep"]
