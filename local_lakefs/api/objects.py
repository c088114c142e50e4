"""Objects: reading, listing, deleting."""

from __future__ import annotations

import re
from email.utils import formatdate
from typing import Any

from flask import Response, jsonify, request
from flask.typing import ResponseReturnValue

from local_lakefs.api import answers, arguments
from local_lakefs.api.registry import operation
from local_lakefs.errors import BadRequest, LakeFSError, NotFound
from local_lakefs.service import LocalLakeFS
from local_lakefs.storage.entries import Entry
from local_lakefs.storage.objects import chunks
from local_lakefs.versioning import tree
from local_lakefs.versioning.listing import objects_page
from local_lakefs.versioning.names import check_branch, check_path, check_ref
from local_lakefs.versioning.placing import remove
from local_lakefs.versioning.references import resolve
from local_lakefs.versioning.repositories import Repository

INLINE_TYPES = {"text/plain", "text/csv", "application/json", "image/png", "image/jpeg", "image/gif"}
MAX_DELETED = 1000
NO_PRESIGNED = "local adapter presigned URL: operation not supported"
_RANGE = re.compile(r"bytes=\s*(\d*)\s*-\s*(\d*)\s*", re.ASCII)


class RangeNotSatisfiable(LakeFSError):
    status = 416


@operation("deleteObject")
def delete_object(server: LocalLakeFS, repository: str, branch: str) -> ResponseReturnValue:
    path = arguments.text("path")
    check_branch(branch)
    check_path(path)
    target = server.repositories.get(repository)
    remove(target, branch, [path], force=arguments.flag("force"))
    return answers.empty()


@operation("deleteObjects")
def delete_objects(server: LocalLakeFS, repository: str, branch: str) -> ResponseReturnValue:
    paths = arguments.body().texts("paths")
    if len(paths) > MAX_DELETED:
        raise BadRequest(f"request size exceeded, max paths is set to {MAX_DELETED}")
    try:
        check_branch(branch)
        for number, path in enumerate(paths):
            check_path(path, f"path[{number}]")
        target = server.repositories.get(repository)
        remove(target, branch, paths, force=arguments.flag("force"))
    except NotFound:
        pass  # as lakeFS: deleting what is not there is no error
    except LakeFSError as error:
        if "missing path" not in error.message:
            status = 403 if error.status == 403 else 500
            failed = [{"path": path, "status_code": status, "message": error.message} for path in paths]
            return jsonify(errors=failed)
    return jsonify(errors=[])


@operation("listObjects")
def list_objects(server: LocalLakeFS, repository: str, ref: str) -> ResponseReturnValue:
    check_ref(ref)
    target = server.repositories.get(repository)
    reference = resolve(target, ref)
    if arguments.flag("presign"):
        raise BadRequest(NO_PRESIGNED)
    found, has_more = objects_page(
        lambda start: tree.entries(target, reference, start),
        arguments.text("prefix"),
        arguments.text("after"),
        arguments.text("delimiter"),
        arguments.amount(),
    )
    with_metadata = arguments.flag("user_metadata", default=True)
    results = []
    for item in found:
        if item.value is None:
            results.append(answers.common_prefix(item.path))
            continue
        stats = answers.object_stats(target, item.path, item.value, metadata=None)
        if not with_metadata:
            stats.pop("metadata", None)
        results.append(stats)
    return answers.page(results, has_more, "path")


def _entry(server: LocalLakeFS, repository: str, ref: str) -> tuple[Repository, str, Entry]:
    path = arguments.text("path")
    target = server.repositories.get(repository)
    check_ref(ref)
    check_path(path)
    return target, path, tree.get(target, ref, path)


@operation("statObject")
def stat_object(server: LocalLakeFS, repository: str, ref: str) -> ResponseReturnValue:
    target, path, entry = _entry(server, repository, ref)
    if arguments.flag("presign"):
        raise BadRequest(NO_PRESIGNED)
    with_metadata = arguments.flag("user_metadata", default=True)
    return jsonify(answers.object_stats(target, path, entry, metadata=with_metadata))


@operation("getUnderlyingProperties")
def get_underlying_properties(server: LocalLakeFS, repository: str, ref: str) -> ResponseReturnValue:
    _entry(server, repository, ref)
    return jsonify(storage_class=None)


def _etag(entry: Entry) -> str:
    return entry.checksum if entry.checksum.startswith('"') else f'"{entry.checksum}"'


def _headers(entry: Entry) -> dict[str, str]:
    return {
        "ETag": _etag(entry),
        "Last-Modified": formatdate(entry.mtime, usegmt=True),
        "Content-Type": entry.content_type,
        "Cache-Control": "no-store, must-revalidate",
        "Expires": "0",
    }


def _range(header: str, size_bytes: int) -> tuple[int, int]:
    """Return first and last byte of a ``Range`` header; raises RangeNotSatisfiable."""
    match = _RANGE.fullmatch(header)
    first, last = match.groups() if match else ("", "")
    refusal = RangeNotSatisfiable("Requested Range Not Satisfiable")
    if not first and not last:
        raise refusal
    if not first:
        if int(last) == 0:
            raise refusal
        return max(size_bytes - int(last), 0), size_bytes - 1
    start, end = int(first), min(int(last), size_bytes - 1) if last else size_bytes - 1
    if start > end or start > size_bytes - 1:
        raise refusal
    return start, end


@operation("headObject")
def head_object(server: LocalLakeFS, repository: str, ref: str) -> ResponseReturnValue:
    try:
        _, _, entry = _entry(server, repository, ref)
    except LakeFSError as error:
        return answers.empty(error.status)
    response = Response(headers=_headers(entry) | {"Accept-Ranges": "bytes"})
    start, end, wanted = 0, entry.size_bytes - 1, request.headers.get("Range")
    if wanted is not None:
        try:
            start, end = _range(wanted, entry.size_bytes)
        except RangeNotSatisfiable as refusal:
            response.status_code = refusal.status
            return response
        response.status_code = 206
        response.headers["Content-Range"] = f"bytes {start}-{end}/{entry.size_bytes}"
    response.headers["Content-Length"] = str(max(end - start + 1, 0))
    return response


@operation("getObject")
def get_object(server: LocalLakeFS, repository: str, ref: str) -> ResponseReturnValue:
    target, _, entry = _entry(server, repository, ref)
    if request.headers.get("If-None-Match") == _etag(entry):
        return answers.empty(304)
    if arguments.flag("presign"):
        raise BadRequest(NO_PRESIGNED)
    headers: dict[str, Any] = _headers(entry) | {
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "SAMEORIGIN",
        "Content-Security-Policy": "default-src 'none'",
    }
    headers["Content-Disposition"] = "inline" if entry.content_type in INLINE_TYPES else "attachment"
    start, end, status = 0, entry.size_bytes - 1, 200
    wanted = request.headers.get("Range")
    if wanted is not None:
        try:
            start, end = _range(wanted, entry.size_bytes)
        except RangeNotSatisfiable as refusal:
            refused = jsonify(message=refusal.message)
            refused.headers["Content-Range"] = f"bytes */{entry.size_bytes}"
            return refused, 416
        status = 206
        headers["Content-Range"] = f"bytes {start}-{end}/{entry.size_bytes}"
    headers["Content-Length"] = str(max(end - start + 1, 0))
    file = server.objects.open(target.key_of(entry))
    return Response(chunks(file, start, end - start + 1), status=status, headers=headers)
