"""What lakeFS is told of a Prefect run, and what the run's log says of lakeFS."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from urllib.parse import quote, urlencode
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.context import FlowRunContext
from prefect.exceptions import MissingContextError
from prefect.logging import get_run_logger
from prefect.runtime import deployment, flow_run, task_run
from prefect.utilities.urls import url_for

from gate_client.prefect.blocks import LakeFSCredentials

# A key of this form is a button in lakeFS: "Open Prefect UI" (R10).
BUTTON = "::lakefs::Prefect::url[url:ui]"
FLOW_RUN = "prefect_flow_run_id"
ROOT_FLOW_RUN = "prefect_root_flow_run_id"
TASK_RUN = "prefect_task_run_id"
CLOCKS_DIFFER = timedelta(hours=1)  # at most: lakeFS's and Prefect's


def commit_metadata(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return what a commit made here carries: the run's page, its ids and names, and `more`.

    Empty values are left out; outside of a run only `more` is left.
    """
    found = {}
    if flow_run.id:
        found = {
            BUTTON: url_for("flow-run", flow_run.id),  # None where Prefect does not know its pages
            FLOW_RUN: flow_run.id,
            "prefect_flow_run": flow_run.name,
            "prefect_flow": flow_run.flow_name,
            "prefect_deployment": deployment.name,
            ROOT_FLOW_RUN: flow_run.root_flow_run_id if flow_run.parent_flow_run_id else "",
            TASK_RUN: task_run.id,
        }
    return {key: str(value) for key, value in found.items() if value} | dict(more or {})


def was_tried_before() -> bool:
    """Whether this task run is a second try, so that the first may have reached lakeFS."""
    return int(task_run.run_count or 0) > 1


def run_key() -> str:
    """Return what names this flow run, also when it is run again; of a subflow, also when its parent is.

    Prefect may give a subflow another run when its parent is run again, but under the same task run.
    """
    context = FlowRunContext.get()
    parent = context.flow_run.parent_task_run_id if context and context.flow_run else None
    return str(parent or flow_run.id)


def run_began() -> datetime:
    """Return when this run, or the one that it is part of, began at the earliest, by lakeFS's clock, too."""
    context = FlowRunContext.get()
    assert context is not None  # noqa: S101 - asked for within a flow
    assert context.flow_run is not None  # noqa: S101
    root = flow_run.root_flow_run_id
    began = context.flow_run.created
    if root != flow_run.id:
        with get_client(sync_client=True) as client:
            began = client.read_flow_run(UUID(root)).created
    assert began is not None  # noqa: S101 - the server has given it
    return began - CLOCKS_DIFFER


def say(message: str) -> None:
    """Log to the run's log; to Python's outside of a run."""
    log().info(message)


def log() -> logging.Logger | logging.LoggerAdapter[logging.Logger]:
    """Return the run's logger; Python's outside of a run."""
    try:
        return get_run_logger()
    except MissingContextError:
        return logging.getLogger("gate_client.prefect")


def branch_page(lakefs: LakeFSCredentials, repository: str, ref: str) -> str:
    """Return where people look at a ref's objects."""
    return f"{_repository_page(lakefs, repository)}/objects?{urlencode({'ref': ref})}"


def object_page(lakefs: LakeFSCredentials, repository: str, ref: str, path: str) -> str:
    """Return where people look at an object."""
    return f"{_repository_page(lakefs, repository)}/object?{urlencode({'ref': ref, 'path': path})}"


def commit_page(lakefs: LakeFSCredentials, repository: str, commit_id: str) -> str:
    """Return where people look at a commit."""
    return f"{_repository_page(lakefs, repository)}/commits/{quote(commit_id, safe='')}"


def _repository_page(lakefs: LakeFSCredentials, repository: str) -> str:
    return f"{lakefs.ui}/repositories/{quote(repository, safe='')}"
