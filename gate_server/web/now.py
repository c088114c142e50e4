"""The first page: guarded branches with their state, what runs, the last verdicts and reverts."""

from __future__ import annotations

from dataclasses import dataclass

from flask import render_template

from gate_server.door.context import services
from gate_server.door.security import sees
from gate_server.door.seen import seen_history, seen_reverts
from gate_server.reports.check import check_row
from gate_server.reports.results import Tone
from gate_server.reports.revert import revert_report
from gate_server.store.followed import Seen
from gate_server.store.history import Wanted
from gate_server.store.times import now
from gate_server.web.blueprint import web

NEWEST_CHECKS, NEWEST_REVERTS, MOST_RUNNING = 20, 10, 50
_WORST_FIRST = ("fail", "error", "info", "pass")


@dataclass(frozen=True)
class GuardedBranch:
    """A branch that the gate was installed on, and what it holds as far as somebody looked."""

    repository: str
    branch: str
    tone: Tone
    word: str
    said: str


@web.get("/")
def home() -> str:
    """Show what is now."""
    here = services()
    running = [
        check for check in here.store.history.open(MOST_RUNNING) if sees(check.repository, check.destination)
    ]
    done, _ = seen_history(Wanted(), NEWEST_CHECKS)
    reverts = seen_reverts(NEWEST_REVERTS)
    times = here.store.reverts.times(revert.id for revert in reverts)
    at = now()
    return render_template(
        "home.html",
        guarded=_guarded(),
        running=[
            (check_row(check), (at - (check.started_at or check.created_at)).total_seconds())
            for check in running
        ],
        checks=[check_row(check) for check in done],
        reverts=[revert_report(revert, times.get(revert.id)) for revert in reverts],
    )


def _guarded() -> list[GuardedBranch]:
    here = services()
    seen = {(item.repository, item.branch): item for item in here.store.followed.listed()}
    places = [place for place in here.store.installations.places() if sees(*place)]
    found = [_state(*place, seen.get(place)) for place in places]
    return sorted(found, key=lambda item: _WORST_FIRST.index(item.tone))


def _state(repository: str, branch: str, seen: Seen | None) -> GuardedBranch:
    tone: Tone
    if seen is None:
        tone, word, said = "info", "Guarded", "nobody has looked yet at what it holds"
    elif seen.failing:
        tone, word, said = "fail", "Failing", _many(seen.failing, "of bad data")
    elif seen.unverified:
        tone, word, said = "error", "Unverified", _many(seen.unverified, "that nobody vouches for")
    elif seen.findings:
        tone, word, said = "error", "Unverified", "something is wrong with its history"
    else:
        tone, word, said = "pass", "Verified", ""
    return GuardedBranch(repository, branch, tone, word, said)


def _many(number: int, what: str) -> str:
    return f"{number:,} commit{'' if number == 1 else 's'} {what}"
