"""The pages: what was judged, what was put back, sign in, sign out."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, session, url_for
from flask.blueprints import BlueprintSetupState
from flask_wtf.csrf import generate_csrf, validate_csrf
from werkzeug.wrappers import Response

from gate_server.door.addresses import report_url
from gate_server.door.context import services
from gate_server.door.security import API, SESSION_KEY, is_token, signed_in
from gate_server.errors import NotFound
from gate_server.reports.check import check_report, check_row
from gate_server.reports.json import check_json
from gate_server.reports.revert import revert_report
from gate_server.web.rendering import set_up_templates

NEWEST_CHECKS, NEWEST_REVERTS = 50, 10
OPEN_ENDPOINTS = ("web.sign_in", "web.open_session", "web.static")

web = Blueprint(
    "web", __name__, template_folder="templates", static_folder="static", static_url_path="/assets"
)


@web.record_once
def _on_register(state: BlueprintSetupState) -> None:
    set_up_templates(state.app.jinja_env)


@web.before_request
def _ask_who() -> Response | None:
    if signed_in() or request.endpoint in OPEN_ENDPOINTS:
        return None
    wanted = request.full_path.rstrip("?") if request.method == "GET" else "/"
    return redirect(url_for("web.sign_in", next=wanted))


@web.app_context_processor
def _for_all_pages() -> dict[str, object]:
    return {"signed_in": signed_in(), "csrf_token": generate_csrf}


@web.get("/")
def home() -> str:
    """Show the newest checks and reverts."""
    store = services().store
    reverts = store.reverts.listed(limit=NEWEST_REVERTS)
    times = store.reverts.times(revert.id for revert in reverts)
    return render_template(
        "home.html",
        checks=[check_row(check) for check in store.checks.listed(limit=NEWEST_CHECKS)],
        reverts=[revert_report(revert, times.get(revert.id)) for revert in reverts],
    )


@web.get("/checks/<check_id>")
def check_page(check_id: str) -> str:
    """Show a check: what failed, in which object and line, expected and observed."""
    checks = services().checks
    check = checks.get(check_id)
    return render_template("check.html", report=check_report(check, checks.verdict_of(check)))


@web.get("/checks/<check_id>.json")
def check_as_json(check_id: str) -> dict[str, object]:
    """Return the same as the API does, to a browser that is signed in."""
    here = services()
    check = here.checks.get(check_id)
    suites = {rule.name: rule.suite for rule in here.policy.rules}
    return check_json(check, here.checks.verdict_of(check), report_url(check_id), suites)


@web.get("/reverts/<revert_id>")
def revert_page(revert_id: str) -> str:
    """Show a revert: what, who, why, from, to, and the way back."""
    reverts = services().store.reverts
    revert = reverts.get(revert_id)
    if revert is None:
        raise NotFound(f"there is no revert {revert_id}", "the first page lists the newest")
    created_at = reverts.times([revert_id]).get(revert_id)
    return render_template("revert.html", report=revert_report(revert, created_at))


@web.get("/sign-in")
def sign_in() -> Response | str:
    """Ask for the API token."""
    wanted = local_path(request.args.get("next", ""))
    return redirect(wanted) if signed_in() else render_template("sign_in.html", next=wanted)


@web.post("/sign-in")
def open_session() -> Response | tuple[str, int]:
    """Open a session with the API token."""
    wanted = local_path(request.form.get("next", ""))
    if not _is_ours():
        problem = "This form is too old, or was not sent from here. Please try again."
        return render_template("sign_in.html", next=wanted, problem=problem), 400
    if not is_token(request.form.get("token", "").strip(), API):
        problem = "This token does not open the gate."
        return render_template("sign_in.html", next=wanted, problem=problem), 401
    session.clear()
    session[SESSION_KEY] = True
    return redirect(wanted)


@web.post("/sign-out")
def sign_out() -> Response:
    """End the session."""
    if _is_ours():
        session.clear()
    return redirect(url_for("web.sign_in"))


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
