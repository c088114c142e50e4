"""Where metaranges and ranges lie; here only whether they are there."""

from __future__ import annotations

from flask import jsonify
from flask.typing import ResponseReturnValue

from local_lakefs.api.registry import operation
from local_lakefs.errors import NotFound
from local_lakefs.service import LocalLakeFS


@operation("getMetaRange")
def get_meta_range(server: LocalLakeFS, repository: str, meta_range: str) -> ResponseReturnValue:
    target = server.repositories.get(repository)
    if not target.ranges.exists(meta_range):
        raise NotFound("not found")
    location = target.namespace.shown(f"_lakefs/{meta_range}", relative=True)
    return jsonify(location=location), 200, {"Location": location}
