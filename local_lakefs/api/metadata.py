"""Where ranges and metaranges would lie: lakeFS does not look whether they are there."""

from __future__ import annotations

from flask import jsonify
from flask.typing import ResponseReturnValue

from local_lakefs.api.registry import operation
from local_lakefs.service import LocalLakeFS


@operation("getMetaRange")
def get_meta_range(server: LocalLakeFS, repository: str, meta_range: str) -> ResponseReturnValue:
    return _location(server, repository, meta_range)


@operation("getRange")
def get_range(server: LocalLakeFS, repository: str, **named: str) -> ResponseReturnValue:
    return _location(server, repository, named["range"])


def _location(server: LocalLakeFS, repository: str, identity: str) -> ResponseReturnValue:
    server.repositories.get(repository)
    location = f"_lakefs/{identity}"
    return jsonify(location=location), 200, {"Location": location}
