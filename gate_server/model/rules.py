"""A policy as it is written: rules, occasions, who is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field

from gate_server.model.codec import STRICT
from gate_server.model.formats import Format, Limits
from gate_server.model.suites import Suite
from gate_server.model.waivers import Name, Waiver

_SECONDS = {"m": 60.0, "h": 3600.0, "d": 86_400.0}

FileKind = Literal["csv", "tsv", "json", "parquet", "orc", "arrow"]


@dataclass(frozen=True)
class Require:
    """What a rule requires without reading a table; what is left out is not looked at.

    Parameters
    ----------
    names
        Patterns of whole paths, one of which has to match.
    formats
        By the first bytes; text and what is compressed also by the name.
    content_types
        Patterns; `**` is any, as `*` does not cross a slash.
    min_size_bytes, max_size_bytes
        Inclusive.
    immutable
        Whether a merge may neither change nor remove what the destination holds.
    metadata
        Key -> pattern of the value, in the metadata of the source's commit.
    """

    __pydantic_config__ = STRICT

    names: tuple[str, ...] = ()
    formats: tuple[FileKind, ...] = ()
    content_types: tuple[str, ...] = ()
    min_size_bytes: Annotated[int, Field(ge=0)] = 0
    max_size_bytes: Annotated[int, Field(ge=0)] | None = None
    immutable: bool = False
    metadata: Mapping[str, str] = field(default_factory=dict)


class Enforcement(StrEnum):
    """What a rule may do."""

    BLOCK = "block"
    WARN = "warn"
    OFF = "off"


Consequence = Literal["pass", "warn", "fail"]
Place = Literal["here", "elsewhere"]
Engine = Literal["polars", "spark"]


@dataclass(frozen=True)
class Rule:
    """Which objects of which repositories and branches a suite judges; and, or instead, what they require.

    Parameters
    ----------
    name
        Stands in every reason.
    paths
        Patterns of objects; ``*`` stays within a folder, ``**`` does not.
    suite
        NAME of ``suites/NAME.json`` beside the policy.
    format
        How the objects are read.
    require
        What is asked of objects and commits without reading a table.
    scope, dataset
        ``dataset``: all objects under a root, such as ``tables/{table}/``, are judged as one table.
    repositories, branches
        Patterns of repositories, and of the branches that are merged into.
    parameters
        What the suite's ``{"$PARAMETER": "name"}`` stand for.
    reference
        The path or folder that a suite which compares holds a target against; empty: the target's own.
    reference_ref
        The branch, tag or commit that this is read from; empty: the destination.
    enforcement
        What a failure does: it refuses the merge, only warns, or the rule is off.
    on_error
        What it means that nobody could tell.
    on_empty
        What no rows mean.
    on_delete
        What it means that there are only deletions.
    on_new
        What it means that there is nothing to compare with.
    required
        Patterns; each must match an object in the result.
    linked
        What objects outside the repository's own data mean.
    hidden
        Whether files that begin with ``_`` or ``.`` are judged.
    runs
        Who reads the data: the gate's own workers, or one elsewhere, which is lent the task.
    engine
        What counts the data: ``polars`` where the task runs, or ``spark``, on the cluster of the settings.
    mask
        Patterns of columns whose values are hidden from who looks at rows.
    owner
        Whose the data is: notices may go by it.
    limits
        Bounds of the data and of the run.
    line
        The rule's line in the policy.
    """

    __pydantic_config__ = STRICT

    name: Name
    paths: Annotated[tuple[str, ...], Field(min_length=1)]
    suite: Annotated[str, Field(pattern=r"^([A-Za-z0-9][A-Za-z0-9_.-]{0,99})?$")] = ""
    format: Format = field(default_factory=lambda: Format("csv"))
    require: Require | None = None
    scope: Literal["object", "dataset"] = "object"
    dataset: str = ""
    repositories: Annotated[tuple[str, ...], Field(min_length=1)] = ("*",)
    branches: Annotated[tuple[str, ...], Field(min_length=1)] = ("main",)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    reference: str = ""
    reference_ref: str = ""
    enforcement: Enforcement = Enforcement.BLOCK
    on_error: Literal["block", "warn"] = "block"
    on_empty: Consequence = "fail"
    on_delete: Consequence = "warn"
    on_new: Consequence = "warn"
    required: tuple[str, ...] = ()
    linked: Literal["fail", "allow"] = "fail"
    hidden: Literal["judge", "skip"] = "judge"
    runs: Place = "here"
    engine: Engine = "polars"
    mask: tuple[str, ...] = ()
    owner: str = ""
    limits: Limits = field(default_factory=Limits)
    line: int = 0


@dataclass(frozen=True)
class Ahead:
    """What the gate judges before anybody asks: whose merge into what.

    Parameters
    ----------
    branches
        Patterns of source branches.
    into, repositories
        Patterns of destinations; empty: those of the rules.
    pull_requests
        Whether open pull requests of lakeFS are judged as well, whatever their branch is called.
    days
        Branches whose newest commit is older are left alone, but for those of pull requests.
    """

    __pydantic_config__ = STRICT

    branches: tuple[str, ...] = ()
    into: tuple[str, ...] = ()
    repositories: tuple[str, ...] = ()
    pull_requests: bool = True
    days: Annotated[float, Field(gt=0, le=3660)] = 30.0
    line: int = 0


@dataclass(frozen=True)
class Watch:
    """Rules that are held against all that a branch holds, not only against what a merge changes.

    Parameters
    ----------
    name
        Stands in log, metrics and checks.
    repositories, branches
        Patterns of what is looked at.
    rules
        Their names; all that are for the branch where there are none.
    after_merge
        Whether to look at each new head.
    every
        Also, or instead, at intervals, such as ``30m``, ``1h`` or ``1d``.
    on_fail
        ``alert``: record, log and metric. ``revert``: also back to the last head at which all was in order.
    """

    __pydantic_config__ = STRICT

    name: Name
    repositories: Annotated[tuple[str, ...], Field(min_length=1)] = ("*",)
    branches: Annotated[tuple[str, ...], Field(min_length=1)] = ("main",)
    rules: tuple[Name, ...] = ()
    after_merge: bool = True
    every: Annotated[str, Field(pattern=r"^([1-9]\d{0,4}[mhd])?$")] = ""
    on_fail: Literal["alert", "revert"] = "alert"
    line: int = 0

    @property
    def every_s(self) -> float | None:
        """The interval, seconds; None where there is none."""
        return int(self.every[:-1]) * _SECONDS[self.every[-1]] if self.every else None


Occasion = Literal["fail", "error", "unverified", "revert", "held_back", "watch", "waiver"]


@dataclass(frozen=True)
class Route:
    """Who is told of what.

    Parameters
    ----------
    to
        Names of targets; their addresses are secrets of the gate's settings.
    on
        On which occasions; all of them where there are none.
    rules, owners
        Patterns; what concerns no such rule, or none of theirs, is not told. Empty: whatever it concerns.
    repositories, branches
        Patterns of where it happens.
    """

    __pydantic_config__ = STRICT

    to: Annotated[tuple[Name, ...], Field(min_length=1)]
    on: tuple[Occasion, ...] = ()
    rules: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    repositories: Annotated[tuple[str, ...], Field(min_length=1)] = ("*",)
    branches: Annotated[tuple[str, ...], Field(min_length=1)] = ("**",)
    line: int = 0


@dataclass(frozen=True)
class Policy:
    """A whole `gate.yaml` with its suites.

    Parameters
    ----------
    rules
        A candidate is judged by every rule that matches.
    judge
        ``source`` is for a lakeFS before 1.23, which does not name the commit that the merge made.
    unmatched
        What changed paths mean that no rule matches.
    waivers
        A failure under one only warns until its end.
    ahead
        What is judged before anybody asks.
    watch
        Rules held against all that a branch holds.
    on_unverified_fail
        What happens to bad data that came to a guarded branch by another way than a judged merge.
    notices
        Who is told of what.
    in_repository
        Where repositories may keep a policy of their own, empty where they may not: what is there is then the
        gate's own, whichever policy judges.
    digest
        Covers the file and the suites.
    """

    rules: tuple[Rule, ...]
    suites: Mapping[str, Suite]
    judge: Literal["result", "source"] = "result"
    unmatched: Consequence = "pass"
    waivers: tuple[Waiver, ...] = ()
    ahead: Ahead | None = None
    watch: tuple[Watch, ...] = ()
    on_unverified_fail: Literal["alert", "revert"] = "alert"
    notices: tuple[Route, ...] = ()
    path: str = ""
    in_repository: str = ""
    digest: str = ""

    def suite_of(self, rule: Rule) -> Suite | None:
        """Return the suite of `rule`; None where it only requires."""
        return self.suites[rule.suite] if rule.suite else None
