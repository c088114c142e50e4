"""What every step of a revert works with."""

from __future__ import annotations

from dataclasses import dataclass

from gate_server.lakefs.client import LakeFS
from gate_server.lakefs.commits import Commits
from gate_server.lakefs.listings import Listings
from gate_server.store.store import Store

BEYOND_A_CALL_S = 10.0


@dataclass(frozen=True)
class RevertContext:
    """The server and what is remembered of it, the gate's memory and address, and which paths always stay."""

    lakefs: LakeFS
    commits: Commits
    listings: Listings
    store: Store
    public_url: str = ""
    keep: tuple[str, ...] = ()

    @property
    def lease_s(self) -> float:
        """How long a branch's lease lasts: longer than one call to lakeFS, at whose end it is renewed."""
        return self.lakefs.timeout_s + BEYOND_A_CALL_S
