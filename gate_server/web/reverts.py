"""A revert: what, who, why, and the way back."""

from __future__ import annotations

from flask import render_template

from gate_server.door.context import services
from gate_server.door.seen import seen_revert
from gate_server.reports.revert import revert_report
from gate_server.web.blueprint import web


@web.get("/reverts/<revert_id>")
def revert_page(revert_id: str) -> str:
    """Show a revert: what, who, why, from, to, and the way back."""
    revert = seen_revert(revert_id)
    created_at = services().store.reverts.times([revert_id]).get(revert_id)
    return render_template("revert.html", report=revert_report(revert, created_at))
