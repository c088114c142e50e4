"""Where metaranges would lie: lakeFS does not look whether they are there."""

from __future__ import annotations

from flask import jsonify
from flask.typing import ResponseReturnValue

from local_lakefs.api.registry import operation
from local_lakefs.service import LocalLakeFS


@operation("getMetaRange")
def get_meta_range(server: LocalLakeFS, repository: str, meta_range: str) -> ResponseReturnValue:
    target = server.repositories.get(repository)
    location = target.namespace.shown(f"_lakefs/{meta_range}", relative=True)
    return jsonify(location=location), 200, {"Location": location}
