"""What all pages share: the blueprint, what their templates may call, and whose forms are believed."""

from __future__ import annotations

from flask import Blueprint, g, request
from flask.blueprints import BlueprintSetupState
from flask_wtf.csrf import generate_csrf, validate_csrf

from gate_server.access.roles import is_everywhere, opens
from gate_server.door import addresses
from gate_server.errors import UsageError
from gate_server.model import Role
from gate_server.reports.markup import set_up_templates

TELL_THEMSELVES = ("web.open_session", "web.sign_out")  # on a page of their own that such a form is not taken

web = Blueprint(
    "web", __name__, template_folder="templates", static_folder="static", static_url_path="/assets"
)


@web.record_once
def _on_register(state: BlueprintSetupState) -> None:
    set_up_templates(state.app.jinja_env)


@web.app_context_processor
def _for_all_pages() -> dict[str, object]:
    return {
        "principal": g.get("principal"),
        "csrf_token": generate_csrf,
        "may": may,
        "sees_all": sees_all,
        "lakefs_branch": addresses.lakefs_branch,
        "lakefs_commit": addresses.lakefs_commit,
        "lakefs_object": addresses.lakefs_object,
    }


@web.before_request
def _believe_own_forms_alone() -> None:
    if request.method == "POST" and request.endpoint not in TELL_THEMSELVES and not is_ours():
        raise UsageError(
            "this form is too old, or was not sent from here: nothing was done",
            "open the page again, then send the form from there",
        )


def may(role: Role | str) -> bool:
    """Whether who looks may do what asks for `role`; a template leaves out what would be refused."""
    principal = g.get("principal")
    return principal is not None and opens(principal, Role(role))


def sees_all() -> bool:
    """Whether who looks has no limits."""
    principal = g.get("principal")
    return principal is not None and is_everywhere(principal.scope)


def is_ours() -> bool:
    """Whether the form was written by one of our pages for this session, within the last hour."""
    try:
        validate_csrf(request.form.get("csrf_token"))
    except ValueError:  # wtforms' ValidationError
        return False
    return True
