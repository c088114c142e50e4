"""The ledger's head, told where nobody who owns the database alters it: in the log."""

from __future__ import annotations

import structlog

from gate_server.store.ledger import Head, Ledger

log = structlog.get_logger()


class TellsHead:
    """Writes the head to the log when there is a new one; to be called again and again."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._told = Head(0, "")

    def __call__(self) -> None:
        """Look once."""
        head = self._ledger.head()
        if head.number and head != self._told:
            log.info("ledger's head", head=str(head))
            self._told = head
