"""A revert's lease of its branch, kept while it works."""

from __future__ import annotations

import time

from gate_server.errors import Conflict
from gate_server.model import Revert
from gate_server.reverts.context import RevertContext


class Lease:
    """What `Reverts.open` took for a revert.

    Parameters
    ----------
    context
        Says how long it lasts.
    revert
        Whose it is.
    """

    def __init__(self, context: RevertContext, revert: Revert) -> None:
        self._context = context
        self._revert = revert
        self._held_at = time.monotonic()

    def keep(self) -> None:
        """Renew it where a part of it is over; may be called often."""
        if time.monotonic() - self._held_at > self._context.lease_s / 8:
            self.hold()

    def hold(self) -> None:
        """Renew it now.

        Raises
        ------
        Conflict
            When another revert has it.
        """
        began = time.monotonic()
        if not self._context.store.reverts.renew(self._revert.id, self._context.lease_s):
            raise Conflict(
                f"this revert of {self._revert.branch} took so long that another one has begun",
                "look at what that one did, then revert again",
            )
        self._held_at = began
