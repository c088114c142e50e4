"""A check: what failed and where, live while it runs; ask again, answer for what failed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from flask import flash, redirect, render_template, request, url_for
from pydantic import ValidationError
from werkzeug.wrappers import Response

from gate_client.waiver_wire import WaiverRequest
from gate_server.checks.waiving import Terms, waive_check
from gate_server.door.addresses import report_url
from gate_server.door.context import services
from gate_server.door.security import allow, principal
from gate_server.door.seen import seen_check, seen_report
from gate_server.errors import CouldNotTell, GateError, UsageError
from gate_server.model import Check
from gate_server.reports.check import check_report
from gate_server.reports.json import check_json
from gate_server.reports.kept import form_called
from gate_server.reports.plots import bars_by_check
from gate_server.reports.source import SourceCommit, source_commit
from gate_server.store.times import now
from gate_server.web.blueprint import web

WAIVED_DAYS = 7
CHECKS_PLOTTED, RULES_PLOTTED = 30, 10


@web.get("/checks/<check_id>")
def check_page(check_id: str) -> str:
    """Show a check: what failed, in which object and line, expected and observed."""
    here = services()
    check = seen_check(check_id)
    today, most_days = now().date(), max(1, int(here.settings.waiver_days) - 1)
    return render_template(
        "check.html",
        report=check_report(check, here.checks.verdict_of(check)),
        running_s=(now() - (check.started_at or check.created_at)).total_seconds(),
        gate_url=here.settings.public_url.rstrip("/"),
        waive_from=today + timedelta(days=1),
        waive_until=today + timedelta(days=min(WAIVED_DAYS, most_days)),
        waive_most=today + timedelta(days=most_days),
    )


@web.get("/checks/<check_id>.json")
def check_as_json(check_id: str) -> dict[str, object]:
    """Return the same as the API does, to a browser that is signed in."""
    here = services()
    check = seen_check(check_id)
    verdict = here.checks.verdict_of(check)
    return check_json(check, verdict, report_url(check_id), here.checks.suites_of(check))


@web.get("/checks/<check_id>/report")
def check_report_file(check_id: str) -> Response:
    """Give the report as a file to keep; ``?format=`` is as the API's."""
    return seen_report(check_id, form_called(request.args.get("format", "html")))


@web.post("/checks/<check_id>/rows")
def check_rows(check_id: str) -> str:
    """Show the rows that a result names, read now; that somebody looked is on the record."""
    check = seen_check(check_id)
    numbers = [request.form.get(name, "") for name in ("section", "result")]
    if not all(number.isascii() and number.isdigit() and len(number) < 10 for number in numbers):
        raise UsageError("which result?", "begin at the check's page")
    obligation, result = map(int, numbers)
    sample = services().looking.look(check, obligation, result, principal().who)
    return render_template("rows.html", check=check, sample=sample, told=_told(check, obligation, result))


def _told(check: Check, obligation: int, result: int) -> str:
    return next(item.message for item in check.evaluations[obligation].results if item.number == result)


@web.get("/checks/<check_id>/commit")
def check_commit(check_id: str) -> str:
    """Show the commit that brings the data: who made it, which run. Apart, since lakeFS may be away."""
    check = seen_check(check_id)
    return render_template("commit.html", check=check, source=_source(check))


def _source(check: Check) -> SourceCommit | GateError:
    commit_id = check.source_commit or check.judged_commit
    try:
        return source_commit(services().reverts.commits.get(check.repository, commit_id))
    except GateError as error:
        return error


@web.get("/checks/<check_id>/rows-over-time")
def check_row_counts(check_id: str) -> str:
    """Show how many rows each rule judged, here and in the checks before: from the record alone."""
    check = seen_check(check_id)
    history = services().store.history
    rules = list(dict.fromkeys(item.rule for item in check.plan.obligations)) if check.plan else []
    plots = [
        bars_by_check(rule, history.row_counts(check, rule, CHECKS_PLOTTED), check.id)
        for rule in rules[:RULES_PLOTTED]
    ]
    return render_template("row_counts.html", check=check, plots=[plot for plot in plots if plot])


@web.post("/checks/<check_id>/again")
def check_again(check_id: str) -> Response:
    """Ask for the same merge once more, as its branch is now."""
    here = services()
    check = seen_check(check_id)
    allow(check.repository, check.destination)
    source = check.source_name or check.source_commit
    asked = here.checks.ask_ahead("api", principal().who, check.repository, source, check.destination)
    here.checks.answered(asked, asked.verdict)
    if asked.check is None:
        said = asked.verdict.reasons[0] if asked.verdict and asked.verdict.reasons else None
        raise CouldNotTell(said.message if said else "the gate has no verdict", said.hint if said else "")
    if asked.check.id == check_id:
        flash("Nothing changed since: the same data has the same verdict under the same policy.")
    elif asked.verdict is not None:
        flash("This was judged already: the branch and the policy are as they were then.")
    return redirect(url_for("web.check_page", check_id=asked.check.id))


@web.post("/checks/<check_id>/waivers")
def check_waive(check_id: str) -> Response:
    """Answer for what failed in a check, until an end."""
    here = services()
    check = seen_check(check_id)
    allow(check.repository, check.destination)
    wanted = _waiver(check_id)
    terms = Terms(wanted.owner, wanted.reason, wanted.expires, made_by=principal().who)
    made = waive_check(
        here.store.waivers, check, here.checks.verdict_of(check), (), terms, here.settings.waiver_days
    )
    rules = ", ".join(waiver.rule for waiver in made)
    flash(f"Waived until {wanted.expires:%Y-%m-%d %H:%M} UTC: {rules}. Merge again.")
    return redirect(url_for("web.check_page", check_id=check_id))


def _waiver(check_id: str) -> WaiverRequest:
    """Return what the form asks for; a day ends with it, in UTC."""
    given = request.form
    try:
        day = datetime.strptime(given.get("until", ""), "%Y-%m-%d").replace(hour=23, minute=59, tzinfo=UTC)
        return WaiverRequest(
            check=check_id,
            owner=given.get("owner", ""),
            reason=given.get("reason", ""),
            expires=day,
        )
    except ValidationError as error:
        fields = sorted({str(item["loc"][0]) for item in error.errors(include_input=False)})
        raise UsageError(
            f"{' and '.join(fields)}: this cannot be taken", "say who answers for it, and why, in a few words"
        ) from error
    except ValueError as error:
        raise UsageError("until: this is no day", "such as 2026-12-31") from error
