"""lakeFS's JSON shapes."""

from __future__ import annotations

from typing import Any

from flask import Response, jsonify

from local_lakefs.api.arguments import MAX_PER_PAGE
from local_lakefs.storage.entries import Entry
from local_lakefs.versioning.commits import Commit
from local_lakefs.versioning.repositories import Repository


def empty(status: int = 204) -> Response:
    response = Response(status=status)
    del response.headers["Content-Type"]
    return response


def page(results: list[dict[str, Any]], has_more: bool, key: str) -> Response:
    """A page of a listing; ``key`` names the field that the next page starts after."""
    return jsonify(
        pagination={
            "has_more": has_more,
            "next_offset": results[-1][key] if has_more and results else "",
            "results": len(results),
            "max_per_page": MAX_PER_PAGE,
        },
        results=results,
    )


def repository(value: Repository) -> dict[str, Any]:
    return {
        "id": value.id,
        "storage_id": "",
        "storage_namespace": value.namespace.uri,
        "creation_date": value.creation_date,
        "default_branch": value.default_branch,
        "read_only": value.read_only,
    }


def commit(value: Commit) -> dict[str, Any]:
    return {
        "id": value.id,
        "committer": value.committer,
        "creation_date": value.creation_date,
        "message": value.message,
        "meta_range_id": value.meta_range_id,
        "metadata": value.metadata,
        "parents": list(value.parents),
        "generation": value.generation,
        "version": value.version,
    }


def ref(identity: str, commit_id: str) -> dict[str, Any]:
    return {"id": identity, "commit_id": commit_id}


def object_stats(
    holder: Repository, path: str, entry: Entry, *, metadata: bool | None = True
) -> dict[str, Any]:
    """An object's properties; ``metadata`` None leaves an empty user metadata out, as listings do."""
    stats: dict[str, Any] = {
        "path": path,
        "path_type": "object",
        "physical_address": holder.namespace.shown(entry.address, entry.relative),
        "checksum": entry.checksum,
        "mtime": entry.mtime,
        "size_bytes": entry.size_bytes,
        "content_type": entry.content_type,
    }
    if metadata is None:
        if entry.metadata:
            stats["metadata"] = entry.metadata
    else:
        stats["metadata"] = entry.metadata if metadata else {}
    return stats


def common_prefix(path: str) -> dict[str, Any]:
    return {"path": path, "path_type": "common_prefix", "physical_address": "", "checksum": "", "mtime": 0}
