"""Branches: making, listing, deleting, resetting; reverting and cherry-picking onto them."""

from __future__ import annotations

from flask import Response, jsonify
from flask.typing import ResponseReturnValue

from local_lakefs.api import answers, arguments
from local_lakefs.api.registry import operation
from local_lakefs.errors import BadRequest
from local_lakefs.service import USERNAME, LocalLakeFS
from local_lakefs.versioning import branches, pointers, resetting, reverting
from local_lakefs.versioning.names import INVALID_VALUE, check_branch, check_path, check_ref

BRANCH_RULE = (
    "branch id must consist of letters, digits, underscores and dashes, and cannot start with a dash"
)


@operation("listBranches")
def list_branches(server: LocalLakeFS, repository: str) -> ResponseReturnValue:
    found, has_more = branches.page(
        server.repositories.get(repository),
        arguments.text("prefix"),
        arguments.text("after"),
        arguments.amount(),
        show_hidden=arguments.flag("show_hidden"),
    )
    return answers.page([answers.ref(item.id, item.commit_id) for item in found], has_more, "id")


@operation("createBranch")
def create_branch(server: LocalLakeFS, repository: str) -> ResponseReturnValue:
    body = arguments.body()
    name, source = body.text("name"), body.text("source")
    try:
        check_branch(name)
    except BadRequest as error:
        error.message += f": {BRANCH_RULE}"
        raise
    check_ref(source)
    commit_id = pointers.create_branch(
        server.repositories.get(repository),
        server.hooks,
        name,
        source,
        hidden=body.flag("hidden"),
        force=body.flag("force"),
    )
    return Response(commit_id, status=201, mimetype="text/html")


@operation("getBranch")
def get_branch(server: LocalLakeFS, repository: str, branch: str) -> ResponseReturnValue:
    check_branch(branch)
    found = branches.get(server.repositories.get(repository), branch)
    return jsonify(answers.ref(found.id, found.commit_id))


@operation("deleteBranch")
def delete_branch(server: LocalLakeFS, repository: str, branch: str) -> ResponseReturnValue:
    check_branch(branch, "name")
    pointers.delete_branch(
        server.repositories.get(repository), server.hooks, branch, force=arguments.flag("force")
    )
    return answers.empty()


@operation("resetBranch")
def reset_branch(server: LocalLakeFS, repository: str, branch: str) -> ResponseReturnValue:
    body = arguments.body()
    kind, path, force = body.text("type"), body.text("path"), body.flag("force")
    check_branch(branch)
    target = server.repositories.get(repository)
    match kind:
        case "reset":
            resetting.reset(target, branch, force=force)
        case "object":
            resetting.reset_path(target, branch, check_path(path), force=force)
        case "common_prefix":
            resetting.reset_prefix(target, branch, path, force=force)
        case _:
            raise BadRequest("unknown reset type")
    return answers.empty()


@operation("hardResetBranch")
def hard_reset_branch(server: LocalLakeFS, repository: str, branch: str) -> ResponseReturnValue:
    ref = check_ref(arguments.text("ref"))
    check_branch(branch)
    target = server.repositories.get(repository)
    resetting.hard_reset(target, branch, ref, force=arguments.flag("force"))
    return answers.empty()


def _overrides(body: arguments.Body) -> reverting.Overrides:
    overrides = body.inner("commit_overrides")
    if overrides is None:
        return reverting.Overrides()
    return reverting.Overrides(
        overrides.text("message"), overrides.metadata() if "metadata" in overrides else None
    )


@operation("revertBranch")
def revert_branch(server: LocalLakeFS, repository: str, branch: str) -> ResponseReturnValue:
    body = arguments.body()
    ref, parent_number = body.text("ref"), body.number("parent_number") or 0
    check_branch(branch)
    check_ref(ref)
    if parent_number < 0:
        raise BadRequest(f"argument parentNumber: {INVALID_VALUE}")
    reverting.revert(
        server.repositories.get(repository),
        server.hooks,
        branch,
        ref,
        committer=USERNAME,
        parent_number=parent_number,
        overrides=_overrides(body),
        allow_empty=body.flag("allow_empty"),
        force=body.flag("force"),
    )
    return answers.empty()


@operation("cherryPick")
def cherry_pick(server: LocalLakeFS, repository: str, branch: str) -> ResponseReturnValue:
    body = arguments.body()
    ref, parent_number = body.text("ref"), body.number("parent_number")
    check_branch(branch)
    check_ref(ref)
    if parent_number is not None and parent_number <= 0:
        raise BadRequest(f"argument parentNumber: value should be greater than 0: {INVALID_VALUE}")
    made = reverting.cherry_pick(
        server.repositories.get(repository),
        server.hooks,
        branch,
        ref,
        committer=USERNAME,
        parent_number=parent_number,
        overrides=_overrides(body),
        force=body.flag("force"),
    )
    return jsonify(answers.commit(made)), 201
