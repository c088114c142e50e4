"""Reading what a request says, with lakeFS's defaults and limits."""

from __future__ import annotations

from typing import Any, TypeVar

from flask import request

from local_lakefs.errors import BadRequest, NotOffered

DEFAULT_PER_PAGE = 100
MAX_PER_PAGE = 1000

T = TypeVar("T")


def text(name: str, default: str = "") -> str:
    return clean(request.args.get(name, default))


def required(name: str) -> str:
    value = request.args.get(name)
    if value is None:
        raise BadRequest(f'parameter "{name}" in query has an error: value is required but missing')
    return clean(value)


def clean(value: str) -> str:
    """Replace what no UTF-8 can hold."""
    return value.encode("utf-8", "replace").decode()


def flag(name: str, default: bool = False) -> bool:
    value = request.args.get(name)
    if value is None:
        return default
    if value.lower() not in {"true", "false", "1", "0", "t", "f"}:
        raise BadRequest(f'parameter "{name}" in query has an error: value {value}: an invalid boolean')
    return value.lower() in {"true", "1", "t"}


def amount() -> int:
    """Return how many results a page shall have: 100 unless asked, at most 1,000."""
    value = request.args.get("amount")
    if value is None:
        return DEFAULT_PER_PAGE
    try:
        number = int(value)
    except ValueError:
        raise BadRequest(
            f'parameter "amount" in query has an error: value {value}: an invalid integer'
        ) from None
    return min(number, MAX_PER_PAGE) if number > 0 else DEFAULT_PER_PAGE


def _schema_error(name: str, problem: str) -> BadRequest:
    return BadRequest(f'request body has an error: doesn\'t match schema: Error at "/{name}": {problem}')


class Body:
    """A JSON object that a request carries; wrong types are refused as lakeFS's schema does."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.values = values

    def required(self, name: str, kind: type[T]) -> T:
        value = self.optional(name, kind)
        if value is None:
            raise _schema_error(name, f'property "{name}" is missing')
        return value

    def optional(self, name: str, kind: type[T]) -> T | None:
        value = self.values.get(name)
        if value is None:
            return None
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise _schema_error(name, f"value must be {_KINDS.get(kind, kind.__name__)}")
        if isinstance(value, str):
            return clean(value)  # type: ignore[return-value]
        return value

    def text(self, name: str) -> str:
        return self.optional(name, str) or ""

    def flag(self, name: str) -> bool:
        return bool(self.optional(name, bool))

    def metadata(self, name: str = "metadata") -> dict[str, str]:
        values: dict[Any, Any] = self.optional(name, dict) or {}
        if not all(isinstance(value, str) for value in values.values()):
            raise _schema_error(name, "value must be a string")
        return {clean(key): clean(value) for key, value in values.items()}


_KINDS = {str: "a string", bool: "a boolean", int: "an integer", dict: "an object", list: "an array"}


def body(*, may_be_missing: bool = False) -> Body:
    """Return the request's JSON object."""
    if may_be_missing and not request.get_data():
        return Body({})
    values = request.get_json(force=True, silent=True)
    if not isinstance(values, dict):
        raise BadRequest("request body has an error: failed to decode request body: not a JSON object")
    return Body(values)


def body_list() -> list[Any]:
    values = request.get_json(force=True, silent=True)
    if not isinstance(values, list):
        raise BadRequest("request body has an error: failed to decode request body: not a JSON array")
    return values


def must_be_new() -> bool:
    """Whether ``If-None-Match: *`` asks that nothing is there yet; other conditions are not implemented."""
    if "If-Match" in request.headers:
        raise NotOffered("Not Implemented")
    condition = request.headers.get("If-None-Match")
    if condition is not None and condition != "*":
        raise NotOffered("Not Implemented")
    return condition is not None
