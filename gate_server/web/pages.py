"""All pages, on their blueprint; and the first one."""

from __future__ import annotations

from flask import render_template

from gate_server.door.context import services
from gate_server.door.seen import seen_checks, seen_reverts
from gate_server.reports.check import check_row
from gate_server.reports.revert import revert_report
from gate_server.web import branches, checks, reverts, sessions
from gate_server.web.blueprint import web

__all__ = ["branches", "checks", "reverts", "sessions", "web"]

NEWEST_CHECKS, NEWEST_REVERTS = 50, 10


@web.get("/")
def home() -> str:
    """Show the newest checks and reverts."""
    reverts = seen_reverts(NEWEST_REVERTS)
    times = services().store.reverts.times(revert.id for revert in reverts)
    return render_template(
        "home.html",
        checks=[check_row(check) for check in seen_checks(NEWEST_CHECKS)],
        reverts=[revert_report(revert, times.get(revert.id)) for revert in reverts],
    )
