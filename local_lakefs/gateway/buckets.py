"""Buckets, which are repositories: listing them, and listing what is in one."""

from __future__ import annotations

import re
from dataclasses import dataclass

from local_lakefs.errors import LakeFSError, NotFound
from local_lakefs.gateway import documents
from local_lakefs.gateway.documents import Node
from local_lakefs.gateway.errors import Code, S3Error
from local_lakefs.gateway.operation import Answer, Call, document, etag, joined
from local_lakefs.gateway.request import S3Request
from local_lakefs.service import LocalLakeFS
from local_lakefs.storage.entries import Entry
from local_lakefs.versioning import branches, tree
from local_lakefs.versioning.listing import Item, objects_page
from local_lakefs.versioning.names import MAX_PATH_BYTES, check_ref
from local_lakefs.versioning.references import resolve

DEFAULT_KEYS = 1000
MAX_KEYS = 10_000
MAX_BRANCHES = 1000
REPOSITORIES_A_PAGE = 1000
MAX_UPLOADS = 2**31 - 1

# What S3 has and lakeFS does not, by the parameter that asks for it.
UNSUPPORTED_GET = [
    "inventory",
    "metrics",
    "publicAccessBlock",
    "ownershipControls",
    "intelligent-tiering",
    "analytics",
    "policy",
    "lifecycle",
    "encryption",
    "object-lock",
    "replication",
    "notification",
    "events",
    "acl",
    "cors",
    "website",
    "accelerate",
    "requestPayment",
    "logging",
    "tagging",
    "versions",
    "policyStatus",
]
UNSUPPORTED_PUT = [
    "cors",
    "metrics",
    "website",
    "logging",
    "accelerate",
    "requestPayment",
    "acl",
    "publicAccessBlock",
    "ownershipControls",
    "intelligent-tiering",
    "analytics",
    "lifecycle",
    "replication",
    "encryption",
    "policy",
    "object-lock",
    "tagging",
    "versioning",
]


def list_buckets(server: LocalLakeFS, request: S3Request) -> Answer:
    if "events" in request.query:
        raise S3Error(Code.NOT_SUPPORTED, bare=True)
    found: list[Node] = []
    after, has_more = "", True
    while has_more:
        page, has_more = server.repositories.list(request.parameter("prefix"), after, REPOSITORIES_A_PAGE)
        for item in page:
            created = documents.timestamp(item.creation_date)
            found.append(("Bucket", [("CreationDate", created), ("Name", item.id)]))
            after = item.id
    owner: list[Node] = [("DisplayName", ""), ("ID", "")]
    return document("ListAllMyBucketsResult", [("Buckets", found), ("Owner", owner)])


def head_bucket(call: Call) -> Answer:
    call.refuse_unsupported("acl")
    return Answer()


def put_bucket(call: Call) -> Answer:
    """Refuse: repositories are made by the API, which says where their data lies."""
    call.refuse_unsupported(*UNSUPPORTED_PUT)
    raise S3Error(Code.BUCKET_EXISTS)


def delete_bucket(_call: Call) -> Answer:
    raise S3Error(Code.NOT_SUPPORTED, bare=True)


def get_bucket(call: Call) -> Answer:
    call.refuse_unsupported(*UNSUPPORTED_GET)
    query = call.request.query
    if "location" in query:
        return document("LocationConstraint", [], namespace=documents.NAMESPACE)
    if "uploads" in query:
        _refuse_uploads(call)
    if "versioning" in query:
        text = f'<VersioningConfiguration xmlns="{documents.NAMESPACE}"/>'
        return Answer(documents.HEADER + text.encode())
    match query.get("list-type", ""):
        case "" | "1":
            return _list_v1(call)
        case "2":
            return _list_v2(call)
    raise S3Error(Code.BAD_REQUEST)


def _refuse_uploads(call: Call) -> None:
    """Refuse to list uploads: lakeFS leaves it to the storage, and its local one does not offer it."""
    wanted = call.request.parameter("max-uploads")
    narrowed = any(call.request.query.get(name) for name in ("prefix", "delimiter", "encoding-type"))
    if (
        wanted
        and not narrowed
        and not (re.fullmatch(r"\+?[0-9]{1,10}", wanted) and int(wanted) <= MAX_UPLOADS)
    ):
        raise S3Error(Code.MAX_UPLOADS)
    raise S3Error(Code.NOT_IMPLEMENTED)


@dataclass(frozen=True)
class _Page:
    prefixes: list[Node]
    contents: list[Node]
    last: str
    has_more: bool
    size: int


