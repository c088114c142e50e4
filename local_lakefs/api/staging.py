"""Putting objects on a branch: by upload, by copy, by a claim about data that lies somewhere already."""

from __future__ import annotations

import time

from flask import jsonify, request
from flask.typing import ResponseReturnValue

from local_lakefs.api import answers, arguments, uploads
from local_lakefs.api.objects import NO_PRESIGNED
from local_lakefs.api.registry import operation
from local_lakefs.errors import BadRequest, LakeFSError, NotFound, NotOffered, Refused
from local_lakefs.service import LocalLakeFS
from local_lakefs.storage.entries import Entry
from local_lakefs.versioning import branches, protection, staging, tree
from local_lakefs.versioning.names import check_branch, check_path, check_ref
from local_lakefs.versioning.placing import place
from local_lakefs.versioning.references import resolve
from local_lakefs.versioning.repositories import Repository

METADATA_HEADER = "x-lakefs-meta-"


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
    server.objects.keep(stored, target.namespace.key(address, relative=True))
    entry = Entry(
        address,
        relative=True,
        checksum=stored.checksum,
        size_bytes=stored.size_bytes,
        mtime=int(time.time()),
        content_type=content_type or uploads.DEFAULT_CONTENT_TYPE,
        metadata=_metadata_of_headers(),
    )
    try:
        place(target, branch, path, entry, force=force, must_be_new=must_be_new)
    except Refused:
        raise Refused("path already exists") from None
    return jsonify(answers.object_stats(target, path, entry) | {"content_type": content_type}), 201


@operation("uploadObjectPreflight")
def upload_object_preflight(_: LocalLakeFS, **_path: str) -> ResponseReturnValue:
    arguments.text("path")
    return answers.empty()


def _claimed_entry(
    target: Repository, body: arguments.Body, full_address: str, checksum: str, metadata: dict[str, str]
) -> Entry:
    """Make an entry from what a client says about data that lies somewhere already."""
    address, relative = target.namespace.own(full_address)
    mtime = body.number("mtime")
    return Entry(
        address=address,
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
    target.namespace.check_staged(address)
    entry = _claimed_entry(target, body, address, checksum, body.metadata())
    place(target, branch, path, entry, force=body.flag("force"))
    stats = answers.object_stats(target, path, entry)
    del stats["metadata"]
    return jsonify(stats), 201


@operation("getPhysicalAddress")
def get_physical_address(server: LocalLakeFS, repository: str, branch: str) -> ResponseReturnValue:
    path = arguments.text("path")
    target = server.repositories.get(repository)
    if arguments.flag("presign"):
        raise LakeFSError(NO_PRESIGNED)
    address = server.link_address(target, branch, path)
    shown = target.namespace.shown(address, relative=True)
    return jsonify(physical_address=shown, presigned_url=None)


@operation("linkPhysicalAddress")
def link_physical_address(server: LocalLakeFS, repository: str, branch: str) -> ResponseReturnValue:
    path, body = arguments.text("path"), arguments.body()
    staging_location = body.inner("staging") or arguments.Body({})
    given = staging_location.text("physical_address")
    checksum = body.text("checksum").strip('" \t\r\n')
    target = server.repositories.get(repository)
    check_branch(branch)
    check_path(path)
    entry = _claimed_entry(target, body, given, checksum, body.metadata("user_metadata"))
    if entry.relative:
        server.check_link_address(target, branch, path, entry.address)
    if not checksum:
        raise BadRequest("checksum is required")
    must_be_new = arguments.must_be_new()
    place(target, branch, path, entry, force=body.flag("force"), must_be_new=must_be_new)
    return jsonify(answers.object_stats(target, path, entry) | {"physical_address": given})


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
    with server.objects.open(target.key_of(source)) as file:
        server.objects.keep(server.objects.receive(file), target.namespace.key(address, relative=True))
    entry = source._replace(address=address, relative=True, mtime=int(time.time()))
    place(target, branch, path, entry, force=body.flag("force"))
    return jsonify(answers.object_stats(target, path, entry)), 201


@operation("updateObjectUserMetadata")
def update_object_user_metadata(server: LocalLakeFS, repository: str, branch: str) -> ResponseReturnValue:
    path, body = arguments.text("path"), arguments.body()
    metadata = body.metadata("set")
    check_branch(branch)
    check_path(path)
    try:
        target = server.repositories.get(repository)
    except NotFound:
        return answers.empty()  # as lakeFS, which forgets the error
    protection.require_unprotected(target, branch)
    target.require_writable(force=False)

    def decide(present: Entry | None) -> Entry:
        if present is None:
            raise NotFound(f"update user metadata on {repository}/{branch}/{path}: not found")
        return present._replace(metadata=metadata)

    staging.change(target, branch, path, decide)
    return answers.empty()
