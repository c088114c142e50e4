"""Runs of a repository's actions: what its hooks said."""

from __future__ import annotations

from lakefs_sdk.models import ActionRun, HookRun

from gate_client.prefect.blocks import LakeFSCredentials
from gate_client.prefect.calls import Calls
from gate_client.prefect.retrying import reading


@reading
def list_action_runs(
    repository: str,
    lakefs_credentials: LakeFSCredentials,
    branch: str = "",
    commit: str = "",
    limit: int | None = 100,
) -> list[ActionRun]:
    """Return the newest runs, of a branch or of a commit where one is given."""
    calls = Calls(lakefs_credentials)
    chosen = {key: value for key, value in {"branch": branch, "commit": commit}.items() if value}
    return calls.all(calls.actions.list_repository_runs, repository, limit=limit, **chosen)


@reading
def get_action_run(repository: str, run_id: str, lakefs_credentials: LakeFSCredentials) -> ActionRun:
    """Return a run."""
    found: ActionRun = Calls(lakefs_credentials).actions.get_run(repository, run_id)
    return found


@reading
def list_action_run_hooks(
    repository: str, run_id: str, lakefs_credentials: LakeFSCredentials
) -> list[HookRun]:
    """Return the hooks of a run."""
    calls = Calls(lakefs_credentials)
    return calls.all(calls.actions.list_run_hooks, repository, run_id)


@reading
def get_hook_output(
    repository: str, run_id: str, hook_run_id: str, lakefs_credentials: LakeFSCredentials
) -> str:
    """Return what a hook printed."""
    output = Calls(lakefs_credentials).actions.get_run_hook_output(repository, run_id, hook_run_id)
    return bytes(output).decode(errors="replace")
