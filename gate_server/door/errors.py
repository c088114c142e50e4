"""Every error in the one shape, whatever raised it; never a traceback."""

from __future__ import annotations

from typing import Any

import structlog
from flask import Flask, Response, make_response, request
from pydantic import ValidationError
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import HTTPException

from gate_server.errors import CouldNotTell, GateError

log = structlog.get_logger()
HINTS = {
    404: "GET /openapi.json lists what there is",
    405: "GET /openapi.json says which methods there are",
    413: "a hook's body is a few kilobytes",
    415: "send `Content-Type: application/json`",
}
CODES = {400: "malformed", 404: "not_found", 405: "method_not_allowed", 413: "too_large", 415: "wrong_type"}


def error_body(code: str, message: str, hint: str = "") -> dict[str, Any]:
    """Return the one JSON shape."""
    return {"error": {"code": code, "message": message, "hint": hint}}


def handle_errors(app: Flask) -> None:
    """Answer all errors of `app` in the one shape."""

    @app.errorhandler(GateError)
    def _ours(error: GateError) -> tuple[dict[str, Any], int]:
        log.info("refused", path=request.path, code=error.code, message=error.message)
        return error.body(), error.status

    @app.errorhandler(HTTPException)
    def _http(error: HTTPException) -> tuple[dict[str, Any], int]:
        status = error.code or 500
        code = CODES.get(status, "http")
        return error_body(code, error.description or error.name, HINTS.get(status, "")), status

    @app.errorhandler(SQLAlchemyError)
    def _database(error: SQLAlchemyError) -> tuple[dict[str, Any], int]:
        log.error("the database failed", path=request.path, exc_info=error)
        down = CouldNotTell(
            f"the gate's database failed ({type(error).__name__})", "the gate's log says more"
        )
        return down.body(), down.status

    @app.errorhandler(Exception)
    def _defect(error: Exception) -> tuple[dict[str, Any], int]:
        log.error("a defect", path=request.path, exc_info=error)
        return error_body("defect", f"the gate failed ({type(error).__name__})", "its log says more"), 500


def on_wrong_shape(error: ValidationError) -> Response:
    """Answer 422, naming the fields, not their values."""
    wrong = "; ".join(
        f"{'.'.join(str(step) for step in item['loc'])}: {item['msg']}"
        for item in error.errors(include_input=False, include_url=False, include_context=False)
    )
    return make_response(error_body("wrong_shape", wrong, "GET /openapi.json has the schema"), 422)
