"""Putting a branch back to an earlier commit: plan, apply, verify (D11)."""

from gate_server.reverts.apply import apply_revert
from gate_server.reverts.context import RevertContext
from gate_server.reverts.plan import plan_revert
from gate_server.reverts.sweep import sweep

__all__ = ["RevertContext", "apply_revert", "plan_revert", "sweep"]
