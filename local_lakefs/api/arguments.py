"""What a request says, with lakeFS's defaults. Types were checked before (``schema``)."""

from __future__ import annotations

from typing import Any

from flask import request

from local_lakefs.errors import NotOffered

DEFAULT_PER_PAGE = 100
MAX_PER_PAGE = 1000


def text(name: str, default: str = "") -> str:
    return clean(request.args.get(name, default))


def clean(value: str) -> str:
    """Replace what no UTF-8 can hold."""
    return value.encode("utf-8", "replace").decode()


def flag(name: str, default: bool = False) -> bool:
    value = request.args.get(name)
    return default if value is None else value[0] in "1tT"


def amount() -> int:
    """Return how many results a page shall have: 100 unless asked, at most 1,000."""
    number = int(request.args.get("amount", DEFAULT_PER_PAGE))
    return min(number, MAX_PER_PAGE) if number > 0 else DEFAULT_PER_PAGE


class Body:
    """The JSON object that a request carries."""

    def __init__(self, values: dict[str, Any]) -> None:
        self._values = values

    def text(self, name: str) -> str:
        """Return a text; empty when it is not there."""
        return clean(self._values.get(name) or "")

    def texts(self, name: str) -> list[str]:
        return [clean(value) for value in self._values.get(name) or []]

    def flag(self, name: str) -> bool:
        return bool(self._values.get(name))

    def number(self, name: str) -> int | None:
        value = self._values.get(name)
        return None if value is None else int(value)

    def metadata(self, name: str = "metadata") -> dict[str, str]:
        return {clean(key): clean(value) for key, value in (self._values.get(name) or {}).items()}

    def inner(self, name: str) -> Body | None:
        values = self._values.get(name)
        return None if values is None else Body(values)

    def inners(self, name: str) -> list[Body]:
        return [Body(values) for values in self._values.get(name) or []]

    def __contains__(self, name: str) -> bool:
        return self._values.get(name) is not None


def body() -> Body:
    return Body(request.get_json() if request.get_data() else {})


def bodies() -> list[Body]:
    """Return the objects of a request that carries a list."""
    return [Body(values) for values in request.get_json()]


def must_be_new() -> bool:
    """Whether ``If-None-Match: *`` asks that nothing is there yet; other conditions are not implemented."""
    if "If-Match" in request.headers:
        raise NotOffered("Not Implemented")
    condition = request.headers.get("If-None-Match")
    if condition is not None and condition != "*":
        raise NotOffered("Not Implemented")
    return condition is not None
