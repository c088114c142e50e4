"""Tags."""

from __future__ import annotations

from flask import jsonify
from flask.typing import ResponseReturnValue

from local_lakefs.api import answers, arguments
from local_lakefs.api.registry import operation
from local_lakefs.service import LocalLakeFS
from local_lakefs.versioning import pointers
from local_lakefs.versioning.names import check_tag


@operation("listTags")
def list_tags(server: LocalLakeFS, repository: str) -> ResponseReturnValue:
    found, has_more = pointers.tags_page(
        server.repositories.get(repository),
        arguments.text("prefix"),
        arguments.text("after"),
        arguments.amount(),
    )
    return answers.page([answers.ref(*item) for item in found], has_more, "id")


@operation("createTag")
def create_tag(server: LocalLakeFS, repository: str) -> ResponseReturnValue:
    body = arguments.body()
    name = check_tag(body.text("id"))
    commit_id = pointers.create_tag(
        server.repositories.get(repository),
        server.hooks,
        name,
        body.text("ref"),
        force=body.flag("force"),
    )
    return jsonify(answers.ref(name, commit_id)), 201


@operation("getTag")
def get_tag(server: LocalLakeFS, repository: str, tag: str) -> ResponseReturnValue:
    check_tag(tag)
    return jsonify(answers.ref(tag, pointers.get_tag(server.repositories.get(repository), tag)))


@operation("deleteTag")
def delete_tag(server: LocalLakeFS, repository: str, tag: str) -> ResponseReturnValue:
    check_tag(tag)
    pointers.delete_tag(server.repositories.get(repository), server.hooks, tag, force=arguments.flag("force"))
    return answers.empty()
