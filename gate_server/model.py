"""The words of the gate as types. They mean the same in code, API, CLI, pages and tables.

The way of the data: Event -> Candidate -> Check -> Changes -> Plan -> Evaluations -> Verdict; no step
reaches back. All are frozen; pydantic's `TypeAdapter` turns them into JSON and back (`dump`, `load`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Annotated, Any, Literal, TypeVar, cast

from pydantic import ConfigDict, Field, TypeAdapter

T = TypeVar("T")

STRICT = ConfigDict(extra="forbid")


@cache
def _adapter(kind: Hashable) -> TypeAdapter[Any]:
    return TypeAdapter(cast(type, kind))


def dump(value: Any) -> Any:
    """Return `value` (any type of this module) as plain JSON data."""
    return _adapter(cast(Hashable, type(value))).dump_python(value, mode="json")


def load(kind: type[T], data: Any) -> T:
    """Return JSON data as `kind`; raises `pydantic.ValidationError` when it does not fit."""
    loaded: T = _adapter(cast(Hashable, kind)).validate_python(data)
    return loaded


def digest(*parts: Any) -> str:
    """Return the SHA-256 (hex) of `parts` as canonical JSON."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=dump)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


# -- what lakeFS says ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Event:
    """A parsed hook body (H4). Nothing in it is believed that lakeFS can be asked."""

    type: str
    repository: str
    destination: str
    source_ref: str
    merge_source: str = ""
    commit_id: str = ""
    message: str = ""
    committer: str = ""


@dataclass(frozen=True)
class Commit:
    """What the gate needs to know of a lakeFS commit. Immutable, so safe to remember."""

    id: str
    metarange: str
    parents: tuple[str, ...] = ()
    message: str = ""
    committer: str = ""
    created_at: int = 0
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Candidate:
    """What is judged: a commit, or, before a merge, a prediction of one.

    ``judged`` is None for a prediction; ``merge_base`` is None where it was not needed.
    """

    repository: str
    destination: str
    base: Commit
    judged: Commit | None
    source: Commit | None
    merge_base: Commit | None = None

    @property
    def is_prediction(self) -> bool:
        """Whether this is what a merge would make, not a commit that lakeFS holds."""
        return self.judged is None


@dataclass(frozen=True)
class ObjectIdentity:
    """All that makes two entries of lakeFS the same object to us.

    lakeFS's own identity leaves the address out (C1), ours does not.
    """

    physical_address: str
    checksum: str
    size_bytes: int
    metadata: tuple[tuple[str, str], ...] = ()
    content_type: str = ""
    linked: bool = False


@dataclass(frozen=True)
class StoredObject:
    """An object, and the commit to read it at (D2)."""

    path: str
    identity: ObjectIdentity
    commit_id: str


class ChangeKind(StrEnum):
    """How an object differs between base and judged."""

    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"


@dataclass(frozen=True)
class Change:
    """One object that differs between base and judged."""

    path: str
    kind: ChangeKind
    old: StoredObject | None
    new: StoredObject | None


@dataclass(frozen=True)
class Changes:
    """What main would gain and lose.

    Parameters
    ----------
    under_rules
        Differences under the rules' prefixes, from comparing listings by whole identity (D3).
    elsewhere
        Paths outside those prefixes which lakeFS's diff shows.
    result
        The listing under the rules' prefixes as main would have it.
    lost
        Paths that the source added and the result lacks (C3).
    conflicts
        Paths on which the merge would conflict (predictions only).
    gate_files
        Paths of the gate's own files that differ.
    """

    under_rules: tuple[Change, ...] = ()
    elsewhere: tuple[str, ...] = ()
    result: Mapping[str, StoredObject] = field(default_factory=dict)
    lost: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    gate_files: tuple[str, ...] = ()


# -- the policy ---------------------------------------------------------------------------------------

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$")]
ColumnType = Literal["string", "integer", "number", "decimal", "boolean", "date", "timestamp"]


