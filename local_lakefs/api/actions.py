"""Runs of actions and their hooks."""

from __future__ import annotations

from flask import Response, jsonify
from flask.typing import ResponseReturnValue

from local_lakefs.actions import RunNotFound
from local_lakefs.api import answers, arguments
from local_lakefs.api.registry import operation
from local_lakefs.errors import NotFound
from local_lakefs.service import LocalLakeFS


@operation("listRepositoryRuns")
def list_repository_runs(server: LocalLakeFS, repository: str) -> ResponseReturnValue:
    server.repositories.get(repository)
    return jsonify(
        server.actions.runs(
            repository,
            branch=arguments.text("branch") or None,
            commit=arguments.text("commit") or None,
            after=arguments.text("after"),
            amount=arguments.amount(),
        )
    )


@operation("getRun")
def get_run(server: LocalLakeFS, repository: str, run_id: str) -> ResponseReturnValue:
    server.repositories.get(repository)
    try:
        return jsonify(server.actions.get_run(repository, run_id))
    except RunNotFound as error:
        raise NotFound(f"not found: {error}") from error


@operation("listRunHooks")
def list_run_hooks(server: LocalLakeFS, repository: str, run_id: str) -> ResponseReturnValue:
    server.repositories.get(repository)
    return jsonify(
        server.actions.hook_runs(repository, run_id, after=arguments.text("after"), amount=arguments.amount())
    )


@operation("getRunHookOutput")
def get_run_hook_output(
    server: LocalLakeFS, repository: str, run_id: str, hook_run_id: str
) -> ResponseReturnValue:
    server.repositories.get(repository)
    output = server.actions.output(repository, run_id, hook_run_id)
    if not output:
        return answers.empty(200)  # the hook was passed over
    return Response(
        output,
        mimetype="application/octet-stream",
        headers={"Content-Disposition": f"attachment; filename={hook_run_id}.log"},
    )
