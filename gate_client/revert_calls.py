"""What can be asked of a gate about reverts, without the I/O (see `exchange`)."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from gate_client.calls import checked, in_path
from gate_client.errors import NotReverted
from gate_client.exchange import Connection, Flow, Request, exchange
from gate_client.revert_wire import (
    KEY_HEADER,
    OneRevertBody,
    RevertAnswer,
    RevertBody,
    RevertRequest,
    RevertsBody,
)
from gate_client.wire import ListQuery

REVERTS = "/api/v1/reverts"
REVERTED = ("verified", "unchanged")


def plan_revert(
    gate: Connection,
    repository: str,
    branch: str,
    to: str = "",
    *,
    commit: str = "",
    undo: str = "",
    paths: Sequence[str] = (),
    allow_side: bool = False,
    reason: str = "",
    expected_head: str = "",
    keep: Sequence[str] = (),
) -> Flow[RevertAnswer]:
    """Return what `revert` would change; nothing is changed (a dry run)."""
    body = checked(
        RevertRequest,
        repository=repository,
        branch=branch,
        to=to,
        commit=commit,
        undo=undo,
        paths=list(paths),
        allow_side=allow_side,
        reason=reason,
        expected_head=expected_head,
        keep=list(keep),
        dry_run=True,
    )
    return (yield from exchange(gate, Request("POST", REVERTS, body), RevertAnswer))


def revert(
    gate: Connection,
    repository: str,
    branch: str,
    to: str = "",
    *,
    commit: str = "",
    undo: str = "",
    paths: Sequence[str] = (),
    allow_side: bool = False,
    reason: str = "",
    expected_head: str = "",
    keep: Sequence[str] = (),
    idempotency_key: str = "",
) -> Flow[RevertAnswer]:
    """Put `branch` back by one new commit; one of `to`, `commit` and `undo` says how.

    Tried again while the gate answers 503, with the same key, so that it is done once. After a timeout, ask
    again with a key of your own, or read the branch's head.

    Parameters
    ----------
    to
        Back to a commit, any ref, or a time such as ``2026-11-20T08:00Z``.
    commit
        Undo this one commit or merge; what came after it stays.
    undo
        Undo the revert of this id.
    paths
        With `to`: only these objects and folders go back.
    allow_side
        Take also a commit that was never the branch's state.
    expected_head
        Refuse unless the branch's head is this commit.
    keep
        Paths, or patterns of paths, that stay.
    idempotency_key
        The same request with the same key is done once and answered with the first outcome; one is made up
        where it is empty.

    Raises
    ------
    NotReverted
        When the branch is not what was asked for; its ``answer`` says what was done.
    Conflict
        When the commit was never the branch's state, the head is not the expected one, others changed since
        what would be taken back, or another revert of the branch is under way.
    """
    body = checked(
        RevertRequest,
        repository=repository,
        branch=branch,
        to=to,
        commit=commit,
        undo=undo,
        paths=list(paths),
        allow_side=allow_side,
        reason=reason,
        expected_head=expected_head,
        keep=list(keep),
    )
    headers = {KEY_HEADER: idempotency_key or secrets.token_hex(16)}
    request = Request("POST", REVERTS, body, accepts=(409,), headers=headers)
    answer = yield from exchange(gate, request, RevertAnswer)
    done = answer.revert
    if done is None or done.state not in REVERTED:
        state = done.state if done else "not done"
        error = NotReverted(f"the revert of lakefs://{repository}/{branch} is {state}: {_why(done)}")
        error.answer = answer
        raise error
    return answer


def undo_revert(
    gate: Connection, revert_id: str, *, reason: str = "", idempotency_key: str = ""
) -> Flow[RevertAnswer]:
    """Put back what a revert took, by one new commit; what came after it stays.

    Raises
    ------
    NotFound
        When there is no such revert.
    NotReverted
        As `revert`.
    Conflict
        As `revert`: for one, when others changed the same objects since.
    """
    done = yield from get_revert(gate, revert_id)
    flow = revert(
        gate, done.repository, done.branch, undo=revert_id, reason=reason, idempotency_key=idempotency_key
    )
    return (yield from flow)


def get_revert(gate: Connection, revert_id: str) -> Flow[RevertBody]:
    """Return what a revert did.

    Raises
    ------
    NotFound
        When there is none.
    """
    request = Request("GET", f"{REVERTS}/{in_path(revert_id)}")
    return (yield from exchange(gate, request, OneRevertBody)).revert


def list_reverts(gate: Connection, repository: str = "", *, limit: int = 50) -> Flow[list[RevertBody]]:
    """Return the newest reverts, newest first."""
    query = checked(ListQuery, repository=repository, limit=limit)
    request = Request("GET", REVERTS, params=query.model_dump())
    return (yield from exchange(gate, request, RevertsBody)).reverts


def _why(done: RevertBody | None) -> str:
    return (done.message if done else "") or "the gate says no more"
