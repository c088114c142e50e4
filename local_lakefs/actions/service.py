"""Runs the hooks of an event and keeps what came of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from local_lakefs.actions.model import HookEvent, InvalidAction, RunNotFound

ListActions = Callable[[], Iterable[tuple[str, bytes]]]
ReadObject = Callable[[str], bytes]


class ActionsService:
    """Hooks of one server.

    Parameters
    ----------
    database : Path
        SQLite file of the run records.
    env : Mapping
        The server's environment; hooks see of it what starts with ``LAKEFSACTION_``.
    lua_http : bool
        Whether Lua hooks may use ``net/http``.
    """

    def __init__(self, database: Path, env: Mapping[str, str], *, lua_http: bool = False) -> None:
        self._database = database
        self._env = env
        self._lua_http = lua_http

    def run(self, event: HookEvent, list_actions: ListActions, read_object: ReadObject) -> str | None:
        """Run the hooks that match, and wait for them.

        Returns
        -------
        str or None
            The run's id, None when nothing matched.

        Raises
        ------
        HooksFailed
            A hook refused.
        InvalidAction
            A file among the actions cannot be used.
        """
        for path, _content in list_actions():
            raise InvalidAction(f"parsing file {path}: running actions is not built yet")
        return None

    def run_later(self, event: HookEvent, list_actions: ListActions, read_object: ReadObject) -> None:
        """Run the hooks of a post event in a thread of its own; what they do is only recorded."""

    def update_commit_id(self, repository: str, run_id: str, commit_id: str) -> None:
        """Record the commit that a pre event's run led to (lakeFS does so for commit and revert)."""

    def runs(
        self,
        repository: str,
        *,
        branch: str | None = None,
        commit: str | None = None,
        after: str = "",
        amount: int = 100,
    ) -> dict[str, Any]:
        """List runs, newest first: ``{"pagination": ..., "results": [ActionRun]}``."""
        return {
            "pagination": {"has_more": False, "next_offset": "", "results": 0, "max_per_page": 1000},
            "results": [],
        }

    def get_run(self, repository: str, run_id: str) -> dict[str, Any]:
        """One run as lakeFS's ActionRun; raises RunNotFound."""
        raise RunNotFound("not found")

    def hook_runs(
        self, repository: str, run_id: str, *, after: str = "", amount: int = 100
    ) -> dict[str, Any]:
        """List a run's hooks: ``{"pagination": ..., "results": [HookRun]}``; raises RunNotFound."""
        raise RunNotFound("not found")

    def output(self, repository: str, run_id: str, hook_run_id: str) -> str:
        """What a hook's run left as log; raises RunNotFound."""
        raise RunNotFound("not found")

    def close(self) -> None:
        """End children and threads; runs under way are recorded as failed or not at all."""
