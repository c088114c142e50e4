"""Who may knock, and what they may ask for: machines by a token, people by a session made from one (D9)."""

from __future__ import annotations

from typing import cast

from flask import g, redirect, request, session, url_for
from werkzeug.wrappers import Response

from gate_server.access.roles import covers, is_everywhere, opens
from gate_server.door.context import services
from gate_server.door.roles import LEASED, NEEDS, PUBLIC
from gate_server.errors import AccessDenied, Forbidden, TooManyFailures
from gate_server.model import Check, Principal, Role

SESSION_KEY = "token_id"
PAGES = "web."
MACHINES = {"/hooks": Role.HOOK, "/api": Role.READER}  # what an address that is none asks for


def admit() -> Response | None:
    """Let nobody in without the role that the endpoint needs; who needs a session is sent to sign in.

    Raises
    ------
    AccessDenied
        With what to send instead; `Forbidden` where the token is right, but not for this.
    """
    g.principal = None
    endpoint = request.endpoint
    if endpoint in PUBLIC:
        return None
    if endpoint in LEASED:
        g.lent = _held_by_bearer(str((request.view_args or {})["check_id"]))
        return None
    if endpoint is None:  # no such page, or not by this method: machines are told after their token
        needed = next((role for path, role in MACHINES.items() if request.path.startswith(path)), None)
        if needed is None:
            return None
    else:
        needed = NEEDS.get(endpoint)
        if needed is None:
            raise Forbidden("this opens to nobody", "a defect: no role is named for it")
    if endpoint is not None and endpoint.startswith(PAGES):
        principal = principal_of_session()
        if principal is None:
            if "HX-Request" in request.headers:  # a page looks again: a form in its place would be no check
                return Response(status=401, headers={"HX-Refresh": "true"})
            wanted = request.full_path.rstrip("?") if request.method == "GET" else "/"
            return redirect(url_for("web.ask_for_token", next=wanted))
    else:
        principal = _principal_of_bearer(needed)
    if not opens(principal, needed):
        raise Forbidden(
            f"this token does not open this door (it is for: {', '.join(principal.roles)})",
            f"a token with the role {needed} does; `gate tokens create` makes one",
        )
    g.principal = principal
    return None


def principal() -> Principal:
    """Return who is asking; only behind `admit`."""
    return cast(Principal, g.principal)


def lent() -> Check:
    """Return the check whose lease who is asking holds; only behind `admit`."""
    return cast(Check, g.lent)


def sees(repository: str, branch: str) -> bool:
    """Whether who is asking may see what happened on a branch."""
    return covers(principal().scope, repository, branch)


def allow(repository: str, branch: str | None) -> None:
    """Refuse what lies outside the token's limits; None is the whole repository.

    Raises
    ------
    Forbidden
        Naming what was asked for, and whose token it is.
    """
    if not covers(principal().scope, repository, branch):
        where = f"{repository}/{branch}" if branch is not None else f"all of {repository}"
        raise Forbidden(
            f"the token of {principal().who} is limited, and not to {where}",
            "`gate tokens list` shows the limits",
        )


def allow_everywhere() -> None:
    """Refuse tokens with any limit: raises `Forbidden`."""
    if not is_everywhere(principal().scope):
        raise Forbidden(
            f"the token of {principal().who} is limited, and this is the whole gate's",
            "`gate tokens list` shows the limits",
        )


def principal_of_session() -> Principal | None:
    """Return who signed in, None (and no session left) where their token opens nothing any more."""
    token_id = session.get(SESSION_KEY)
    if token_id is None:
        return None
    found = services().access.by_id(str(token_id))
    if found is None:
        session.clear()
    return found


def sign_in(text: str) -> bool:
    """Open a session with a token that may read; return whether it did.

    Raises
    ------
    TooManyFailures
        When too many wrong ones came from this address.
    """
    wait_s = _wait_s()
    if wait_s:
        raise _too_many(wait_s)
    found = services().access.by_text(text) if text else None
    if found is None or not opens(found, Role.READER):
        services().failures.count(_address())
        return False
    session.clear()
    session[SESSION_KEY] = found.token_id
    return True


def _bearer() -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    given = token.strip() if scheme.lower() == "bearer" else ""
    if not given:
        raise AccessDenied("a token is needed", "send `Authorization: Bearer ...`")
    return given


def _held_by_bearer(check_id: str) -> Check:
    given = _bearer()
    if wait_s := _wait_s():
        raise _too_many(wait_s)
    try:
        return services().lent.held_by(check_id, given)
    except AccessDenied:
        services().failures.count(_address())
        raise


def _principal_of_bearer(needed: Role) -> Principal:
    given = _bearer()
    wait_s = _wait_s()
    # lakeFS is not locked out by what others at its address do: the hook's token is looked at first.
    if wait_s and needed is not Role.HOOK:
        raise _too_many(wait_s)
    found = services().access.by_text(given)
    if found is not None:
        return found
    services().failures.count(_address())
    if wait_s:
        raise _too_many(wait_s)
    raise AccessDenied(
        "this token opens nothing",
        "it is wrong, expired or revoked; lakeFS sends GATE_HOOK_TOKEN, others GATE_API_TOKEN or one that "
        "`gate tokens create` made",
    )


def _wait_s() -> int:
    return services().failures.wait_s(_address())


def _address() -> str:
    return request.remote_addr or ""


def _too_many(wait_s: int) -> TooManyFailures:
    return TooManyFailures(
        f"too many wrong tokens came from {_address()}", f"try again in {wait_s} s", retry_after_s=wait_s
    )