def _split(key: str) -> tuple[str, str, bool]:
    """Return reference, path and whether a path was given."""
    if key.startswith("/") and len(key) > 1:
        key = key[1:]
    ref, slash, path = key.partition("/")
    return ref, path, bool(slash)


def _max_keys(call: Call) -> int:
    text = call.request.parameter("max-keys")
    return int(text) if re.fullmatch(r"[+-]?[0-9]{1,18}", text) else DEFAULT_KEYS


def _branches(call: Call, prefix: str, after: str) -> _Page:
    asked = _max_keys(call)
    amount = asked if 0 <= asked <= MAX_BRANCHES else MAX_BRANCHES
    found, has_more = branches.page(call.repository, prefix, after, amount, show_hidden=False)
    prefixes: list[Node] = [("CommonPrefixes", [("Prefix", joined(item.id, ""))]) for item in found]
    return _Page(prefixes, [], found[-1].id if found else "", has_more, len(found))


def _objects(call: Call, ref: str, prefix: str, after: str) -> _Page:
    """Return a page of objects; raises LakeFSError."""
    asked = _max_keys(call)
    amount = asked if 0 <= asked <= MAX_KEYS else MAX_KEYS
    delimiter = call.request.parameter("delimiter")
    check_ref(ref)
    if any(len(text.encode()) > MAX_PATH_BYTES for text in (prefix, delimiter)):
        raise LakeFSError("too long")
    reference = resolve(call.repository, ref)
    found, has_more = objects_page(
        lambda start: tree.entries(call.repository, reference, start), prefix, after, delimiter, amount
    )
    prefixes: list[Node] = [
        ("CommonPrefixes", [("Prefix", joined(ref, item.path))]) for item in found if item.value is None
    ]
    contents = [_content(ref, item) for item in found if item.value is not None]
    return _Page(prefixes, contents, joined(ref, found[-1].path if found else ""), has_more, len(found))


def _content(ref: str, item: Item[Entry]) -> Node:
    assert item.value is not None  # noqa: S101 - for the type checker
    return (
        "Contents",
        [
            ("Key", joined(ref, item.path)),
            ("LastModified", documents.timestamp(item.value.mtime)),
            ("ETag", etag(item.value.checksum)),
            ("Size", item.value.size_bytes),
            ("StorageClass", "STANDARD"),
        ],
    )


def _after(key: str, ref: str) -> str:
    """Return the path after which to go on; it must lie in the same reference."""
    if not key:
        return ""
    found_ref, path, _ = _split(key)
    if found_ref.lower() != ref.lower():
        raise S3Error(Code.BAD_REQUEST)
    return path


def _list_v2(call: Call) -> Answer:
    token = call.request.parameter("continuation-token")
    start = token or call.request.parameter("start-after")
    ref, path, has_path = _split(call.request.parameter("prefix"))
    try:
        page = _objects(call, ref, path, _after(start, ref)) if has_path else _branches(call, ref, start)
    except LakeFSError as error:
        raise S3Error(Code.BAD_REQUEST) from error
    content = _head(call, page, page.size) + page.prefixes
    if page.has_more:
        content.append(("NextContinuationToken", page.last))
    if token:
        content.append(("ContinuationToken", token))
    return document("ListBucketResult", content + page.contents)


def _list_v1(call: Call) -> Answer:
    marker = call.request.parameter("marker")
    ref, path, has_path = _split(call.request.parameter("prefix"))
    try:
        page = _objects(call, ref, path, _after(marker, ref)) if has_path else _branches(call, ref, marker)
    except NotFound:
        page = _Page([], [], "", has_more=False, size=0)
    except LakeFSError as error:
        raise S3Error(Code.BAD_REQUEST) from error
    # As lakeFS: branches are not counted here.
    content = _head(call, page, page.size if has_path else 0) + page.prefixes + [("Marker", marker)]
    if page.has_more and call.request.parameter("delimiter"):
        content.append(("NextMarker", page.last))
    return document("ListBucketResult", content + page.contents)


def _head(call: Call, page: _Page, count: int) -> list[Node]:
    delimiter = call.request.parameter("delimiter")
    return [
        ("Name", call.repository.id),
        ("IsTruncated", page.has_more),
        ("Prefix", call.request.parameter("prefix")),
        *([("Delimiter", delimiter)] if delimiter else []),
        ("KeyCount", count),
        ("MaxKeys", _max_keys(call)),
    ]
