"""lakeFS's pages are not offered: a link to one leads to what the API says of the same thing."""

from __future__ import annotations

from urllib.parse import quote, urlencode

from flask import Flask, redirect, request
from flask.typing import ResponseReturnValue


def add_pages(app: Flask, prefix: str) -> None:
    """Redirect the pages that others link to; `prefix` is the API's."""

    def to(repository: str, *parts: str, **query: str) -> ResponseReturnValue:
        path = "/".join(quote(part, safe="") for part in (repository, *parts))
        return redirect(f"{prefix}/repositories/{path}" + (f"?{urlencode(query)}" if query else ""))

    def ref() -> str:
        return request.args.get("ref", "main")

    def path() -> str:
        return request.args.get("path", "")

    app.add_url_rule(
        "/repositories/<repository>/commits/<commit>",
        endpoint="commit_page",
        view_func=lambda repository, commit: to(repository, "commits", commit),
    )
    app.add_url_rule(
        "/repositories/<repository>/objects",
        endpoint="objects_page",
        view_func=lambda repository: to(repository, "refs", ref(), "objects", "ls", prefix=path()),
    )
    app.add_url_rule(
        "/repositories/<repository>/object",
        endpoint="object_page",
        view_func=lambda repository: to(repository, "refs", ref(), "objects", "stat", path=path()),
    )
