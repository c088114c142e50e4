"""The doctor's findings as a checklist: looked at when somebody asks, told as they come."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from flask import flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from gate_server.door.context import services
from gate_server.door.security import allow_everywhere, principal
from gate_server.errors import Conflict, NotFound
from gate_server.reports.results import Tone
from gate_server.setup.doctor import Examination, Finding, Place
from gate_server.setup.doctor.finding import counted
from gate_server.store.times import now
from gate_server.web.blueprint import web

EVERYTHING, NO_BRANCH = "*", ""
OF_NO_BRANCH = "lakeFS and the gate"
_STATES: dict[str, tuple[Tone | str, str]] = {
    "could not look": ("error", "Could not look"),
    "fine": ("pass", "Fine"),
    "nothing to look at": ("", "Nothing to look at"),
}
_FOUND: dict[str, tuple[Tone | str, str]] = {"fault": ("fail", "Fault"), "advice": ("warn", "Advice")}
_WORST_FIRST = ("fail", "error", "warn", "pass", "")


@dataclass(frozen=True)
class Line:
    """A finding in the list."""

    finding: Finding
    tone: Tone | str
    word: str


@dataclass(frozen=True)
class Summary:
    """What all of it comes to, in words."""

    tone: Tone
    headline: str
    counts: str


@web.get("/setup")
def setup_page() -> str:
    """Show what the last look found, while it goes on too."""
    allow_everywhere()
    last = services().examiner.last
    return render_template(
        "setup.html",
        repositories=dict.fromkeys(place.repository for place in _guarded()),
        chosen=request.args.get("repository", EVERYTHING),
        last=last,
        running_s=(now() - last.started_at).total_seconds() if last and not last.ended_at else None,
        summary=_summary(last) if last else None,
        groups=_groups(last.findings) if last else {},
    )


@web.post("/setup")
def setup_look() -> Response:
    """Begin to look; what is found is told by the page."""
    allow_everywhere()
    chosen = request.form.get("repository", NO_BRANCH)
    places = [place for place in _guarded() if chosen in (EVERYTHING, place.repository)]
    if not places and chosen not in (EVERYTHING, NO_BRANCH):
        raise NotFound(f"no branch of {chosen} is guarded", "`gate install` puts the gate before one")
    try:
        services().examiner.start(places, principal().who)
    except Conflict as error:
        flash(f"{error.message.capitalize()}: this is it.")
    return redirect(url_for("web.setup_page", repository=chosen), 303)


def _guarded() -> list[Place]:
    return [Place(*place) for place in services().store.installations.places()]


def _groups(findings: Iterable[Finding]) -> dict[str, list[Line]]:
    """Return the lines by branch, those of none together; what is worst stands first, of branches too."""
    groups: dict[str, list[Line]] = {}
    for finding in findings:
        tone, word = _FOUND[finding.level] if finding.state == "found" else _STATES[finding.state]
        where = finding.where if finding.id.startswith("D2") else OF_NO_BRANCH
        groups.setdefault(where, []).append(Line(finding, tone, word))
    for lines in groups.values():
        lines.sort(key=_badness)
    return dict(sorted(groups.items(), key=lambda group: _badness(group[1][0])))


def _badness(line: Line) -> int:
    return _WORST_FIRST.index(line.tone)


def _summary(last: Examination) -> Summary:
    counts = counted(last.findings)
    told = ", ".join(f"{number} {what}" for what, number in counts.items() if number)
    if last.ended_at is None:
        return Summary("running", "Looking", told)
    if counts["faults"]:
        return Summary("fail", "Something is wrong", told)
    if last.broke_off or counts["could not look"]:
        return Summary("error", "Not all could be looked at", told)
    if counts["advice"]:
        return Summary("warn", "In order, with advice", told)
    return Summary("pass", "In order", told)
