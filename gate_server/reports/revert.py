"""A stored revert, prepared for its page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from gate_server.model import Revert
from gate_server.reports.results import Tone

_STATES: dict[str, tuple[Tone, str, str]] = {
    "planned": ("running", "Under way", "The branch may not be changed yet."),
    "applied": ("warn", "Applied", "The revert was made; that the content is right was not confirmed."),
    "verified": ("pass", "Reverted", "The branch’s content was verified after the revert."),
    "moved": ("warn", "The branch moved meanwhile", "Other commits came in between: look at its log."),
    "unchanged": ("pass", "Nothing to change", "The branch holds this content already; no commit was made."),
    "refused": ("fail", "Refused", "The branch was not changed."),
    "failed": ("error", "Failed", "Look at the branch’s log before trying again."),
}


@dataclass(frozen=True)
class RevertReport:
    """What the page of a revert shows, and its line in a list."""

    revert: Revert
    created_at: datetime | None
    tone: Tone
    word: str
    headline: str
    effect: str


def revert_report(revert: Revert, created_at: datetime | None) -> RevertReport:
    """Return the report of `revert`; `created_at` is when it was asked for."""
    tone, headline, effect = _STATES[revert.state]
    return RevertReport(revert, created_at, tone, revert.state.upper(), headline, effect)
