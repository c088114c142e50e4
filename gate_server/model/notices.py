"""What somebody is told, and how it stands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Tone = Literal["failure", "warning", "success", "info"]


@dataclass(frozen=True)
class Message:
    """What is to be told to one target.

    Parameters
    ----------
    topic
        Digest of what it is about. Of a topic, a target is told what changed, and no more.
    about
        Digest of what is told of it; empty: it is in order again.
    wait_s
        How long it may wait for what comes after it in its place, seconds.
    """

    target: str
    occasion: str
    repository: str
    branch: str
    topic: str
    about: str
    title: str
    body: str
    tone: Tone
    wait_s: float = 0.0


@dataclass(frozen=True)
class Notice:
    """A message in the outbox, and what came of it."""

    id: str
    target: str
    occasion: str
    repository: str
    branch: str
    topic: str
    about: str
    title: str
    body: str
    tone: Tone
    state: Literal["waiting", "sending", "sent", "given_up"]
    attempts: int
    reason: str
    created_at: datetime
    due_at: datetime
    ended_at: datetime | None = None
