"""What a Lua script asks of the server that runs it, on its way from the script's process to the API."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from local_lakefs.actions.model import HookRefused


class Call(NamedTuple):
    """A request of lakeFS's API; each element of ``path`` may hold slashes, as in lakeFS."""

    method: str
    path: list[str]
    query: dict[str, str]
    body: dict[str, Any] | None


Ask = Callable[[Call], tuple[int, bytes]]
"""Gives the answer's status and body; raises HookRefused."""


def no_endpoint(call: Call) -> tuple[int, bytes]:
    raise HookRefused(f"no endpoint configured, cannot request {'/'.join(call.path)}")
