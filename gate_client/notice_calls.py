"""What can be asked of a gate about notices, without the I/O (see `exchange`)."""

from __future__ import annotations

from gate_client.calls import checked
from gate_client.exchange import Connection, Flow, Request, exchange
from gate_client.notice_wire import NoticeBody, NoticesBody
from gate_client.wire import ListQuery

NOTICES = "/api/v1/notices"


def list_notices(gate: Connection, repository: str = "", *, limit: int = 50) -> Flow[list[NoticeBody]]:
    """Return the newest notices: to whom, of what, and what came of it."""
    query = checked(ListQuery, repository=repository, limit=limit)
    request = Request("GET", NOTICES, params=query.model_dump())
    return (yield from exchange(gate, request, NoticesBody)).notices
