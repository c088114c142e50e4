"""Which errors the API answers, as its description says: each in the one shape."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from gate_client.wire import ErrorBody

_Errors = dict[str | int | HTTPStatus, Any]

ERRORS: _Errors = dict.fromkeys((401, 403, 404, 422, 429, 503), ErrorBody)
ERRORS_OF_BODIES: _Errors = dict.fromkeys((400, 413, 415), ErrorBody)
TOKEN: list[dict[str, list[Any]]] = [{"token": []}]
