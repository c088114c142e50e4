"""Prefect flows on lakeFS, promoted through the gate. Needs the extra ``lakefs-gate[prefect]``.

Blocks are registered by ``prefect block register -m gate_client.prefect``. docs/prefect.md tells the rest.
"""

from gate_client.prefect.blocks import GateCredentials, LakeFSCredentials
from gate_client.prefect.failures import LakeFSFailed
from gate_client.prefect.isolation import isolated, step_branch
from gate_client.prefect.lending import run_check, run_waiting_checks
from gate_client.prefect.names import branch_name
from gate_client.prefect.reverting import revert_on_failure
from gate_client.prefect.tasks.actions import (
    get_action_run,
    get_hook_output,
    list_action_run_hooks,
    list_action_runs,
)
from gate_client.prefect.tasks.branches import (
    create_branch,
    delete_branch,
    diff_branch,
    get_branch,
    list_branches,
    reset_branch,
)
from gate_client.prefect.tasks.commits import (
    cherry_pick,
    commit,
    get_commit,
    log_branch_commits,
    log_commits,
    merge_into_branch,
    revert_branch,
)
from gate_client.prefect.tasks.environments import (
    compare_environment,
    create_environment,
    delete_environment,
    test_environment,
)
from gate_client.prefect.tasks.gate import (
    check,
    merge_through_gate,
    reapply,
    revert,
    undo_commit,
    undo_revert,
    wait_for_check,
)
from gate_client.prefect.tasks.objects import (
    copy_object,
    delete_object,
    delete_objects,
    get_object,
    get_underlying_properties,
    head_object,
    list_objects,
    stage_object,
    stat_object,
    upload_object,
)
from gate_client.prefect.tasks.refs import diff_refs, dump_refs, find_merge_base, restore_refs
from gate_client.prefect.tasks.repositories import (
    create_repository,
    delete_repository,
    get_repository,
    list_repositories,
)
from gate_client.prefect.tasks.tags import create_tag, delete_tag, get_tag, list_tags

__all__ = [
    "GateCredentials",
    "LakeFSCredentials",
    "LakeFSFailed",
    "branch_name",
    "check",
    "cherry_pick",
    "commit",
    "compare_environment",
    "copy_object",
    "create_branch",
    "create_environment",
    "create_repository",
    "create_tag",
    "delete_branch",
    "delete_environment",
    "delete_object",
    "delete_objects",
    "delete_repository",
    "delete_tag",
    "diff_branch",
    "diff_refs",
    "dump_refs",
    "find_merge_base",
    "get_action_run",
    "get_branch",
    "get_commit",
    "get_hook_output",
    "get_object",
    "get_repository",
    "get_tag",
    "get_underlying_properties",
    "head_object",
    "isolated",
    "list_action_run_hooks",
    "list_action_runs",
    "list_branches",
    "list_objects",
    "list_repositories",
    "list_tags",
    "log_branch_commits",
    "log_commits",
    "merge_into_branch",
    "merge_through_gate",
    "reapply",
    "reset_branch",
    "restore_refs",
    "revert",
    "revert_branch",
    "revert_on_failure",
    "run_check",
    "run_waiting_checks",
    "stage_object",
    "stat_object",
    "step_branch",
    "test_environment",
    "undo_commit",
    "undo_revert",
    "upload_object",
    "wait_for_check",
]
