"""What a worker elsewhere asks of a gate: checks that wait, their leases, handing in what was found."""

from __future__ import annotations

from gate_client.calls import CHECKS, checked, in_path
from gate_client.exchange import Connection, Flow, Request, exchange
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

LEASES = "/api/v1/leases"


def list_waiting(gate: Connection, repository: str = "", *, limit: int = 50) -> Flow[list[WaitingCheck]]:
    """Return the checks that wait for a worker elsewhere, oldest first; for a token of the role worker."""
    query = checked(ListQuery, repository=repository, limit=limit)
    return (yield from exchange(gate, Request("GET", LEASES, params=query.model_dump()), WaitingBody)).checks


def take_lease(gate: Connection, check_id: str) -> Flow[LeaseBody]:
    """Take a check that waits; the lease's token is in this answer and nowhere else.

    Raises
    ------
    Conflict
        When it does not wait.
    """
    # Never again: the first one may have been given, and nobody would know its token.
    request = Request("POST", f"{CHECKS}/{in_path(check_id)}/lease", LeaseRequest(), again="never")
    return (yield from exchange(gate, request, LeaseBody))


def get_work(gate: Connection, check_id: str) -> Flow[WorkBody]:
    """Return what the holder of the lease is to evaluate; for a client whose token is the lease's.

    Raises
    ------
    Unauthorized
        When the lease is over; so do `renew_lease`, `hand_back` and `hand_in`.
    """
    return (yield from exchange(gate, Request("GET", f"{CHECKS}/{in_path(check_id)}/lease"), WorkBody))


def renew_lease(gate: Connection, check_id: str) -> Flow[RenewedBody]:
    """Say that the work goes on."""
    request = Request("PUT", f"{CHECKS}/{in_path(check_id)}/lease", LeaseRequest())
    return (yield from exchange(gate, request, RenewedBody))


def hand_back(gate: Connection, check_id: str) -> Flow[WaitingCheck]:
    """Give a lease up unharmed: the check waits for the next worker."""
    return (yield from exchange(gate, Request("DELETE", f"{CHECKS}/{in_path(check_id)}/lease"), WaitingCheck))


def hand_in(
    gate: Connection, check_id: str, work: str, engine_version: str, evaluations: str
) -> Flow[VerdictBody]:
    """Hand in what was found, once, and return the verdict that the gate makes of it."""
    body = checked(ResultsRequest, work=work, engine_version=engine_version, evaluations=evaluations)
    return (
        yield from exchange(gate, Request("POST", f"{CHECKS}/{in_path(check_id)}/results", body), VerdictBody)
    )
