"""Commits: making, reading, their log."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from flask import jsonify, request
from flask.typing import ResponseReturnValue

from local_lakefs.api import answers, arguments
from local_lakefs.api.registry import operation
from local_lakefs.errors import BadRequest, LakeFSError, NotFound
from local_lakefs.service import USERNAME, LocalLakeFS
from local_lakefs.storage.comparing import diff
from local_lakefs.versioning import commits, committing
from local_lakefs.versioning.commits import Commit
from local_lakefs.versioning.names import check_branch, check_ref
from local_lakefs.versioning.references import commit_id
from local_lakefs.versioning.repositories import Repository


@operation("commit")
def commit(server: LocalLakeFS, repository: str, branch: str) -> ResponseReturnValue:
    body = arguments.body()
    message = body.text("message")
    check_branch(branch)
    made = committing.commit(
        server.repositories.get(repository),
        server.hooks,
        branch,
        committer=USERNAME,
        message=message,
        metadata=body.metadata(),
        date=body.number("date"),
        source_meta_range=request.args.get("source_metarange"),
        allow_empty=body.flag("allow_empty"),
        force=body.flag("force"),
    )
    return jsonify(answers.commit(made)), 201


@operation("getCommit")
def get_commit(server: LocalLakeFS, repository: str, commitId: str) -> ResponseReturnValue:
    target = server.repositories.get(repository)
    try:
        return jsonify(answers.commit(commits.get(target, commit_id(target, commitId))))
    except NotFound:
        raise NotFound("commit not found") from None
    except LakeFSError as error:
        raise LakeFSError(error.message) from error


@operation("logCommits")
def log_commits(server: LocalLakeFS, repository: str, ref: str) -> ResponseReturnValue:
    check_ref(ref)
    target = server.repositories.get(repository)
    start = _resolve(target, ref, "ref")
    stop_at = arguments.text("stop_at")
    last = _resolve(target, stop_at, "stop_at").id if stop_at else None
    history = commits.log(target, start.id, first_parent=arguments.flag("first_parent"), since_ns=_since_ns())
    after = arguments.text("after")
    if after:
        after_id = _resolve(target, after, "from ref").id
        for passed in history:
            if passed.id == after_id:
                break
    objects = [path for path in request.args.getlist("objects") if path]
    prefixes = [path for path in request.args.getlist("prefixes") if path]
    if objects or prefixes:
        history = (item for item in history if _touches(target, item, objects, prefixes))
    found, has_more = _page(history, arguments.amount(), arguments.flag("limit"), last)
    return answers.page([answers.commit(item) for item in found], has_more, "id")


def _resolve(repository: Repository, ref: str, what: str) -> Commit:
    try:
        return commits.get(repository, commit_id(repository, ref))
    except LakeFSError as error:
        raise error.within(what) from None


def _since_ns() -> int | None:
    since = arguments.text("since")
    if not since:
        return None
    try:
        return int(datetime.fromisoformat(since).timestamp() * 10**9)
    except ValueError:
        raise BadRequest(f'parameter "since" in query has an error: value {since}: not a date') from None


def _page(history: Iterator[Commit], amount: int, limit: bool, last: str | None) -> tuple[list[Commit], bool]:
    """Collect one page; with ``limit`` do not look whether there are more."""
    found: list[Commit] = []
    for item in history:
        found.append(item)
        if (limit and len(found) >= amount) or len(found) > amount or item.id == last:
            break
    return found[:amount], len(found) > amount


def _touches(repository: Repository, item: Commit, objects: list[str], prefixes: list[str]) -> bool:
    """Whether a commit with one parent changed one of the objects, or anything under one of the prefixes."""
    if len(item.parents) != 1:
        return False
    left = commits.get(repository, item.parents[0]).meta_range_id
    right = item.meta_range_id
    for path in objects:
        before, now = repository.ranges.get(left, path), repository.ranges.get(right, path)
        if before is None or now is None:
            if before is not now:
                return True
        elif not before.same_content(now):
            return True
    for prefix in prefixes:
        first = next(diff(repository.ranges, left, right, prefix), None)
        if first is not None and first.key.startswith(prefix):
            return True
    return False
