"""A hook's body into an `Event` (H4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gate_server.errors import UsageError
from gate_server.model import Event

_TEXT = {
    "event_type": "type",
    "repository_id": "repository",
    "branch_id": "destination",
    "source_ref": "source_ref",
    "merge_source": "merge_source",
    "commit_id": "commit_id",
    "commit_message": "message",
    "committer": "committer",
}
_NEEDED = ("event_type", "repository_id", "branch_id")
MAX_NAME = 1024
JUDGED = "pre-merge"
# They say that a branch moved, after it did.
TOLD = ("post-merge", "post-commit", "post-cherry-pick", "post-revert", "post-create-branch")


class NotAnEvent(UsageError):
    """The body is not what lakeFS sends."""

    code = "not_an_event"


def parse_event(body: Any) -> Event:
    """Return the event of a hook's JSON body.

    Raises
    ------
    NotAnEvent
        When a field is missing or no text, or nothing can be made of the event (H5).
    """
    if not isinstance(body, Mapping):
        raise NotAnEvent("the body is no JSON object", "lakeFS's webhook sends one; see its documentation")
    for key in _NEEDED:
        if not body.get(key):
            raise NotAnEvent(f"`{key}` is missing", "this address is for lakeFS's webhooks")
    for key in _TEXT:
        value = body.get(key, "")
        if not isinstance(value, str) or (key != "commit_message" and len(value) > MAX_NAME):
            raise NotAnEvent(f"`{key}` is not a text of up to {MAX_NAME} characters")
        if not value.isascii() and any("\ud800" <= char <= "\udfff" for char in value):
            raise NotAnEvent(f"`{key}` holds half a character (a lone surrogate)")
    if body["event_type"] not in (JUDGED, *TOLD):
        raise NotAnEvent(
            f"{body['event_type']} cannot be judged: only {JUDGED} shows what the branch would become",
            f"let the action call the gate `on: {JUDGED}:` (`gate install` writes it so)",
        )
    return Event(**{name: body.get(key, "") for key, name in _TEXT.items()})
