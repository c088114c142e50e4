"""Option 2: each step works on a branch of its own, commits, and merges into the run's branch.

When a step fails, its branch shows the data of that moment. The run's branch goes to main at the end, through
the gate. Deployed by prefect.yaml as `stepwise-import-isolated/new-flow`.
"""

import os
from pathlib import Path

from prefect import flow, task

from gate_client.prefect import (
    LakeFSCredentials,
    delete_object,
    get_object,
    isolated,
    revert_on_failure,
    step_branch,
    upload_object,
)

REPOSITORY = os.environ.get("LAKEFS_REPOSITORY", "example")
DATA = Path(__file__).parent / "data"
PLACE = {"repository": REPOSITORY, "lakefs_credentials": "lake", "gate_credentials": "gate"}


@task
def land(branch: str, file: str) -> None:
    lake = LakeFSCredentials.load("lake")
    with step_branch(REPOSITORY, branch, lake) as step:
        upload_object(REPOSITORY, step, f"landing/{file}.raw", DATA / file, lake)


@task
def without_duplicates(branch: str, file: str) -> None:
    lake = LakeFSCredentials.load("lake")
    with step_branch(REPOSITORY, branch, lake) as step:
        lines = get_object(REPOSITORY, step, f"landing/{file}.raw", lake).splitlines(keepends=True)
        upload_object(REPOSITORY, step, f"stepwise/{file}", b"".join(dict.fromkeys(lines)), lake)


@task
def tidy_up(branch: str, file: str) -> None:
    lake = LakeFSCredentials.load("lake")
    with step_branch(REPOSITORY, branch, lake) as step:
        delete_object(REPOSITORY, step, f"landing/{file}.raw", lake)


@flow(name="stepwise-import")
def stepwise_import(branch: str, file: str = "lakefs_test.csv") -> None:
    land(branch, file)
    without_duplicates(branch, file)
    tidy_up(branch, file)


isolated_stepwise_import = isolated(stepwise_import, **PLACE)


@flow(name="publish", on_failure=[revert_on_failure(**PLACE)])
def publish(file: str = "lakefs_test.csv", fail: bool = False) -> None:
    """Promote, then do what comes after; when that fails, main goes back to before the promotion."""
    isolated_stepwise_import(file=file)
    if fail:
        raise RuntimeError("what comes after the promotion failed")
