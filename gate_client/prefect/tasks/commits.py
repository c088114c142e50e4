"""Commits, and what makes one: commit, merge, revert, cherry-pick.

Each commit carries the run that made it. So a second try looks in the branch's log for what the first did
before its answer was lost, and nothing is done twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

from lakefs_sdk.models import (
    CherryPickCreation,
    Commit,
    CommitCreation,
    CommitOverrides,
    Merge,
    RevertCreation,
)

from gate_client.prefect.blocks import LakeFSCredentials
from gate_client.prefect.calls import Calls
from gate_client.prefect.retrying import reading, settling
from gate_client.prefect.runs import TASK_RUN, commit_metadata, commit_page, say, was_tried_before

LOOK_BACK = 1000  # commits of a log that a second try reads, newest first


@settling
def commit(
    repository: str,
    branch: str,
    message: str,
    lakefs_credentials: LakeFSCredentials,
    metadata: Mapping[str, str] | None = None,
    allow_empty: bool = False,
) -> Commit:
    """Commit what is staged on a branch, with a link to this run.

    Raises
    ------
    LakeFSFailed
        Also when nothing is staged (400), unless `allow_empty`.
    """
    calls = Calls(lakefs_credentials)

    def make(carried: dict[str, str]) -> str:
        creation = CommitCreation(message=message, metadata=carried, allow_empty=allow_empty)
        return str(calls.commits.commit(repository, branch, creation).id)

    return _once(calls, repository, branch, metadata, make)


@settling
def merge_into_branch(
    repository: str,
    source_ref: str,
    destination_branch: str,
    lakefs_credentials: LakeFSCredentials,
    message: str = "",
    metadata: Mapping[str, str] | None = None,
    strategy: Literal["", "dest-wins", "source-wins"] = "",
) -> Commit:
    """Merge with lakeFS alone. What goes to readers goes by `merge_through_gate`.

    Raises
    ------
    LakeFSFailed
        Also on a conflict (409), or when an action of the repository said no (412).
    """
    calls = Calls(lakefs_credentials)
    text = message or f"Merge '{source_ref}' into '{destination_branch}'"

    def make(carried: dict[str, str]) -> str:
        merge = Merge(message=text, metadata=carried, strategy=strategy or None)
        return str(calls.refs.merge_into_branch(repository, source_ref, destination_branch, merge).reference)

    return _once(calls, repository, destination_branch, metadata, make)


@settling
def revert_branch(
    repository: str,
    branch: str,
    ref: str,
    lakefs_credentials: LakeFSCredentials,
    parent_number: int = 1,
    message: str = "",
    metadata: Mapping[str, str] | None = None,
) -> Commit:
    """Undo one commit with lakeFS alone. Back to an earlier state goes `revert`."""
    calls = Calls(lakefs_credentials)

    def make(carried: dict[str, str]) -> str:
        overrides = CommitOverrides(message=message or f"Revert {ref}", metadata=carried)
        creation = RevertCreation(ref=ref, parent_number=parent_number, commit_overrides=overrides)
        calls.branches.revert_branch(repository, branch, creation)
        # lakeFS answers nothing (R4), and somebody may have committed since.
        made = _made_here(calls, repository, branch, carried)
        return made.id if made else str(calls.branches.get_branch(repository, branch).commit_id)

    return _once(calls, repository, branch, metadata, make)


@settling
def cherry_pick(
    repository: str,
    branch: str,
    cherry_pick_ref: str,
    lakefs_credentials: LakeFSCredentials,
    parent_number: int | None = None,
    message: str = "",
    metadata: Mapping[str, str] | None = None,
) -> Commit:
    """Apply one commit to a branch. lakeFS asks no gate about it, not even before a protected branch (H7)."""
    calls = Calls(lakefs_credentials)

    def make(carried: dict[str, str]) -> str:
        overrides = CommitOverrides(message=message or f"Cherry-pick {cherry_pick_ref}", metadata=carried)
        creation = CherryPickCreation(
            ref=cherry_pick_ref, parent_number=parent_number, commit_overrides=overrides
        )
        return str(calls.branches.cherry_pick(repository, branch, creation).id)

    return _once(calls, repository, branch, metadata, make)


@reading
def get_commit(repository: str, commit_id: str, lakefs_credentials: LakeFSCredentials) -> Commit:
    """Return a commit."""
    found: Commit = Calls(lakefs_credentials).commits.get_commit(repository, commit_id)
    return found


@reading
def log_commits(
    repository: str,
    ref: str,
    lakefs_credentials: LakeFSCredentials,
    limit: int | None = 100,
    first_parent: bool = False,
) -> list[Commit]:
    """Return the commits that lead to `ref`, newest first."""
    calls = Calls(lakefs_credentials)
    return calls.all(calls.refs.log_commits, repository, ref, limit=limit, first_parent=first_parent)


@reading
def log_branch_commits(
    repository: str, branch: str, lakefs_credentials: LakeFSCredentials, limit: int | None = 100
) -> list[Commit]:
    """Return the commits of a branch, newest first."""
    calls = Calls(lakefs_credentials)
    return calls.all(calls.refs.log_commits, repository, branch, limit=limit)


def _once(
    calls: Calls,
    repository: str,
    branch: str,
    metadata: Mapping[str, str] | None,
    make: Callable[[dict[str, str]], str],
) -> Commit:
    carried = commit_metadata(metadata)
    earlier = _made_here(calls, repository, branch, carried) if was_tried_before() else None
    made: Commit = earlier or calls.commits.get_commit(repository, make(carried))
    page = commit_page(calls.credentials, repository, made.id)
    say(f"{'found' if earlier else 'made'} lakefs://{repository}/{made.id} on {branch}: {page}")
    return made


def _made_here(calls: Calls, repository: str, branch: str, carried: Mapping[str, str]) -> Commit | None:
    """Return the commit on `branch` that this task run made, None without one."""
    mine = carried.get(TASK_RUN)
    if not mine:
        return None
    log: list[Commit] = calls.all(
        calls.refs.log_commits, repository, branch, limit=LOOK_BACK, first_parent=True
    )
    return next((found for found in log if (found.metadata or {}).get(TASK_RUN) == mine), None)
