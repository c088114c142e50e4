"""Imports of what lies outside the repository."""

from __future__ import annotations

from typing import Any

from flask import jsonify
from flask.typing import ResponseReturnValue

from local_lakefs.api import answers, arguments
from local_lakefs.api.registry import operation
from local_lakefs.imports import Request, Source
from local_lakefs.service import USERNAME, LocalLakeFS


@operation("importStart")
def import_start(server: LocalLakeFS, repository: str, branch: str) -> ResponseReturnValue:
    body = arguments.body()
    commit = body.inner("commit") or arguments.Body({})
    sources = tuple(
        Source(item.text("path"), item.text("destination"), item.text("type") == "common_prefix")
        for item in body.inners("paths")
    )
    request = Request(sources, USERNAME, commit.text("message"), commit.metadata(), body.flag("force"))
    target = server.repositories.get(repository)
    return jsonify(id=server.imports.start(target, branch, request)), 202


@operation("importStatus")
def import_status(server: LocalLakeFS, repository: str, **_branch: str) -> ResponseReturnValue:
    status = server.imports.status(server.repositories.get(repository), arguments.text("id"))
    told: dict[str, Any] = {
        "completed": status.commit is not None,
        "update_time": status.updated.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "ingested_objects": status.found,
    }
    if status.commit is not None:
        told["metarange_id"] = status.commit.meta_range_id
        told["commit"] = answers.commit(status.commit)
    if status.error:
        told["error"] = {"message": f"import error: {status.error}"}
    return jsonify(told)


@operation("importCancel")
def import_cancel(server: LocalLakeFS, repository: str, **_branch: str) -> ResponseReturnValue:
    server.imports.cancel(server.repositories.get(repository), arguments.text("id"))
    return answers.empty()
