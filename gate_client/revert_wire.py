"""The API's bodies of reverts; see `gate_client.wire`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from gate_client.wire import Answered, Name, Sent

KEY_HEADER = "Idempotency-Key"
RevertState = Literal["planned", "applied", "verified", "moved", "unchanged", "refused", "failed"]
RevertWay = Literal["state", "paths", "commit"]
Path = Annotated[str, Field(min_length=1, max_length=1024, pattern="^[^\\x00]*$")]


class RevertRequest(Sent):
    """Put `branch` back: one of `to`, `commit` and `undo` says how.

    `to` is a commit, any ref, a time such as 2026-11-20T08:00Z, or `last-good`; with `paths` only those
    objects and folders go back. `commit` is undone alone; `undo` is the id of a revert to be taken back.
    `keep` are paths or patterns that stay.
    """

    repository: Name
    branch: Name
    to: str = Field(default="", max_length=1024)
    commit: str = Field(default="", max_length=1024)
    undo: str = Field(default="", max_length=64)
    paths: list[Path] = Field(default_factory=list, max_length=100)
    allow_side: bool = False
    reason: str = Field(default="", max_length=4000)
    expected_head: str = Field(default="", max_length=64)
    keep: list[str] = Field(default_factory=list, max_length=1000)
    dry_run: bool = False

    @model_validator(mode="after")
    def _one_thing(self) -> RevertRequest:
        if sum(map(bool, (self.to, self.commit, self.undo))) != 1:
            raise ValueError("one of to, commit and undo says what to put back")
        if self.paths and not self.to:
            raise ValueError("paths go back `to` something")
        return self


class RevertHeaders(BaseModel):
    """A key of the caller's own: the same request with the same key is done once."""

    model_config = ConfigDict(populate_by_name=True)

    idempotency_key: str = Field(default="", alias="Idempotency-Key", max_length=255, pattern="^[ -~]*$")


class CommitBody(Answered):
    """A commit of lakeFS."""

    id: str
    metarange: str = ""
    parents: list[str] = Field(default_factory=list)
    message: str = ""
    committer: str = ""
    created_at: int = 0
    metadata: dict[str, str] = Field(default_factory=dict)


class KeptPathBody(Answered):
    """A path that a revert does not take back with the rest."""

    path: str
    source: Literal["branch", "installed", "absent"]


class TallyBody(Answered):
    """Objects that would change, and the bytes that they would have, or had where they go."""

    added: int = 0
    changed: int = 0
    removed: int = 0
    added_bytes: int = 0
    changed_bytes: int = 0
    removed_bytes: int = 0


class FolderTallyBody(TallyBody):
    """The same below one folder; ``(others)`` is all beyond the largest."""

    folder: str


class RevertPlanBody(TallyBody):
    """What a revert would change. ``cut``: there is more than was looked at, the numbers are "at least"."""

    repository: str
    branch: str
    head: CommitBody
    target: CommitBody
    reason: str = ""
    way: RevertWay = "state"
    paths: list[str] = Field(default_factory=list)
    undoes: str = ""
    aside: bool = False
    folders: list[FolderTallyBody] = Field(default_factory=list)
    cut: bool = False
    commits: int = 0
    guarded: bool = False
    keep: list[KeptPathBody] = Field(default_factory=list)
    gate_files: str = ""
    unchanged: bool = False
    notes: list[str] = Field(default_factory=list)


class RevertBody(Answered):
    """What a revert did; ``undo`` is the command that takes it back."""

    id: str
    repository: str
    branch: str
    from_commit: str
    to_commit: str
    commit_id: str
    state: RevertState
    message: str
    reason: str = ""
    principal: str = ""
    undo: str = ""
    notes: list[str] = Field(default_factory=list)
    way: RevertWay = "state"
    paths: list[str] = Field(default_factory=list)
    undoes: str = ""
    is_whole: bool = False


class RevertAnswer(Answered):
    """A revert and its plan; no revert for a dry run."""

    plan: RevertPlanBody
    revert: RevertBody | None


class OneRevertBody(Answered):
    """One revert."""

    revert: RevertBody


class RevertsBody(Answered):
    """The newest reverts."""

    reverts: list[RevertBody]
