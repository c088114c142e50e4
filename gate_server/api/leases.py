"""`/api/v1/leases`, `/api/v1/checks/ID/lease` and `/results`: checks that are lent to workers elsewhere."""

from __future__ import annotations

from typing import Any

from flask_openapi3.blueprint import APIBlueprint

from gate_client.wire import (
    LeaseBody,
    LeaseRequest,
    ListQuery,
    RenewedBody,
    ResultsRequest,
    VerdictBody,
    WaitingBody,
    WaitingCheck,
    WorkBody,
)
from gate_server.access.roles import newest_within
from gate_server.api.bodies import CheckPath, verdict_body
from gate_server.api.errors import ERRORS, ERRORS_OF_BODIES, TOKEN
from gate_server.checks.packing import unpack
from gate_server.door.context import services
from gate_server.door.security import lent, principal
from gate_server.door.seen import seen_check
from gate_server.engine.version import ENGINE_VERSION
from gate_server.model import Check, dump

leases = APIBlueprint("leases", __name__, url_prefix="/api/v1", abp_responses=ERRORS, abp_security=TOKEN)


@leases.get("/leases", responses={200: WaitingBody}, summary="Checks that wait for a worker elsewhere")
def list_waiting(query: ListQuery) -> dict[str, Any]:
    """Return what waits, oldest first."""
    found = newest_within(
        principal().scope,
        query.limit,
        lambda size: services().lent.waiting(query.repository, size),
        lambda check: (check.repository, check.destination),
    )
    return {"checks": [_waiting(check) for check in found]}


@leases.post(
    "/checks/<string:check_id>/lease",
    responses={201: LeaseBody, **ERRORS_OF_BODIES},
    summary="Take a check that waits for a worker elsewhere; the token is in this answer and nowhere else",
)
def take(path: CheckPath, body: LeaseRequest) -> tuple[dict[str, Any], int]:  # noqa: ARG001 - `{}`
    """Lend a check, for one attempt."""
    lease = services().lent.lend(seen_check(path.check_id).id, principal().who)
    return {
        "check": lease.check.id,
        "attempt": lease.check.attempt,
        "token": lease.token,
        "lease_s": services().lent.lease_s,
    }, 201


@leases.get(
    "/checks/<string:check_id>/lease",
    responses={200: WorkBody},
    summary="What the holder of the lease is to evaluate",
)
def work(path: CheckPath) -> dict[str, Any]:  # noqa: ARG001 - `admit` read it
    """Return the tasks, and where the objects are."""
    found = services().lent.work(lent())
    return {
        "check": found.check.id,
        "attempt": found.check.attempt,
        "repository": found.check.repository,
        "work": found.digest,
        "engine_version": ENGINE_VERSION,
        "request_id": found.check.request_id,
        "lease_s": services().lent.lease_s,
        "tasks": [dump(task) for task in found.tasks],
    }


@leases.put(
    "/checks/<string:check_id>/lease",
    responses={200: RenewedBody, **ERRORS_OF_BODIES},
    summary="Say that the work goes on",
)
def renew(path: CheckPath, body: LeaseRequest) -> dict[str, Any]:  # noqa: ARG001 - `admit` read it; `{}`
    """Let the lease last anew."""
    services().lent.renew(lent())
    return {"lease_s": services().lent.lease_s}


@leases.delete(
    "/checks/<string:check_id>/lease",
    responses={200: WaitingCheck},
    summary="Give a lease up unharmed: the check waits for the next worker",
)
def hand_back(path: CheckPath) -> dict[str, Any]:  # noqa: ARG001 - `admit` read it
    """End the lease; the attempt does not count."""
    services().lent.hand_back(lent())
    return _waiting(lent())


@leases.post(
    "/checks/<string:check_id>/results",
    responses={200: VerdictBody, **ERRORS_OF_BODIES},
    summary="Hand in what was found, once: the gate makes the verdict",
)
def hand_in(path: CheckPath, body: ResultsRequest) -> dict[str, Any]:  # noqa: ARG001 - `admit` read it
    """End the check, and the lease."""
    check = lent()
    verdict = services().lent.hand_in(check, body.work, body.engine_version, unpack(body.evaluations))
    return verdict_body(verdict, check)


def _waiting(check: Check) -> dict[str, Any]:
    return {
        "check": check.id,
        "repository": check.repository,
        "destination": check.destination,
        "source_name": check.source_name,
        "attempt": check.attempt,
        "created_at": dump(check.created_at),
    }
