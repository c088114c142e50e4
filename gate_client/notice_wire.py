"""The API's bodies of notices; see `gate_client.wire`."""

from __future__ import annotations

from datetime import datetime

from gate_client.wire import Answered


class NoticeBody(Answered):
    """What somebody is told, and how it stands: ``waiting``, ``sending``, ``sent`` or ``given_up``.

    ``reason`` is why the last attempt failed.
    """

    id: str
    target: str
    occasion: str
    repository: str
    branch: str
    title: str
    state: str
    attempts: int
    reason: str
    created_at: datetime
    due_at: datetime
    ended_at: datetime | None


class NoticesBody(Answered):
    """Notices, newest first."""

    notices: list[NoticeBody]
