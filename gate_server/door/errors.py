"""Every error in the one shape, whatever raised it; never a traceback."""

from __future__ import annotations

from typing import Any

import structlog
from flask import Flask, Response, make_response, render_template, request
from pydantic import ValidationError
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import HTTPException

from gate_server.errors import CouldNotTell, GateError, TooManyFailures

log = structlog.get_logger()
HINTS = {
    404: "GET /openapi.json lists what there is",
    405: "GET /openapi.json says which methods there are",
    413: "a hook's body is a few kilobytes",
    415: "send `Content-Type: application/json`",
}
CODES = {400: "malformed", 404: "not_found", 405: "method_not_allowed", 413: "too_large", 415: "wrong_type"}


FOR_MACHINES = ("/hooks", "/api", "/healthz", "/readyz", "/metrics", "/openapi.json")
TITLES = {
    400: "This request cannot be understood",
    403: "This is not open to you",
    404: "There is nothing here",
    405: "This cannot be done here",
    500: "The gate failed",
    503: "The gate cannot tell just now",
}


def error_body(code: str, message: str, hint: str = "") -> dict[str, Any]:
    """Return the one JSON shape."""
    return {"error": {"code": code, "message": message, "hint": hint}}


def error_answer(status: int, code: str, message: str, hint: str = "") -> Response:
    """Return an error as JSON, or, where people look (all that is not for machines), as a page."""
    if _for_machines():
        return make_response(error_body(code, message, hint), status)
    title = TITLES.get(status, "This did not work")
    page = render_template("error.html", status=status, title=title, message=message, hint=hint)
    return make_response(page, status)


def _for_machines() -> bool:
    return request.path.startswith(FOR_MACHINES) or request.path.endswith(".json")


def handle_errors(app: Flask) -> None:
    """Answer all errors of `app` in the one shape."""

    @app.errorhandler(GateError)
    def _ours(error: GateError) -> Response:
        log.info("refused", path=request.path, code=error.code, message=error.message)
        answer = error_answer(error.status, error.code, error.message, error.hint)
        if isinstance(error, TooManyFailures):
            answer.headers["Retry-After"] = str(error.retry_after_s)
        return answer

    @app.errorhandler(HTTPException)
    def _http(error: HTTPException) -> Response:
        status = error.code or 500
        message, hint = error.description or error.name, HINTS.get(status, "")
        if status == 404 and not _for_machines():
            message, hint = f"No page has the address {request.path}.", ""
        return error_answer(status, CODES.get(status, "http"), message, hint)

    @app.errorhandler(SQLAlchemyError)
    def _database(error: SQLAlchemyError) -> Response:
        log.error("the database failed", path=request.path, exc_info=error)
        down = CouldNotTell(
            f"the gate's database failed ({type(error).__name__})", "the gate's log says more"
        )
        return error_answer(down.status, down.code, down.message, down.hint)

    @app.errorhandler(RecursionError)
    def _too_deep(_: RecursionError) -> Response:
        return error_answer(400, "malformed", "the body is nested too deeply", "send what the schema says")

    @app.errorhandler(Exception)
    def _defect(error: Exception) -> Response:
        log.error("a defect", path=request.path, exc_info=error)
        return error_answer(500, "defect", f"the gate failed ({type(error).__name__})", "its log says more")


def on_wrong_shape(error: ValidationError) -> Response:
    """Answer 422, naming the fields, not their values."""
    wrong = "; ".join(
        f"{'.'.join(str(step) for step in item['loc'])}: {item['msg']}"
        for item in error.errors(include_input=False, include_url=False, include_context=False)
    )
    return make_response(error_body("wrong_shape", wrong, "GET /openapi.json has the schema"), 422)
