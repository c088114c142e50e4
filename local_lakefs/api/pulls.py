"""Pull requests."""

from __future__ import annotations

from typing import Any

from flask import jsonify
from flask.typing import ResponseReturnValue

from local_lakefs.api import answers, arguments
from local_lakefs.api.refs import merge_message
from local_lakefs.api.registry import operation
from local_lakefs.service import USERNAME, LocalLakeFS
from local_lakefs.versioning import merging, pulls
from local_lakefs.versioning.names import check_branch, check_pull_request
from local_lakefs.versioning.pulls import PullRequest


def _shown(pull: PullRequest) -> dict[str, Any]:
    """Show what lakeFS shows in listings: neither the description nor the merge's commit."""
    shown = {
        "status": pull.status,
        "title": pull.title,
        "author": pull.author,
        "closed_date": pull.closed_at,
        "creation_date": pull.created_at,
        "destination_branch": pull.destination,
        "id": pull.id,
        "source_branch": pull.source,
    }
    return {name: value for name, value in shown.items() if value is not None}


@operation("listPullRequests")
def list_pull_requests(server: LocalLakeFS, repository: str) -> ResponseReturnValue:
    found, has_more = pulls.page(
        server.repositories.get(repository),
        arguments.text("prefix"),
        arguments.text("after"),
        arguments.amount(),
        arguments.text("status"),
    )
    return answers.page([_shown(pull) for pull in found], has_more, "id")


@operation("createPullRequest")
def create_pull_request(server: LocalLakeFS, repository: str) -> ResponseReturnValue:
    body = arguments.body()
    source, destination = body.text("source_branch"), body.text("destination_branch")
    check_branch(destination, "dest")
    check_branch(source, "src")
    pulls.require_two_branches(source, destination)
    identity = pulls.create(
        server.repositories.get(repository),
        source,
        destination,
        title=body.text("title"),
        description=body.text("description"),
        author=USERNAME,
    )
    return jsonify(id=identity), 201


@operation("getPullRequest")
def get_pull_request(server: LocalLakeFS, repository: str, pull_request: str) -> ResponseReturnValue:
    check_pull_request(pull_request)
    pull = pulls.get(server.repositories.get(repository), pull_request)
    merged = {} if pull.merged_commit_id is None else {"merged_commit_id": pull.merged_commit_id}
    return jsonify({"description": pull.description} | _shown(pull) | merged)


@operation("updatePullRequest")
def update_pull_request(server: LocalLakeFS, repository: str, pull_request: str) -> ResponseReturnValue:
    check_pull_request(pull_request)
    body = arguments.body()
    pulls.update(
        server.repositories.get(repository),
        pull_request,
        **{name: body.text(name) for name in ("title", "description", "status") if name in body},
    )
    return answers.empty()


@operation("mergePullRequest")
def merge_pull_request(server: LocalLakeFS, repository: str, pull_request: str) -> ResponseReturnValue:
    check_pull_request(pull_request)
    target = server.repositories.get(repository)
    pull = pulls.get(target, pull_request)
    pulls.require_open(pull)
    made = merging.merge(
        target,
        server.hooks,
        pull.destination,
        pull.source,
        committer=USERNAME,
        message=merge_message(pull.source, pull.destination),
        metadata={},
    )
    pulls.update(target, pull_request, status=pulls.MERGED, merged_commit_id=made.id)
    return jsonify(reference=made.id)
