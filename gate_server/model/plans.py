"""What must be evaluated before there can be a verdict, and what needs no evaluation."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from gate_server.model.rules import Rule
from gate_server.model.suites import Suite
from gate_server.model.versions import StoredObject


class Outcome(StrEnum):
    """The four verdicts."""

    PASS = "PASS"  # noqa: S105 - no password
    WARN = "WARN"
    FAIL = "FAIL"
    ERROR = "ERROR"


@dataclass(frozen=True)
class Obligation:
    """One rule on one target: what must be evaluated before there can be a PASS.

    ``reference`` is what the destination, or another ref, holds, for suites that compare with it;
    ``committed_at`` when the judged commit was made (seconds since 1970), for suites that ask that.
    ``key`` is the digest that its evaluation is cached under, empty where it must not be (D5); ``states_key``
    that under which what was found of each object of a dataset is kept. ``before`` is what of the
    destination's log says which columns a table has there.
    """

    number: int
    rule: str
    target: str
    objects: tuple[StoredObject, ...]
    key: str = ""
    reference: tuple[StoredObject, ...] = ()
    committed_at: int = 0
    states_key: str = ""
    before: tuple[StoredObject, ...] = ()


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
        "uncertain",
        "gate_files",
        "canary",
        "no_commit_id",
        "partly_reverted",
        "require",
        "table",
    ]
    outcome: Outcome
    message: str
    rule: str = ""
    path: str = ""
    hint: str = ""


@dataclass(frozen=True)
class Plan:
    """Every obligation (rule x target) and every declared outcome.

    ``is_lasting``: the same commits make the same plan; not where another ref is compared with, which may
    move.
    """

    obligations: tuple[Obligation, ...] = ()
    declared: tuple[DeclaredOutcome, ...] = ()
    rules: tuple[str, ...] = ()
    off: tuple[str, ...] = ()
    changed: int = 0
    unmatched: int = 0
    is_lasting: bool = True
