"""Action files as the tests write them: JSON, which is YAML too."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from tests.contract.harness import Json, Lakefs, Repository

FOLDER = "_lakefs_actions/"


def webhook(hook_id: str, url: str, *, condition: str | None = None, **properties: Any) -> Json:
    hook = {"id": hook_id, "type": "webhook", "properties": {"url": url} | properties}
    return hook | ({"if": condition} if condition else {})


def lua(hook_id: str, script: str | None = None, *, condition: str | None = None, **properties: Any) -> Json:
    own = {} if script is None else {"script": script}
    hook = {"id": hook_id, "type": "lua", "properties": own | properties}
    return hook | ({"if": condition} if condition else {})


def action(name: str, events: Iterable[str], *hooks: Json, branches: list[str] | None = None) -> str:
    on = {event: {"branches": branches} if branches else None for event in events}
    return json.dumps({"name": name, "on": on, "hooks": hooks})


def ready_to_merge(lakefs: Lakefs, *hooks: Json, files: dict[str, str] | None = None) -> Repository:
    """Make a repository whose branch `work` runs these hooks before it is merged, and adds `new`."""
    gate = action("gate", ["pre-merge"], *hooks)
    repo = lakefs.create_repository(files={"a": "1", FOLDER + "gate.yaml": gate} | (files or {}))
    repo.create_branch("work")
    repo.commit_files("work", {"new": "new"})
    return repo


def refusal(event: str, hook_id: str, reason: str, *, action_name: str = "gate", run_id: str = "") -> str:
    """Return the part of lakeFS's message that is the same each time (K2)."""
    text = (
        f"hook run id '0000_0000' failed on action '{action_name}' hook '{hook_id}': action failed: {reason}"
    )
    return f"{event} hook aborted, run id '{run_id}': 1 error occurred:\n\t* {text}\n\n"
