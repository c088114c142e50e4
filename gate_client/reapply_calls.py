"""What can be asked of a gate once a revert took a merge back, without the I/O (see `exchange`)."""

from __future__ import annotations

from gate_client.calls import checked
from gate_client.exchange import Connection, Flow, Request, exchange
from gate_client.reapply_wire import OneReappliedBody, ReappliedBody, ReapplyRequest


def reapply(gate: Connection, repository: str, source: str, destination: str) -> Flow[ReappliedBody]:
    """Make a branch that brings the changes of `source` again, which a revert took out of `destination`.

    Merging `source` itself would bring only what is newer than the merge that was taken back. The branch is
    judged and merged as any other; asked for again, the same is found. For a token that may revert.

    Raises
    ------
    Conflict
        When no revert took anything of it back, or it has uncommitted changes.
    """
    body = checked(ReapplyRequest, repository=repository, source=source, destination=destination)
    request = Request("POST", "/api/v1/reapplications", body)
    return (yield from exchange(gate, request, OneReappliedBody)).reapplied
