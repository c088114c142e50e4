"""Objects: uploading, reading, listing, deleting, copying, linking."""

from __future__ import annotations

import re
import time
from email.utils import formatdate
from typing import Any

from flask import Response, jsonify, request
from flask.typing import ResponseReturnValue

from local_lakefs.api import answers, arguments, uploads
from local_lakefs.api.registry import operation
from local_lakefs.errors import BadRequest, LakeFSError, NotFound, NotOffered, Refused
from local_lakefs.service import LocalLakeFS
from local_lakefs.storage.entries import Entry
from local_lakefs.storage.objects import chunks
from local_lakefs.versioning import branches, protection, staging, tree
from local_lakefs.versioning.listing import objects_page
from local_lakefs.versioning.names import check_branch, check_path, check_ref
from local_lakefs.versioning.references import resolve
from local_lakefs.versioning.repositories import Repository

METADATA_HEADER = "x-lakefs-meta-"
INTERNAL_METADATA_HEADER = "x-lakefs-"
INTERNAL_METADATA = "::lakefs::"
INLINE_TYPES = {"text/plain", "text/csv", "application/json", "image/png", "image/jpeg", "image/gif"}
MAX_DELETED = 1000
_RANGE = re.compile(r"bytes=\s*(\d*)\s*-\s*(\d*)\s*", re.ASCII)


class RangeNotSatisfiable(LakeFSError):
    status = 416


def _stage(
    repository: Repository, branch: str, path: str, entry: Entry, *, force: bool, must_be_new: bool = False
) -> None:
    protection.require_unprotected(repository, branch)
    repository.require_writable(force)

    def decide(present: Entry | None) -> Entry:
        if must_be_new and present is not None:
            raise Refused("path already exists")
        return entry

    staging.change(repository, branch, path, decide)


def _require_branch(repository: Repository, branch: str) -> None:
    check_branch(branch, "name")
    if branches.find(repository, branch) is None:
        raise NotFound(f"branch '{branch}' not found")


def _metadata_of_headers() -> dict[str, str]:
    metadata = {}
    for name, value in request.headers.items():
        lowered = name.lower()
        if lowered.startswith(METADATA_HEADER):
            metadata[lowered.removeprefix(METADATA_HEADER)] = value
    return metadata


@operation("uploadObject")
def upload_object(server: LocalLakeFS, repository: str, branch: str) -> ResponseReturnValue:
    path, force = arguments.text("path"), arguments.flag("force")
    target = server.repositories.get(repository)
    _require_branch(target, branch)
    check_path(path)
    must_be_new = arguments.must_be_new()
    if must_be_new and tree.find(target, resolve(target, branch), path) is not None:
        raise Refused("path already exists")
    protection.require_unprotected(target, branch)
    target.require_writable(force)
    stored, content_type = uploads.receive(request, server.objects)
    address = server.new_address()
    server.objects.keep(stored, target.address(address, relative=True))
    entry = Entry(
        address,
        relative=True,
        checksum=stored.checksum,
        size_bytes=stored.size_bytes,
        mtime=int(time.time()),
        content_type=content_type or uploads.DEFAULT_CONTENT_TYPE,
        metadata=_metadata_of_headers(),
    )
    _stage(target, branch, path, entry, force=force, must_be_new=must_be_new)
    return jsonify(answers.object_stats(target, path, entry) | {"content_type": content_type}), 201


@operation("uploadObjectPreflight")
def upload_object_preflight(_: LocalLakeFS, **_path: str) -> ResponseReturnValue:
    arguments.text("path")
    return answers.empty()


def _claimed_entry(
    target: Repository, body: arguments.Body, full_address: str, checksum: str, metadata: dict[str, str]
) -> Entry:
    """Make an entry from what a client says about data that lies somewhere already."""
    scheme = target.storage_namespace.partition("://")[0]
    if full_address.partition("://")[0] != scheme:
        raise BadRequest(f"physical address is not valid for block adapter: {scheme}")
    data = f"{target.storage_namespace.rstrip('/')}/data/"
    relative = full_address.startswith(data)
    mtime = body.number("mtime")
    return Entry(
        address=full_address[len(data) - len("data/") :] if relative else full_address,
        relative=relative,
        checksum=checksum,
        size_bytes=body.number("size_bytes") or 0,
        mtime=int(time.time()) if mtime is None else mtime,
        content_type=body.text("content_type") or uploads.DEFAULT_CONTENT_TYPE,
        metadata=metadata,
    )


@operation("stageObject")
def stage_object(server: LocalLakeFS, repository: str, branch: str) -> ResponseReturnValue:
    path, body = arguments.text("path"), arguments.body()
    address, checksum = body.text("physical_address"), body.text("checksum")
    target = server.repositories.get(repository)
    check_branch(branch)
    check_path(path)
    entry = _claimed_entry(target, body, address, checksum, body.metadata())
    _stage(target, branch, path, entry, force=body.flag("force"))
    stats = answers.object_stats(target, path, entry)
    del stats["metadata"]
    return jsonify(stats | {"content_type": body.text("content_type")}), 201


