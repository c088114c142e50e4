"""Branches."""

from __future__ import annotations

from typing import Literal

from lakefs_sdk.models import BranchCreation, Diff, Ref, ResetCreation

from gate_client.prefect.blocks import LakeFSCredentials
from gate_client.prefect.calls import Calls
from gate_client.prefect.failures import LakeFSFailed
from gate_client.prefect.retrying import reading, settling, writing
from gate_client.prefect.runs import branch_page, say, was_tried_before


@reading
def list_branches(
    repository: str, lakefs_credentials: LakeFSCredentials, prefix: str = "", limit: int | None = None
) -> list[Ref]:
    """Return the branches whose names begin with `prefix`, each with its head's ``commit_id``."""
    calls = Calls(lakefs_credentials)
    return calls.all(calls.branches.list_branches, repository, prefix=prefix, limit=limit)


@reading
def get_branch(repository: str, branch: str, lakefs_credentials: LakeFSCredentials) -> Ref:
    """Return a branch with its head's ``commit_id``."""
    found: Ref = Calls(lakefs_credentials).branches.get_branch(repository, branch)
    return found


@settling
def create_branch(
    repository: str, name: str, lakefs_credentials: LakeFSCredentials, source: str = "main"
) -> str:
    """Make a branch at the commit that `source` names; return that commit's id.

    Raises
    ------
    LakeFSFailed
        Also when the name is taken (409).
    """
    made = make_branch(Calls(lakefs_credentials), repository, name, source, again=was_tried_before())
    say(f"made lakefs://{repository}/{name} at {branch_page(lakefs_credentials, repository, name)}")
    return made


@writing
def delete_branch(repository: str, branch: str, lakefs_credentials: LakeFSCredentials) -> None:
    """Delete a branch, with what is staged on it."""
    Calls(lakefs_credentials).branches.delete_branch(repository, branch)
    say(f"deleted lakefs://{repository}/{branch}")


@reading
def diff_branch(
    repository: str,
    branch: str,
    lakefs_credentials: LakeFSCredentials,
    prefix: str = "",
    limit: int | None = None,
) -> list[Diff]:
    """Return what is staged on a branch and not committed."""
    calls = Calls(lakefs_credentials)
    return calls.all(calls.branches.diff_branch, repository, branch, prefix=prefix, limit=limit)


@writing
def reset_branch(
    repository: str,
    branch: str,
    lakefs_credentials: LakeFSCredentials,
    path: str = "",
    type: Literal["object", "common_prefix", "reset"] = "reset",
) -> None:
    """Throw away what is staged: all of it, an object, or all below a prefix."""
    creation = ResetCreation(type=type, path=path or None)
    Calls(lakefs_credentials).branches.reset_branch(repository, branch, creation)
    say(f"threw away what was staged on lakefs://{repository}/{branch}")


def make_branch(calls: Calls, repository: str, name: str, source: str, *, again: bool) -> str:
    """Make a branch; return its head. With `again`, one that an earlier try made is taken.

    Raises
    ------
    LakeFSFailed
        Also when the name is taken.
    """
    try:
        calls.branches.create_branch(repository, BranchCreation(name=name, source=source))
    except LakeFSFailed as error:
        if error.status != 409:
            raise
        wanted = calls.commits.get_commit(repository, source).id
        if not again or calls.branches.get_branch(repository, name).commit_id != wanted:
            raise LakeFSFailed(
                f"there is a branch lakefs://{repository}/{name} already",
                "take another name, or delete that branch",
                error.status,
                untouched=True,
            ) from error
    return str(calls.branches.get_branch(repository, name).commit_id)
