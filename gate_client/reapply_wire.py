"""The API's bodies of what is brought again after a revert; see `gate_client.wire`."""

from __future__ import annotations

from gate_client.wire import Answered, Name, Sent


class ReapplyRequest(Sent):
    """Bring what a revert took out of `destination`, and `source` holds, again."""

    repository: Name
    source: Name
    destination: Name


class ReappliedBody(Answered):
    """The branch that is to be merged into `destination`, and how it came to be.

    Its one commit, on `base_commit`, holds the content of `source_commit`; `merge_commit` is what `revert`
    took back.
    """

    repository: str
    destination: str
    branch: str
    commit_id: str
    source_commit: str
    base_commit: str
    merge_commit: str
    revert: str


class OneReappliedBody(Answered):
    """One branch that brings changes again."""

    reapplied: ReappliedBody
