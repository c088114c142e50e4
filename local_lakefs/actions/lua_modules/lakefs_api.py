"""``lakefs``: what a script asks of the server that runs it, as the user whose operation it is."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from local_lakefs.actions.endpoint import Ask, Call
from local_lakefs.actions.lua_modules.arguments import Arguments
from local_lakefs.actions.lua_modules.json_text import parsed
from local_lakefs.actions.lua_values import CannotConvert

Options = tuple[str, ...]


def functions(ask: Ask) -> dict[str, Callable[[Arguments], tuple[Any, ...]]]:
    """Make the module's functions; each answers with a status and what the server said."""

    def call(
        method: str,
        given: Arguments,
        path: list[str],
        query: dict[str, str],
        body: dict[str, Any] | None = None,
    ) -> tuple[int, bytes]:
        return ask(Call(method, ["repositories", given.text(1), *path], query, body))

    def listing(given: Arguments, path: list[str], first: int, options: Options) -> tuple[Any, ...]:
        return _as_table(call("GET", given, path, _query(given, first, options)))

    def list_objects(given: Arguments) -> tuple[Any, ...]:
        given.text(1)
        path = ["refs", given.text(2), "objects/ls"]
        return listing(given, path, 3, ("after", "prefix", "delimiter", "amount", "user_metadata"))

    def diff_refs(given: Arguments) -> tuple[Any, ...]:
        given.text(1)
        path = ["refs", given.text(2), "diff", given.text(3)]
        return listing(given, path, 4, ("after", "prefix", "delimiter", "amount"))

    def diff_branch(given: Arguments) -> tuple[Any, ...]:
        given.text(1)
        path = ["branches", given.text(2), "diff"]
        return listing(given, path, 3, ("after", "amount", "prefix", "delimiter"))

    def get_object(given: Arguments) -> tuple[Any, ...]:
        given.text(1)
        return call("GET", given, ["refs", given.text(2), "objects"], {"path": given.text(3)})

    def stat_object(given: Arguments) -> tuple[Any, ...]:
        given.text(1)
        path = ["refs", given.text(2), "objects/stat"]
        return call("GET", given, path, {"path": given.text(3)} | _query(given, 4, ("user_metadata",)))

    def create_tag(given: Arguments) -> tuple[Any, ...]:
        given.text(1)
        return _as_table(call("POST", given, ["tags"], {}, {"ref": given.text(2), "id": given.text(3)}))

    def update_object_user_metadata(given: Arguments) -> tuple[Any, ...]:
        given.text(1)
        path, key = ["branches", given.text(2), "objects/stat/user_metadata"], given.text(3)
        metadata = given.table(4)
        if isinstance(metadata, list):
            raise CannotConvert("invalid key to 'next'", placed=False)
        for name, value in metadata.items():
            if isinstance(value, bool) or not isinstance(value, str | int | float):
                shown = str(value).lower() if isinstance(value, bool) else type(value).__name__
                problem = f"value for key '{name}' should be a string ({shown})"
                raise CannotConvert(f"{problem}: cannot pull go type into lua")
        texts = {
            name: value if isinstance(value, str) else f"{value:.14g}" for name, value in metadata.items()
        }
        return _as_table(call("PUT", given, path, {"path": key}, {"set": texts}))

    return {
        function.__name__: function
        for function in (
            list_objects,
            diff_refs,
            diff_branch,
            get_object,
            stat_object,
            create_tag,
            update_object_user_metadata,
        )
    }


def _query(given: Arguments, first: int, options: Options) -> dict[str, str]:
    """Read the options that are given, in their order."""
    query: dict[str, str] = {}
    for at, name in enumerate(options, start=first):
        if at > len(given):
            break
        if name == "amount":
            query[name] = str(given.integer(at))
        else:
            query[name] = json.dumps(given.flag(at)) if name == "user_metadata" else given.text(at)
    return query


def _as_table(answer: tuple[int, bytes]) -> tuple[Any, ...]:
    status, body = answer
    return (status, parsed(body)) if body else (status,)
