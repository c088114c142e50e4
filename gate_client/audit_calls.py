"""What can be asked of a gate about what came to a branch, without the I/O (see `exchange`)."""

from __future__ import annotations

from gate_client.audit_wire import AuditBody, OneAuditBody
from gate_client.exchange import Connection, Flow, Request, exchange


def audit(gate: Connection, repository: str, branch: str, since: str = "") -> Flow[AuditBody]:
    """Audit a branch: what the record says of each commit since the gate was installed, or since `since`.

    Raises
    ------
    NotFound
        When the branch does not exist, or is not guarded and `since` is not given.
    CouldNotTell
        When lakeFS does not answer, or `since` was never the branch's state.
    """
    params = {"repository": repository, "branch": branch, "since": since}
    request = Request("GET", "/api/v1/audits", params={key: value for key, value in params.items() if value})
    return (yield from exchange(gate, request, OneAuditBody)).audit
