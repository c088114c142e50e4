"""Where ranges and metaranges would lie: lakeFS does not look whether they are there; and metaranges."""

from __future__ import annotations

from flask import Response, jsonify
from flask.typing import ResponseReturnValue

from local_lakefs.api import arguments
from local_lakefs.api.registry import operation
from local_lakefs.errors import BadRequest, Gone, NotOffered
from local_lakefs.service import LocalLakeFS
from local_lakefs.storage.sstables import meta_range_table


@operation("getMetaRange")
def get_meta_range(server: LocalLakeFS, repository: str, meta_range: str) -> ResponseReturnValue:
    return _location(server, repository, meta_range)


@operation("getRange")
def get_range(server: LocalLakeFS, repository: str, **named: str) -> ResponseReturnValue:
    return _location(server, repository, named["range"])


@operation("getMetadataObject")
def get_metadata_object(
    server: LocalLakeFS, repository: str, object_id: str, **named: str
) -> ResponseReturnValue:
    ranges = server.repositories.get(repository).ranges
    if named["type"] not in ("range", "meta_range"):
        raise BadRequest('parameter "type" in path has an error: value is not one of the allowed values')
    if arguments.flag("presign"):
        raise BadRequest("local adapter presigned URL: operation not supported")
    if named["type"] == "range":
        raise NotOffered("the content of a range")
    if not object_id or not ranges.exists(object_id):
        raise Gone("No data")
    return Response(meta_range_table(ranges.meta_range(object_id)), mimetype="application/octet-stream")


def _location(server: LocalLakeFS, repository: str, identity: str) -> ResponseReturnValue:
    server.repositories.get(repository)
    location = f"_lakefs/{identity}"
    return jsonify(location=location), 200, {"Location": location}
