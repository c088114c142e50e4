"""Which operation a request asks for."""

from __future__ import annotations

from collections.abc import Callable

from local_lakefs.gateway import buckets, multipart, objects
from local_lakefs.gateway.errors import Code, S3Error
from local_lakefs.gateway.operation import Answer, Call
from local_lakefs.gateway.request import S3Request

Operation = Callable[[Call], Answer]


def _put(call: Call) -> Answer:
    source = objects.copy_source(call.request)
    call.refuse_unsupported("torrent", "acl")
    call.require_writable()
    call.require_branch()
    if "uploadId" in call.request.query:
        return multipart.put_part(call, source)
    if source is not None:
        return objects.copy_object(call, source)
    if "tagging" in call.request.query:
        raise S3Error(Code.NOT_SUPPORTED)
    return objects.put_object(call)


def _delete(call: Call) -> Answer:
    call.refuse_unsupported("tagging", "acl", "torrent")
    call.require_writable()
    if "uploadId" in call.request.query:
        return multipart.abort(call)
    return objects.delete_object(call)


def _nothing(_call: Call) -> Answer:
    return Answer(status=404)


ON_BUCKET: dict[str, Operation] = {
    "GET": buckets.get_bucket,
    "HEAD": buckets.head_bucket,
    "PUT": buckets.put_bucket,
    "POST": objects.delete_objects,
    "DELETE": buckets.delete_bucket,
}
ON_OBJECT: dict[str, Operation] = {
    "GET": objects.get_object,
    "HEAD": objects.head_object,
    "PUT": _put,
    "POST": multipart.post_object,
    "DELETE": _delete,
}


def operation(request: S3Request) -> Operation:
    """Return what answers a request that names a bucket."""
    if request.ref and request.path:
        return ON_OBJECT.get(request.method, _nothing)
    if not request.ref and not request.path:
        return ON_BUCKET.get(request.method, _nothing)
    return _nothing
