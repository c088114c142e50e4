"""lakeFS's HTTP API over the embedded server."""

from __future__ import annotations

import re
from collections.abc import Callable
from http.client import responses

from flask import Flask, Response, jsonify, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound, RequestEntityTooLarge

from local_lakefs.actions import ActionsError, ParametersConflict, RunNotFound
from local_lakefs.actions.caller import watch
from local_lakefs.api import (  # noqa: F401 - imported so that their operations are registered
    actions,
    branches,
    commits,
    config,
    imports,
    internal,
    metadata,
    objects,
    pulls,
    refs,
    repositories,
    staging,
    tags,
)
from local_lakefs.api.pages import add_pages
from local_lakefs.api.registry import HANDLERS, Handler, Operation, operations
from local_lakefs.api.schema import check_body, check_parameters
from local_lakefs.errors import LakeFSError, NotOffered, Unauthorized
from local_lakefs.service import LocalLakeFS

PREFIX = "/api/v1"
MAX_JSON_BYTES = 16 << 20
"""lakeFS has no limit, and keeps all of it in memory. A thousand paths to delete take a third of this."""
UNAUTHENTICATED = "error authenticating request"


def create_app(server: LocalLakeFS) -> Flask:
    """Make the WSGI application: every operation of lakeFS's API, 501 for those not offered."""
    app = Flask("local_lakefs", static_folder=None)
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.url_map.merge_slashes = False
    # Flask has a rule for GET answer HEAD as well: those for HEAD come first.
    for item in sorted(operations(), key=lambda item: item.method != "HEAD"):
        path = re.sub(r"{(\w+)}", r"<\1>", item.path)
        app.add_url_rule(
            PREFIX + path,
            endpoint=item.operation,
            view_func=_view(server, item, HANDLERS.get(item.operation)),
            methods=[item.method],
            provide_automatic_options=False,
        )
    app.before_request(lambda: watch(request.environ))
    app.after_request(_reason_as_lakefs)
    app.add_url_rule("/healthcheck", view_func=lambda: Response(status=204))
    add_pages(app, PREFIX)
    app.register_error_handler(LakeFSError, _refuse)
    app.register_error_handler(RunNotFound, lambda error: (jsonify(message=str(error)), 404))
    app.register_error_handler(ParametersConflict, lambda error: (jsonify(message=str(error)), 400))
    app.register_error_handler(ActionsError, lambda error: (jsonify(message=str(error)), 500))
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _unexpected(app))
    server.actions.endpoint = internal.endpoint(app, PREFIX, server.credentials)
    return app


def _view(
    server: LocalLakeFS, item: Operation, handler: Handler | None
) -> Callable[..., ResponseReturnValue]:
    def view(**parameters: str) -> ResponseReturnValue:
        if request.method != item.method:
            raise NotFound
        if not item.open:
            _authenticate(server)
        if handler is None:
            raise NotOffered(f"{item.operation}: not offered by the embedded lakeFS")
        check_parameters(request, item.parameters)
        if item.body is not None:
            # Of one whose length was not announced, Werkzeug gives as much and says nothing.
            request.max_content_length = MAX_JSON_BYTES + 1
            if len(request.get_data()) > MAX_JSON_BYTES:
                raise RequestEntityTooLarge
            check_body(request, item.body)
        return handler(server, **parameters)

    return view


def _authenticate(server: LocalLakeFS) -> None:
    given = request.authorization
    if given is None or given.type != "basic":
        raise Unauthorized(UNAUTHENTICATED)
    if not server.credentials.admit(given.username or "", given.password or ""):
        raise Unauthorized(UNAUTHENTICATED)


def _reason_as_lakefs(response: Response) -> Response:
    """Write "Not Found", as Go does and lakectl shows, where Werkzeug writes "NOT FOUND"."""
    response.status = f"{response.status_code} {responses.get(response.status_code, '')}"
    return response


def _refuse(error: LakeFSError) -> ResponseReturnValue:
    return jsonify(message=error.message), error.status


def _http_error(error: HTTPException) -> ResponseReturnValue:
    if isinstance(error, NotFound | MethodNotAllowed):
        return jsonify(message="invalid API endpoint"), 404
    if isinstance(error, RequestEntityTooLarge):
        told = f"request body has an error: the embedded lakeFS takes no more than {MAX_JSON_BYTES} bytes"
        return jsonify(message=told), 413
    return jsonify(message=error.description or error.name), error.code or 500


def _unexpected(app: Flask) -> Callable[[Exception], ResponseReturnValue]:
    def answer(error: Exception) -> ResponseReturnValue:
        app.logger.exception("unexpected error")
        return jsonify(message=f"{type(error).__name__}: {error}"), 500

    return answer