@dataclass(frozen=True)
class Format:
    """How the bytes of an object become a table.

    ``types`` maps a column to a type; without it and without ``infer`` every CSV column is text.
    """

    __pydantic_config__ = STRICT

    type: Literal["csv", "parquet"]
    header: bool = True
    types: Mapping[str, ColumnType] = field(default_factory=dict)
    infer: bool = False
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    quote: Annotated[str, Field(min_length=1, max_length=1)] = '"'
    encoding: str = "utf-8"


@dataclass(frozen=True)
class Limits:
    """Bounds of one obligation. The first five are limits of the data (FAIL), the rest of the run (ERROR)."""

    __pydantic_config__ = STRICT

    size_bytes: Annotated[int, Field(gt=0)] = 2_000_000_000
    decompressed_bytes: Annotated[int, Field(gt=0)] = 4_000_000_000
    rows: Annotated[int, Field(gt=0)] = 100_000_000
    columns: Annotated[int, Field(gt=0)] = 10_000
    field_bytes: Annotated[int, Field(gt=0)] = 1_000_000
    time_s: Annotated[float, Field(gt=0)] = 300.0
    memory_bytes: Annotated[int, Field(gt=0)] = 4_000_000_000
    disk_bytes: Annotated[int, Field(gt=0)] = 8_000_000_000


class Enforcement(StrEnum):
    """What a rule may do."""

    BLOCK = "block"
    WARN = "warn"
    OFF = "off"


Consequence = Literal["pass", "warn", "fail"]


@dataclass(frozen=True)
class Rule:
    """Which objects of which repositories and branches a suite judges. ``line`` is its line in the policy."""

    __pydantic_config__ = STRICT

    name: Name
    paths: Annotated[tuple[str, ...], Field(min_length=1)]
    suite: Name
    format: Format
    scope: Literal["object", "dataset"] = "object"
    dataset: str = ""
    repositories: Annotated[tuple[str, ...], Field(min_length=1)] = ("*",)
    branches: Annotated[tuple[str, ...], Field(min_length=1)] = ("main",)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    enforcement: Enforcement = Enforcement.BLOCK
    on_error: Literal["block", "warn"] = "block"
    on_empty: Consequence = "fail"
    on_delete: Consequence = "warn"
    required: tuple[str, ...] = ()
    linked: Literal["fail", "allow"] = "fail"
    hidden: Literal["judge", "skip"] = "judge"
    limits: Limits = field(default_factory=Limits)
    line: int = 0


@dataclass(frozen=True)
class Waiver:
    """Somebody answers for bad data under a rule until it expires."""

    __pydantic_config__ = STRICT

    rule: Name
    owner: Annotated[str, Field(min_length=1)]
    reason: Annotated[str, Field(min_length=1)]
    expires: datetime
    paths: tuple[str, ...] = ("**",)
    line: int = 0


@dataclass(frozen=True)
class Suite:
    """A suite as its file says it: Great Expectations' JSON. ``lines`` are those of its expectations."""

    name: str
    content: Mapping[str, Any]
    path: str = ""
    lines: tuple[int, ...] = ()

    @property
    def digest(self) -> str:
        """Digest of the content: what a cached evaluation is keyed by."""
        return digest(self.content)


@dataclass(frozen=True)
class Policy:
    """A whole `gate.yaml` with its suites. ``digest`` covers both."""

    rules: tuple[Rule, ...]
    suites: Mapping[str, Suite]
    judge: Literal["result", "source"] = "result"
    unmatched: Consequence = "pass"
    waivers: tuple[Waiver, ...] = ()
    path: str = ""
    digest: str = ""


# -- the plan -----------------------------------------------------------------------------------------


class Outcome(StrEnum):
    """The four verdicts."""

    PASS = "PASS"  # noqa: S105 - no password
    WARN = "WARN"
    FAIL = "FAIL"
    ERROR = "ERROR"


@dataclass(frozen=True)
class Obligation:
    """One rule on one target: what must be evaluated before there can be a PASS.

    ``key`` is the digest that its evaluation is cached under, empty where it must not be (D5).
    """

    number: int
    rule: str
    target: str
    objects: tuple[StoredObject, ...]
    key: str = ""


@dataclass(frozen=True)
class EvaluationTask:
    """An obligation with all that evaluating it takes."""

    rule: Rule
    suite: Suite
    obligation: Obligation


