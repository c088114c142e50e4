"""``net/http``: requests of a script, where the server allows them."""

from __future__ import annotations

from typing import Any

from local_lakefs.actions.lua_modules.arguments import Arguments
from local_lakefs.actions.lua_values import CannotConvert, kind_of

TIMEOUT_S = 30.0
BODY_LIMIT_BYTES = 16 << 20


def _request(given: Arguments) -> tuple[Any, ...]:
    """Answer for ``request(url, body)`` or ``request{url=, method=, body=, headers=}``."""
    from local_lakefs.actions.outbound import RequestFailed, send  # takes a while to load

    method, url, body, headers = _read(given)
    try:
        answer = send(
            method,
            url,
            headers=headers,
            content=body,
            timeout_s=TIMEOUT_S,
            body_limit_bytes=BODY_LIMIT_BYTES,
        )
    except RequestFailed as error:
        raise CannotConvert(str(error)) from error
    if answer.body_problem:
        raise CannotConvert(answer.body_problem)
    by_name: dict[str, list[str]] = {}
    for name, value in answer.headers:
        by_name.setdefault(name, []).append(value)
    return (
        answer.status_code,
        bytes(answer.body),
        {name: values[0] if len(values) == 1 else values for name, values in by_name.items()},
        f"{answer.status_code} {answer.reason}",
    )


def _read(given: Arguments) -> tuple[str, str, bytes | None, list[tuple[str, str]]]:
    kind = kind_of(given.value(1))
    if kind == "table":
        asked = given.table(1)
    elif kind == "string":
        body = given.text(2) if kind_of(given.value(2)) in ("string", "number") else None
        asked = {"url": given.text(1), "body": body}
    else:
        raise CannotConvert("first argument can be url or request table")
    url, body = asked.get("url"), asked.get("body")
    if not isinstance(url, str) or not url:
        raise CannotConvert("missing request url")
    method = asked.get("method", "POST" if isinstance(body, str) else "GET")
    headers: list[tuple[str, str]] = []
    for name, value in (asked.get("headers") or {}).items():
        values = value.values() if isinstance(value, dict) else [value]
        headers += [(name, one) for one in values if isinstance(one, str)]
    return method, url, body.encode() if isinstance(body, str) else None, headers


HTTP = {"request": _request}
