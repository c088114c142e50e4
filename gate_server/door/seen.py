"""What who is asking may see: what is outside their limits does not exist for them."""

from __future__ import annotations

from flask import Response

from gate_server.access.roles import is_everywhere, newest_within
from gate_server.door.addresses import report_url
from gate_server.door.context import services
from gate_server.door.security import principal, sees
from gate_server.errors import NotFound
from gate_server.model import Check, MadeWaiver, Revert
from gate_server.model.notices import Notice
from gate_server.reports.kept import CONTENT_TYPES, Form, file_name, kept_report, no_verdict_yet
from gate_server.store.history import Wanted

LOOKED_AT_ONCE, MOST_LOOKED_AT = 500, 5000


def seen_check(check_id: str) -> Check:
    """Return a check; raises `NotFound`, the same whether there is none or it is not theirs to see."""
    # Ids are letters and digits; PostgreSQL refuses to look for a NUL.
    check = services().store.checks.get(check_id) if check_id.isalnum() else None
    if check is None or not sees(check.repository, check.destination):
        raise NotFound(f"there is no check {check_id}", "`gate check` and GET /api/v1/checks list them")
    return check


def seen_report(check_id: str, form: Form) -> Response:
    """Return a check's report as a file to keep.

    Raises
    ------
    NotFound
        As `seen_check`.
    Conflict
        While there is no verdict: half a report must not look like a whole one.
    """
    check = seen_check(check_id)
    checks = services().checks
    verdict = checks.verdict_of(check)
    if verdict is None:
        raise no_verdict_yet(check_id)
    content = kept_report(form, check, verdict, report_url(check_id), checks.policy_content(check))
    answer = Response(content, content_type=CONTENT_TYPES[form])
    answer.headers["Content-Disposition"] = f'attachment; filename="{file_name(check_id, form)}"'
    return answer


def seen_checks(limit: int, repository: str = "") -> list[Check]:
    """Return the newest checks that they may see."""
    return newest_within(
        principal().scope,
        limit,
        lambda size: services().store.checks.listed(repository=repository, limit=size),
        lambda check: (check.repository, check.destination),
    )


def seen_history(wanted: Wanted, limit: int, after: str = "") -> tuple[list[Check], str]:
    """Return checks of the history that they may see, and the id to go on after, empty at its end.

    Who sees little of much gets what is among the next `MOST_LOOKED_AT` checks, which may be nothing.
    """
    found: list[Check] = []
    size = limit + 1 if is_everywhere(principal().scope) else LOOKED_AT_ONCE
    for _ in range(MOST_LOOKED_AT // size):
        page = services().store.history.page(wanted, size, after)
        found += [check for check in page if sees(check.repository, check.destination)]
        if len(found) > limit:
            return found[:limit], found[limit - 1].id
        if len(page) < size:
            return found, ""
        after = page[-1].id
    return found, after


def seen_revert(revert_id: str) -> Revert:
    """Return a revert; raises `NotFound` as for a check."""
    revert = services().store.reverts.get(revert_id) if revert_id.isalnum() else None
    if revert is None or not sees(revert.repository, revert.branch):
        raise NotFound(f"there is no revert {revert_id}", "the first page and GET /api/v1/reverts list them")
    return revert


def seen_reverts(limit: int, repository: str = "") -> list[Revert]:
    """Return the newest reverts that they may see."""
    return newest_within(
        principal().scope,
        limit,
        lambda size: services().store.reverts.listed(repository=repository, limit=size),
        lambda revert: (revert.repository, revert.branch),
    )


def seen_waiver(waiver_id: str) -> MadeWaiver:
    """Return a waiver; raises `NotFound` as for a check."""
    waiver = services().store.waivers.get(waiver_id) if waiver_id.isalnum() else None
    if waiver is None or not sees(waiver.repository, waiver.branch):
        raise NotFound(f"there is no waiver {waiver_id}", "`gate waivers list` lists them")
    return waiver


def seen_waivers(limit: int, repository: str = "") -> list[MadeWaiver]:
    """Return the newest waivers that they may see."""
    return newest_within(
        principal().scope,
        limit,
        lambda size: services().store.waivers.listed(repository=repository, limit=size),
        lambda waiver: (waiver.repository, waiver.branch),
    )


def seen_notices(limit: int, repository: str = "") -> list[Notice]:
    """Return the newest notices that they may see."""
    return newest_within(
        principal().scope,
        limit,
        lambda size: services().store.notices.listed(repository=repository, limit=size),
        lambda notice: (notice.repository, notice.branch),
    )