@dataclass(frozen=True)
class DeclaredOutcome:
    """What the plan already knows without reading data. ``rule`` is empty where no rule is concerned."""

    kind: Literal[
        "unmatched",
        "deleted",
        "required",
        "lost",
        "linked",
        "conflict",
        "gate_files",
        "canary",
        "no_commit_id",
    ]
    outcome: Outcome
    message: str
    rule: str = ""
    path: str = ""
    hint: str = ""


@dataclass(frozen=True)
class Plan:
    """Every obligation (rule x target) and every declared outcome."""

    obligations: tuple[Obligation, ...] = ()
    declared: tuple[DeclaredOutcome, ...] = ()
    rules: tuple[str, ...] = ()
    off: tuple[str, ...] = ()
    changed: int = 0
    unmatched: int = 0


# -- what came out ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Result:
    """One expectation: expected, observed, counts. Holds no cell value but aggregates (D10).

    Parameters
    ----------
    number
        Place in the suite, from 0.
    expectation
        Great Expectations' type, such as ``expect_column_values_to_not_be_null``.
    message
        One line for people, such as "`_c4` is missing: 5 columns expected, 4 found (`_c0, _c1, _c2, _c3`)".
    rows
        Positions (from 0) of the first rows that failed; ``lines`` the physical lines in the file (from 1).
    vacuous
        Nothing was looked at: a condition that selects no row, an all-null column.
    detail
        The rest of Great Expectations' result format, without values.
    """

    number: int
    expectation: str
    success: bool
    message: str
    severity: Literal["critical", "warning", "info"] = "critical"
    column: str = ""
    expected: str = ""
    observed: str = ""
    element_count: int | None = None
    missing_count: int | None = None
    unexpected_count: int | None = None
    unexpected_percent: float | None = None
    rows: tuple[int, ...] = ()
    lines: tuple[int, ...] = ()
    vacuous: bool = False
    answered_from: str = "great_expectations"
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Problem:
    """Why an evaluation has no answer, or why the data is bad as a whole.

    ``line`` is the physical line (from 1), ``offset_bytes`` the place in the bytes, where known.
    """

    code: str
    message: str
    hint: str = ""
    path: str = ""
    line: int | None = None
    offset_bytes: int | None = None

    @property
    def text(self) -> str:
        """The message with its place, where it does not say it already."""
        if self.line is not None and f"line {self.line}" not in self.message:
            return f"{self.message} (line {self.line})"
        if self.line is None and self.offset_bytes is not None and "byte" not in self.message:
            return f"{self.message} (at byte {self.offset_bytes:,})"
        return self.message


@dataclass(frozen=True)
class Evaluation:
    """The results of one obligation; immutable.

    ``status``: ``answered``; ``unreadable`` and ``limit_of_data`` (the data is bad); ``error`` (could not
    tell, never cached).
    """

    status: Literal["answered", "unreadable", "limit_of_data", "error"]
    results: tuple[Result, ...] = ()
    problem: Problem | None = None
    rows: int | None = None
    columns: tuple[str, ...] = ()
    bytes_read: int = 0
    duration_s: float = 0.0

    @property
    def is_empty(self) -> bool:
        """Whether the target holds no row."""
        return self.status == "answered" and self.rows == 0


@dataclass(frozen=True)
class Reason:
    """One line of a verdict."""

    outcome: Outcome
    message: str
    rule: str = ""
    path: str = ""
    hint: str = ""
    expectation: str = ""
    waived_by: str = ""


@dataclass(frozen=True)
class Verdict:
    """PASS, WARN, FAIL (the data is bad) or ERROR (could not tell), with reasons, strongest first."""

    outcome: Outcome
    allowed: bool
    reasons: tuple[Reason, ...] = ()
    rules: tuple[str, ...] = ()
    off: tuple[str, ...] = ()
    reports: tuple[Reason, ...] = ()

    @property
    def summary(self) -> str:
        """The verdict in one line."""
        if not self.reasons:
            return (
                f"{self.outcome}: {len(self.rules)} rules hold"
                if self.rules
                else f"{self.outcome}: no rule applies"
            )
        first = self.reasons[0]
        where = f" in {first.path}" if first.path and first.path not in first.message else ""
        more = f" (and {len(self.reasons) - 1} more)" if len(self.reasons) > 1 else ""
        return f"{self.outcome}: {first.message}{where}{more}"


