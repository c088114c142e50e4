"""Where people find a page of the gate, or of lakeFS."""

from __future__ import annotations

from urllib.parse import quote, urlencode

from flask import request, url_for

from gate_server.door.context import services


def report_url(check_id: str) -> str:
    """Return the address of a check's page, as people reach it: under `GATE_PUBLIC_URL` where that is set."""
    public = services().settings.public_url.rstrip("/")
    path = url_for("web.check_page", check_id=check_id)
    if not public:
        return url_for("web.check_page", check_id=check_id, _external=True)
    return public + path.removeprefix(request.script_root)  # a proxy's prefix stands in the public address


def lakefs_branch(repository: str, ref: str) -> str:
    """Return the address of a ref's objects in lakeFS."""
    return f"{_lakefs(repository)}/objects?{urlencode({'ref': ref}, errors='replace')}"


def lakefs_commit(repository: str, commit_id: str) -> str:
    """Return the address of a commit in lakeFS."""
    return f"{_lakefs(repository)}/commits/{quote(commit_id, safe='', errors='replace')}"


def lakefs_object(repository: str, ref: str, path: str) -> str:
    """Return the address of an object in lakeFS."""
    return f"{_lakefs(repository)}/object?{urlencode({'ref': ref, 'path': path}, errors='replace')}"


def _lakefs(repository: str) -> str:
    here = services()
    base = here.settings.lakefs_ui_url.rstrip("/") or here.lakefs.endpoint_url
    return f"{base}/repositories/{quote(repository, safe='', errors='replace')}"
