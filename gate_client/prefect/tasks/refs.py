"""Refs: what differs between two, and where they meet."""

from __future__ import annotations

from typing import Literal

from lakefs_sdk.models import Diff, FindMergeBaseResult, RefsDump, RefsRestore

from gate_client.prefect.blocks import LakeFSCredentials
from gate_client.prefect.calls import Calls
from gate_client.prefect.retrying import reading, writing
from gate_client.prefect.runs import say


@reading
def diff_refs(
    repository: str,
    left_ref: str,
    right_ref: str,
    lakefs_credentials: LakeFSCredentials,
    prefix: str = "",
    type: Literal["two_dot", "three_dot"] = "three_dot",
    limit: int | None = None,
) -> list[Diff]:
    """Return what differs: since they met (three dots), or just now (two)."""
    calls = Calls(lakefs_credentials)
    return calls.all(
        calls.refs.diff_refs, repository, left_ref, right_ref, prefix=prefix, type=type, limit=limit
    )


@reading
def find_merge_base(
    repository: str, source_ref: str, destination_branch: str, lakefs_credentials: LakeFSCredentials
) -> FindMergeBaseResult:
    """Return the commit where two refs meet, as ``base_commit_id``."""
    found: FindMergeBaseResult = Calls(lakefs_credentials).refs.find_merge_base(
        repository, source_ref, destination_branch
    )
    return found


@reading
def dump_refs(repository: str, lakefs_credentials: LakeFSCredentials) -> RefsDump:
    """Write all branches, tags and commits to the object store, for `restore_refs`."""
    made: RefsDump = Calls(lakefs_credentials).internal.dump_refs(repository)
    say(f"dumped the refs of lakefs://{repository}")
    return made


@writing
def restore_refs(repository: str, refs_dump: RefsDump, lakefs_credentials: LakeFSCredentials) -> None:
    """Fill an empty (bare) repository with what `dump_refs` wrote."""
    restore = RefsRestore(
        commits_meta_range_id=refs_dump.commits_meta_range_id,
        tags_meta_range_id=refs_dump.tags_meta_range_id,
        branches_meta_range_id=refs_dump.branches_meta_range_id,
    )
    Calls(lakefs_credentials).internal.restore_refs(repository, restore)
    say(f"restored the refs of lakefs://{repository}")
