"""What an evaluation found, and the verdict on all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from gate_server.model.plans import Outcome


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
    is_new
        The destination holds nothing to compare with: the rule says what that means.
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
    is_new: bool = False
    answered_from: str = "great_expectations"
    detail: Mapping[str, Any] = field(default_factory=dict)


WRONG_CHECKSUM = "checksum"


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
class SchemaChange:
    """How a column of a table differs from the destination's version of it; it weighs nothing.

    Parameters
    ----------
    kind
        ``more``: so many are left out (``after``); ``untold``: it could not be told, and why (``after``).
    column
        As it is called now; what lies in a nested one after a point. Empty where it is about the table.
    before, after
        The types; of what is renamed the names, of ``nullability`` ``nullable`` or ``required``, of
        ``partitions`` what the table is partitioned by.
    """

    kind: Literal["added", "dropped", "renamed", "retyped", "nullability", "partitions", "more", "untold"]
    column: str = ""
    before: str = ""
    after: str = ""

    @property
    def message(self) -> str:
        """It in words."""
        told = {
            "added": f"`{self.column}` was added ({self.after})",
            "dropped": f"`{self.column}` was dropped ({self.before})",
            "renamed": f"`{self.before}` was renamed to `{self.after}`",
            "retyped": f"`{self.column}` was {self.before} and is {self.after}",
            "nullability": f"`{self.column}` was {self.before} and is {self.after}",
            "partitions": f"the table was partitioned by {self.before or 'nothing'} and is by "
            f"{self.after or 'nothing'}",
            "more": f"{self.after} more changes of columns",
            "untold": f"whether columns changed could not be told: {self.after}",
        }
        return told[self.kind]


@dataclass(frozen=True)
class Evaluation:
    """The results of one obligation; immutable.

    ``bytes_read`` is what came from the store, of ``objects_read`` objects. ``read_in_full`` says why all of
    it was read into memory, where it was. ``objects_known`` are those of a dataset that were not read, as
    what counts of their content was known. ``schema_changes`` say how a table's columns differ from those
    of the destination's version.

    ``status``: ``answered``; ``unreadable`` and ``limit_of_data`` (the data is bad); ``error`` (could not
    tell, never cached; of no rows where that much is known).
    """

    status: Literal["answered", "unreadable", "limit_of_data", "error"]
    results: tuple[Result, ...] = ()
    problem: Problem | None = None
    rows: int | None = None
    columns: tuple[str, ...] = ()
    bytes_read: int = 0
    objects_read: int = 0
    objects_known: int = 0
    read_in_full: str = ""
    duration_s: float = 0.0
    schema_changes: tuple[SchemaChange, ...] = ()

    @property
    def is_lasting(self) -> bool:
        """Whether it will be the same another time: all is told, and of bytes that are the object's.

        Others may have been spoilt on their way here alone.
        """
        spoilt = self.problem is not None and self.problem.code == WRONG_CHECKSUM
        untold = any(change.kind == "untold" for change in self.schema_changes)
        return self.status != "error" and not spoilt and not untold

    @property
    def is_empty(self) -> bool:
        """Whether the target holds no row."""
        return self.status == "answered" and self.rows == 0


@dataclass(frozen=True)
class Reason:
    """One line of a verdict. ``waivable``: somebody may answer for it; ``waived_by`` says who does."""

    outcome: Outcome
    message: str
    rule: str = ""
    path: str = ""
    hint: str = ""
    expectation: str = ""
    waived_by: str = ""
    waivable: bool = False


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
            held = "1 rule holds" if len(self.rules) == 1 else f"{len(self.rules)} rules hold"
            return f"{self.outcome}: {held if self.rules else 'no rule applies'}"
        first = self.reasons[0]
        where = f" in {first.path}" if first.path and first.path not in first.message else ""
        more = f" (and {len(self.reasons) - 1} more)" if len(self.reasons) > 1 else ""
        return f"{self.outcome}: {first.message}{where}{more}"
