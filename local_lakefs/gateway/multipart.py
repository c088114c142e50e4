"""Uploads in parts: create, upload or copy a part, complete, abort."""

from __future__ import annotations

import hashlib
import re
import time

from local_lakefs.errors import CutOff, LakeFSError, NotFound
from local_lakefs.gateway import documents
from local_lakefs.gateway.body import BodyError
from local_lakefs.gateway.documents import MalformedDocument
from local_lakefs.gateway.errors import Code, S3Error
from local_lakefs.gateway.objects import (
    DEFAULT_CONTENT_TYPE,
    byte_range,
    copied,
    keep,
    receive,
)
from local_lakefs.gateway.operation import Answer, Call, document, etag, find_entry
from local_lakefs.incoming import Exactly
from local_lakefs.storage.entries import Entry
from local_lakefs.storage.objects import StoredFile
from local_lakefs.versioning import multipart
from local_lakefs.versioning.multipart import Upload

_NUMBER = re.compile(r"[+-]?[0-9]{1,10}", re.ASCII)


def post_object(call: Call) -> Answer:
    call.refuse_unsupported("select", "restore")
    call.require_writable()
    if "uploads" in call.request.query:
        return _create(call)
    if "uploadId" in call.request.query:
        return _complete(call)
    return Answer(status=405)


def _create(call: Call) -> Answer:
    call.require_branch()
    metadata = call.request.metadata(call.claim.signed_headers)
    content_type = call.request.header("Content-Type") or DEFAULT_CONTENT_TYPE
    upload = multipart.create(call.repository, call.path, content_type, metadata)
    return document(
        "InitiateMultipartUploadResult",
        [("Bucket", call.repository.id), ("Key", call.key), ("UploadId", upload.id)],
    )


def _upload(call: Call) -> Upload:
    try:
        return multipart.get(call.repository, call.request.parameter("uploadId"))
    except NotFound as error:
        raise S3Error(Code.INTERNAL) from error  # as lakeFS, which has no word for it


def put_part(call: Call, source: tuple[str, str, str] | None) -> Answer:
    number = call.request.parameter("partNumber")
    if not _NUMBER.fullmatch(number) or not -(2**31) <= int(number) < 2**31:
        raise S3Error(Code.PART_NUMBER)
    upload = _upload(call)
    stored = receive(call, call.body) if source is None else _copied_part(call, source)
    address = call.repository.namespace.key(upload.part_address(int(number)), relative=True)
    call.server.objects.keep(stored, address)
    try:
        multipart.add_part(call.repository, upload, int(number))
    except NotFound as error:
        call.server.objects.remove(address)
        raise S3Error(Code.INTERNAL) from error
    if source is not None:
        return copied("CopyObjectResult", stored.checksum)
    return Answer(headers={"ETag": etag(stored.checksum)})


def _copied_part(call: Call, source: tuple[str, str, str]) -> StoredFile:
    """Store an object, or a range of it, as a part; what is no range of it means the whole, as in lakeFS."""
    bucket, ref, path = source
    try:
        holder = call.server.repositories.get(bucket)
        entry = find_entry(holder, ref, path)
        file = call.server.objects.open(holder.key_of(entry))
    except LakeFSError as error:
        raise S3Error(Code.COPY_SOURCE) from error
    with file:
        try:
            found = byte_range(call.request.header("x-amz-copy-source-range"), entry.size_bytes)
        except S3Error:
            found = None
        if found is None:
            return call.server.objects.receive(file)
        file.seek(found[0])
        try:
            return call.server.objects.receive(Exactly(file, found[1] - found[0] + 1))
        except CutOff as error:  # a size was claimed that is not so
            raise S3Error(Code.INTERNAL) from error


def _checksum(etags: list[str]) -> str:
    """Return what S3 says of an object in parts: the digest of the digests that the client lists."""
    listed = "".join(text.strip('"') for text in etags)
    hexadecimal = re.match(r"(?:[0-9a-fA-F]{2})*", listed)
    assert hexadecimal is not None  # noqa: S101 - it matches anything
    return hashlib.md5(bytes.fromhex(hexadecimal.group()), usedforsecurity=False).hexdigest()


def _complete(call: Call) -> Answer:
    """Put the parts together.

    As on lakeFS's local storage, the list of the client gives the checksum, but all parts that came make the
    object. Unlike there, an upload that is refused here can be completed later.
    """
    upload = _upload(call)
    must_be_new = call.must_be_new()
    etags = _listed_etags(call)
    numbers = multipart.parts(call.repository, upload)
    key = call.repository.namespace.key
    addresses = [key(upload.part_address(number), relative=True) for number in numbers]
    try:
        stored = call.server.objects.unite(addresses)
    except LakeFSError as error:  # completed or aborted meanwhile
        raise S3Error(Code.INTERNAL) from error
    checksum = _checksum(etags)
    entry = Entry(
        keep(call, stored),
        relative=True,
        checksum=checksum,
        size_bytes=stored.size_bytes,
        mtime=int(time.time()),
        content_type=upload.content_type,
        metadata=upload.metadata,
    )
    call.place(entry, must_be_new=must_be_new)
    _forget(call, upload, addresses)
    location = f"http://{call.request.header('host')}{call.request.url_path}"
    return document(
        "CompleteMultipartUploadResult",
        [
            ("Location", location),
            ("Bucket", call.repository.id),
            ("Key", call.key),
            ("ETag", etag(f"{checksum}-{len(etags)}")),
        ],
    )


def _listed_etags(call: Call) -> list[str]:
    try:
        root = documents.parse(call.document())
    except (MalformedDocument, BodyError) as error:
        raise S3Error(Code.INTERNAL) from error
    listed = list(documents.children(root, "Part"))
    for part in listed:
        number = documents.text(part, "PartNumber").strip()
        if number and not _NUMBER.fullmatch(number):
            raise S3Error(Code.INTERNAL)
    return [documents.text(part, "ETag") for part in listed]


def _forget(call: Call, upload: Upload, addresses: list[str]) -> None:
    multipart.delete(call.repository, upload)
    for address in addresses:
        call.server.objects.remove(address)


def abort(call: Call) -> Answer:
    try:
        upload = multipart.get(call.repository, call.request.parameter("uploadId"))
    except NotFound as error:
        raise S3Error(Code.NO_KEY) from error
    if upload.path != call.path:
        raise S3Error(Code.NO_KEY)
    numbers = multipart.parts(call.repository, upload)
    key = call.repository.namespace.key
    _forget(call, upload, [key(upload.part_address(number), relative=True) for number in numbers])
    return Answer(status=204)
