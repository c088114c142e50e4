"""Who may knock: the hook's token opens `/hooks/lakefs` alone, the API's opens the rest (D9)."""

from __future__ import annotations

import hmac

from flask import request, session

from gate_server.door.context import services
from gate_server.errors import AccessDenied

HOOK, API = "hook", "api"
SESSION_KEY = "signed_in"


def bearer() -> str:
    """Return the request's bearer token, or nothing."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def is_token(given: str, kind: str) -> bool:
    """Whether `given` is the token of `kind`; takes the same time whatever is given."""
    settings = services().settings
    expected = settings.hook_token if kind == HOOK else settings.api_token
    if expected is None or not expected.get_secret_value() or not given:
        return False
    return hmac.compare_digest(given.encode(), expected.get_secret_value().encode())


def require(kind: str) -> None:
    """Let nobody in without the token of `kind`.

    Raises
    ------
    AccessDenied
        With what to send instead.
    """
    given = bearer()
    if is_token(given, kind):
        return
    wanted = "GATE_HOOK_TOKEN" if kind == HOOK else "GATE_API_TOKEN"
    raise AccessDenied(
        "this token does not open this door" if given else "a token is needed",
        f"send `Authorization: Bearer ...` with the gate's {wanted}",
    )


def signed_in() -> bool:
    """Whether the browser's session was opened with the API token."""
    return session.get(SESSION_KEY) is True
