"""Differences between versions, and merges."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask import jsonify
from flask.typing import ResponseReturnValue

from local_lakefs.api import answers, arguments
from local_lakefs.api.registry import operation
from local_lakefs.errors import BadRequest, MergeConflict
from local_lakefs.service import USERNAME, LocalLakeFS
from local_lakefs.storage.comparing import Difference, compare, diff, diff_with_staged
from local_lakefs.storage.writing import Strategy
from local_lakefs.versioning import branches, commits, merging, staging
from local_lakefs.versioning.listing import Item, Source, differences_page
from local_lakefs.versioning.names import INVALID_VALUE, check_branch, check_ref
from local_lakefs.versioning.references import resolve, resolve_commit

Pairs = Iterator[tuple[str, Difference]]


def _pairs(differences: Iterator[Difference]) -> Pairs:
    for change in differences:
        yield change.key, change


def _answer(source: Source[Difference], *, right_stats: bool = False) -> ResponseReturnValue:
    found, has_more = differences_page(
        source,
        arguments.text("prefix"),
        arguments.text("after"),
        arguments.text("delimiter"),
        arguments.amount(),
    )
    return answers.page([_difference(item, right_stats) for item in found], has_more, "path")


def _difference(item: Item[Difference], right_stats: bool) -> dict[str, Any]:
    if item.value is None:
        return {"path": item.path, "type": "prefix_changed", "path_type": "common_prefix"}
    entry = item.value.shown
    result: dict[str, Any] = {
        "path": item.path,
        "type": str(item.value.kind),
        "path_type": "object",
        "size_bytes": entry.size_bytes if entry else 0,
    }
    if right_stats and entry is not None:
        result["right"] = {
            "checksum": entry.checksum,
            "content_type": entry.content_type,
            "mtime": entry.mtime,
            "metadata": entry.metadata,
        }
    return result


@operation("diffBranch")
def diff_branch(server: LocalLakeFS, repository: str, branch: str) -> ResponseReturnValue:
    check_branch(branch)
    target = server.repositories.get(repository)
    head = branches.get(target, branch)

    def staged(start: str) -> Pairs:
        for change in staging.uncommitted(target, head, start):
            yield change.key, change._replace(left=None)  # lakeFS tells no size of a staged deletion

    return _answer(staged)


@operation("diffRefs")
def diff_refs(
    server: LocalLakeFS,
    repository: str,
    leftRef: str,
    rightRef: str,
) -> ResponseReturnValue:
    check_ref(leftRef, "left")
    check_ref(rightRef, "right")
    target = server.repositories.get(repository)
    ranges = target.ranges
    right_stats = arguments.flag("include_right_stats")
    if arguments.text("type", "three_dot") != "two_dot":
        source, destination, base = merging.find_merge_base(target, rightRef, leftRef)
        ids = (destination.meta_range_id, source.meta_range_id, base.meta_range_id)
        return _answer(lambda start: _pairs(compare(ranges, *ids, start)), right_stats=right_stats)
    left = resolve_commit(target, leftRef).meta_range_id
    reference = resolve(target, rightRef)
    right = commits.get(target, reference.commit_id).meta_range_id
    if reference.staging_only and reference.staged is not None:
        tokens = reference.staged.tokens
        return _answer(
            lambda start: _pairs(
                diff_with_staged(ranges, left, right, staging.entries(target, tokens, start), start)
            ),
            right_stats=right_stats,
        )
    return _answer(lambda start: _pairs(diff(ranges, left, right, start)), right_stats=right_stats)


def merge_message(source: str, destination: str) -> str:
    """Say what a merge's commit says where nobody says anything else."""
    return f"Merge '{source}' into '{destination}'"


@operation("mergeIntoBranch")
def merge_into_branch(
    server: LocalLakeFS,
    repository: str,
    sourceRef: str,
    destinationBranch: str,
) -> ResponseReturnValue:
    body = arguments.body()
    check_branch(destinationBranch, "destination")
    check_ref(sourceRef, "source")
    strategies = {"": Strategy.NONE, "dest-wins": Strategy.DESTINATION, "source-wins": Strategy.SOURCE}
    strategy = strategies.get(body.text("strategy"))
    if strategy is None:
        raise BadRequest(f"argument strategy: {INVALID_VALUE}")
    target = server.repositories.get(repository)
    try:
        made = merging.merge(
            target,
            server.hooks,
            destinationBranch,
            sourceRef,
            committer=USERNAME,
            message=body.text("message") or merge_message(sourceRef, destinationBranch),
            metadata=body.metadata(),
            strategy=strategy,
            squash=body.flag("squash_merge"),
            allow_empty=body.flag("allow_empty"),
            force=body.flag("force"),
        )
    except MergeConflict:
        return jsonify(reference=""), 409
    return jsonify(reference=made.id)


@operation("findMergeBase")
def find_merge_base(
    server: LocalLakeFS,
    repository: str,
    sourceRef: str,
    destinationBranch: str,
) -> ResponseReturnValue:
    check_ref(destinationBranch, "destination")
    check_ref(sourceRef, "source")
    target = server.repositories.get(repository)
    # lakeFS answers with the two names exchanged: what it calls the source is the destination's commit.
    source, destination, base = merging.find_merge_base(target, destinationBranch, sourceRef)
    return jsonify(source_commit_id=source.id, destination_commit_id=destination.id, base_commit_id=base.id)
