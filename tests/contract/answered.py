"""Which operations the contract suite had answered, and whether that bears out the table of the page.

A row that says "equal" stands on at least one success and one error, on each server that was asked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import httpx
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule

from local_lakefs.api.registry import operations

PAGE = Path(__file__).parents[2] / "docs" / "local-lakefs.md"
ROW = re.compile(r"^\| `(\w+)` \| `([A-Z]+) (/\S*)` \| (equal|partial|not offered) \| (.*)\|$")
PREFIX = "/api/v1"
WITHOUT_ERROR = {"healthCheck": "it says that the server is up"}
"""Operations that no request makes fail, and why."""

Answer = tuple[str, str, bool]
"""A server's kind, an operation, and whether it succeeded."""

ANSWERED: set[Answer] = set()

_ROUTES = Map(
    [
        Rule(PREFIX + re.sub(r"{(\w+)}", r"<\1>", item.path), endpoint=item.operation, methods=[item.method])
        # A rule for GET answers HEAD as well: those for HEAD come first.
        for item in sorted(operations(), key=lambda item: item.method != "HEAD")
    ],
    merge_slashes=False,
).bind("")


def rows() -> list[tuple[str, re.Match[str] | None]]:
    """Return the lines of the page's table of operations, and what they say (None: they are malformed)."""
    _, _, section = PAGE.read_text(encoding="utf-8").partition("## Every operation of lakeFS's API")
    return [(line, ROW.match(line)) for line in section.splitlines() if line.startswith("| `")]


def note(kind: str, response: httpx.Response) -> None:
    """Remember an answer; one that only says that the keys are wrong shows nothing of the operation."""
    if response.status_code == 401:
        return
    path = response.request.url.raw_path.decode().partition("?")[0]
    try:
        operation, _ = _ROUTES.match(path, response.request.method)
    except HTTPException:
        return  # no operation of lakeFS's
    ANSWERED.add((kind, operation, response.status_code < 400))


def unproven(answered: Iterable[Answer], kinds: Iterable[str]) -> list[str]:
    """Return what is missing for the rows that say "equal", a line for each."""
    seen = set(answered)
    equal = [match[1] for _, match in rows() if match and match[4] == "equal"]
    return [
        f"{name}: no {'success' if good else 'error'} answered by the {kind} server"
        for kind in kinds
        for name in equal
        for good in (True, False)
        if (kind, name, good) not in seen and (good or name not in WITHOUT_ERROR)
    ]