@operation("getPhysicalAddress")
def get_physical_address(server: LocalLakeFS, repository: str, branch: str) -> ResponseReturnValue:
    path = arguments.text("path")
    target = server.repositories.get(repository)
    if arguments.flag("presign"):
        raise BadRequest("operation not supported")
    address = server.link_address(target, branch, path)
    return jsonify(physical_address=target.address(address, relative=True))


@operation("linkPhysicalAddress")
def link_physical_address(server: LocalLakeFS, repository: str, branch: str) -> ResponseReturnValue:
    path, body = arguments.text("path"), arguments.body()
    staging_location = body.inner("staging") or arguments.Body({})
    address = staging_location.text("physical_address")
    checksum = body.text("checksum").strip('" \t\r\n')
    target = server.repositories.get(repository)
    check_branch(branch)
    check_path(path)
    entry = _claimed_entry(target, body, address, checksum, body.metadata("user_metadata"))
    if entry.relative:
        server.check_link_address(target, branch, path, entry.address)
    if not checksum:
        raise BadRequest("checksum is required")
    must_be_new = arguments.must_be_new()
    _stage(target, branch, path, entry, force=body.flag("force"), must_be_new=must_be_new)
    return jsonify(answers.object_stats(target, path, entry) | {"content_type": body.text("content_type")})


@operation("copyObject")
def copy_object(server: LocalLakeFS, repository: str, branch: str) -> ResponseReturnValue:
    path, body = arguments.text("dest_path"), arguments.body()
    source_path = body.text("src_path")
    target = server.repositories.get(repository)
    _require_branch(target, branch)
    if body.flag("shallow"):
        raise NotOffered("Not Implemented")
    source = tree.get(target, check_ref(body.text("src_ref") or branch), check_path(source_path))
    check_path(path)
    address = server.new_address()
    with server.objects.open(target.address(source.address, source.relative)) as file:
        server.objects.keep(server.objects.receive(file), target.address(address, relative=True))
    entry = source._replace(address=address, relative=True, mtime=int(time.time()))
    _stage(target, branch, path, entry, force=body.flag("force"))
    return jsonify(answers.object_stats(target, path, entry)), 201


@operation("updateObjectUserMetadata")
def update_object_user_metadata(server: LocalLakeFS, repository: str, branch: str) -> ResponseReturnValue:
    path, body = arguments.text("path"), arguments.body()
    metadata = body.metadata("set")
    check_branch(branch)
    check_path(path)
    target = server.repositories.get(repository)
    protection.require_unprotected(target, branch)
    target.require_writable(force=False)

    def decide(present: Entry | None) -> Entry:
        if present is None:
            raise NotFound(f"update user metadata on {repository}/{branch}/{path}: not found")
        return present._replace(metadata=metadata)

    staging.change(target, branch, path, decide)
    return answers.empty()


@operation("deleteObject")
def delete_object(server: LocalLakeFS, repository: str, branch: str) -> ResponseReturnValue:
    path = arguments.text("path")
    check_branch(branch)
    check_path(path)
    target = server.repositories.get(repository)
    protection.require_unprotected(target, branch)
    target.require_writable(arguments.flag("force"))
    staging.change(target, branch, path, lambda _: None)
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
        protection.require_unprotected(target, branch)
        target.require_writable(arguments.flag("force"))
        staging.change_many(target, branch, paths, lambda _: None)
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
        raise BadRequest("operation not supported")
    with_metadata = arguments.flag("user_metadata", default=True)
    return jsonify(answers.object_stats(target, path, entry, metadata=with_metadata))


@operation("getUnderlyingProperties")
def get_underlying_properties(server: LocalLakeFS, repository: str, ref: str) -> ResponseReturnValue:
    _entry(server, repository, ref)
    return jsonify({})


def _etag(entry: Entry) -> str:
    return entry.checksum if entry.checksum.startswith('"') else f'"{entry.checksum}"'


def _headers(entry: Entry) -> dict[str, str]:
    return {
        "ETag": _etag(entry),
        "Last-Modified": formatdate(entry.mtime, usegmt=True),
        "Content-Type": entry.content_type,
        "Cache-Control": "no-store, must-revalidate",
        "Expires": "0",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "SAMEORIGIN",
        "Content-Security-Policy": "default-src 'none'",
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
    _, _, entry = _entry(server, repository, ref)
    response = Response(headers=_headers(entry))
    start, end, wanted = 0, entry.size_bytes - 1, request.headers.get("Range")
    if wanted is not None:
        start, end = _range(wanted, entry.size_bytes)
        response.status_code = 206
        response.headers["Content-Range"] = f"bytes {start}-{end}/{entry.size_bytes}"
    response.headers["Content-Length"] = str(end - start + 1)
    return response


@operation("getObject")
def get_object(server: LocalLakeFS, repository: str, ref: str) -> ResponseReturnValue:
    target, _, entry = _entry(server, repository, ref)
    if request.headers.get("If-None-Match") == _etag(entry):
        return answers.empty(304)
    if arguments.flag("presign"):
        raise BadRequest("operation not supported")
    headers: dict[str, Any] = _headers(entry)
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
    headers["Content-Length"] = str(end - start + 1)
    file = server.objects.open(target.address(entry.address, entry.relative))
    return Response(chunks(file, start, end - start + 1), status=status, headers=headers)
