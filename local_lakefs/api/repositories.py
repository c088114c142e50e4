"""Repositories, their metadata and their branch protection."""

from __future__ import annotations

from typing import Any

from flask import jsonify, make_response, request
from flask.typing import ResponseReturnValue

from local_lakefs.api import answers, arguments
from local_lakefs.api.registry import operation
from local_lakefs.errors import BadRequest, NotFound
from local_lakefs.service import LocalLakeFS
from local_lakefs.versioning import protection, repositories
from local_lakefs.versioning.names import check_branch, check_repository


@operation("listRepositories")
def list_repositories(server: LocalLakeFS) -> ResponseReturnValue:
    found, has_more = server.repositories.list(
        arguments.text("prefix"), arguments.text("after"), arguments.amount(), arguments.text("search")
    )
    return answers.page([answers.repository(item) for item in found], has_more, "id")


@operation("createRepository")
def create_repository(server: LocalLakeFS) -> ResponseReturnValue:
    body = arguments.body()
    name = body.text("name")
    namespace = body.text("storage_namespace")
    if body.flag("sample_data"):
        raise BadRequest("sample data is not offered by the embedded server")
    check_repository(name)
    if not namespace:
        raise BadRequest("failed to match required regex .+: invalid namespace")
    default_branch = check_branch(body.text("default_branch") or "main")
    bare = arguments.flag("bare")
    made = server.repositories.create(
        name, namespace, default_branch, read_only=body.flag("read_only"), bare=bare
    )
    return jsonify(answers.repository(made)), 201


@operation("getRepository")
def get_repository(server: LocalLakeFS, repository: str) -> ResponseReturnValue:
    return jsonify(answers.repository(server.repositories.get(repository)))


@operation("deleteRepository")
def delete_repository(server: LocalLakeFS, repository: str) -> ResponseReturnValue:
    server.repositories.delete(repository, force=arguments.flag("force"))
    return answers.empty()


@operation("getRepositoryMetadata")
def get_repository_metadata(server: LocalLakeFS, repository: str) -> ResponseReturnValue:
    return jsonify(repositories.metadata(server.repositories.get(repository)))


@operation("setRepositoryMetadata")
def set_repository_metadata(server: LocalLakeFS, repository: str) -> ResponseReturnValue:
    changes: dict[str, str | None] = dict(arguments.body().metadata())
    repositories.update_metadata(server.repositories.get(repository), changes)
    return answers.empty()


@operation("deleteRepositoryMetadata")
def delete_repository_metadata(server: LocalLakeFS, repository: str) -> ResponseReturnValue:
    removed: dict[str, str | None] = dict.fromkeys(arguments.body().texts("keys"))
    repositories.update_metadata(server.repositories.get(repository), removed)
    return answers.empty()


def _rules(server: LocalLakeFS, repository: str) -> list[str]:
    return protection.patterns(server.repositories.get(repository))


def _as_json(rules: list[str]) -> list[dict[str, Any]]:
    return [{"pattern": pattern} for pattern in rules]


@operation("getBranchProtectionRules")
def get_branch_protection_rules(server: LocalLakeFS, repository: str) -> ResponseReturnValue:
    rules = _rules(server, repository)
    response = make_response(jsonify(_as_json(rules)))
    response.headers["ETag"] = protection.checksum(rules)
    return response


@operation("internalGetBranchProtectionRules")
def internal_get_branch_protection_rules(server: LocalLakeFS, repository: str) -> ResponseReturnValue:
    return get_branch_protection_rules(server, repository)


@operation("setBranchProtectionRules")
def set_branch_protection_rules(server: LocalLakeFS, repository: str) -> ResponseReturnValue:
    rules = [rule.text("pattern") for rule in arguments.bodies()]
    target = server.repositories.get(repository)
    protection.set_patterns(target, rules, request.headers.get("If-Match"))
    return answers.empty()


@operation("internalCreateBranchProtectionRule")
def internal_create_branch_protection_rule(server: LocalLakeFS, repository: str) -> ResponseReturnValue:
    pattern = arguments.body().text("pattern")
    target = server.repositories.get(repository)
    protection.set_patterns(target, [*protection.patterns(target), pattern], None)
    return answers.empty()


@operation("internalDeleteBranchProtectionRule")
def internal_delete_branch_protection_rule(server: LocalLakeFS, repository: str) -> ResponseReturnValue:
    pattern = arguments.body().text("pattern")
    target = server.repositories.get(repository)
    rules = protection.patterns(target)
    if pattern not in rules:
        raise NotFound("not found")
    protection.set_patterns(target, [rule for rule in rules if rule != pattern], None)
    return answers.empty()


@operation("createBranchProtectionRulePreflight")
def create_branch_protection_rule_preflight(server: LocalLakeFS, repository: str) -> ResponseReturnValue:
    server.repositories.get(repository)
    return answers.empty()
