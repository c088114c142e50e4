"""What the server says about itself: health, configuration, versions, the user."""

from __future__ import annotations

from typing import Any

from flask import jsonify, request
from flask.typing import ResponseReturnValue

from local_lakefs.api.answers import empty
from local_lakefs.api.arguments import body
from local_lakefs.api.registry import operation
from local_lakefs.errors import Conflict
from local_lakefs.service import LINK_LIFETIME_S, USERNAME, LocalLakeFS

VERSION = "1.84.0-embedded"
"""The lakeFS whose behaviour is copied."""


def storage_config() -> dict[str, Any]:
    return {
        "blockstore_id": "",
        "blockstore_description": "",
        "blockstore_type": "local",
        "blockstore_namespace_example": "local://example-bucket/",
        "blockstore_namespace_ValidityRegex": ".+",
        "default_namespace_prefix": "",
        "pre_sign_support": False,
        "pre_sign_support_ui": False,
        "pre_sign_multipart_upload": False,
        "import_support": True,
        "import_validity_regex": "^local://",
    }


def version_config() -> dict[str, Any]:
    return {"version": VERSION, "version_context": "lakeFS"}


@operation("healthCheck")
def health_check(_: LocalLakeFS) -> ResponseReturnValue:
    return empty()


@operation("getConfig")
def get_config(_: LocalLakeFS) -> ResponseReturnValue:
    return jsonify(
        storage_config=storage_config(),
        storage_config_list=[],
        version_config=version_config(),
        ui_config={},
        capabilities_config={},
    )


@operation("getStorageConfig")
def get_storage_config(_: LocalLakeFS) -> ResponseReturnValue:
    return jsonify(storage_config())


@operation("getLakeFSVersion")
def get_lakefs_version(_: LocalLakeFS) -> ResponseReturnValue:
    return jsonify(version_config())


@operation("getGarbageCollectionConfig")
def get_garbage_collection_config(_: LocalLakeFS) -> ResponseReturnValue:
    return jsonify(grace_period=LINK_LIFETIME_S)


@operation("getSetupState")
def get_setup_state(_: LocalLakeFS) -> ResponseReturnValue:
    return jsonify(state="initialized", comm_prefs_missing=False)


@operation("setup")
def setup(_: LocalLakeFS) -> ResponseReturnValue:
    raise Conflict("lakeFS already initialized")


@operation("getCurrentUser")
def get_current_user(_: LocalLakeFS) -> ResponseReturnValue:
    return jsonify(user={"id": USERNAME, "creation_date": 0, "friendly_name": USERNAME, "email": ""})


@operation("postStatsEvents")
def post_stats_events(_: LocalLakeFS) -> ResponseReturnValue:
    """Accept usage events and forget them: nothing is reported to anybody."""
    if request.content_length:
        body()
    return empty()
