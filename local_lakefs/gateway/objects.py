"""Objects by S3: get, head, put, copy, delete."""

from __future__ import annotations

import re
import time
from email.utils import formatdate
from urllib.parse import unquote_plus

from local_lakefs.errors import Gone, LakeFSError, NotFound
from local_lakefs.gateway import documents
from local_lakefs.gateway.body import BodyError
from local_lakefs.gateway.documents import MalformedDocument, Node
from local_lakefs.gateway.errors import Code, S3Error
from local_lakefs.gateway.operation import Answer, Call, document, etag, find_entry, raise_refusal
from local_lakefs.gateway.request import S3Request, metadata_headers
from local_lakefs.storage.entries import Entry
from local_lakefs.storage.objects import Readable, StoredFile, chunks
from local_lakefs.versioning import placing
from local_lakefs.versioning.names import check_branch, check_path
from local_lakefs.versioning.repositories import Repository

DEFAULT_CONTENT_TYPE = "application/octet-stream"
MAX_DELETED = 1000
_RANGE = re.compile(r"bytes=\s*([0-9]{0,19})\s*-\s*([0-9]{0,19})\s*", re.ASCII)
_MAX_OFFSET = 2**63 - 1


def byte_range(header: str, size_bytes: int) -> tuple[int, int] | None:
    """Return the first and last byte of a ``Range`` header, or None for the whole object.

    What is no range, or several, means the whole, as in lakeFS (``pkg/httputil/range.go``).

    Raises
    ------
    S3Error
        The range lies beyond the end.
    """
    match = _RANGE.fullmatch(header)
    if match is None:
        return None
    first, last = (int(text) if text else None for text in match.groups())
    if max(first or 0, last or 0) > _MAX_OFFSET or first is last is None:
        return None
    if first is None:
        if not last:
            raise S3Error(Code.RANGE)
        return max(size_bytes - last, 0), size_bytes - 1
    if last is not None and first > last:
        return None
    if first > size_bytes - 1:
        raise S3Error(Code.RANGE)
    return first, size_bytes - 1 if last is None else min(last, size_bytes - 1)


def _describe(response: Answer, entry: Entry, found: tuple[int, int] | None) -> tuple[int, int]:
    """Set the headers that tell an object; return the first byte and the number of bytes to send."""
    start, end = found or (0, entry.size_bytes - 1)
    response.headers["Accept-Ranges"] = "bytes"
    response.headers["Content-Length"] = str(end - start + 1)
    response.headers["Content-Type"] = entry.content_type
    response.headers["ETag"] = etag(entry.checksum)
    response.headers["Last-Modified"] = formatdate(entry.mtime, usegmt=True)
    response.headers.update(metadata_headers(entry.metadata))
    if found:
        response.status_code = 206
        response.headers["Content-Range"] = f"bytes {start}-{end}/{entry.size_bytes}"
    return start, end - start + 1


def head_object(call: Call) -> Answer:
    entry = call.entry()
    response = Answer()
    _describe(response, entry, byte_range(call.request.header("Range"), entry.size_bytes))
    return response


def get_object(call: Call) -> Answer:
    call.refuse_unsupported("torrent", "acl", "retention", "legal-hold", "lambdaArn")
    if "versioning" in call.request.query:
        return document("VersioningConfiguration", [])
    if "tagging" in call.request.query:
        return document("Tagging", [("TagSet", [])], namespace=documents.NAMESPACE)
    if "uploadId" in call.request.query:
        # lakeFS leaves the listing of parts to the storage, and its local one does not offer it.
        raise S3Error(Code.INTERNAL)
    entry = call.entry()
    found = byte_range(call.request.header("Range"), entry.size_bytes)
    if found and found[1] < found[0]:
        raise S3Error(Code.INTERNAL)  # the end of an empty object: lakeFS fails
    response = Answer()
    start, size_bytes = _describe(response, entry, found)
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["X-Frame-Options"] = "SAMEORIGIN"
    response.headers["Content-Security-Policy"] = "default-src 'none'"
    try:
        file = call.server.objects.open(call.repository.key_of(entry))
    except Gone as error:
        raise S3Error(Code.NO_VERSION) from error
    except LakeFSError as error:
        raise S3Error(Code.INTERNAL) from error
    response.response = chunks(file, start, size_bytes)
    return response


def receive(call: Call, source: Readable) -> StoredFile:
    """Store bytes. As in lakeFS, a body that is not what was signed is an internal error; nothing is kept."""
    try:
        return call.server.objects.receive(source)
    except BodyError as error:
        raise S3Error(Code.INTERNAL) from error


def keep(call: Call, stored: StoredFile) -> str:
    """Put a stored file under a new address of the repository; return the address."""
    address = call.server.new_address()
    call.server.objects.keep(stored, call.repository.namespace.key(address, relative=True))
    return address


