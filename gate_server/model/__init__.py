"""The words of the gate as types. They mean the same in code, API, CLI, pages and tables.

The way of the data: Event -> Candidate -> Check -> Changes -> Plan -> Evaluations -> Verdict; no step
reaches back. All are frozen; pydantic's `TypeAdapter` turns them into JSON and back (`dump`, `load`).
"""

from gate_server.model.access import DEFAULT_DAYS, Principal, Role, Scope, Token
from gate_server.model.codec import STRICT, digest, dump, load
from gate_server.model.drafts import Draft
from gate_server.model.formats import ColumnType, Format, Limits
from gate_server.model.memory import Ask, Check
from gate_server.model.plans import DeclaredOutcome, EvaluationTask, Obligation, Outcome, Plan
from gate_server.model.results import (
    WRONG_CHECKSUM,
    Evaluation,
    Problem,
    Reason,
    Result,
    SchemaChange,
    Verdict,
)
from gate_server.model.reverts import FolderTally, KeptPath, Revert, RevertPlan, Way
from gate_server.model.rules import (
    Ahead,
    Consequence,
    Enforcement,
    Engine,
    FileKind,
    Occasion,
    Place,
    Policy,
    Require,
    Route,
    Rule,
    Watch,
)
from gate_server.model.samples import Sample, SampledRow, SampleTask
from gate_server.model.suites import AGE_AT_COMMIT, COMPARES, COMPARING, Suite
from gate_server.model.versions import (
    Candidate,
    Change,
    ChangeKind,
    Changes,
    Commit,
    Event,
    ObjectIdentity,
    StoredObject,
)
from gate_server.model.waivers import MadeWaiver, Name, Waiver

__all__ = [
    "AGE_AT_COMMIT",
    "COMPARES",
    "COMPARING",
    "DEFAULT_DAYS",
    "STRICT",
    "WRONG_CHECKSUM",
    "Ahead",
    "Ask",
    "Candidate",
    "Change",
    "ChangeKind",
    "Changes",
    "Check",
    "ColumnType",
    "Commit",
    "Consequence",
    "DeclaredOutcome",
    "Draft",
    "Enforcement",
    "Engine",
    "Evaluation",
    "EvaluationTask",
    "Event",
    "FileKind",
    "FolderTally",
    "Format",
    "KeptPath",
    "Limits",
    "MadeWaiver",
    "Name",
    "ObjectIdentity",
    "Obligation",
    "Occasion",
    "Outcome",
    "Place",
    "Plan",
    "Policy",
    "Principal",
    "Problem",
    "Reason",
    "Require",
    "Result",
    "Revert",
    "RevertPlan",
    "Role",
    "Route",
    "Rule",
    "Sample",
    "SampleTask",
    "SampledRow",
    "SchemaChange",
    "Scope",
    "StoredObject",
    "Suite",
    "Token",
    "Verdict",
    "Waiver",
    "Watch",
    "Way",
    "digest",
    "dump",
    "load",
]
