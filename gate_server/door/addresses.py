"""Where people find a page of the gate."""

from __future__ import annotations

from flask import request, url_for

from gate_server.door.context import services


def report_url(check_id: str) -> str:
    """Return the address of a check's page, as people reach it: under `GATE_PUBLIC_URL` where that is set."""
    public = services().settings.public_url.rstrip("/")
    path = url_for("web.check_page", check_id=check_id)
    if not public:
        return url_for("web.check_page", check_id=check_id, _external=True)
    return public + path.removeprefix(request.script_root)  # a proxy's prefix stands in the public address
