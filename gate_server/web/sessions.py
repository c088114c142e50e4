"""Sign in with a token, sign out."""

from __future__ import annotations

from flask import redirect, render_template, request, session, url_for
from werkzeug.wrappers import Response

from gate_server.door.security import principal_of_session, sign_in
from gate_server.errors import TooManyFailures
from gate_server.web.blueprint import is_ours, web


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
    if not is_ours():
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
    if not is_ours():
        problem = "This form is too old, or was not sent from here. You are still signed in."
        return render_template("sign_in.html", next="/", problem=problem), 400
    session.clear()
    return redirect(url_for("web.ask_for_token"))


def local_path(wanted: str) -> str:
    """Return `wanted` when it is a page of this gate, else the first page.

    Browsers read ``//host``, ``/\\host`` and addresses with tabs or newlines in them as other sites.
    """
    elsewhere = not wanted.startswith("/") or wanted.startswith("//") or "\\" in wanted
    no_page = wanted.startswith(("/hooks", "/api", "/sign-"))
    return "/" if elsewhere or no_page or not wanted.isprintable() else wanted
