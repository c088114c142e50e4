"""What every step of a revert works with."""

from __future__ import annotations

from dataclasses import dataclass

from gate_server.lakefs.client import LakeFS
from gate_server.lakefs.commits import Commits
from gate_server.lakefs.listings import Listings
from gate_server.store.store import Store


@dataclass(frozen=True)
class RevertContext:
    """The server, what is remembered of it, the gate's own memory, and where people reach the gate."""

    lakefs: LakeFS
    commits: Commits
    listings: Listings
    store: Store
    public_url: str = ""
