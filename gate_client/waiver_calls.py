"""What can be asked of a gate about waivers, without the I/O (see `exchange`)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from gate_client.calls import checked, in_path
from gate_client.exchange import Connection, Flow, Request, exchange
from gate_client.waiver_wire import OneWaiverBody, WaiverBody, WaiverRequest, WaiversBody
from gate_client.wire import ListQuery

WAIVERS = "/api/v1/waivers"


def waive(
    gate: Connection,
    *,
    check: str = "",
    rule: str = "",
    repository: str = "",
    branch: str = "",
    paths: Sequence[str] = (),
    owner: str,
    reason: str,
    expires: datetime,
) -> Flow[list[WaiverBody]]:
    """Answer for what failed in `check`, or for what `rule` finds bad in `repository`, until `expires`.

    For an admin's token. A failure under a waiver is WARN, never PASS.

    Parameters
    ----------
    branch
        Merged into; empty for each.
    paths
        Patterns; of a check they choose among what failed.
    expires
        With a time zone.

    Raises
    ------
    Conflict
        When something failed in the check that cannot be waived.
    """
    body = checked(
        WaiverRequest,
        check=check,
        rule=rule,
        repository=repository,
        branch=branch,
        paths=list(paths),
        owner=owner,
        reason=reason,
        expires=expires,
    )
    # Never again: the first ones may have been made, and would hold twice.
    return (yield from exchange(gate, Request("POST", WAIVERS, body, again="never"), WaiversBody)).waivers


def list_waivers(gate: Connection, repository: str = "", *, limit: int = 50) -> Flow[list[WaiverBody]]:
    """Return the newest waivers, those that hold no more among them."""
    query = checked(ListQuery, repository=repository, limit=limit)
    request = Request("GET", WAIVERS, params=query.model_dump())
    return (yield from exchange(gate, request, WaiversBody)).waivers


def end_waiver(gate: Connection, waiver_id: str) -> Flow[WaiverBody]:
    """End a waiver: what it covered fails again. For an admin's token.

    Raises
    ------
    NotFound
        When there is none that could end.
    """
    request = Request("DELETE", f"{WAIVERS}/{in_path(waiver_id)}", again="never")
    return (yield from exchange(gate, request, OneWaiverBody)).waiver