def put_object(call: Call) -> Answer:
    must_be_new = call.must_be_new()
    stored = receive(call, call.body)
    metadata = call.request.metadata(call.claim.signed_headers)
    entry = Entry(
        keep(call, stored),
        relative=True,
        checksum=stored.checksum,
        size_bytes=stored.size_bytes,
        mtime=int(time.time()),
        content_type=call.request.header("Content-Type") or DEFAULT_CONTENT_TYPE,
        metadata=metadata,
    )
    call.place(entry, must_be_new=must_be_new)
    return Answer(headers={"ETag": etag(stored.checksum)})


def copy_source(request: S3Request) -> tuple[str, str, str] | None:
    """Return repository, reference and path of a copy's source; None when the request is no copy.

    Raises
    ------
    S3Error
        It is none of the form ``repository/reference/path``.
    """
    header = request.header("x-amz-copy-source")
    if not header:
        return None
    text = header.encode("latin-1").decode("utf-8", "replace")
    if not re.search(r"%(?![0-9A-Fa-f]{2})", text):
        text = unquote_plus(text)
    parts = text.lstrip("/").split("/", 2)
    if len(parts) != 3:
        raise S3Error(Code.COPY_SOURCE, bare=True)
    return parts[0], parts[1], parts[2]


def copy_object(call: Call, source: tuple[str, str, str]) -> Answer:
    metadata = call.request.metadata(call.claim.signed_headers)
    bucket, ref, path = source
    try:
        holder = call.server.repositories.get(bucket)
        entry = find_entry(holder, ref, path)
        with call.server.objects.open(holder.key_of(entry)) as file:
            stored = call.server.objects.receive(file)
        entry = entry._replace(address=keep(call, stored), relative=True, mtime=int(time.time()))
        if call.request.header("X-Amz-Metadata-Directive") == "REPLACE":
            entry = entry._replace(metadata=metadata)
        placing.place(call.repository, call.ref, check_path(call.path), entry)
    except (NotFound, Gone) as error:
        raise S3Error(Code.NO_KEY) from error
    except LakeFSError as error:
        raise S3Error(Code.REFUSED_COPY, error.message) from error
    return copied("CopyObjectResult", entry.checksum)


def copied(name: str, checksum: str) -> Answer:
    now = documents.timestamp(time.time())
    return document(name, [("LastModified", now), ("ETag", etag(checksum))])


def delete_object(call: Call) -> Answer:
    try:
        check_branch(call.ref)
        placing.remove(call.repository, call.ref, [check_path(call.path)])
    except NotFound:
        pass  # there is nothing to delete
    except LakeFSError as error:
        raise_refusal(error)
    return Answer(status=204)


def delete_objects(call: Call) -> Answer:
    """Delete many keys: all of one branch at once, else one by one."""
    if "delete" not in call.request.query:
        raise S3Error(Code.NOT_SUPPORTED)
    call.require_writable()
    keys, quiet = _keys_to_delete(call)
    if not 0 < len(keys) <= MAX_DELETED:
        raise S3Error(Code.MALFORMED_XML)
    places = [tuple(key.removeprefix("/").partition("/")[::2]) for key in keys]
    one_branch = len({branch for branch, _ in places}) == 1
    together = _delete(call.repository, places[0][0], [path for _, path in places]) if one_branch else None
    deleted: list[Node] = []
    failed: list[Node] = []
    for key, (branch, path) in zip(keys, places, strict=True):
        failure = together if one_branch else _delete(call.repository, branch, [path], argument="path")
        if failure is not None:
            code, message = failure
            message = f"error deleting object: {message}"
            failed.append(("Error", [("Code", code), ("Key", key), ("Message", message)]))
        elif not quiet:
            deleted.append(("Deleted", [("Key", key)]))
    return document("DeleteResult", deleted + failed, namespace=documents.NAMESPACE)


def _keys_to_delete(call: Call) -> tuple[list[str], bool]:
    try:
        root = documents.parse(call.document())
    except (MalformedDocument, BodyError) as error:
        raise S3Error(Code.BAD_REQUEST) from error
    quiet = documents.text(root, "Quiet").strip()
    if quiet not in ("", "1", "t", "T", "true", "TRUE", "True", "0", "f", "F", "false", "FALSE", "False"):
        raise S3Error(Code.BAD_REQUEST)
    keys = [documents.text(item, "Key") for item in documents.children(root, "Object")]
    return keys, quiet[:1] in ("1", "t", "T")


def _delete(
    repository: Repository, branch: str, paths: list[str], argument: str | None = None
) -> tuple[str, str] | None:
    """Delete paths of a branch; return code and message of a failure."""
    try:
        check_branch(branch, "branch")
        for number, path in enumerate(paths):
            check_path(path, argument or f"path[{number}]")
        placing.remove(repository, branch, paths)
    except NotFound:
        return None
    except LakeFSError as error:
        if "missing path" in error.message:
            return None  # as lakeFS: then nothing is deleted, and none is said to have failed
        try:
            raise_refusal(error)
        except S3Error as refusal:
            if refusal.status == 403:
                return refusal.code, refusal.message
        return "ErrDeletingKey", error.message
    return None
