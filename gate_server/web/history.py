"""What was judged: by place, rule, verdict, person and time; its address says all, so it can be handed on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from flask import render_template, request
from werkzeug.datastructures import MultiDict

from gate_server.access.roles import covers, is_everywhere
from gate_server.door.context import services
from gate_server.door.security import principal
from gate_server.door.seen import seen_history
from gate_server.errors import UsageError
from gate_server.model import Outcome
from gate_server.reports.check import check_row
from gate_server.reports.plots import Bars, bars_by_day
from gate_server.store.history import Wanted, as_text
from gate_server.store.times import now
from gate_server.web.blueprint import web

CHECKS_A_PAGE, TREND_DAYS = 50, 30
_TEXTS = ("repository", "branch", "rule", "person")


@web.get("/history")
def history_page() -> str:
    """Show a page of the history, and how a rule fared, where one is asked for."""
    given = {name: request.args.get(name, "").strip() for name in (*_TEXTS, "verdict", "since", "until")}
    checks, older = seen_history(_wanted(given), CHECKS_A_PAGE, as_text(request.args.get("after", "")))
    kept = {name: value for name, value in given.items() if value}
    return render_template(
        "history.html",
        given=MultiDict(given),
        kept=kept,
        verdicts=[outcome.value for outcome in Outcome],
        checks=[check_row(check) for check in checks],
        older=older,
        is_first="after" not in request.args,
        trend=_trend(given["rule"]) if given["rule"] else None,
    )


def _wanted(given: dict[str, str]) -> Wanted:
    if given["verdict"] and given["verdict"] not in set(Outcome):
        raise UsageError(f"verdict: there is none such; it is one of {', '.join(Outcome)}")
    until = _day("until", given["until"])
    return Wanted(
        **{name: as_text(given[name]) for name in _TEXTS},
        outcome=given["verdict"],
        since=_day("since", given["since"]),
        until=until + timedelta(days=1) if until else None,
    )


def _day(name: str, text: str) -> datetime | None:
    try:
        found = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC) if text else None
    except ValueError as error:
        raise UsageError(f"{name}: this is no day", "such as 2026-11-20") from error
    if found and not 1970 <= found.year <= 9000:
        raise UsageError(f"{name}: nothing was judged then")
    return found


def _trend(rule: str) -> Bars | None:
    scope, today = principal().scope, now()
    since = today - timedelta(days=TREND_DAYS - 1)
    by_place = not is_everywhere(scope)
    tallies = services().store.history.tallies(as_text(rule), since, by_place=by_place)
    counts = [
        (tally.day, tally.outcome, tally.count)
        for tally in tallies
        if not by_place or covers(scope, tally.repository, tally.branch)
    ]
    days = [f"{since + timedelta(days=number):%Y-%m-%d}" for number in range(TREND_DAYS)]
    return bars_by_day(days, counts) if counts else None
