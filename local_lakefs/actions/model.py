"""What passes between the server and its hooks: the event, and the ways in which running hooks ends badly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


class ActionsError(Exception):
    """Something about actions or their runs went wrong; the message is lakeFS's own."""


class InvalidAction(ActionsError):
    """An action file of the ref, or a hook in it, cannot be used: the operation answers 500."""


class HooksFailed(ActionsError):
    """A hook refused the operation: it answers 412 with this message.

    Attributes
    ----------
    run_id : str
        The run whose output tells more.
    """

    def __init__(self, message: str, run_id: str) -> None:
        super().__init__(message)
        self.run_id = run_id


class HookRefused(ActionsError):
    """One hook said no, or could not be heard; the run gathers these into HooksFailed."""


class RunNotFound(ActionsError):
    """No such run, or no such hook run: the reading operation answers 404."""


class ParametersConflict(ActionsError):
    """Two filters that exclude each other: the reading operation answers 400."""


@dataclass(frozen=True)
class HookEvent:
    """One event of a repository, as hooks get to know it. Empty fields are left out of a webhook's body.

    Attributes
    ----------
    commit : Mapping
        What Lua reads as ``action.commit``: message, committer, meta_range_id, parents, metadata,
        creation_date (Unix seconds or an RFC 3339 text), version, generation.
    pre_run_id : str
        For a post event, the run of the pre event before it.
    """

    event_type: str
    repository_id: str
    branch_id: str = ""
    source_ref: str = ""
    merge_source: str = ""
    commit_id: str = ""
    commit_message: str = ""
    committer: str = ""
    commit_metadata: Mapping[str, str] = field(default_factory=dict)
    commit: Mapping[str, Any] = field(default_factory=dict)
    tag_id: str = ""
    storage_namespace: str = ""
    username: str = ""
    pre_run_id: str = ""


def several_errors(messages: Sequence[str]) -> str:
    """Join the messages of what ran side by side, as lakeFS prints such a list."""
    count = "1 error" if len(messages) == 1 else f"{len(messages)} errors"
    return f"{count} occurred:\n\t" + "\n\t".join(f"* {message}" for message in messages) + "\n\n"
