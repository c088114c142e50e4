"""The pages: what was judged, what was put back, sign in, sign out."""

from __future__ import annotations

from flask import Blueprint, g, redirect, render_template, request, session, url_for
from flask.blueprints import BlueprintSetupState
from flask_wtf.csrf import generate_csrf, validate_csrf
from werkzeug.wrappers import Response

from gate_server.door.addresses import report_url
from gate_server.door.context import services
from gate_server.door.security import principal_of_session, sign_in
from gate_server.door.seen import seen_check, seen_checks, seen_report, seen_revert, seen_reverts
from gate_server.errors import TooManyFailures
from gate_server.reports.check import check_report, check_row
from gate_server.reports.json import check_json
from gate_server.reports.kept import form_called
from gate_server.reports.markup import set_up_templates
from gate_server.reports.revert import revert_report

NEWEST_CHECKS, NEWEST_REVERTS = 50, 10

web = Blueprint(
    "web", __name__, template_folder="templates", static_folder="static", static_url_path="/assets"
)


@web.record_once
def _on_register(state: BlueprintSetupState) -> None:
    set_up_templates(state.app.jinja_env)


@web.app_context_processor
def _for_all_pages() -> dict[str, object]:
    return {"principal": g.get("principal"), "csrf_token": generate_csrf}


@web.get("/")
def home() -> str:
    """Show the newest checks and reverts."""
    reverts = seen_reverts(NEWEST_REVERTS)
    times = services().store.reverts.times(revert.id for revert in reverts)
    return render_template(
        "home.html",
        checks=[check_row(check) for check in seen_checks(NEWEST_CHECKS)],
        reverts=[revert_report(revert, times.get(revert.id)) for revert in reverts],
    )


@web.get("/checks/<check_id>")
def check_page(check_id: str) -> str:
    """Show a check: what failed, in which object and line, expected and observed."""
    check = seen_check(check_id)
    return render_template("check.html", report=check_report(check, services().checks.verdict_of(check)))


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


@web.get("/reverts/<revert_id>")
def revert_page(revert_id: str) -> str:
    """Show a revert: what, who, why, from, to, and the way back."""
    revert = seen_revert(revert_id)
    created_at = services().store.reverts.times([revert_id]).get(revert_id)
    return render_template("revert.html", report=revert_report(revert, created_at))


@web.get("/sign-in")
def ask_for_token() -> Response | str:
    """Ask for a token."""
    wanted = local_path(request.args.get("next", ""))
    if principal_of_session() is not None:
        return redirect(request.script_root + wanted)
    return render_template("sign_in.html", next=wanted)


@web.post("/sign-in")
def open_session() -> Response | tuple[str, int] | tuple[str, int, dict[str, str]]:
    """Open a session with a token that may read."""
    wanted = local_path(request.form.get("next", ""))
    if not _is_ours():
        problem = "This form is too old, or was not sent from here. Please try again."
        return render_template("sign_in.html", next=wanted, problem=problem), 400
    try:
        is_open = sign_in(request.form.get("token", "").strip())
    except TooManyFailures as error:
        problem = f"Too many wrong tokens came from your address: {error.hint}."
        page = render_template("sign_in.html", next=wanted, problem=problem)
        return page, error.status, {"Retry-After": str(error.retry_after_s)}
    if not is_open:
        problem = "This token does not open the gate."
        return render_template("sign_in.html", next=wanted, problem=problem), 401
    return redirect(request.script_root + wanted)


@web.post("/sign-out")
def sign_out() -> Response | str | tuple[str, int]:
    """End the session; say so where there is none, or where somebody else's form asks for it."""
    if principal_of_session() is None:
        return render_template("sign_in.html", next="/", problem="You are signed out.")
    if not _is_ours():
        problem = "This form is too old, or was not sent from here. You are still signed in."
        return render_template("sign_in.html", next="/", problem=problem), 400
    session.clear()
    return redirect(url_for("web.ask_for_token"))


def _is_ours() -> bool:
    """Whether the form was written by one of our pages for this session, within the last hour."""
    try:
        validate_csrf(request.form.get("csrf_token"))
    except ValueError:  # wtforms' ValidationError
        return False
    return True


def local_path(wanted: str) -> str:
    """Return `wanted` when it is a page of this gate, else the first page.

    Browsers read ``//host``, ``/\\host`` and addresses with tabs or newlines in them as other sites.
    """
    elsewhere = not wanted.startswith("/") or wanted.startswith("//") or "\\" in wanted
    no_page = wanted.startswith(("/hooks", "/api", "/sign-"))
    return "/" if elsewhere or no_page or not wanted.isprintable() else wanted
