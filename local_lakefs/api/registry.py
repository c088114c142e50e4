"""Which operations lakeFS's API has (``operations.json``), and who answers them here."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

from flask.typing import ResponseReturnValue

Handler = Callable[..., ResponseReturnValue]

HANDLERS: dict[str, Handler] = {}


@dataclass(frozen=True)
class Operation:
    """One operation of lakeFS's API, from its description (``api/swagger.yml`` of lakeFS 1.84).

    ``path`` is under ``/api/v1``; ``open`` ones need no authentication; ``parameters`` are those of query and
    headers, ``body`` the JSON body's schema, both as ``api.schema`` reads them.
    """

    operation: str
    method: str
    path: str
    open: bool = False
    parameters: list[dict[str, Any]] = field(default_factory=list)
    body: dict[str, Any] | None = None


def operations() -> list[Operation]:
    text = resources.files("local_lakefs").joinpath("operations.json").read_text()
    return [Operation(**item) for item in json.loads(text)]


def operation(name: str) -> Callable[[Handler], Handler]:
    """Make a function the answer to an operation; it gets the server and the path's parameters."""

    def register(handler: Handler) -> Handler:
        HANDLERS[name] = handler
        return handler

    return register