# -- reverts ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class KeptPath:
    """A path that a revert does not take back with the rest.

    ``source`` says what is to be there: the branch's own, what `gate install` wrote, or nothing.
    """

    path: str
    source: Literal["branch", "installed", "absent"]


@dataclass(frozen=True)
class RevertPlan:
    """What a revert would change on a branch.

    Parameters
    ----------
    added, changed, removed
        Objects that would differ from the branch's head, kept paths left out.
    commits
        How many commits of the branch it would go back over.
    guarded
        The guard of reverts is installed on the head, so the revert is an atomic compare-and-set (H6).
    keep
        Kept paths, the gate's own files that have to be put right among them.
    gate_files
        What happens to the gate's own files, empty when nothing has to.
    unchanged
        There is nothing to do.
    """

    repository: str
    branch: str
    head: Commit
    target: Commit
    reason: str = ""
    added: int = 0
    changed: int = 0
    removed: int = 0
    commits: int = 0
    guarded: bool = False
    keep: tuple[KeptPath, ...] = ()
    gate_files: str = ""
    unchanged: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Revert:
    """What a revert did. ``commit_id`` is empty when there was nothing to change."""

    id: str
    repository: str
    branch: str
    from_commit: str
    to_commit: str
    commit_id: str
    state: Literal["planned", "applied", "verified", "moved", "unchanged", "refused", "failed"]
    message: str
    reason: str = ""
    principal: str = ""
    undo: str = ""
    notes: tuple[str, ...] = ()


# -- who may do what -----------------------------------------------------------------------------------


class Role(StrEnum):
    """What a token is for; `access.roles` says what each opens."""

    HOOK = "hook"
    READER = "reader"
    CHECKER = "checker"
    REVERTER = "reverter"
    ADMIN = "admin"


@dataclass(frozen=True)
class Scope:
    """Where a principal may: patterns as in the policy; nothing given is everywhere."""

    repositories: tuple[str, ...] = ()
    branches: tuple[str, ...] = ()


@dataclass(frozen=True)
class Principal:
    """Somebody the gate knows, by a token. ``token_id`` is the token's id, or its setting's name."""

    who: str
    roles: tuple[Role, ...]
    scope: Scope = Scope()
    token_id: str = ""


@dataclass(frozen=True)
class Token:
    """A token as it is kept, without its text. ``name`` is the principal's; tokens may share one."""

    id: str
    name: str
    roles: tuple[Role, ...]
    scope: Scope
    created_by: str
    created_at: datetime
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None


# -- what is remembered -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Check:
    """The work of one plan: deduplicated, leased, remembered.

    ``attempt`` is the fencing token; ``handed_back`` says how many attempts a worker gave up unharmed.
    ``request_id`` is that of who asked first. ``judged_commit`` is empty for a prediction. ``failure`` says
    why there is no plan. ``verdict`` is what was decided when the check was done; waivers and time are taken
    anew at each answer.
    """

    id: str
    repository: str
    destination: str
    base_commit: str
    judged_commit: str
    source_commit: str
    merge_base: str
    source_name: str
    policy_digest: str
    state: Literal["queued", "running", "done"]
    attempt: int
    outcome: str
    created_at: datetime
    handed_back: int = 0
    request_id: str = ""
    plan: Plan | None = None
    evaluations: Mapping[int, Evaluation] = field(default_factory=dict)
    failure: Problem | None = None
    verdict: Verdict | None = None
    duration_s: float | None = None
    lakefs_calls: int | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None


@dataclass(frozen=True)
class Ask:
    """Who asked for which candidate, and what was answered; never deduplicated; the audit's unit."""

    id: str
    check_id: str | None
    kind: Literal["hook", "api", "cli"]
    principal: str
    event: Mapping[str, Any]
    created_at: datetime
    status: int | None = None
    outcome: str = ""
    summary: str = ""
    answered_at: datetime | None = None
